"""What the lifecycle tells the scheduler: jobs that wait, attempts that hold capacity."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from hutong.model.attempt import GroupPlace, NodeShare
from hutong.model.catalogue import Link, Region
from hutong.model.ids import AttemptId, JobId, PoolId, SiteId, TenantId
from hutong.model.job import DataInput, JobSpec, Workload
from hutong.model.limits import DEFAULT_GRACE_MS
from hutong.model.resources import Amount


class SiteStatus(StrEnum):
    """Whether new work may go to a site."""

    READY = "ready"
    DRAINING = "draining"
    SILENT = "silent"


class Resumption(msgspec.Struct, frozen=True):
    """How an elastic job that was stopped to be resized goes on: before anybody else.

    It starts with `tasks` tasks on `pool`, with `left_milli` thousandths of its work to do.
    """

    pool: PoolId
    tasks: int
    left_milli: int = 1000


class QueuedJob(msgspec.Struct, frozen=True):
    """A job that waits. `seq` is the order of acceptance; a requeued job keeps its own.

    `spent_microcny` is what its earlier attempts cost, which its budget has to cover too. They
    worked `served_ms`; `done_ms` is what of the work that its description speaks of is done for
    good. Both are at speed 1000, and so is `believed_ms`: how long the job is believed to run in
    all, whatever its description says. That decides about its place in the queue alone; ends go by
    its estimate and time limit, which its user answers for.
    """

    job: JobId
    seq: int
    spec: JobSpec
    submitted_ms: int
    spent_microcny: int = 0
    served_ms: int = 0
    done_ms: int = 0
    believed_ms: int | None = None


class RunningAttempt(msgspec.Struct, frozen=True):
    """An attempt that holds capacity, from its placement until it is released.

    `needs` is per task, with `accelerator_milli` of the alternative that was chosen. `started_ms`
    is the time of the placement. `accelerator` is the catalogue's name of the chip; empty takes it
    from the pool. `end_basis` says what `expected_end_ms` rests on (`limits`, `estimates`, `none`).
    An attempt that is `stopping` counts as about to release what it holds. It is gone `grace_ms`
    after it was told to stop. `running_ms` is when it was seen to run, and `checkpointed_ms` when
    it last wrote down its state (0 for not known); `checkpoint_ms` is how often it says it does.

    `groups[i]` tells of the shares whose `group` is i + 1. An attempt may be stopped to go on at
    another size where `resizable` describes its job; it began with `left_milli` thousandths of the
    job's work to do.

    Until it is seen to run it waits for those of its `inputs` that are not at its site. `labels`
    are its job's, in the order of their names. It is one of the `parts` of a gang at several sites.
    `models` are those that its job takes chips of, as it names them; empty for any.

    An attempt competes again in rounds where `contends` describes its job. It runs at
    `speed_milli`; for `served_ms` and `done_ms` see `QueuedJob`.
    """

    attempt: AttemptId
    job: JobId
    seq: int
    tenant: TenantId
    priority: str
    site: SiteId
    pool: PoolId
    nodes: tuple[NodeShare, ...]
    needs: Amount
    started_ms: int
    expected_end_ms: int
    preemptible: bool = True
    min_run_ms: int = 0
    exclusive: bool = False
    stopping: bool = False
    accelerator: str = ""
    end_basis: str = "estimates"
    rate_microcny_per_hour: int = 0
    groups: tuple[GroupPlace, ...] = ()
    resizable: JobSpec | None = None
    left_milli: int = 1000
    grace_ms: int = DEFAULT_GRACE_MS
    running_ms: int = 0
    checkpoint_ms: int = 0
    checkpointed_ms: int = 0
    inputs: tuple[DataInput, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    parts: int = 1
    models: tuple[str, ...] = ()
    contends: JobSpec | None = None
    speed_milli: int = 1000
    served_ms: int = 0
    done_ms: int = 0


class KnownAccelerator(Protocol):
    """What the scheduler reads of a chip of the catalogue."""

    @property
    def name(self) -> str:
        """The canonical name."""

    @property
    def domestic(self) -> bool:
        """Whether the vendor is a domestic one."""

    @property
    def tdp_watt(self) -> int:
        """What it draws under load by its design; 0 where that is not published."""


class AcceleratorCatalog(Protocol):
    """The part of the catalogue that the scheduler reads (`hutong.catalog.load_catalog()`)."""

    def find_accelerators(self, name: str) -> Sequence[KnownAccelerator]:
        """Every chip model that a name allows: a variant alone, or all of a family."""

    def relative_speed_milli(
        self, model: str, reference: str, workload: Workload = Workload.TRAINING
    ) -> int | None:
        """Speed of one chip of `model` where one of `reference` is 1000; None where unknown."""

    def find_region(self, name: str) -> Region | None:
        """The region that a name means; None where nothing has that name."""

    def link(self, a: str, b: str) -> Link:
        """What moves data between two regions, derived where nobody described it."""
