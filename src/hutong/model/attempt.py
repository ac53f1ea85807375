"""One execution of a job at one site: the order that a site gets, and what it tells back."""

import msgspec

from hutong.model.ids import AttemptId, JobId, NodeId, PoolId, TenantId
from hutong.model.job import Program
from hutong.model.reasons import EndedReason
from hutong.model.resources import Amount
from hutong.model.states import AttemptState


class NodeShare(msgspec.Struct, frozen=True):
    """How many tasks of a gang run on one node. `group` counts the job's groups from 1.

    0 is the gang itself.
    """

    node: NodeId
    tasks: int
    group: int = 0


class GroupPlace(msgspec.Struct, frozen=True):
    """What one further group of a gang was given: a pool, and what each of its tasks holds there.

    `accelerator` is the catalogue's name of the chip, empty for none.
    """

    pool: PoolId
    needs: Amount
    accelerator: str = ""


def held_by(
    nodes: tuple[NodeShare, ...], needs: Amount, groups: tuple[GroupPlace, ...] = ()
) -> Amount:
    """What all tasks of an attempt hold together."""
    held = needs.times(sum([share.tasks for share in nodes if not share.group]))
    for share in nodes:
        if share.group:
            held = held.plus(groups[share.group - 1].needs.times(share.tasks))
    return held


class OrderGroup(msgspec.Struct, frozen=True):
    """A further group of a gang as a site gets it. Without a `program` it runs the order's."""

    name: str
    place: GroupPlace
    program: Program | None = None


class AttemptOrder(msgspec.Struct, frozen=True):
    """Everything a site needs to run one attempt. Starting it is idempotent by `attempt`.

    Ranks go over `nodes` in their order, so that tasks of one node have neighbouring ranks.
    `token` is the fencing token: for one job (or element) a later attempt has a higher one.
    `needs` is what each task holds; `accelerator` is the catalogue's name of the chip, empty for
    none. `array_*` are None for a job that is no array.

    `pool`, `program`, `needs` and `accelerator` are those of the gang itself; `groups[i]` tells of
    the shares whose `group` is i + 1, which come first in `nodes`. The attempt ends when the tasks
    of the gang itself have ended, whatever its other groups still do.

    A gang that is split over sites is one attempt a part: `part` of `parts`, with one token. Its
    ranks begin at `rank_first` and go on to `tasks_total`, 0 standing for the tasks of `nodes`.

    `checkpoint_ms` is how often the job says that it writes down its state, 0 for never.
    """

    attempt: AttemptId
    job: JobId
    token: int
    tenant: TenantId
    name: str
    pool: PoolId
    nodes: tuple[NodeShare, ...]
    program: Program
    needs: Amount
    accelerator: str = ""
    time_limit_ms: int = 0
    grace_ms: int = 10_000
    number: int = 1
    priority: str = "normal"
    array_element: int | None = None
    array_number: int | None = None
    array_count: int | None = None
    array_first: int | None = None
    array_step: int | None = None
    groups: tuple[OrderGroup, ...] = ()
    part: int = 0
    parts: int = 1
    rank_first: int = 0
    tasks_total: int = 0
    checkpoint_ms: int = 0

    @property
    def tasks(self) -> int:
        """How many tasks run at this site."""
        return sum(share.tasks for share in self.nodes)

    @property
    def gang_tasks(self) -> int:
        """Size of the whole gang, over all its parts."""
        return self.tasks_total or self.tasks

    def needs_of(self, share: NodeShare) -> Amount:
        """What each task of a share holds."""
        return self.groups[share.group - 1].place.needs if share.group else self.needs


class Observation(msgspec.Struct, frozen=True):
    """What a site says of one attempt: a level, not a command, so that repeats change nothing.

    Times are the site's own wall clock (Unix ms), 0 where not yet known. `ended` is set with the
    state `ended` alone. `checkpointed_ms` is when the job last said that it wrote down its state.
    """

    attempt: AttemptId
    state: AttemptState
    started_ms: int = 0
    ended_ms: int = 0
    ended: EndedReason | None = None
    checkpointed_ms: int = 0


class StopOrder(msgspec.Struct, frozen=True):
    """The attempt should not run: SIGTERM, and SIGKILL after `grace_ms`."""

    attempt: AttemptId
    grace_ms: int
    why: str
