"""Which daemon to speak to, for which network: from the policy, the environment, and a devnet's own description.

On `devnet` everything comes from the `devnet.json` that `beacon devnet up` writes (folder: `BEACON_DEVNET`, else below
the cache). Elsewhere `YAGNA_APPKEY` and `YAGNA_API_URL` say where the operator's daemon is, as for every Golem tool.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from runner.errors import Environment
from runner.model.policy import Golem

DEVNET = "devnet"
DEFAULT_URL = "http://127.0.0.1:7465"
_MAIN_NETWORKS = ("mainnet", "polygon")
_UP = "beacon devnet up"


class Connection(NamedTuple):
    """A daemon, and the market that it is used on. `images_dir` is a devnet's folder of images, served at
    `images_url`; elsewhere that is a template with `{hash}`, or None. `mmdb` maps a devnet's addresses."""

    network: str
    url: str
    app_key: str
    subnet: str
    platform: str
    images_url: str | None
    images_dir: Path | None
    mmdb: Path | None

    @property
    def simulated(self) -> bool:
        """Whether regions and money are made up."""
        return self.network == DEVNET


def find(policy: Golem, environ: Mapping[str, str], cache: Path) -> Connection:
    """The connection that a policy asks for. Raises `Environment`: no app key, or no devnet that is up."""
    if policy.network == DEVNET:
        return _devnet(devnet_folder(environ, cache))
    key = environ.get("YAGNA_APPKEY")
    if not key:
        raise Environment(
            "golem-key", "YAGNA_APPKEY is not set", "yagna app-key create beacon --id <an identity of Beacon's own>"
        )
    return Connection(
        network=policy.network,
        url=environ.get("YAGNA_API_URL", DEFAULT_URL).rstrip("/"),
        app_key=key,
        subnet=policy.subnet,
        platform=platform(policy.driver, policy.network),
        images_url=policy.images,
        images_dir=None,
        mmdb=None,
    )


def devnet_folder(environ: Mapping[str, str], cache: Path) -> Path:
    """Where a devnet of this machine describes itself."""
    return Path(environ.get("BEACON_DEVNET") or cache / "devnet")


def platform(driver: str, network: str) -> str:
    """yagna's name of a payment platform."""
    return f"{driver}-{network}-{'glm' if network in _MAIN_NETWORKS else 'tglm'}"


def _devnet(folder: Path) -> Connection:
    try:
        facts: Any = json.loads((folder / "devnet.json").read_text())
        return Connection(
            network=DEVNET,
            url=facts["apiUrl"].rstrip("/"),
            app_key=facts["appKey"],
            subnet=facts["subnet"],
            platform=platform(facts["paymentDriver"], facts["paymentNetwork"]),
            images_url=facts["imagesUrl"].rstrip("/"),
            images_dir=Path(facts["imagesDir"]),
            mmdb=Path(facts["mmdb"]),
        )
    except OSError:
        raise Environment("devnet-absent", f"no devnet is up in {folder}", _UP) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Environment("devnet-absent", f"{folder / 'devnet.json'} describes no devnet", _UP) from None
