"""`python -m hutong.server`: run a hub."""

import argparse
import sys
from pathlib import Path

from hutong.model.errors import HutongError
from hutong.server.main import DEFAULT_PORT, HubConfig, complain, serve


def main() -> int:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m hutong.server", description="Run a hub.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the hub's data")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes any free one")
    parser.add_argument("--profile", default="fair", help="a profile, by name or file")
    parser.add_argument("--log-level", default="info")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="permit an address that other machines can reach (there is no TLS)",
    )
    arguments = parser.parse_args()
    try:
        return serve(
            HubConfig(
                data=arguments.data,
                host=arguments.host,
                port=arguments.port,
                profile=arguments.profile,
                log_level=arguments.log_level,
                allow_remote=arguments.allow_remote,
            )
        )
    except HutongError as error:
        return complain(error)


sys.exit(main())
