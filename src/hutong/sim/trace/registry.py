"""The formats by their names, and how a file's format is told when nobody says it."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import msgspec

from hutong.catalog import load_catalog
from hutong.model.errors import refuse
from hutong.sim.trace import (
    acme,
    chips,
    gaia,
    gavel,
    google,
    helios,
    journal,
    kubernetes,
    muri,
    openb,
    pai,
    philly,
    philly_log,
    sacct,
    source,
    swf,
)
from hutong.sim.trace.reading import TraceFile, TraceOptions
from hutong.sim.workload import Workload

AUTO = "auto"


class Format(NamedTuple):
    """A format: `recognise` looks at a file's begin and its name, without `.gz`."""

    name: str
    recognise: Callable[[str, str], bool]
    open_file: Callable[[TraceFile, TraceOptions], Workload]


def _format(module: ModuleType) -> Format:
    return Format(module.NAME, module.recognise, module.open_file)


FORMATS = {
    entry.name: entry
    for entry in (
        _format(journal),
        _format(kubernetes),
        _format(philly_log),
        _format(sacct),
        _format(muri),
        _format(philly),
        _format(openb),
        _format(helios),
        _format(acme),
        _format(gaia),
        _format(pai),
        Format(pai.SIMULATOR, pai.recognise_short, pai.open_short),
        _format(google),
        _format(gavel),
        _format(swf),
    )
}
"""By name, in the order in which they are asked whether a file is theirs."""

_NO_OPTIONS = TraceOptions()


def open_trace(
    path: Path | str,
    format: str = AUTO,
    *,
    skip_bad: bool = False,
    options: TraceOptions = _NO_OPTIONS,
) -> Workload:
    """Open a trace as a workload.

    Its `jobs` can be gone through again; `jobs.skipped` says which rows gave none. With `skip_bad`
    rows that cannot be read are counted there; without, one ends the reading with an error of the
    catalogue (`trace.*`) that names file, line and column. An empty file is an error at once, one
    without a job when it is gone through.
    """
    options = _checked(options)
    file = TraceFile(Path(path), skip_bad)
    if format == AUTO:
        found = detect(file.path)
    elif format in FORMATS:
        found = FORMATS[format]
    else:
        names = ", ".join(FORMATS)
        raise refuse(
            "trace.option",
            option="format", value=format, problem="there is no such format", wanted=names,
        )  # fmt: skip
    workload = found.open_file(file, options)
    info = msgspec.structs.replace(
        workload.info, notes={**workload.info.notes, "format": found.name}
    )
    return Workload(info, workload.jobs)


def detect(path: Path) -> Format:
    """Tell a file's format by its content, else by its name."""
    head = source.read_head(path)
    if not head.strip():
        raise refuse("trace.empty", file=str(path), skipped=0)
    name = path.name.removesuffix(".gz")
    for entry in FORMATS.values():
        if entry.recognise(head, name):
            return entry
    raise refuse("trace.unknown_format", file=str(path), formats=", ".join(FORMATS))


_CHOICES = {
    "processors": ("allocated", "requested", "most"),
    "tenant": ("group", "user", "none"),
    "unit": ("", "s", "h"),
}


def _checked(options: TraceOptions) -> TraceOptions:
    """The options with the catalogue's name of the chip; refuses what cannot be."""
    for name, choices in _CHOICES.items():
        value = getattr(options, name)
        if value not in choices:
            wanted = ", ".join(choice for choice in choices if choice)
            raise refuse(
                "trace.option",
                option=name, value=value, problem="there is no such choice", wanted=wanted,
            )  # fmt: skip
    model = chips.model_of(options.chip) if options.chip else ""
    if model is None:
        raise refuse(
            "trace.option",
            option="chip", value=options.chip, problem="the catalogue knows no such chip",
            wanted=", ".join(load_catalog().nearest_accelerator(options.chip)) or "any",
        )  # fmt: skip
    for name in ("most_jobs", "never_ran_ms"):
        if getattr(options, name) < 0:
            raise refuse(
                "trace.option",
                option=name, value=getattr(options, name), problem="it is negative", wanted="0",
            )  # fmt: skip
    return msgspec.structs.replace(options, chip=model)
