"""Trials: one alternative of a shape as it is tried on one berth after the other.

A shape that is new may have options on hundreds of pools, so this is the hot part of matching: what
its options share is worked out once, what pools of equal price and speed share once for those.
"""

from collections.abc import Iterable

from hutong.model.ids import SiteId
from hutong.model.job import DataInput
from hutong.model.supply import cost_microcny
from hutong.scheduler.berth import Berth
from hutong.scheduler.columns import amount_of, need_of
from hutong.scheduler.shapes import NEVER_MS, WHOLE_MILLI, Shape
from hutong.scheduler.supply import held_exclusively
from hutong.scheduler.transfer import NO_HAUL, Haul, Underway, Watched

Tariff = tuple[int, int, int, int, int]
"""The run and the longest it can be, its latest begin (ms), its price an hour and as a whole."""


class Hauls:
    """What bringing a shape's inputs to each site takes, worked out once a site."""

    def __init__(self, inputs: tuple[DataInput, ...], underway: Underway | None) -> None:
        self.watched = Watched(inputs)
        self._inputs: Iterable[DataInput] = inputs
        self._underway = underway if inputs else None
        self._by_site: dict[SiteId, Haul] = {}
        self._cut_off: dict[SiteId, bool] = {}

    @property
    def needed(self) -> bool:
        """Whether there is anything to bring."""
        return self._underway is not None

    def reach(self, site: SiteId) -> bool:
        """Whether every input can come to a site."""
        if self._underway is None:
            return True
        if site not in self._by_site:
            haul = self._underway.haul(self._inputs, site, self.watched)
            self._by_site[site] = haul or NO_HAUL
            self._cut_off[site] = haul is None
        return not self._cut_off[site]

    def to(self, site: SiteId) -> Haul:
        """The haul to a site; nothing where an input cannot come."""
        if self._underway is None or not self.reach(site):
            return NO_HAUL
        return self._by_site[site]


NO_HAULS = Hauls((), None)


class Trial:
    """One alternative of a shape, on the berth where it is `put`.

    There an empty node holds `per_node` of its tasks, never more than it has; `tariff` then says
    what it costs and how long it takes.
    """

    __slots__ = (
        "_berth", "_default_run_ms", "_tariffs", "hauls", "held", "need", "per_node", "shape",
        "tasks_least",
    )  # fmt: skip

    def __init__(self, shape: Shape, alternative: int, hauls: Hauls, default_run_ms: int) -> None:
        chosen = shape.accelerators[alternative] if shape.accelerators else None
        milli = max(chosen.count_milli, 1) if chosen else 0
        self.shape = shape
        self.hauls = hauls
        self.need = need_of(shape.cpu_milli, shape.memory_mib, milli, exclusive=shape.exclusive)
        self.held = amount_of(self.need).times(shape.tasks)
        self.tasks_least = shape.tasks if shape.elastic is None else shape.elastic.tasks_min
        self.per_node = 0
        self._default_run_ms = default_run_ms
        self._tariffs: dict[int, Tariff] = {}

    def put(self, berth: Berth) -> None:
        """Go to a berth."""
        self._berth = berth
        need, tasks = self.need, min(berth.chip_tasks, self.shape.tasks)
        if need.cpu:
            tasks = min(tasks, berth.cpu_milli // need.cpu)
        if need.mem:
            tasks = min(tasks, berth.memory_mib // need.mem)
        self.per_node = max(tasks, 0)

    @property
    def nodes_needed(self) -> int:
        """How many nodes the whole gang takes at least."""
        return -(-self.shape.tasks // max(self.per_node, 1))

    def tariff(self) -> Tariff:
        """How long the gang runs here, and at what price."""
        if self.shape.exclusive:
            return self._worked_out()
        key = self._berth.tariff
        found = self._tariffs.get(key)
        if found is None:
            found = self._tariffs[key] = self._worked_out()
        return found

    def _worked_out(self) -> Tariff:
        shape, berth = self.shape, self._berth
        speed_milli = berth.speed_milli
        run_ms = shape.run_ms(speed_milli, self._default_run_ms * WHOLE_MILLI // speed_milli)
        held = self.held
        if shape.exclusive:
            held = held_exclusively(berth.columns, self.nodes_needed)
        rate = berth.price.rate(held)
        begin_ms = NEVER_MS
        if shape.deadline_ms > 0:
            begin_ms = shape.deadline_ms - (run_ms if shape.basis == "estimates" else 0)
        return run_ms, shape.bound_ms(run_ms), begin_ms, rate, cost_microcny(rate, run_ms)
