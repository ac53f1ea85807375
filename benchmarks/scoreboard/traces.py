"""Where the public traces lie: beside the clone, or where HUTONG_TRACES says."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class MissingTrace(Exception):
    """A file that a row needs is not there."""


def folder() -> Path:
    """The folder of traces."""
    named = os.environ.get("HUTONG_TRACES", "")
    return Path(named) if named else ROOT.parent / "shared" / "traces"


def needed(path: Path) -> Path:
    """A path that is there; raises MissingTrace with a sentence for the reader."""
    if not path.exists():
        raise MissingTrace(
            f"{path.name} is not in {path.parent}; HUTONG_TRACES names the folder of traces"
        )
    return path
