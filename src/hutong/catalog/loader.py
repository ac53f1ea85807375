"""Reading the packaged rows, once a process."""

from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from hutong.catalog.lookup import Catalog
from hutong.model.catalogue import (
    Accelerator,
    FrameworkSupport,
    Link,
    Region,
    Stack,
    StackVersion,
)

Row = TypeVar("Row")


class _StackRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of `stacks.jsonl`; the versions are in a file of their own."""

    id: str
    vendor: str
    name: str


class _VersionRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of `stack_versions.jsonl`, oldest version of a stack first."""

    stack: str
    version: str
    released: str
    frameworks: dict[str, FrameworkSupport]
    source: str


class Rows(NamedTuple):
    """Everything the data files say, in their order."""

    accelerators: list[Accelerator]
    stacks: list[Stack]
    regions: list[Region]
    links: list[Link]


@cache
def load_catalog() -> Catalog:
    """Give the packaged catalogue; every call gives the same one."""
    return Catalog(**packaged_rows()._asdict())


def packaged_rows() -> Rows:
    """Read the packaged data files; msgspec refuses a field that is unknown or of a wrong type."""
    return Rows(
        accelerators=_rows("accelerators.jsonl", Accelerator),
        stacks=_stacks(),
        regions=_rows("regions.jsonl", Region),
        links=_rows("links.jsonl", Link),
    )


def _stacks() -> list[Stack]:
    versions: dict[str, list[StackVersion]] = {}
    for row in _rows("stack_versions.jsonl", _VersionRow):
        version = StackVersion(row.version, row.released, row.frameworks, row.source)
        versions.setdefault(row.stack, []).append(version)
    stacks = [
        Stack(row.id, row.vendor, row.name, tuple(versions.pop(row.id, ())))
        for row in _rows("stacks.jsonl", _StackRow)
    ]
    if versions:
        raise ValueError(f"stack_versions.jsonl names unknown stacks: {', '.join(versions)}")
    return stacks


def _rows(name: str, row: type[Row]) -> list[Row]:
    # Not importlib.resources: importing it costs a command more than reading the whole catalogue.
    return msgspec.json.Decoder(row).decode_lines(Path(__file__).with_name(name).read_bytes())
