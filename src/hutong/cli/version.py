"""`hutong version`."""

import platform
import sys

import msgspec

import hutong
from hutong.cli import output
from hutong.cli.options import Json


class Version(msgspec.Struct, frozen=True):
    """What is installed, and on what."""

    hutong: str
    python: str
    platform: str


def version(*, json: Json = False) -> int:
    """Print the version."""
    found = Version(hutong.__version__, platform.python_version(), sys.platform)
    if json:
        output.document(found)
    else:
        output.line(f"hutong {found.hutong} (Python {found.python}, {found.platform})")
    return 0
