"""ProviderList: the Golem nodes that the maintainers know, and in which country each stands.

`registry/providers.yaml`, written by people by pull request, as the trust list covers it; `beacon providers scan`
proposes a new one. A registry without the file knows nobody: then a provider's own claim is all there is.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runner.model.canonical import ApiVersion, Country, Day, Document, Network

Account = Annotated[
    str,
    Field(
        pattern=r"^0x[0-9a-f]{40}$",
        description="A node or an account on the chain, in lower case",
        examples=["0x75a6f0c2d8a1b3e4f5061728394a5b6c7d8e9f00"],
    ),
]


class KnownProvider(Document):
    """What is known of one node."""

    country: Country = Field(description="Where its traffic leaves from")
    evidence: str = Field(min_length=1, max_length=200, description="How that is known, with the source and its date")
    seen: Day = Field(description="When it was last looked at")
    payee: Account | None = Field(None, description="The account that is paid for it; an offer with another is refused")
    network: Network | None = Field(None, description="Its network, so that a region's slots go to different ones")


class ProviderList(Document):
    """The nodes that the maintainers know."""

    api_version: ApiVersion
    kind: Literal["ProviderList"] = Field(description="What this document is")
    providers: dict[Account, KnownProvider] = Field(
        max_length=10_000, description="Node id, in quotes, to what is known"
    )
