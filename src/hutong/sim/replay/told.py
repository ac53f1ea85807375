"""What the scheduler is told of jobs, shared by all jobs that are alike.

A `Told` is made once for all jobs of which the scheduler is told the same, so that their shapes,
and what is worked out for these, cost nothing a job. How fast a job truly runs on a chip is a
fraction: work of `left` ms at speed 1000 takes `left * up / down`.
"""

import msgspec

from hutong.model.ids import TenantId
from hutong.model.job import Constraints, JobSpec, Program
from hutong.model.resources import AcceleratorNeed, Amount, TaskNeeds
from hutong.scheduler.profile import Profile
from hutong.scheduler.records import AcceleratorCatalog
from hutong.scheduler.shapes import WHOLE_MILLI, shape_of
from hutong.scheduler.state import SchedulerState
from hutong.scheduler.wanted import models_of
from hutong.sim.setup import Mode
from hutong.sim.workload import TraceJob
from hutong.sim.world import World

_KEPT = 50_000
"""Descriptions kept for jobs to come; those of jobs that are there live as long as these."""

_PROGRAM = Program(argv=("true",))
_ANY = "any"

Ratio = tuple[int, int]
"""Time over work: `up` and `down`."""


class Told:
    """One description: the spec, and what the engine reads off it for each of its jobs.

    `chips_milli` is what the gang wants on its first alternative. `fits` says that some pool could
    run it, `best` is time over work on the fastest. `codes` are those of tenant, class, kind and
    partition in the rows, once one was written.
    """

    __slots__ = ("amounts", "best", "chips_milli", "codes", "cpu_milli", "fits", "memory_mib",
                 "models", "ratios", "spec")  # fmt: skip

    def __init__(self, spec: JobSpec, fits: "Fits") -> None:
        self.spec = spec
        self.fits = fits.fits
        self.best = fits.best
        self.ratios = fits.ratios
        needs = spec.needs
        first = needs.accelerators[0].count_milli if needs.accelerators else 0
        self.chips_milli = first * spec.tasks
        self.cpu_milli = needs.cpu_milli * spec.tasks
        self.memory_mib = needs.memory_mib * spec.tasks
        self.models = models_of(needs.accelerators)
        self.amounts: dict[int, Amount] = {}
        self.codes: tuple[int, int, int, int] | None = None

    def amount(self, accelerator_milli: int) -> Amount:
        """What one task holds with so much of a chip."""
        found = self.amounts.get(accelerator_milli)
        if found is None:
            needs = self.spec.needs
            found = Amount(needs.cpu_milli, needs.memory_mib, accelerator_milli)
            self.amounts[accelerator_milli] = found
        return found


class Fits(msgspec.Struct, frozen=True):
    """Where jobs of one size could ever run: whether anywhere, how fast at best, and, where rates
    were measured, on which chip how fast."""

    best: Ratio
    accelerators: tuple[AcceleratorNeed, ...]
    ratios: dict[str, Ratio] | None
    fits: bool = True


class Teller:
    """Makes the descriptions. See the module."""

    def __init__(
        self, world: World, profile: Profile, mode: Mode, *, begin_ms: int,
        state: SchedulerState, catalog: AcceleratorCatalog,
    ) -> None:  # fmt: skip
        self._world = world
        self._profile = profile
        self._mode = mode
        self._begin_ms = begin_ms
        self._state = state
        self._catalog = catalog
        self._told: dict[tuple[object, ...], Told] = {}
        self._fits: dict[tuple[object, ...], Fits] = {}
        pools = [pool for site in world.sites for pool in site.inventory.pools]
        self._chips = list(dict.fromkeys(pool.accelerator for pool in pools if pool.accelerator))

    def tell(self, job: TraceJob, estimate_ms: int | None) -> Told:
        """The description of a job that says so of its run time."""
        bare = self._mode is Mode.NONE
        limit_ms = 0 if bare else job.limit_ms
        deadline_ms = job.deadline_ms + self._begin_ms if job.deadline_ms else 0
        key = (
            job.tasks, job.cpu_milli, job.memory_mib, job.accelerators, job.tenant, job.priority,
            job.partition, estimate_ms, limit_ms, deadline_ms, job.preemptible, job.checkpoint_ms,
            job.kind, job.inputs, job.cost_weight_milli,
        )  # fmt: skip
        found = self._told.get(key)
        if found is None:
            if len(self._told) >= _KEPT:
                self._told.clear()
            found = self._told[key] = self._make(job, estimate_ms, limit_ms, deadline_ms)
        return found

    def _make(
        self, job: TraceJob, estimate_ms: int | None, limit_ms: int, deadline_ms: int
    ) -> Told:
        costs = self._world.costs
        spec = JobSpec(
            "job",
            _PROGRAM,
            TenantId(job.tenant),
            tasks=job.tasks,
            needs=TaskNeeds(job.cpu_milli, job.memory_mib, job.accelerators),
            priority=job.priority,
            constraints=Constraints(pools=self._world.partitions.get(job.partition, ())),
            estimate_ms=estimate_ms,
            time_limit_ms=limit_ms,
            deadline_ms=deadline_ms,
            grace_ms=costs.grace_ms,
            preemptible=job.preemptible,
            inputs=job.inputs,
            checkpoint_ms=job.checkpoint_ms,
            cost_weight_milli=job.cost_weight_milli,
        )
        fits = self._fitting(job, spec)
        if fits.accelerators != job.accelerators:
            needs = TaskNeeds(job.cpu_milli, job.memory_mib, fits.accelerators)
            spec = msgspec.structs.replace(spec, needs=needs)
        return Told(spec, fits)

    def _fitting(self, job: TraceJob, spec: JobSpec) -> Fits:
        """Where jobs of this size could run, as the scheduler itself has it."""
        key = (
            job.tasks, job.cpu_milli, job.memory_mib, job.accelerators, job.partition, job.kind,
            job.inputs, (job.run_ms, job.steps) if job.steps else None,
        )  # fmt: skip
        found = self._fits.get(key)
        if found is None:
            if len(self._fits) >= _KEPT:
                self._fits.clear()
            found = self._fits[key] = self._find(job, spec)
        return found

    def _find(self, job: TraceJob, spec: JobSpec) -> Fits:
        measured = self._measured(job)
        accelerators = job.accelerators
        if measured is not None:
            accelerators = self._alternatives(job, measured)
            needs = TaskNeeds(job.cpu_milli, job.memory_mib, accelerators)
            spec = msgspec.structs.replace(spec, needs=needs)
        if job.accelerators and not accelerators:
            return Fits((WHOLE_MILLI, WHOLE_MILLI), job.accelerators, None, fits=False)
        spec = msgspec.structs.replace(spec, deadline_ms=0)
        matcher = self._state.snapshot(self._begin_ms).matcher
        options = matcher.match(shape_of(spec), self._profile).options
        best = (WHOLE_MILLI, max([o.speed_milli for o in options], default=WHOLE_MILLI))
        if measured is not None and options:
            best = min([measured[option.model] for option in options if option.model in measured])
        return Fits(best, accelerators, measured, fits=bool(options))

    def _measured(self, job: TraceJob) -> dict[str, Ratio] | None:
        """The rates of a job's row by the catalogue's name of the chip, as time over work."""
        table = self._world.throughput
        row = table.rates.get((job.kind, job.tasks)) if table is not None and job.steps else None
        if row is None:
            return None
        measured: dict[str, Ratio] = {}
        work_ms = max(job.run_ms, 1)
        for name, rate in row.items():
            if rate > 0:
                ratio = (max(round(job.steps * 1000 / rate), 1), work_ms)
                for chip in (name, *[a.name for a in self._catalog.find_accelerators(name)]):
                    measured.setdefault(chip, ratio)
        return measured

    def _alternatives(
        self, job: TraceJob, measured: dict[str, Ratio]
    ) -> tuple[AcceleratorNeed, ...]:
        """The alternatives that run at all, each with its speed."""
        found = []
        for need in job.accelerators:
            models = self._chips if need.model == _ANY else [need.model]
            for model in models:
                names = (model, *[a.name for a in self._catalog.find_accelerators(model)])
                ratio = next((measured[name] for name in names if name in measured), None)
                if ratio is not None:
                    speed = max(ratio[1] * WHOLE_MILLI // ratio[0], 1)
                    found.append(AcceleratorNeed(model, need.count_milli, speed))
        return tuple(found)
