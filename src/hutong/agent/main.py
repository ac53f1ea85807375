"""The agent's command: `python -m hutong.agent --hub URL --token-file F --site FILE --root DIR`."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from hutong.agent.config import AgentConfig
from hutong.agent.run import run_until_signal
from hutong.model.errors import HutongError, refuse

_log = logging.getLogger(__name__)


def main(argv: Sequence[str]) -> int:
    """Run an agent until it is told to leave. Gives the exit code; errors go to stderr."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        config = AgentConfig(
            arguments.hub, _token(arguments.token_file), arguments.site, arguments.root
        )
        uvloop.run(run_until_signal(config))
    except HutongError as problem:
        sys.stderr.write(f"error: {problem.code}: {problem.message}\nhint: {problem.hint}\n")
        return 1
    except ExceptionGroup:
        _log.exception("the agent failed; what runs goes on, start it again")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hutong-agent", description="Join a site to a hub and run what the hub places there."
    )
    parser.add_argument("--hub", required=True, metavar="URL", help="where the hub is")
    parser.add_argument(
        "--token-file", required=True, type=Path, metavar="FILE", help="holds the agent's token"
    )
    parser.add_argument(
        "--site", required=True, type=Path, metavar="FILE", help="describes the site, as YAML"
    )
    parser.add_argument(
        "--root", required=True, type=Path, metavar="DIR", help="the site's work folder"
    )
    parser.add_argument("--verbose", action="store_true", help="log more")
    return parser


def _token(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as problem:
        text = problem.strerror if isinstance(problem, OSError) else "it is no text"
        raise refuse("file.unreadable", file=str(path), problem=text or "no reason given") from None
