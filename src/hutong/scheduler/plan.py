"""What a cycle decides: a plan of four kinds of line, with the explanation that deciding left.

A plan names jobs, not elements: the lifecycle gives the next element of an array to each of its
placements, in the plan's order.
"""

import msgspec

from hutong.model.attempt import GroupPlace, NodeShare
from hutong.model.ids import AttemptId, JobId, NodeId, PoolId, SiteId
from hutong.model.reasons import PlaceReason, WaitReason


class Candidate(msgspec.Struct, frozen=True, omit_defaults=True):
    """One pool that was considered, with the parts of its score.

    `start_ms` is when the job would start there (now, or expected), `finish_ms` the expected end;
    `cost_microcny` is the expected cost of the whole run and `score` what the objective made of
    them, in micro-CNY (lower is better). `tasks_fitting` is how many tasks of the gang fit now.

    Its finish is the start and then transfer, boot and run. Beside the price there is what bringing
    its inputs costs, and power and carbon where the site declares them, as the profile weighs them.
    `preferred_milli` and `domestic_milli` thousandths are taken off the score.

    On an offer without room `nodes_started` nodes would have to be started for the job: then
    `start_ms` is when they would be ready, and `cost_microcny` what they would cost whole.
    """

    pool: PoolId
    site: SiteId
    accelerator: str
    accelerator_milli: int
    speed_milli: int
    start_ms: int
    finish_ms: int
    rate_microcny_per_hour: int
    cost_microcny: int
    score: int
    tasks_fitting: int
    wait_ms: int = 0
    transfer_ms: int = 0
    boot_ms: int = 0
    run_ms: int = 0
    egress_microcny: int = 0
    energy_microcny: int = 0
    carbon_g: int = 0
    preferred_milli: int = 0
    domestic_milli: int = 0
    nodes_started: int = 0


class Explanation(msgspec.Struct, frozen=True):
    """Why a decision came out as it did: nodes that fell to each filter, candidates best first.

    `filtered` counts nodes by the name of the filter they fell to; `fair_share_milli` is the
    tenant's weighted dominant share (thousandths) when the decision was taken.
    """

    filtered: dict[str, int] = {}
    candidates: tuple[Candidate, ...] = ()
    fair_share_milli: int = 0


class Placement(msgspec.Struct, frozen=True):
    """Start one attempt of `job` on these nodes, now.

    `pool`, `accelerator` and what follows are those of the gang itself, the rate is that of all its
    tasks; `groups` are its further groups. A gang that is split over sites has one placement a
    part, one after the other, from `part` 0 to `parts` - 1. `left_milli` is how much of the job's
    work it has to do, in thousandths.
    """

    job: JobId
    site: SiteId
    pool: PoolId
    nodes: tuple[NodeShare, ...]
    accelerator: str
    accelerator_milli: int
    speed_milli: int
    rate_microcny_per_hour: int
    expected_end_ms: int
    reason: PlaceReason
    explanation: Explanation
    end_basis: str = "none"
    groups: tuple[GroupPlace, ...] = ()
    part: int = 0
    parts: int = 1
    left_milli: int = 1000


class Preemption(msgspec.Struct, frozen=True):
    """Stop `victim` (whole, with its grace) so that `job` can start.

    Where it borrowed from `tenant`, which asks it back; empty where its class is weaker.
    """

    victim: AttemptId
    job: JobId
    lost_accelerator_milli_ms: int
    tenant: str = ""


class Bound(msgspec.Struct, frozen=True):
    """By when a blocked job is placed, whose class has a bound, or why it is not.

    `by_ms` is what its class says, from when it could first start. `promised_ms` is when its room
    is certain to be free: what stops for it is gone then, or what runs has reached its limit; 0
    where nothing is certain. Its tasks begin at `ready_ms`: inputs have come and nodes booted. The
    bound is kept where `promised_ms` is not later than `by_ms`; `reason` says what it waits for.
    """

    job: JobId
    by_ms: int
    promised_ms: int = 0
    ready_ms: int = 0
    reason: WaitReason | None = None

    @property
    def is_kept(self) -> bool:
        """Whether it is certain to be placed in time."""
        return 0 < self.promised_ms <= self.by_ms


class Reservation(msgspec.Struct, frozen=True):
    """Hold capacity of a pool for a blocked job at the head, from `start_ms` on."""

    job: JobId
    pool: PoolId
    start_ms: int
    tasks: int


class Resize(msgspec.Struct, frozen=True):
    """Stop an elastic attempt (with its grace) and start its job again with `tasks` tasks.

    `left_milli` is how much of the job's work is then expected to be left, in thousandths.
    `job` is for whom it gives room, None where it grows.
    """

    attempt: AttemptId
    tasks: int
    left_milli: int = 1000
    job: JobId | None = None


class Scaling(msgspec.Struct, frozen=True):
    """The provider of a pool should run `nodes` nodes, for `job`; None where nodes go back.

    `away` are the nodes that go back; they run nothing.
    """

    pool: PoolId
    nodes: int
    job: JobId | None = None
    away: tuple[NodeId, ...] = ()


class Deferral(msgspec.Struct, frozen=True):
    """Why the jobs of one group wait. A group is the jobs of one tenant, class and shape.

    `start_ms` is the expected start of the group's head, 0 where nobody can tell, and `basis` says
    in one word what it rests on (`limits`, `estimates`, `none`). `spacing_ms` is about how long
    after one job of the group the next one starts. `group` is a name of the group that stays the
    same from cycle to cycle and from hub to hub. `bound` is told where one job is asked about.
    """

    group: int
    head: JobId
    reasons: tuple[WaitReason, ...]
    start_ms: int
    basis: str
    explanation: Explanation
    spacing_ms: int = 0
    bound: Bound | None = None


class Plan(msgspec.Struct, frozen=True):
    """The outcome of one cycle. `shares_milli` are the tenants' dominant shares after it,
    `domestic_milli` of a thousand accelerators that work after it are domestic.

    The first groups that wait after it have a deferral. Further ones were passed over together, as
    no job of their shapes fits anywhere; `passed_over` counts such shapes, and the state tells of
    their jobs when asked. Where it is `truncated` the plan was full before the turn of some groups
    came, and the next cycle goes on with them. `look_again_ms` is when time alone could make the
    next one decide something new of offers or evictions, 0 for never.
    """

    placements: tuple[Placement, ...] = ()
    preemptions: tuple[Preemption, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    deferrals: tuple[Deferral, ...] = ()
    shares_milli: dict[str, int] = {}
    truncated: bool = False
    resizes: tuple[Resize, ...] = ()
    scalings: tuple[Scaling, ...] = ()
    domestic_milli: int = 0
    look_again_ms: int = 0
    passed_over: int = 0
    bounds: tuple[Bound, ...] = ()


class Place(msgspec.Struct, frozen=True):
    """One pool as a preview sees it: a candidate, or the filter that it fell to.

    Exactly one of `fell_to` (a filter's name) and `candidate` is set.
    """

    pool: PoolId
    site: SiteId
    nodes_count: int
    fell_to: str = ""
    candidate: Candidate | None = None


class Preview(msgspec.Struct, frozen=True):
    """What would happen to a job that was handed in now.

    `places` holds every pool, the candidates first, best first. `pool` is where it would start,
    empty where nobody can tell. Prices are those of one run on the cheapest and on the dearest
    candidate, 0 without candidates. `jobs_ahead` counts the waiting jobs before it in the order.
    `bound` says by when it is placed, where it waits and its class has a bound.
    """

    places: tuple[Place, ...]
    starts_now: bool
    start_ms: int
    basis: str
    pool: PoolId
    cost_low_microcny: int
    cost_high_microcny: int
    jobs_ahead: int
    reasons: tuple[WaitReason, ...] = ()
    bound: Bound | None = None


def earlier(one_ms: int, other_ms: int) -> int:
    """The earlier of two times, where 0 stands for never."""
    return min(one_ms, other_ms) if one_ms and other_ms else one_ms or other_ms
