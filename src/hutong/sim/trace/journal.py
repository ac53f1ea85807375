"""The journal of a hub: its store's SQLite file, read without touching it.

Every job that ended after it ran is given, an array's elements one by one. The run time is the last
attempt's, over the part of the work that it had left, at speed 1000: what earlier attempts did and
lost is not counted. Tenants, sites and their nodes are in it too (`read_world`).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from hutong.lifecycle import events as ev
from hutong.lifecycle.events import Entry
from hutong.model.errors import refuse
from hutong.model.ids import SiteId, TenantId
from hutong.model.job import JobSpec
from hutong.model.states import JobState
from hutong.model.supply import Inventory, Site
from hutong.model.tenant import Tenant
from hutong.sim.trace import chips
from hutong.sim.trace.reading import Reading, SortedJobs, TraceFile, TraceOptions
from hutong.sim.workload import TraceEnd, TraceJob, Workload, WorkloadInfo
from hutong.sim.world import SimSite, World
from hutong.store import codec
from hutong.store import sqlite_sql as sql
from hutong.store.sqlite_files import explained
from hutong.store.sqlite_schema import check_identity

NAME = "journal"
PAGE_ENTRIES = 256
SQLITE_MAGIC = "SQLite format 3\x00"
_ENDS = {
    JobState.SUCCEEDED: TraceEnd.SUCCEEDED,
    JobState.FAILED: TraceEnd.FAILED,
    JobState.CANCELLED: TraceEnd.CANCELLED,
}
_Part = tuple[str, int]
"""A job's id and the element, 0 where it is no array."""


class _Run(msgspec.Struct):
    """What the journal says of one element's attempts: the first start and the last whole run."""

    first_ms: int = 0
    run_ms: int = 0
    left_milli: int = 1000
    accelerator: str = ""


def recognise(head: str, name: str) -> bool:
    """Whether a file's begin looks like a database."""
    return head.startswith(SQLITE_MAGIC)


def open_file(file: TraceFile, options: TraceOptions) -> Workload:
    """Read the journal; times are from the first job that was handed in."""

    def parse(reading: Reading) -> Iterator[TraceJob]:
        return _History(reading).jobs()

    read = SortedJobs(file.reading(), parse, most=options.most_jobs)
    return Workload(WorkloadInfo(file.name, str(file.path), read.begin_ms), _settled(read))


def entries(path: Path) -> Iterator[Entry]:
    """All entries of a store, in order, without a write to it."""
    with _database(path) as db:
        position = 0
        while True:
            (text,) = db.execute(sql.ENTRIES, (position, PAGE_ENTRIES)).fetchone()
            page = codec.ENTRIES.decode(f"[{text or ''}]")
            if not page:
                return
            for entry in page:
                position += 1
                if entry.position != position:
                    raise _damaged(path, f"entry {position} of the journal is missing")
                yield entry


def read_world(path: Path) -> World:
    """The sites, each with the inventory in which it had most nodes, and the tenants of a hub."""
    sites: dict[SiteId, Site] = {}
    supply: dict[SiteId, Inventory] = {}
    tenants: dict[TenantId, Tenant] = {}
    for entry in entries(path):
        match entry.event:
            case ev.SiteDescribed(site):
                sites[site.id] = site
            case ev.InventoryChanged(of, inventory):
                if of not in supply or len(inventory.nodes) >= len(supply[of].nodes):
                    supply[of] = inventory
            case ev.TenantChanged(tenant):
                tenants[tenant.id] = tenant
            case _:
                pass
    made = tuple(SimSite(site, supply[of]) for of, site in sites.items() if of in supply)
    return World(path.stem, made, tuple(tenants.values()))


class _History:
    """What the journal says of jobs and attempts, up to where it has been read."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._jobs: dict[str, tuple[int, JobSpec, int]] = {}
        self._attempts: dict[str, tuple[_Part, ev.AttemptPlaced]] = {}
        self._runs: dict[_Part, _Run] = {}
        self._begun: dict[str, None] = {}

    def jobs(self) -> Iterator[TraceJob]:
        """The jobs, as they end; those that had not are counted."""
        for entry in entries(self._reading.path):
            match entry.event:
                case ev.JobAccepted(job, spec):
                    self._jobs[job] = (entry.at_ms, spec, entry.position)
                case ev.PlanDecided():
                    for placed in entry.event.placements:
                        part = (placed.job, placed.element or 0)
                        self._attempts[placed.attempt] = (part, placed)
                case ev.AttemptEnded(attempt, _, started_ms, ended_ms):
                    self._ran(attempt, started_ms, ended_ms)
                case ev.AttemptSettled(attempt, _, started_ms, ended_ms):
                    self._ran(attempt, started_ms, ended_ms)
                case ev.ElementEnded(job, element, state):
                    yield from self._made(job, element, state)
                case ev.JobEnded(job, state):
                    yield from self._over(job, state)
                case _:
                    pass
        for _submit_ms, _spec, position in self._jobs.values():
            self._reading.leave_out("it had not ended", position)

    def _over(self, job: str, state: JobState) -> Iterator[TraceJob]:
        """The end of a job; an array's elements have ended before, unless none ever began."""
        if job not in self._jobs:
            return
        if self._jobs[job][1].array is None:
            yield from self._made(job, 0, state)
        elif job not in self._begun:
            self._reading.leave_out("it never ran", self._jobs[job][2])
        del self._jobs[job]

    def _ran(self, attempt: str, started_ms: int, ended_ms: int) -> None:
        known = self._attempts.get(attempt)
        if known is None or not started_ms:
            return
        part, placed = known
        run = self._runs.setdefault(part, _Run(started_ms))
        run.first_ms = min(run.first_ms, started_ms)
        run.run_ms = max(ended_ms - started_ms, 0)
        run.left_milli, run.accelerator = placed.left_milli, placed.accelerator

    def _made(self, job: str, element: int, state: JobState) -> Iterator[TraceJob]:
        if job not in self._jobs:
            return
        submit_ms, spec, position = self._jobs[job]
        self._begun[job] = None
        run = self._runs.pop((job, element), None)
        if run is None:
            self._reading.leave_out("it never ran", position)
            return
        name = job if spec.array is None else f"{job}[{spec.array.task_number(element)}]"
        yield _trace_job(name, submit_ms, spec, run, _ENDS.get(state, TraceEnd.FAILED))


def _trace_job(name: str, submit_ms: int, spec: JobSpec, run: _Run, ended: TraceEnd) -> TraceJob:
    speed_milli = _speed_milli(spec, run.accelerator)
    run_ms = run.run_ms * 1000 // max(run.left_milli, 1) * speed_milli // 1000
    return TraceJob(
        name,
        submit_ms,
        run_ms or 1,
        spec.tasks,
        spec.needs.cpu_milli,
        spec.needs.memory_mib,
        spec.needs.accelerators,
        tenant=spec.tenant,
        priority=spec.priority,
        kind=spec.name,
        estimate_ms=spec.estimate_ms,
        limit_ms=spec.time_limit_ms,
        deadline_ms=spec.deadline_ms,
        waited_ms=max(run.first_ms - submit_ms, 0),
        ended=ended,
        preemptible=spec.preemptible,
        checkpoint_ms=spec.checkpoint_ms,
        after=str(spec.depends_on[0].job) if spec.depends_on else "",
        inputs=spec.inputs,
    )


def _speed_milli(spec: JobSpec, model: str) -> int:
    """How fast the job is on a chip, beside its own estimate, as the scheduler reckons it."""
    needs = spec.needs.accelerators
    if not needs:
        return 1000
    catalog, first = chips.trace_catalog(), needs[0]
    for need in needs:
        rows = catalog.find_accelerators(need.model)
        if need.model == model or any(row.name == model for row in rows):
            if need.speed_milli:
                return need.speed_milli
            base = first.speed_milli or 1000
            relative = catalog.relative_speed_milli(model, first.model, spec.workload) or 1000
            scaled = base * relative // 1000 * need.count_milli // max(first.count_milli, 1)
            return max(scaled, 1)
    return first.speed_milli or 1000


def _settled(read: SortedJobs) -> SortedJobs:
    """Deadlines counted from the begin, and no job that waits for one which is not there."""
    names: dict[str, None] = {}

    def settle(job: TraceJob) -> TraceJob:
        names[job.name] = None
        deadline_ms = max(job.deadline_ms - read.begin_ms, 1) if job.deadline_ms else 0
        after = job.after if job.after in names else ""
        return msgspec.structs.replace(job, deadline_ms=deadline_ms, after=after)

    read.change(settle)
    return read


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write."""
    where = path.resolve()
    with explained(where):
        address = f"{where.as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as db:
            check_identity(db, where)
            (found,) = db.execute("PRAGMA user_version").fetchone()
            if found > len(sql.MIGRATIONS):
                raise refuse("store.too_new", found=found, known=len(sql.MIGRATIONS))
            try:
                yield db
            except (msgspec.DecodeError, msgspec.ValidationError) as error:
                raise _damaged(where, str(error)) from error


def _damaged(path: Path, problem: str) -> Exception:
    return refuse("store.damaged", path=str(path), problem=problem)
