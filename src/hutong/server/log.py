"""The server's log: lines on stderr, never with a token in them."""

import logging
import sys

LOG = logging.getLogger("hutong.server")
"""Everything the server has to say to the operator. Nothing of it reaches a client."""


def set_up(level: str) -> None:
    """Send the log to stderr. `level` is a name of the standard levels, in any case."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("hutong")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False
    # What the HTTP library says of itself matters only when it fails.
    library = logging.getLogger("uvicorn.error")
    library.handlers[:] = [handler]
    library.setLevel("ERROR")
    library.propagate = False
