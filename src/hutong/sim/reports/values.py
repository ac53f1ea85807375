"""A report as a value: what of an outcome is told, with its units.

Figures of many jobs are floats, because means are; sums of money, energy and carbon stay the whole
numbers they were. Shares are parts of one. See `docs/guides/simulation-reports.md` for the
definitions in words.
"""

import msgspec

from hutong.sim.outcome import Facts, OfferUse

FORMAT = "hutong-report/1"


class Figures(msgspec.Struct, frozen=True):
    """A quantity over jobs, in the unit that the field which holds it names.

    `jobs` were counted, `left_out` have no such value. Percentiles are by nearest rank: the
    smallest value that at least so many of a hundred do not exceed, so each is the value of some
    job. All are 0 where `jobs` is 0.
    """

    jobs: int = 0
    left_out: int = 0
    mean: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    most: float = 0.0


class PoolSize(msgspec.Struct, frozen=True):
    """What a pool has in all, as the world was made."""

    accelerator_milli: int = 0
    cpu_milli: int = 0


class Ground(msgspec.Struct, frozen=True):
    """What a report has to know of the world: the tenants' weights, and how large pools are.

    Tenants that are not named weigh 1. `pools` is by the names in the outcome's column `pool`.
    """

    weights: dict[str, int] = {}
    pools: dict[str, PoolSize] = {}


class Use(msgspec.Struct, frozen=True):
    """How one resource was used, in units (chips, CPUs), time-weighted over the makespan.

    `allocation` is what jobs held over what was ready; `utilisation` leaves out work that was
    lost. `idle_while_waiting` is the part of what was ready that nobody held while a job waited.
    `peak` is the most that was held between two samples.
    """

    ready: float = 0.0
    used: float = 0.0
    peak: float = 0.0
    allocation: float = 0.0
    utilisation: float = 0.0
    idle_while_waiting: float = 0.0


class Machines(msgspec.Struct, frozen=True):
    """The machines and the queue over the makespan.

    `stranded` is the part of all ready accelerators that were free on nodes without CPU or memory
    for a chip's share, `fragmentation` the same as a part of those that were free. Queue lengths
    are in jobs, `waiting_accelerators` in chips.
    """

    accelerators: Use = Use()
    cpus: Use = Use()
    stranded: float = 0.0
    fragmentation: float = 0.0
    waiting_jobs: float = 0.0
    waiting_jobs_most: int = 0
    running_jobs: float = 0.0
    running_jobs_most: int = 0
    waiting_accelerators: float = 0.0


class Bill(msgspec.Struct, frozen=True):
    """What the work cost: micro-CNY, thousandths of a watt-hour, milligrams of CO2-equivalent."""

    cost_microcny: int = 0
    energy_mwh: int = 0
    carbon_mg: int = 0


class Moves(msgspec.Struct, frozen=True):
    """How work was moved. Hours are of one chip, or of one CPU for jobs without chips.

    `lost` is the part of all hours held that was lost: it was done and had to be done again.
    """

    attempts: int = 0
    preemptions: int = 0
    preempted_jobs: int = 0
    held_accelerator_h: float = 0.0
    lost_accelerator_h: float = 0.0
    held_cpu_h: float = 0.0
    lost_cpu_h: float = 0.0
    lost: float = 0.0


class Deadlines(msgspec.Struct, frozen=True):
    """Jobs with a deadline. `kept` succeeded by it; `open` could still succeed when the run ended.

    `late_ms` is by how much those were late that succeeded after it.
    """

    jobs: int = 0
    kept: int = 0
    missed: int = 0
    open: int = 0
    late_ms: Figures = Figures()


class Beliefs(msgspec.Struct, frozen=True):
    """How good the run times were that the scheduler was told, over the jobs that succeeded.

    `within_2x` of `told` jobs were right within a factor of two, `under` were told less than the
    truth. `ratio` is told over true, `error_ms` the absolute error.
    """

    source: str = ""
    told: int = 0
    untold: int = 0
    within_2x: float = 0.0
    under: float = 0.0
    ratio: Figures = Figures()
    error_ms: Figures = Figures()


class Deciding(msgspec.Struct, frozen=True):
    """What deciding took, in CPU time of the process. Percentiles are of one cycle."""

    cycles: int = 0
    placements: int = 0
    p50_us: int = 0
    p95_us: int = 0
    p99_us: int = 0
    most_us: int = 0
    cpu_deciding_ms: int = 0
    cpu_ms: int = 0
    jobs_per_cpu_s: float = 0.0


class Rho(msgspec.Struct, frozen=True):
    """Finish-time fairness: completion here over completion `against` something. At most 1 is fair.

    `above_1` is the part of the jobs above 1.
    """

    against: str
    figures: Figures = Figures()
    above_1: float = 0.0


class AgainstAlone(msgspec.Struct, frozen=True):
    """A tenant beside others against itself alone on what it is entitled to, same jobs.

    `rho` above 1 means that it would have been better off alone. `jobs` ended in both runs.
    """

    jobs: int
    wait_ms: float
    wait_alone_ms: float
    completion_ms: float
    completion_alone_ms: float
    wait_p99_ms: float
    wait_alone_p99_ms: float
    rho: Figures


class TenantFairness(msgspec.Struct, frozen=True):
    """One tenant. `entitled` is its part of the whole by weight.

    `got` is its part of all that jobs held, `deserved` what it should have been by weights and
    demand. `over` and `under` are the parts of all held that it had too much and too little, at
    each time. `rho` is against a fair share, see `Fairness.share`.
    """

    tenant: str
    jobs: int
    entitled: float
    got: float
    deserved: float
    over: float
    under: float
    rho: Figures = Figures()
    alone: AgainstAlone | None = None


class Fairness(msgspec.Struct, frozen=True):
    """Shares and finish times. `resource` is `accelerator`, or `cpu` where no job wants chips.

    `share_error` is the time-weighted part of what was held that was in the wrong hands: half the
    sum over tenants of |got - deserved|. `jain` is Jain's index of got over deserved: 1 is equal,
    1/n is one tenant having all. `tenants` are the largest; `tenants_in_all` counts the rest too.
    """

    resource: str = "accelerator"
    tenants_in_all: int = 0
    jain: float = 1.0
    share_error: float = 0.0
    isolated: Rho = Rho("the run time alone on the best chip")
    share: Rho = Rho("a fair share of the machines (1/n)")
    alone: Rho | None = None
    tenants: tuple[TenantFairness, ...] = ()


class Group(msgspec.Struct, frozen=True):
    """The jobs with one label; `folded` says how many labels stand together here, if several."""

    name: str
    jobs: int
    wait_ms: Figures
    completion_ms: Figures
    bounded_slowdown: Figures
    bill: Bill
    held_accelerator_h: float
    held_cpu_h: float
    preemptions: int
    lost: float
    deadlines: int
    deadlines_kept: int
    folded: int = 0


class Series(msgspec.Struct, frozen=True):
    """Means over equal steps of time; `edges_ms` is one longer than the rest. Units, not milli."""

    edges_ms: tuple[int, ...] = ()
    waiting_jobs: tuple[float, ...] = ()
    running_jobs: tuple[float, ...] = ()
    used_accelerators: tuple[float, ...] = ()
    ready_accelerators: tuple[float, ...] = ()
    stranded_accelerators: tuple[float, ...] = ()
    waiting_accelerators: tuple[float, ...] = ()
    used_cpus: tuple[float, ...] = ()
    ready_cpus: tuple[float, ...] = ()


class WaitCurve(msgspec.Struct, frozen=True):
    """Waits of a class: `waits_ms[i]` is not exceeded by `parts[i]` of all its jobs.

    Jobs that never started count among all, so the last part is below 1 where there are any.
    """

    name: str
    jobs: int
    parts: tuple[float, ...]
    waits_ms: tuple[float, ...]


class PoolLoad(msgspec.Struct, frozen=True):
    """What jobs held of a pool in equal steps of time, in chips, or CPUs where `cpus`.

    `size` is 0 where nobody said how large the pool is.
    """

    name: str
    cpus: bool
    size: float
    held: tuple[float, ...]


class Report(msgspec.Struct, frozen=True):
    """Everything that is told of one run. Times are in ms from the begin of the workload.

    `wait_ms` is from handing in to the first start, `completion_ms` to the end, of jobs that came
    so far. `waiting_ms` is how long those had waited that had not started when the run ended.
    `by` has the jobs by each label of the outcome, the most numerous first. `offers` is what was
    bought of providers, by pool: what they took, which is not what jobs paid. `notes` are sentences
    that say what is left out, and why.
    """

    facts: Facts
    ground: Ground
    jobs: int
    endings: dict[str, int]
    begin_ms: int
    end_ms: int
    makespan_ms: int
    wait_ms: Figures
    completion_ms: Figures
    bounded_slowdown: Figures
    waiting_ms: Figures
    machines: Machines
    fairness: Fairness
    bill: Bill
    moves: Moves
    deadlines: Deadlines
    beliefs: Beliefs
    deciding: Deciding
    by: dict[str, tuple[Group, ...]]
    series: Series
    wait_curves: tuple[WaitCurve, ...]
    pool_loads: tuple[PoolLoad, ...]
    offers: tuple[OfferUse, ...] = ()
    notes: tuple[str, ...] = ()
    format: str = FORMAT
