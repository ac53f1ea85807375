"""Scenario files: real site files and job files, with the times at which jobs come and truly run.

`scenarios/` holds some, and docs/internals/simulator.md describes the form. Paths are relative to
the scenario's own folder. Every key is checked; what is wrong is refused with its line.
"""

from pathlib import Path
from typing import NamedTuple

import msgspec

from hutong.catalog import load_catalog
from hutong.client.formats import read_jobs, read_text
from hutong.client.formats.links import link_names
from hutong.client.formats.nodes import Keys, Node, documents
from hutong.client.formats.source import Source
from hutong.client.formats.tenants import read_tenant
from hutong.client.formats.times import duration_ms, duration_or_zero_ms
from hutong.connectors.local.sitefile import parse_site_file
from hutong.model.ids import NodeId, SiteId
from hutong.model.job import JobSpec
from hutong.scheduler.profile import PROFILES
from hutong.sim.machines.script import (
    START_MS,
    Behaviour,
    Fault,
    FaultKind,
    JobLine,
    Script,
    SiteLine,
)

HOUR_MS = 3_600_000
COPIES = 100_000
"""Most jobs of one entry."""

FILE_KEYS = Keys(("scenario", "seed", "profile", "sites", "tenants", "jobs", "faults"))
SITE_KEYS = Keys(("file", "skew"))
JOB_KEYS = Keys(("file", "at", "run", "exits", "spread", "copies", "every", "leave"))
FAULT_KEYS = Keys(("at", "kind", "for", "site", "node"))


def read_scenario(path: Path) -> Script:
    """Read a scenario file whole, with the files it names. Raises `file.*` with the line."""
    source = Source(text=read_text(path), file=str(path), catalog=load_catalog())
    root, *more = documents(source)
    if more:
        raise source.syntax(more[0].line, "it has a second document", "Keep one scenario a file.")
    fields = root.fields(FILE_KEYS)
    for name in ("scenario", "sites", "jobs"):
        if name not in fields:
            raise source.syntax(root.line, f"there is no `{name}`", f"Give it `{name}:`.")
    reader = _Reader(source, path.parent)
    sites = tuple(reader.site(node) for node in fields["sites"].items())
    jobs = reader.jobs(fields["jobs"].items())
    faults = tuple(reader.fault(node, sites) for node in _items(fields, "faults"))
    work_ms = sum(
        line.behaviour.run_ms * line.spec.elements * (1 + line.spec.retry.user_count)
        for line in jobs
    )
    return Script(
        name=fields["scenario"].text(),
        seed=fields["seed"].whole(0, 2**31) if "seed" in fields else 1,
        profile=fields["profile"].choice(tuple(PROFILES)) if "profile" in fields else "fair",
        sites=sites,
        tenants=tuple(read_tenant(node) for node in _items(fields, "tenants")),
        jobs=jobs,
        faults=tuple(sorted(faults, key=lambda fault: fault.at_ms)),
        calm_at_ms=max((fault.at_ms + fault.for_ms for fault in faults), default=0),
        patience_ms=max(line.at_ms for line in jobs) + 10 * work_ms + 24 * HOUR_MS,
    )


def _items(fields: dict[str, Node], name: str) -> list[Node]:
    return fields[name].items() if name in fields else []


class _Times(NamedTuple):
    """What an entry of jobs says beside its file."""

    at_ms: int
    behaviour: Behaviour
    copies: int
    every_ms: int


class _Reader:
    def __init__(self, source: Source, folder: Path) -> None:
        self._source = source
        self._folder = folder

    def site(self, node: Node) -> SiteLine:
        """A site file, or a mapping that names one and says how far its clock is ahead."""
        fields = node.fields(SITE_KEYS) if node.is_mapping else {"file": node}
        path = self._folder / self._needed(node, fields, "file").text()
        try:
            data = path.read_bytes()
        except OSError as problem:
            raise node.bad(f"it cannot be read ({problem.strerror})", "Name a site file.") from None
        file = parse_site_file(data, str(path))
        skew_ms = fields["skew"].read(duration_or_zero_ms) if "skew" in fields else 0
        return SiteLine(file.site, file.inventory, skew_ms)

    def jobs(self, nodes: list[Node]) -> tuple[JobLine, ...]:
        """The jobs of every entry, in the order in which they come."""
        lines: list[JobLine] = []
        for node in nodes:
            fields = node.fields(JOB_KEYS)
            path = self._folder / self._needed(node, fields, "file").text()
            parsed = read_jobs(read_text(path), str(path), attach=_nothing, now_ms=START_MS)
            times = self._times(node, fields)
            for copy in range(times.copies):
                lines.extend(_lines(parsed.jobs, times, copy, len(lines)))
        if not lines:
            raise self._source.syntax(1, "it has no jobs", "Give it one.")
        return tuple(lines)

    def _times(self, node: Node, fields: dict[str, Node]) -> _Times:
        run_ms = self._needed(node, fields, "run").read(duration_ms)
        exits = (
            tuple(code.whole(0, 255) for code in fields["exits"].items_or_one())
            if "exits" in fields
            else (0,)
        )
        spread = fields["spread"].whole(0, 100) if "spread" in fields else 0
        leave_ms = fields["leave"].read(duration_or_zero_ms) if "leave" in fields else 0
        return _Times(
            fields["at"].read(duration_or_zero_ms) if "at" in fields else 0,
            Behaviour(run_ms, exits or (0,), 10 * spread, leave_ms),
            fields["copies"].whole(1, COPIES) if "copies" in fields else 1,
            fields["every"].read(duration_or_zero_ms) if "every" in fields else 0,
        )

    def fault(self, node: Node, sites: tuple[SiteLine, ...]) -> Fault:
        """Something that befalls a site or the hub."""
        fields = node.fields(FAULT_KEYS)
        kind = FaultKind(self._needed(node, fields, "kind").choice(tuple(FaultKind)))
        site, name = "", ""
        if "site" in fields:
            names = tuple(line.site.id for line in sites)
            site = fields["site"].choice(names)
        elif kind.is_of_site:
            raise node.bad("it does not say at which site", "Give it a `site:`.")
        if "node" in fields:
            inventory = next(line.inventory for line in sites if line.site.id == site)
            name = fields["node"].choice(tuple(node.id for node in inventory.nodes))
        elif kind.is_of_node:
            raise node.bad("it does not say at which node", "Give it a `node:`.")
        return Fault(
            fields["at"].read(duration_or_zero_ms) if "at" in fields else 0,
            kind,
            fields["for"].read(duration_or_zero_ms) if "for" in fields else 0,
            SiteId(site),
            NodeId(name),
        )

    def _needed(self, node: Node, fields: dict[str, Node], name: str) -> Node:
        if name not in fields:
            raise node.bad(f"there is no `{name}`", f"Give it a `{name}:`.")
        return fields[name]


def _lines(jobs: tuple[JobSpec, ...], times: _Times, copy: int, before: int) -> list[JobLine]:
    """One copy of a file's jobs, which wait for each other and not for those of another copy."""
    lines = []
    links = link_names(jobs)
    for job, earlier in zip(jobs, links, strict=True):
        after = tuple(
            (dependency.kind.value, before + earlier[dependency.job])
            for dependency in job.depends_on
            if dependency.job in earlier
        )
        spec = msgspec.structs.replace(job, depends_on=())
        at_ms = times.at_ms + copy * times.every_ms
        lines.append(JobLine(at_ms, spec, times.behaviour, after))
    return lines


def _nothing(_path: str) -> bytes:
    """Stands for the files that travel with a job, which no simulated site looks into."""
    return b""
