"""What an agent is told when it starts."""

from pathlib import Path

import msgspec


class AgentConfig(msgspec.Struct, frozen=True):
    """One agent: its hub, its site and the folder that is the site's own.

    `token` is the secret of a token with the scope `agent` for this site. `root` is made where it
    is missing; one agent at a time drives it.
    """

    hub_url: str
    token: str
    site_file: Path
    root: Path
