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


class AttemptOrder(msgspec.Struct, frozen=True):
    """Everything a site needs to run one attempt. Starting it is idempotent by `attempt`.

    Ranks go over `nodes` in their order, so that tasks of one node have neighbouring ranks.
    `token` is the fencing token: for one job (or element) a later attempt has a higher one.
    `needs` is what each task holds; `accelerator` is the catalogue's name of the chip, empty for
    none. `array_*` are None for a job that is no array.
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

    @property
    def tasks(self) -> int:
        """Size of the gang."""
        return sum(share.tasks for share in self.nodes)


class Observation(msgspec.Struct, frozen=True):
    """What a site says of one attempt: a level, not a command, so that repeats change nothing.

    Times are the site's own wall clock (Unix ms), 0 where not yet known. `ended` is set with the
    state `ended` alone.
    """

    attempt: AttemptId
    state: AttemptState
    started_ms: int = 0
    ended_ms: int = 0
    ended: EndedReason | None = None


class StopOrder(msgspec.Struct, frozen=True):
    """The attempt should not run: SIGTERM, and SIGKILL after `grace_ms`."""

    attempt: AttemptId
    grace_ms: int
    why: str
