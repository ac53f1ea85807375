"""Berths: what of one alternative on one pool is the same for all shapes of a kind.

Shapes that differ only in amounts, tasks, times or budget share their berths (see `kinds`), so what
is worked out here once is only read for the next shape.
"""

from hutong.model.resources import AcceleratorNeed
from hutong.scheduler.facts import PoolFacts


class Berth:
    """One alternative on the pool of one row. Who passed the filters of its kind has one.

    `chip_tasks` is how many tasks the chips of an empty node hold, `nodes` how many nodes the pool
    has in its largest place of each level. `tariff` numbers the price and speed, alike for alike.
    """

    __slots__ = (
        "alternative", "boot_ms", "chip_tasks", "columns", "cpu_milli", "domestic", "memory_mib",
        "meter", "model", "nodes", "preferred_milli", "price", "region", "row", "site",
        "speed_milli", "tariff",
    )  # fmt: skip

    def __init__(
        self, facts: PoolFacts, row: int, alternative: int, chosen: AcceleratorNeed | None, *,
        chip_tasks: int, speed_milli: int, tariff: int, preferred_milli: int,
    ) -> None:  # fmt: skip
        columns = facts.order[row]
        self.columns = columns
        self.row = row
        self.alternative = alternative
        self.site = columns.pool.site
        self.region = facts.regions[row]
        self.model = columns.pool.accelerator if chosen is not None else ""
        self.domestic = chosen is not None and facts.domestics[row]
        self.speed_milli = speed_milli
        self.tariff = tariff
        self.preferred_milli = preferred_milli
        self.price = columns.pool.price
        self.meter = facts.meters[row]
        self.boot_ms = facts.boots_ms[row]
        self.cpu_milli = columns.cpu_total
        self.memory_mib = columns.mem_total
        self.chip_tasks = chip_tasks
        self.nodes = facts.nodes_by_level[row]
