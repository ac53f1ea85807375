"""A run as data: the world, what people do in it and what befalls it.

Equal scripts give equal runs. `chaos` makes one from a seed, `scenario` from a file. Times are true
ones, in ms from the start of the run, unless a name says otherwise.
"""

from enum import StrEnum

import msgspec

from hutong.model.ids import NodeId, SiteId
from hutong.model.job import JobSpec
from hutong.model.supply import Inventory, Site
from hutong.model.tenant import Tenant

START_MS = 1_767_225_600_000
"""True time at which a run starts, unless the script says otherwise: 2026-01-01T00:00:00Z."""

Span = tuple[int, int]
"""The least and the most of what is drawn anew each time, both included."""


class SiteLine(msgspec.Struct, frozen=True):
    """A site with what it has, and how wrong its clocks are."""

    site: Site
    inventory: Inventory
    skew_ms: int = 0
    drift_ppm: int = 0


class Behaviour(msgspec.Struct, frozen=True):
    """What a job's program truly does, which nobody but the modelled site knows.

    `run_ms` is how long a run takes at the speed that the job's estimate was made for, give or take
    `spread_milli` thousandths. `exits` are the exit codes of the first, second and later attempts;
    the last one repeats. `leave_ms` is how long it takes to leave after SIGTERM.
    """

    run_ms: int
    exits: tuple[int, ...] = (0,)
    spread_milli: int = 0
    leave_ms: int = 0


class JobLine(msgspec.Struct, frozen=True):
    """A job that somebody hands in. Its dependencies are (kind, line) of earlier lines.

    With `bulk`, the next line comes in the same request. `repeats` is how often an impatient user
    hands it in again although it was answered.
    """

    at_ms: int
    spec: JobSpec
    behaviour: Behaviour
    after: tuple[tuple[str, int], ...] = ()
    bulk: bool = False
    repeats: int = 0


class CancelLine(msgspec.Struct, frozen=True):
    """Somebody cancels the job of a line, or one element of it."""

    at_ms: int
    line: int
    element: int | None = None


class TenantLine(msgspec.Struct, frozen=True):
    """An operator makes or changes a tenant."""

    at_ms: int
    tenant: Tenant


class DrainLine(msgspec.Struct, frozen=True):
    """An operator drains a site or a node, or lets work come again."""

    at_ms: int
    draining: bool
    site: SiteId = SiteId("")
    node: NodeId = NodeId("")


class FaultKind(StrEnum):
    """What can befall the world. Each lasts for `for_ms` where that makes sense."""

    HUB_CRASH = "hub-crash"
    """The hub's process dies; batches that were not durable are gone."""
    HUB_STALL = "hub-stall"
    """The hub's process stands still and then goes on with all that came meanwhile."""
    SNAPSHOT_TORN = "snapshot-torn"
    """The newest snapshot cannot be read."""
    SNAPSHOTS_GONE = "snapshots-gone"
    """No snapshot is left, the journal is whole."""
    DISK_FULL = "disk-full"
    """Commits of the hub fail."""
    DISK_SLOW = "disk-slow"
    """Commits of the hub take seconds."""
    HUB_CLOCK = "hub-clock"
    """The hub's wall clock is set by `by_ms`; the hub sees that when it starts next."""
    AGENT_CRASH = "agent-crash"
    """An agent's process dies; its site goes on."""
    AGENT_STALL = "agent-stall"
    """An agent's process stands still and then goes on with all that came meanwhile."""
    SUPERVISOR_CRASH = "supervisor-crash"
    """The supervisor of one attempt dies, and its processes with it."""
    NODE_CRASH = "node-crash"
    """A node and all that runs on it die; it is back after a while."""
    NODE_REMOVED = "node-removed"
    """A node leaves the inventory; what runs there ends in its own time."""
    SITE_REBOOT = "site-reboot"
    """Everything at a site dies, the agent too; boot clocks start again."""
    CUT = "cut"
    """No message passes between hub and site."""
    CUT_UP = "cut-up"
    """No message passes from the site to the hub."""
    CUT_DOWN = "cut-down"
    """No message passes from the hub to the site."""
    CONNECTOR = "connector"
    """Starts are refused, fail or take long (`share_milli` of them each)."""
    BOOT_FAILS = "boot-fails"
    """Nodes that a provider is asked for meanwhile fail to start."""
    BOOT_SLOW = "boot-slow"
    """Nodes that a provider is asked for meanwhile take ten times as long."""
    SPOT_REVOKED = "spot-revoked"
    """A provider takes one of its spot nodes back, and what runs on it ends."""

    @property
    def is_of_node(self) -> bool:
        """Say whether it befalls one node."""
        return self in (FaultKind.NODE_CRASH, FaultKind.NODE_REMOVED)

    @property
    def is_of_site(self) -> bool:
        """Say whether it befalls one site."""
        return self not in _OF_HUB


_OF_HUB = (
    FaultKind.HUB_CRASH,
    FaultKind.HUB_STALL,
    FaultKind.SNAPSHOT_TORN,
    FaultKind.SNAPSHOTS_GONE,
    FaultKind.DISK_FULL,
    FaultKind.DISK_SLOW,
    FaultKind.HUB_CLOCK,
)


class Fault(msgspec.Struct, frozen=True):
    """One thing that befalls the world."""

    at_ms: int
    kind: FaultKind
    for_ms: int = 0
    site: SiteId = SiteId("")
    node: NodeId = NodeId("")
    share_milli: int = 0
    by_ms: int = 0


class Weather(msgspec.Struct, frozen=True):
    """How the network treats messages: shares are in thousandths of all messages.

    A late message takes up to `late_most_ms`; a repeated one arrives once more, late.
    """

    latency_ms: Span = (1, 30)
    lost_milli: int = 0
    late_milli: int = 0
    repeated_milli: int = 0
    late_most_ms: int = 300_000


class HubModel(msgspec.Struct, frozen=True):
    """How the hub's driver and its disk behave."""

    commit_ms: Span = (1, 8)
    tick_ms: int = 500
    cycle_gap_ms: int = 2
    snapshot_entries: int = 200
    restart_ms: Span = (50, 3_000)


class SiteModel(msgspec.Struct, frozen=True):
    """How sites behave: how long the connector takes to start something, and to notice an end."""

    start_ms: Span = (1, 200)
    notice_ms: Span = (0, 300)
    restart_ms: Span = (200, 5_000)


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is settled before a run. `seed` feeds what the run itself draws.

    Faults and bad weather end at `calm_at_ms`: then everything is up again, nodes are back and
    nothing is drained, and within `patience_ms` everything that can finish has to finish.
    """

    name: str
    seed: int
    sites: tuple[SiteLine, ...]
    jobs: tuple[JobLine, ...]
    tenants: tuple[Tenant, ...] = ()
    profile: str = "fair"
    cancels: tuple[CancelLine, ...] = ()
    tenant_changes: tuple[TenantLine, ...] = ()
    drains: tuple[DrainLine, ...] = ()
    faults: tuple[Fault, ...] = ()
    weather: Weather = Weather()
    hub: HubModel = HubModel()
    site_model: SiteModel = SiteModel()
    start_ms: int = START_MS
    calm_at_ms: int = 0
    patience_ms: int = 0
