"""What many commands take: which hub, and whether to answer in JSON."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from hutong.client.client import Client

CONNECTION = Group("Which hub", sort_key=90)


@Parameter(name="*")
@dataclass(frozen=True)
class Hub:
    """The hub to talk to."""

    url: Annotated[
        str,
        Parameter(
            name="--url", group=CONNECTION,
            help="Address of the hub. Else HUTONG_URL, or `client.json` in HUTONG_DATA, in "
            "`.hutong` here or in a directory above, or in the default data folder.",
        ),
    ] = ""  # fmt: skip
    token: Annotated[
        str,
        Parameter(
            name="--token", group=CONNECTION,
            help="Token. Better in HUTONG_TOKEN: others on this machine can read command lines.",
        ),
    ] = ""  # fmt: skip

    def connect(self) -> "Client":
        """Find the hub; nothing is sent yet."""
        from hutong.client.client import Client

        return Client(self.url, self.token)


ANY_HUB = Hub()

Json = Annotated[bool, Parameter(name="--json", help="Answer in JSON, for programs.")]
