"""Why a job waits."""

from datetime import UTC, datetime
from typing import ClassVar

import msgspec

from hutong.model.reasons.base import ENDINGS, SUPPLY, Reason


class NotConsidered(Reason, frozen=True, tag="waiting.not_considered"):
    """No cycle has looked at the job yet."""

    clears_on: ClassVar[tuple[str, ...]] = ("PlanDecided",)

    def sentence(self) -> str:
        return "The scheduler has not looked at it yet."


class BusyPools(Reason, frozen=True, tag="waiting.busy"):
    """Pools could run it once enough is free. `tasks` are placed whole or not at all.

    `within` is the largest place that the gang may span, empty for a whole site.
    """

    clears_on: ClassVar[tuple[str, ...]] = (*ENDINGS, *SUPPLY)
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

    clears_on: ClassVar[tuple[str, ...]] = ("PlanDecided", *ENDINGS)
    ahead: int

    def sentence(self) -> str:
        return f"{self.ahead} job(s) ahead of it in the order wait for the same resources."


class WouldDelayReserved(Reason, frozen=True, tag="waiting.reserved"):
    """It would fit now, but starting it would delay the job that holds a reservation.

    `start_ms` (Unix ms) is when that job starts; 0 where it holds none and nobody overtakes it.
    """

    clears_on: ClassVar[tuple[str, ...]] = ("PlanDecided", *ENDINGS)
    holder: str
    start_ms: int

    def sentence(self) -> str:
        if not self.start_ms:
            return f"Job {self.holder} comes first, and under this profile nobody overtakes it."
        return f"It would delay job {self.holder}, which comes first and holds a reservation."


class MakingRoom(Reason, frozen=True, tag="waiting.making_room"):
    """Attempts are being stopped so that it can start. Each is gone after its grace at the latest.

    `gone_in_ms` counts from the cycle that says so.
    """

    clears_on: ClassVar[tuple[str, ...]] = ENDINGS
    attempts: int
    gone_in_ms: int

    def sentence(self) -> str:
        seconds = -(-self.gone_in_ms // 1000)
        within = f"within {seconds} s" if seconds else "any moment"
        return f"{self.attempts} attempt(s) are being stopped to make room, and are gone {within}."


class NoRoomToMake(Reason, frozen=True, tag="waiting.protected"):
    """No room can be made for it. The attempts in its way are counted by what protects them.

    `not_enough` may be stopped, but would not make room on any one site.
    """

    clears_on: ClassVar[tuple[str, ...]] = ENDINGS
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


QUOTA_UNITS = {
    "cpu_milli": (1000, "CPUs"),
    "memory_mib": (1, "MiB"),
    "accelerator_milli": (1000, "accelerators"),
    "accelerator_milli_ms": (3_600_000_000, "accelerator hours"),
    "microcny": (1_000_000, "CNY"),
}
"""What quotas count: how many of it are one of what a sentence counts, and that one's name."""


class OverQuota(Reason, frozen=True, tag="waiting.quota"):
    """A hard quota of the tenant, or of a tenant above it, is used up."""

    clears_on: ClassVar[tuple[str, ...]] = (*ENDINGS, "TenantChanged")
    tenant: str
    resource: str
    used: int
    wanted: int
    limit: int

    def sentence(self) -> str:
        return f"{self._told('its {limit}')} and this needs {self._amount(self.wanted)} more."

    def _told(self, of: str) -> str:
        """What is used `of` how much of what, such as "acme uses 4 of its 8 accelerators"."""
        unit, _, rest = self.resource.partition(" ")
        name = QUOTA_UNITS.get(unit, (1, unit))[1] + (f" {rest}" if rest else "")
        told = of.format(limit=self._amount(self.limit))
        return f"{self.tenant} uses {self._amount(self.used)} of {told} {name}"

    def _amount(self, amount: int) -> str:
        per = QUOTA_UNITS.get(self.resource.partition(" ")[0], (1, ""))[0]
        whole, part = divmod(amount * 10_000 // per, 10_000)
        return f"{whole}.{part:04d}".rstrip("0").rstrip(".")


class BorrowLimit(OverQuota, frozen=True, tag="waiting.borrow_limit"):
    """The tenant, or one above it, holds its guarantee and all it may borrow beyond it.

    `limit` is both together.
    """

    def sentence(self) -> str:
        return (
            f"{self._told('{limit}')}, what it is guaranteed and may borrow, and this needs "
            f"{self._amount(self.wanted)} more."
        )


class QuotaWindowFull(OverQuota, frozen=True, tag="waiting.quota_window"):
    """What a tenant may use in a day or a month is used, or will be by what runs.

    `ends_ms` is when the next window begins.
    """

    clears_on: ClassVar[tuple[str, ...]] = (*ENDINGS, "AttemptSettled", "TenantChanged")
    ends_ms: int

    def sentence(self) -> str:
        return (
            f"{self._told('its {limit}')} with what runs, and this needs "
            f"{self._amount(self.wanted)} more."
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

    clears_on: ClassVar[tuple[str, ...]] = ENDINGS
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
    details: dict[str, str] = msgspec.field(default_factory=dict)
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

    clears_on: ClassVar[tuple[str, ...]] = ("PlanDecided", *ENDINGS, *SUPPLY)
    labels: str
    level: str
    apart: bool

    def sentence(self) -> str:
        if self.apart:
            return f"It keeps off every {self.level} where a job with {self.labels} runs."
        return f"It needs a {self.level} where a job with {self.labels} runs, and none has room."


class WaitsForBetter(Reason, frozen=True, tag="waiting.better"):
    """It could start now, but by its own objective does better to wait for another pool.

    Room on `pool` is kept for it from `start_ms` on. Against a start on `free_pool` now it is
    expected to end `sooner_ms` earlier and to cost `cheaper_microcny` less; one may be negative.
    """

    clears_on: ClassVar[tuple[str, ...]] = ("PlanDecided", *ENDINGS)
    pool: str
    start_ms: int
    free_pool: str
    sooner_ms: int
    cheaper_microcny: int

    def sentence(self) -> str:
        gains = []
        if self.sooner_ms > 0:
            gains.append(f"end {self.sooner_ms / 60_000:.1f} min earlier")
        if self.cheaper_microcny > 0:
            gains.append(f"cost {self.cheaper_microcny / 1_000_000:.2f} CNY less")
        gain = " and ".join(gains) or "do better"
        return (
            f"It could start on {self.free_pool} now, but is expected to {gain} "
            f"on {self.pool} from {_told(self.start_ms)}."
        )


class WaitsForCleanerHour(Reason, frozen=True, tag="waiting.cleaner"):
    """It could start now, but by the profile waits for power that causes less carbon.

    By the forecast it begins at `start_ms` at `site`, which causes `saved_g` grams of CO2 less than
    a start now.
    """

    clears_on: ClassVar[tuple[str, ...]] = ("PlanDecided", "SiteDescribed")
    site: str
    start_ms: int
    saved_g: int

    def sentence(self) -> str:
        return (
            f"It could start now, but waits for cleaner power: from {_told(self.start_ms)} "
            f"at {self.site} it is expected to cause {self.saved_g} g of CO2 less."
        )


def _told(time_ms: int) -> str:
    """A time in words, in UTC, whole minutes."""
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


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
    | WaitsForBetter
    | WaitsForCleanerHour
)
