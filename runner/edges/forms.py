"""The forms in which the local executor runs a benchmark: of an image, and in which sandbox.

    (docker, oci)      (podman, oci)       engine.py: the engine's own container
    (bubblewrap, oci)                      the image unpacked, as the root of this machine's sandbox
    (bubblewrap, source)                   the benchmark's files on this machine's Python

They are tried in this order; the first one that the image has and that works here is taken, whatever comes after it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from runner.edges import environment, sandbox
from runner.edges.imagestore import ImageStore
from runner.edges.watch import Start
from runner.errors import Environment, Unverified
from runner.images.archive import Config
from runner.ipfs.unixfs import folder_cid
from runner.model.jobspec import Container, Limits
from runner.model.receipt import Image


class Facts(NamedTuple):
    """What a receipt says of the form: the image, the sandbox with its version, and what ran a `source` image."""

    image: Image
    sandbox: str
    interpreter: str | None = None
    packages: Mapping[str, str] | None = None


class Ready(Protocol):
    """A target that can be started in one form, as often as wanted and many times at once."""

    facts: Facts

    def start(self, limits: Limits) -> AbstractContextManager[Start]:
        """Everything of a start is gone when the context ends."""


class Form(Protocol):
    """One kind of image in one kind of sandbox."""

    name: str

    def has(self, target: Container) -> bool:
        """Whether the target's image has this form."""

    def check(self, target: Container) -> None:
        """Raises `Environment` where the form cannot run here. Cheap, so not everything is looked at."""

    def prepare(self, target: Container, files: Mapping[str, bytes]) -> Ready:
        """Test the sandbox and make the image ready. Raises `Environment`, or `Unverified` for wrong bytes."""


class _Bubblewrap:
    """This machine's sandbox, tested once for each of its shapes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tested: dict[str, tuple[sandbox.Sandbox, str]] = {}

    def tested(self, image: bool) -> tuple[sandbox.Sandbox, str]:
        """The sandbox, for an image or without one, and its version."""
        shape = "image" if image else "source"
        with self._lock:
            if shape not in self._tested:
                found = sandbox.find()
                if image:
                    found.self_test_image()
                else:
                    found.self_test()
                self._tested[shape] = found, found.version()
            return self._tested[shape]


class BubblewrapSource:
    """A benchmark's files, on this machine's Python."""

    name = "bubblewrap, source"

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._bubblewrap = _Bubblewrap()

    def has(self, target: Container) -> bool:
        """See `Form`."""
        return target.image.source is not None

    def check(self, target: Container) -> None:
        """See `Form`."""
        sandbox.find()

    def prepare(self, target: Container, files: Mapping[str, bytes]) -> Ready:
        """See `Form`. Checks the files against the image's CID and installs the benchmark's packages."""
        source = target.image.source
        assert source is not None
        found, version = self._bubblewrap.tested(image=False)
        cid = folder_cid(files)
        if cid != source.cid:
            raise Unverified(
                "benchmark-cid",
                f"the files of benchmark {source.benchmark} have the CID {cid}, the job names {source.cid}",
                "sign the job again for the benchmark as it is now, or bring the benchmark's files back",
            )
        made = environment.prepare(self._cache, files)
        image = Image(form="source", digest=source.cid)
        facts = Facts(image, version, environment.interpreter(), dict(made.packages))
        return _Boxed(found, sandbox.Box(made.files, made.site, target.command, 0, 0), facts)


class BubblewrapOci:
    """An OCI image out of the images folder, unpacked."""

    name = "bubblewrap, oci"

    def __init__(self, store: ImageStore) -> None:
        self._store = store
        self._bubblewrap = _Bubblewrap()

    def has(self, target: Container) -> bool:
        """See `Form`."""
        return target.image.oci is not None

    def check(self, target: Container) -> None:
        """See `Form`."""
        sandbox.find()
        self._store.find(pinned(target))

    def prepare(self, target: Container, files: Mapping[str, bytes]) -> Ready:
        """See `Form`."""
        assert target.image.oci is not None
        found, version = self._bubblewrap.tested(image=True)
        config = self._store.image(pinned(target)).config
        root = self._store.root(pinned(target))
        facts = Facts(Image(form="oci", digest=target.image.oci), version)
        return _Boxed(found, image_box(root, config, target.command), facts)


def image_box(root: Path, config: Config, command: tuple[str, ...]) -> sandbox.Box:
    """The box of an unpacked image, still without limits. Of the variables ours win, so that answers do not differ for
    the order of a hash or a zone of time."""
    variables = {**config.environment, **sandbox.ENVIRONMENT}
    volumes = tuple(volume for volume in config.volumes if volume.split("/")[1] not in ("proc", "dev", "tmp"))
    box = sandbox.Box(None, None, command, 0, 0)
    return box._replace(root=root, environment=variables, scratch=volumes, folder=config.folder)


def pinned(target: Container) -> str:
    """The digest that a target's `oci` form names."""
    assert target.image.oci is not None
    return target.image.oci.rpartition("@")[2]


class _Boxed:
    """A box of this machine's sandbox."""

    def __init__(self, found: sandbox.Sandbox, box: sandbox.Box, facts: Facts) -> None:
        self.facts = facts
        self._found = found
        self._box = box

    @contextmanager
    def start(self, limits: Limits) -> Iterator[Start]:
        """See `Ready`. With bubblewrap its whole sandbox ends."""
        box = self._box._replace(
            memory_bytes=limits.memory_mi_b << 20, cpu_seconds=limits.run_seconds * limits.cpus + 1
        )
        yield Start(lambda status: self._found.argv(box, status))


class Forms:
    """Which form a target runs in. Decided once for each, and kept: one run does not change its sandbox halfway."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self._forms = forms
        self._lock = threading.Lock()
        self._ready: dict[str, Ready] = {}

    def refuses(self, target: Container) -> str | None:
        """Why no form can run here, by what can be told cheaply; None where one seems to."""
        refusals = []
        for form in self._having(target):
            try:
                form.check(target)
            except Environment as error:
                refusals.append((form.name, error))
            else:
                return None
        return _told(refusals) if refusals else _NONE

    def ready(self, target: Container, files: Mapping[str, bytes]) -> Ready:
        """The target in the first form that works. Raises `Environment`: the only form's own, or all reasons."""
        key = target.canonical().decode()
        with self._lock:
            if key not in self._ready:
                self._ready[key] = self._first(target, files)
            return self._ready[key]

    def _first(self, target: Container, files: Mapping[str, bytes]) -> Ready:
        refusals = []
        for form in self._having(target):
            try:
                form.check(target)
                return form.prepare(target, files)
            except Environment as error:
                refusals.append((form.name, error))
        if not refusals:
            raise Environment("image-form", _NONE, "name a benchmark's folder and its CID, or an OCI image")
        if len(refusals) == 1:
            raise refusals[0][1]
        raise Environment("image-form", _told(refusals), "mend one of these; the first that works is taken")

    def _having(self, target: Container) -> list[Form]:
        return [form for form in self._forms if form.has(target)]


_NONE = "the image has no form `source` or `oci`, and the local executor runs no other"


def _told(refusals: Sequence[tuple[str, Environment]]) -> str:
    """All reasons, and what mends the last: the form that needs least."""
    hint = f" ({refusals[-1][1].hint})" if refusals[-1][1].hint else ""
    if len(refusals) == 1:
        return f"{refusals[0][1].message}{hint}"
    return "; ".join(f"{name}: {error.message}" for name, error in refusals) + hint
