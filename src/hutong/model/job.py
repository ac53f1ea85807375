"""What a user hands in: a job, as a frozen value."""

from enum import StrEnum

import msgspec

from hutong.model.classes import NORMAL
from hutong.model.ids import JobId, TenantId
from hutong.model.resources import FrameworkNeed, TaskNeeds


class InlineFile(msgspec.Struct, frozen=True):
    """A small text file that travels with the job into the attempt's working directory.

    `name` is a relative path without `..`; limits are in `hutong.model.limits`.
    """

    name: str
    content: str
    executable: bool = False


class Program(msgspec.Struct, frozen=True):
    """What each task runs: either `argv`, started without a shell, or `script`.

    A script is written to a file and run by the interpreter its `#!` line names, else by bash.
    `setup` is a bash script that runs once per task before it. `workdir` is an absolute path at
    the site; None is a fresh directory of the attempt.
    """

    script: str = ""
    argv: tuple[str, ...] = ()
    setup: str = ""
    env: dict[str, str] = {}
    files: tuple[InlineFile, ...] = ()
    workdir: str | None = None


class DependencyKind(StrEnum):
    """When a dependency is satisfied, in sbatch's words."""

    AFTER_OK = "afterok"
    AFTER_ANY = "afterany"
    AFTER_NOT_OK = "afternotok"


class Dependency(msgspec.Struct, frozen=True):
    """This job starts only after another one ended in the way `kind` says.

    `job` is a job id, or the name of an earlier job in the same submission, which the client
    replaces by its id.
    """

    kind: DependencyKind
    job: JobId


class ArraySpec(msgspec.Struct, frozen=True):
    """An array of `count` elements, numbered `first`, `first + step`, and so on.

    `max_parallel` bounds the elements that run at once; 0 is no bound.
    """

    count: int
    first: int = 0
    step: int = 1
    max_parallel: int = 0

    def task_number(self, element: int) -> int:
        """The number a script sees for the element at position `element` (from 0)."""
        return self.first + element * self.step


class RetryPolicy(msgspec.Struct, frozen=True):
    """How many more attempts each class of failure may cost.

    A preempted attempt is always retried and costs nothing. `user_exit_codes` narrows the user
    retries to these exit codes; empty is any.
    """

    user_count: int = 0
    machine_count: int = 3
    site_count: int = 16
    user_exit_codes: tuple[int, ...] = ()


class Objective(StrEnum):
    """What a job's placement should make small."""

    TIME = "time"
    COST = "cost"
    BALANCED = "balanced"


class DomesticRule(StrEnum):
    """Whether domestic accelerators are demanded, preferred, or neither."""

    ANY = "any"
    PREFER = "prefer"
    ONLY = "only"


class Workload(StrEnum):
    """What a job's speed on a chip goes by, where the job gives no speeds of its own."""

    TRAINING = "training"
    INFERENCE = "inference"
    SCIENCE = "science"


class Layout(StrEnum):
    """Whether a gang's tasks share as few nodes as possible, or as few as possible share a node."""

    PACK = "pack"
    SPREAD = "spread"


class Level(StrEnum):
    """How far apart two nodes may be and still count as one place, the nearest first."""

    NODE = "node"
    RACK = "rack"
    SPINE = "spine"
    SITE = "site"


class Affinity(msgspec.Struct, frozen=True):
    """Where a job stands beside running jobs that carry all of `labels`, of its own tenant.

    It goes only where such a job runs in the same place of this `level`, or, where `apart`, only
    where none does. Unless `required` it is a preference.
    """

    labels: tuple[tuple[str, str], ...]
    level: Level = Level.NODE
    apart: bool = False
    required: bool = True


class TaskGroup(msgspec.Struct, frozen=True):
    """Tasks of a gang that are unlike its others, such as the head of a cluster.

    They run at the same site, on a pool of their own choosing. A group without a `program` runs
    the job's.
    """

    name: str
    tasks: int
    needs: TaskNeeds
    program: Program | None = None


class Elastic(msgspec.Struct, frozen=True):
    """A gang that may be smaller than `tasks`: it starts at what fits from `tasks_min` up.

    With `resize` a running one may be stopped with its grace and started again at another size.
    """

    tasks_min: int
    resize: bool = False


class DataInput(msgspec.Struct, frozen=True):
    """Data that a job reads: how much, and the sites or regions that hold a copy."""

    name: str
    size_mib: int
    replicas: tuple[str, ...] = ()


class Preferences(msgspec.Struct, frozen=True):
    """Where a job had rather run. What is preferred never keeps a job from running elsewhere."""

    regions: tuple[str, ...] = ()
    jurisdictions: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()


class Terms(StrEnum):
    """On what terms a provider gives capacity."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
    RESERVED = "reserved"


class Commercial(msgspec.Struct, frozen=True):
    """Whether capacity may be started for a job at a provider, and after what expected wait.

    `after_ms` None takes the operator's. `terms` are those the job accepts; empty is any.
    """

    allowed: bool = True
    after_ms: int | None = None
    terms: tuple[Terms, ...] = ()


class Constraints(msgspec.Struct, frozen=True):
    """Where a job may run. Empty tuples do not constrain.

    A pool is named `SITE/POOL`, or `POOL` for a pool of this name at any site.
    """

    regions: tuple[str, ...] = ()
    jurisdictions: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    exclude_sites: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    domestic: DomesticRule = DomesticRule.ANY


class JobSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """A job as handed in: a gang of `tasks` identical tasks, or an array of them.

    `groups` are further tasks of the gang that are unlike those; their ranks come first.
    `priority` names one of the operator's classes. `cost_weight_milli` replaces the objective: 0
    is time alone, 1000 cost alone. `checkpoint_ms` is how often a run writes down its state, so
    that a preemption loses no more (0 is never). `split` lets the gang's tasks lie at several
    sites.

    `estimate_ms` is how long the user thinks a run takes, None where unknown. `time_limit_ms` ends
    the attempt (0 is no limit). `deadline_ms` and `not_before_ms` are Unix times. `budget_microcny`
    caps what the whole job may cost (0 is no cap). `grace_ms` is the time between SIGTERM and
    SIGKILL. `min_run_ms` is how long an attempt runs before it may be preempted.
    `depends_on` all have to be satisfied. `within` is the largest place that the gang may span.
    """

    name: str
    program: Program
    tenant: TenantId = TenantId("default")
    tasks: int = 1
    needs: TaskNeeds = TaskNeeds()
    frameworks: tuple[FrameworkNeed, ...] = ()
    array: ArraySpec | None = None
    priority: str = NORMAL
    constraints: Constraints = Constraints()
    objective: Objective = Objective.TIME
    depends_on: tuple[Dependency, ...] = ()
    retry: RetryPolicy = RetryPolicy()
    estimate_ms: int | None = None
    time_limit_ms: int = 0
    deadline_ms: int = 0
    not_before_ms: int = 0
    budget_microcny: int = 0
    grace_ms: int = 10_000
    preemptible: bool = True
    min_run_ms: int = 0
    exclusive: bool = False
    labels: dict[str, str] = {}
    source: str = "api"
    workload: Workload = Workload.TRAINING
    cost_weight_milli: int | None = None
    preferences: Preferences = Preferences()
    inputs: tuple[DataInput, ...] = ()
    groups: tuple[TaskGroup, ...] = ()
    elastic: Elastic | None = None
    layout: Layout = Layout.PACK
    within: Level = Level.SITE
    affinity: tuple[Affinity, ...] = ()
    checkpoint_ms: int = 0
    commercial: Commercial = Commercial()
    split: bool = False

    @property
    def elements(self) -> int:
        """How many elements the job has: 1, or the array's count."""
        return self.array.count if self.array else 1
