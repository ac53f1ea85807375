"""What a run is made of, as plain values that travel to other processes.

An order says how to come by everything; a `Setup` is the thing itself. Equal orders give equal
results, and an order's `digest` tells whether a result that lies in a folder is its.
"""

import hashlib
from typing import Any

import msgspec

from hutong.model.supply import Inventory, Site
from hutong.model.tenant import Tenant
from hutong.scheduler.profile import PROFILES, Profile
from hutong.sim.setup import Mode
from hutong.sim.trace import TraceOptions
from hutong.sim.world import Costs


class Made(msgspec.Struct, frozen=True):
    """A generator by its name, with settings as a file has them."""

    name: str
    settings: dict[str, Any] = {}


class WorkloadOrder(msgspec.Struct, frozen=True):
    """Where jobs come from: a trace in a file, or a generator.

    The clock of arrivals runs `load_milli` thousandths as fast, so that 2000 hands the same jobs in
    within half the time.
    """

    trace: str = ""
    format: str = "auto"
    options: TraceOptions = TraceOptions()
    skip_bad: bool = False
    made: Made | None = None
    load_milli: int = 1000


class PoolChange(msgspec.Struct, frozen=True):
    """What is changed of a pool, by its id or the last part of it.

    It has `nodes` nodes, the first of those it had and then new ones like them. A chip-hour costs
    `price_microcny_per_hour`; None leaves either.
    """

    pool: str
    nodes: int | None = None
    price_microcny_per_hour: int | None = None


class WorldOrder(msgspec.Struct, frozen=True):
    """Which machines there are: those of the trace, of a generator or of sites' files.

    Sites are added to those, or left out by name; then pools are changed. `machines` is the file
    that lists the machines of a trace. `tenants` replace those of the same name.
    """

    made: Made | None = None
    machines: str = ""
    pooled: bool = False
    sites: tuple[tuple[Site, Inventory], ...] = ()
    without: tuple[str, ...] = ()
    pools: tuple[PoolChange, ...] = ()
    tenants: tuple[Tenant, ...] = ()
    costs: Costs | None = None
    mishaps: tuple[Made, ...] = ()


class RunOrder(msgspec.Struct, frozen=True):
    """One run. `label` tells it from others of the same scenario, apart from the seed."""

    scenario: str
    workload: WorkloadOrder
    world: WorldOrder = WorldOrder()
    profile: Profile = PROFILES["fair"]
    mode: Mode = Mode.ESTIMATE
    predictor: str = ""
    seed: int = 1
    cycle_ms: int = 0
    sample_ms: int = 60_000
    until_ms: int = 0
    label: str = ""

    @property
    def folder(self) -> str:
        """Where its result lies below that of the scenario."""
        seed = f"seed-{self.seed}"
        return f"{self.label}/{seed}" if self.label else seed

    @property
    def digest(self) -> str:
        """A SHA-256 of everything in it."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()


class Scenario(msgspec.Struct, frozen=True):
    """A scenario: its runs, one for each seed and each point of its grid."""

    name: str
    orders: tuple[RunOrder, ...]
