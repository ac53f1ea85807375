"""Why things are as they are: a closed set of typed causes.

Each reason is a frozen value with its facts, a dotted code that never changes, the sentence it
renders to, and the events that could clear it. One set feeds explain, the retry rules, the API,
the command line and the console. Reasons of attempts and jobs that ended cannot clear.
"""

from datetime import UTC, datetime
from typing import ClassVar

import msgspec

from hutong.model.states import FailureClass


class Reason(msgspec.Struct, frozen=True, tag_field="code"):
    """Base of all reasons. `clears_on` names kinds of events of `hutong.lifecycle.events`."""

    clears_on: ClassVar[tuple[str, ...]] = ()

    @property
    def code(self) -> str:
        """The stable dotted code."""
        return str(self.__struct_config__.tag)

    def sentence(self) -> str:
        """The reason in words, made of its facts."""
        raise AssertionError(f"{type(self).__name__} has no sentence")


def _told(time_ms: int) -> str:
    """A time in words, in UTC, whole minutes."""
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


_ENDINGS = ("AttemptEnded", "AttemptLost")
_SUPPLY = ("InventoryChanged", "SiteReturned", "SiteDrained", "NodeDrained")


# Why a job waits


class NotConsidered(Reason, frozen=True, tag="waiting.not_considered"):
    """No cycle has looked at the job yet."""

    clears_on: ClassVar[tuple[str, ...]] = ("PlanDecided",)

    def sentence(self) -> str:
        return "The scheduler has not looked at it yet."


class BusyPools(Reason, frozen=True, tag="waiting.busy"):
    """Pools could run it once enough is free. `tasks` are placed whole or not at all.

    `within` is the largest place that the gang may span, empty for a whole site.
    """

    clears_on: ClassVar[tuple[str, ...]] = (*_ENDINGS, *_SUPPLY)
    pools: int
    tasks: int
    fitting_now: int
    within: str = ""

    def sentence(self) -> str:
        where = f" in one {self.within}" if self.within else ""
        return (
            f"{self.pools} pool(s) could run it, but only {self.fitting_now} of its "
            f"{self.tasks} task(s) would fit{where} now."
        )


class BehindOthers(Reason, frozen=True, tag="waiting.turn"):
    """Jobs that come first in the order wait for the same resources."""

    clears_on: ClassVar[tuple[str, ...]] = ("PlanDecided", *_ENDINGS)
    ahead: int

    def sentence(self) -> str:
        return f"{self.ahead} job(s) ahead of it in the order wait for the same resources."


class WouldDelayReserved(Reason, frozen=True, tag="waiting.reserved"):
    """It would fit now, but starting it would delay the job that holds a reservation."""

    clears_on: ClassVar[tuple[str, ...]] = ("PlanDecided", *_ENDINGS)
    holder: str
    start_ms: int

    def sentence(self) -> str:
        return f"It would delay job {self.holder}, which comes first and holds a reservation."


class MakingRoom(Reason, frozen=True, tag="waiting.making_room"):
    """Attempts are being stopped so that it can start. Each is gone after its grace at the latest.

    `gone_in_ms` counts from the cycle that says so.
    """

    clears_on: ClassVar[tuple[str, ...]] = _ENDINGS
    attempts: int
    gone_in_ms: int

    def sentence(self) -> str:
        within = f"within {self.gone_in_ms / 1000:g} s" if self.gone_in_ms else "any moment"
        return f"{self.attempts} attempt(s) are being stopped to make room, and are gone {within}."


class NoRoomToMake(Reason, frozen=True, tag="waiting.protected"):
    """No room can be made for it. The attempts in its way are counted by what protects them.

    `not_enough` may be stopped, but would not make room on any one site.
    """

    clears_on: ClassVar[tuple[str, ...]] = _ENDINGS
    same_class: int
    not_preemptible: int
    minimum_run: int
    not_enough: int

    def sentence(self) -> str:
        counts = (
            (self.same_class, "of a class that it may not stop"),
            (self.not_preemptible, "not preemptible"),
            (self.minimum_run, "within their guaranteed time"),
            (self.not_enough, "not enough on any one site"),
        )
        told = ", ".join(f"{count} {what}" for count, what in counts if count)
        return f"No room can be made for it: of the attempts in its way {told or 'none may go'}."


class CycleFull(Reason, frozen=True, tag="waiting.cycle_full"):
    """The plan of this cycle was full before its turn came."""

    clears_on: ClassVar[tuple[str, ...]] = ("PlanDecided",)
    limit: int

    def sentence(self) -> str:
        return f"This cycle placed its limit of {self.limit} jobs; the next one goes on."


class OverQuota(Reason, frozen=True, tag="waiting.quota"):
    """A hard quota of the tenant, or of a tenant above it, is used up."""

    clears_on: ClassVar[tuple[str, ...]] = (*_ENDINGS, "TenantChanged")
    tenant: str
    resource: str
    used: int
    wanted: int
    limit: int

    def sentence(self) -> str:
        return (
            f"{self.tenant} uses {self.used} of its {self.limit} {self.resource} "
            f"and this needs {self.wanted} more."
        )


class BorrowLimit(OverQuota, frozen=True, tag="waiting.borrow_limit"):
    """The tenant, or one above it, holds its guarantee and all it may borrow beyond it.

    `limit` is both together.
    """

    def sentence(self) -> str:
        return (
            f"{self.tenant} uses {self.used} of {self.limit} {self.resource}, what it is "
            f"guaranteed and may borrow, and this needs {self.wanted} more."
        )


class QuotaWindowFull(OverQuota, frozen=True, tag="waiting.quota_window"):
    """What a tenant may use in a day or a month is used, or will be by what runs.

    `ends_ms` is when the next window begins.
    """

    clears_on: ClassVar[tuple[str, ...]] = (*_ENDINGS, "AttemptSettled", "TenantChanged")
    ends_ms: int

    def sentence(self) -> str:
        return (
            f"{self.tenant} uses {self.used} of its {self.limit} {self.resource} with what runs, "
            f"and this needs {self.wanted} more."
        )


class AwaitsJobs(Reason, frozen=True, tag="waiting.dependency"):
    """Jobs it depends on have not ended."""

    clears_on: ClassVar[tuple[str, ...]] = ("JobEnded",)
    jobs: tuple[str, ...]

    def sentence(self) -> str:
        return f"It waits for {', '.join(self.jobs)} to end."


class NotBefore(Reason, frozen=True, tag="waiting.not_before"):
    """Its earliest start has not come."""

    start_ms: int

    def sentence(self) -> str:
        return "It was asked not to start yet."


class Booked(Reason, frozen=True, tag="waiting.booked"):
    """Nodes it could use are booked: for others, or out of use. `start_ms` and `end_ms` (Unix ms)
    are the booking's."""

    clears_on: ClassVar[tuple[str, ...]] = ("BookingEnded", "BookingRemoved", "BookingPut")
    booking: str
    kind: str
    start_ms: int
    end_ms: int

    def sentence(self) -> str:
        until = _told(self.end_ms)
        if self.kind == "maintenance":
            return (
                f"Maintenance {self.booking} from {_told(self.start_ms)} to {until} takes nodes "
                "that it would still be on."
            )
        return (
            f"Reservation {self.booking} keeps nodes for others from {_told(self.start_ms)} "
            f"to {until}."
        )


class ArrayLimit(Reason, frozen=True, tag="waiting.array_limit"):
    """As many elements of the array run as it allows at once."""

    clears_on: ClassVar[tuple[str, ...]] = _ENDINGS
    limit: int

    def sentence(self) -> str:
        return f"The array runs at most {self.limit} element(s) at once."


class NoSites(Reason, frozen=True, tag="waiting.no_sites"):
    """No site has joined the hub."""

    clears_on: ClassVar[tuple[str, ...]] = ("InventoryChanged",)

    def sentence(self) -> str:
        return "No site has joined the hub yet."


class NoPoolMatches(Reason, frozen=True, tag="waiting.no_pool"):
    """No pool of any site could ever run it as things stand.

    `filtered` counts the nodes that fell to each filter, by the filter's name; `details` says what
    a filter was asked and what those nodes have. `nearest` is the pool that got furthest, and
    `fell_to` the filter where it fell out, empty where it only takes no work at present.
    """

    clears_on: ClassVar[tuple[str, ...]] = ("InventoryChanged", "SiteReturned", "SiteDrained")
    filtered: dict[str, int]
    wanted: str
    details: dict[str, str] = {}
    nearest: str = ""
    fell_to: str = ""

    def sentence(self) -> str:
        counts = ", ".join(f"{count} by {name}" for name, count in self.filtered.items())
        text = f"No pool can run {self.wanted}: of all nodes {counts or 'none'} fell out."
        detail = self.details.get(self.fell_to)
        return f"{text} Nearest is {self.nearest}: {detail}." if detail else text


class NodesStarting(Reason, frozen=True, tag="waiting.starting"):
    """A provider was asked for nodes on which it is expected to start."""

    clears_on: ClassVar[tuple[str, ...]] = ("InventoryChanged",)
    pool: str
    nodes: int
    ready_ms: int

    def sentence(self) -> str:
        return f"It waits for {self.nodes} node(s) of {self.pool} that a provider is starting."


class NeighboursBar(Reason, frozen=True, tag="waiting.affinity"):
    """No node with room lies as its affinity to other jobs asks.

    `labels` are those of the other jobs, `level` how far a place reaches; `apart` keeps away.
    """

    clears_on: ClassVar[tuple[str, ...]] = ("PlanDecided", *_ENDINGS, *_SUPPLY)
    labels: str
    level: str
    apart: bool

    def sentence(self) -> str:
        if self.apart:
            return f"It keeps off every {self.level} where a job with {self.labels} runs."
        return f"It needs a {self.level} where a job with {self.labels} runs, and none has room."


# Why a placed job is where it is


class BestCandidate(Reason, frozen=True, tag="placed.best"):
    """The best of the candidates for the job's objective."""

    objective: str
    candidates: int

    def sentence(self) -> str:
        return f"Best for {self.objective} of {self.candidates} pool(s) that could start it."


class BestOfMany(Reason, frozen=True, tag="placed.best_of_many"):
    """The best pool with room, in a cycle that placed so many jobs that not each was compared."""

    objective: str
    pools: int

    def sentence(self) -> str:
        return f"Best for {self.objective} with room now, of {self.pools} pool(s) that can run it."


class OnlyCandidate(Reason, frozen=True, tag="placed.only"):
    """The one pool that could start it."""

    def sentence(self) -> str:
        return "The only pool that could start it now."


# Why an attempt or a job ended


class EndReason(Reason, frozen=True):
    """Base of the reasons of an end; `failure` decides whether and how it is retried."""

    failure: ClassVar[FailureClass] = FailureClass.NONE


class Completed(EndReason, frozen=True, tag="ended.completed"):
    """Every task left with exit code 0."""

    def sentence(self) -> str:
        return "Every task ended with exit code 0."


class ExitCode(EndReason, frozen=True, tag="user.exit_code"):
    """A task left with an exit code that is not 0."""

    failure: ClassVar[FailureClass] = FailureClass.USER
    exit_code: int
    task: int = 0

    def sentence(self) -> str:
        return f"Task {self.task} ended with exit code {self.exit_code}."


class Signalled(EndReason, frozen=True, tag="user.signal"):
    """A task was ended by a signal that Hutong did not send."""

    failure: ClassVar[FailureClass] = FailureClass.USER
    signal: int
    task: int = 0

    def sentence(self) -> str:
        return f"Task {self.task} was ended by signal {self.signal}."


class TimeLimit(EndReason, frozen=True, tag="user.time_limit"):
    """The attempt ran into the job's time limit."""

    failure: ClassVar[FailureClass] = FailureClass.USER
    limit_ms: int

    def sentence(self) -> str:
        return f"It reached its time limit of {self.limit_ms / 1000:g} s."


class CancelledByUser(EndReason, frozen=True, tag="user.cancelled"):
    """Somebody with the right to do so cancelled it."""

    failure: ClassVar[FailureClass] = FailureClass.CANCELLED
    by: str

    def sentence(self) -> str:
        return f"Cancelled by {self.by}."


class DependencyFailed(EndReason, frozen=True, tag="user.dependency"):
    """A job it depends on ended in a way that can never satisfy the dependency."""

    failure: ClassVar[FailureClass] = FailureClass.CANCELLED
    job: str
    kind: str
    state: str

    def sentence(self) -> str:
        return f"It needs {self.kind}:{self.job}, and {self.job} {self.state}."


class DeadlinePassed(EndReason, frozen=True, tag="user.deadline"):
    """The deadline passed before it could start."""

    failure: ClassVar[FailureClass] = FailureClass.CANCELLED
    deadline_ms: int

    def sentence(self) -> str:
        return "Its deadline passed before it could start."


class Preempted(EndReason, frozen=True, tag="preempted.for"):
    """Stopped so that a job that comes first could start."""

    failure: ClassVar[FailureClass] = FailureClass.PREEMPTED
    by: str

    def sentence(self) -> str:
        return f"Stopped so that job {self.by} could start; it keeps its place in the queue."


class Reclaimed(EndReason, frozen=True, tag="preempted.reclaimed"):
    """Stopped because a tenant asked back, for a job of its own, what it had lent."""

    failure: ClassVar[FailureClass] = FailureClass.PREEMPTED
    by: str
    tenant: str

    def sentence(self) -> str:
        return (
            f"Stopped so that job {self.by} could start with what {self.tenant} is guaranteed and "
            "had lent; it keeps its place in the queue."
        )


class StartFailed(EndReason, frozen=True, tag="machine.start_failed"):
    """The site could not start it."""

    failure: ClassVar[FailureClass] = FailureClass.MACHINE
    problem: str

    def sentence(self) -> str:
        return f"The site could not start it: {self.problem}."


class CommandNotFound(EndReason, frozen=True, tag="user.start_failed"):
    """What the job asked to run does not exist or cannot be run there."""

    failure: ClassVar[FailureClass] = FailureClass.USER
    problem: str

    def sentence(self) -> str:
        return f"Its command could not be run: {self.problem}."


class ProcessLost(EndReason, frozen=True, tag="machine.lost"):
    """The processes vanished without an exit status (a reboot, a killed supervisor)."""

    failure: ClassVar[FailureClass] = FailureClass.MACHINE

    def sentence(self) -> str:
        return "Its processes vanished without an exit status."


class NodeGone(EndReason, frozen=True, tag="machine.node_gone"):
    """The node is no longer there."""

    failure: ClassVar[FailureClass] = FailureClass.MACHINE
    node: str

    def sentence(self) -> str:
        return f"Node {self.node} is no longer there."


class LeaseExpired(EndReason, frozen=True, tag="site.lease_expired"):
    """The site was silent until the lease ran out, so the attempt counts as lost."""

    failure: ClassVar[FailureClass] = FailureClass.SITE
    site: str

    def sentence(self) -> str:
        return f"Site {self.site} was silent until the lease ran out."


class SpotRevoked(EndReason, frozen=True, tag="preempted.spot"):
    """The provider took a spot node back. It costs no retry, and the job keeps its place."""

    failure: ClassVar[FailureClass] = FailureClass.PREEMPTED
    node: str

    def sentence(self) -> str:
        return f"The provider took spot node {self.node} back; it keeps its place in the queue."


class Fenced(EndReason, frozen=True, tag="site.fenced"):
    """The attempt ended itself because its lease had run out or a newer token exists."""

    failure: ClassVar[FailureClass] = FailureClass.SITE

    def sentence(self) -> str:
        return "It ended itself: its lease had run out."


class Resized(EndReason, frozen=True, tag="preempted.resized"):
    """An elastic gang was stopped so that it starts again at another size."""

    failure: ClassVar[FailureClass] = FailureClass.PREEMPTED
    tasks_before: int
    tasks_after: int
    by: str = ""

    def sentence(self) -> str:
        why = f" so that job {self.by} could start" if self.by else ""
        return (
            f"Stopped at {self.tasks_before} task(s){why}, to go on with {self.tasks_after} "
            "before anybody else."
        )


class PartEnded(EndReason, frozen=True, tag="preempted.part_ended"):
    """Another part of a gang that is split over sites did not succeed, so all of it stopped."""

    failure: ClassVar[FailureClass] = FailureClass.PREEMPTED
    attempt: str

    def sentence(self) -> str:
        return f"Stopped because {self.attempt}, another part of the gang, did not succeed."


WaitReason = (
    NotConsidered
    | BusyPools
    | BehindOthers
    | WouldDelayReserved
    | MakingRoom
    | NoRoomToMake
    | CycleFull
    | OverQuota
    | BorrowLimit
    | QuotaWindowFull
    | AwaitsJobs
    | NotBefore
    | ArrayLimit
    | NoSites
    | NoPoolMatches
    | NodesStarting
    | Booked
    | NeighboursBar
)
PlaceReason = BestCandidate | BestOfMany | OnlyCandidate
EndedReason = (
    Completed
    | ExitCode
    | Signalled
    | TimeLimit
    | CancelledByUser
    | DependencyFailed
    | DeadlinePassed
    | Preempted
    | Reclaimed
    | StartFailed
    | CommandNotFound
    | ProcessLost
    | NodeGone
    | LeaseExpired
    | Fenced
    | SpotRevoked
    | Resized
    | PartEnded
)
ALL_REASONS: tuple[type[Reason], ...] = (
    *WaitReason.__args__,
    *PlaceReason.__args__,
    *EndedReason.__args__,
)
