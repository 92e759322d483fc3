"""Which form of an image goes to Golem, and where providers fetch it.

`gvmi` where the target has one: at the policy's URL, on a devnet from its folder of images. Else `source`, on a devnet
alone: a tar of the folder is put there, the same bytes each time.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

from runner.edges import durable
from runner.edges.golem import demand
from runner.edges.golem.connection import DEVNET, Connection
from runner.errors import Environment, Unverified
from runner.ipfs.unixfs import folder_cid
from runner.model.jobspec import Container
from runner.model.policy import Golem
from runner.model.receipt import Image


def refuses(target: Container, policy: Golem) -> str | None:
    """Why a target cannot run on the policy's network, or None."""
    if policy.network == DEVNET:
        return None if target.image.gvmi or target.image.source else "a devnet runs the forms `gvmi` and `source`"
    if target.image.gvmi is None:
        return "the image has no form `gvmi`, and Golem runs no other (beacon image build makes one)"
    if policy.images is None:
        return "the policy does not say where providers fetch images (golem.images, with {hash})"
    return None


def package(target: Container, connection: Connection) -> tuple[demand.Package, Image]:
    """What a demand names, and what the receipt says. Raises `Environment` where a devnet lacks the image."""
    gvmi, source = target.image.gvmi, target.image.source
    if connection.images_dir is None:
        assert gvmi is not None, "refused before"
        return demand.gvmi(gvmi, (connection.images_url or "").replace("{hash}", gvmi)), Image(form="gvmi", digest=gvmi)
    if gvmi and (source is None or (connection.images_dir / f"{gvmi}.gvmi").is_file()):
        if not (connection.images_dir / f"{gvmi}.gvmi").is_file():
            raise Environment(
                "golem-image",
                f"the devnet has no image {gvmi}.gvmi",
                f"put it into {connection.images_dir}, or give the image in the form `source` too",
            )
        return demand.gvmi(gvmi, f"{connection.images_url}/{gvmi}.gvmi"), Image(form="gvmi", digest=gvmi)
    assert source is not None, "refused before"
    return demand.source(source.cid, f"{connection.images_url}/{source.cid}.tar"), Image(
        form="source", digest=source.cid
    )


def publish(target: Container, files: Mapping[str, bytes], connection: Connection) -> None:
    """Put a benchmark's folder where a devnet's providers fetch it. Raises `Unverified` for another CID."""
    source = target.image.source
    if source is None or connection.images_dir is None or package(target, connection)[1].form != "source":
        return
    cid = folder_cid(files)
    if cid != source.cid:
        raise Unverified(
            "benchmark-cid",
            f"the files of benchmark {source.benchmark} have the CID {cid}, the job names {source.cid}",
            "sign the job again for the benchmark as it is now, or bring the benchmark's files back",
        )
    path = connection.images_dir / f"{cid}.tar"
    if not path.is_file():
        durable.write(path, tar(files))


def tar(files: Mapping[str, bytes]) -> bytes:
    """A tar of plain files, sorted, without times or owners."""
    spool = io.BytesIO()
    with tarfile.open(fileobj=spool, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(files):
            item = tarfile.TarInfo(name)
            item.size = len(files[name])
            archive.addfile(item, io.BytesIO(files[name]))
    return spool.getvalue()
