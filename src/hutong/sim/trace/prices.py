"""SkyPilot's price catalogues: what instances of the clouds cost, on demand and spot.

Columns: `InstanceType`, `AcceleratorName`, `AcceleratorCount`, `vCPUs`, `MemoryGiB`, `Price`,
`SpotPrice` (US dollars an hour), `Region` and `AvailabilityZone`, in another order for each cloud.
An empty `Price` or `SpotPrice` is an instance that is not sold so.
"""

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import msgspec

from hutong.model.ids import PoolId, SiteId
from hutong.model.job import Terms
from hutong.model.resources import Amount
from hutong.model.supply import Offer, Pool, PriceBook
from hutong.sim.trace import chips
from hutong.sim.trace.names import tenant_name
from hutong.sim.trace.reading import MOST_COUNT, Column, Skipped, TraceFile
from hutong.sim.trace.tables import columns_at

MICROCNY_PER_USD = 7_200_000
"""The rate at which dollars are turned into yuan, about that of the catalogues' years."""

_COLUMNS = (
    Column("InstanceType", "text"),
    Column("AcceleratorName", "text", empty=True),
    Column("AcceleratorCount", "number", most=MOST_COUNT, empty=True),
    Column("vCPUs", "number", most=MOST_COUNT, empty=True),
    Column("MemoryGiB", "number", most=MOST_COUNT, empty=True),
    Column("Price", "number", most=MOST_COUNT, empty=True),
    Column("SpotPrice", "number", most=MOST_COUNT, empty=True),
    Column("Region", "text"),
    Column("AvailabilityZone", "text", empty=True),
)


class PriceRow(msgspec.Struct, frozen=True):
    """One instance type in one zone.

    `chip` is what the cloud calls the chip, `model` the catalogue's name of it, empty where it
    knows none. Prices are of a node an hour, in micro-CNY, None where it is not sold so.
    """

    instance: str
    region: str
    zone: str
    node: Amount
    chip: str
    model: str
    on_demand_microcny_per_hour: int | None
    spot_microcny_per_hour: int | None


class PriceList:
    """The rows of a catalogue; `skipped` is of the last way through it."""

    def __init__(self, file: TraceFile, microcny_per_usd: int) -> None:
        self._file = file
        self._rate = microcny_per_usd
        self.skipped = Skipped()

    def __iter__(self) -> Iterator[PriceRow]:
        reading = self._file.reading()
        self.skipped = reading.skipped
        with reading.rows(quoted=True) as rows:
            pick = itemgetter(*columns_at(reading, rows, _COLUMNS, "prices"))
            for row in rows:
                try:
                    if len(row) != rows.width:
                        raise ValueError
                    yield _row(pick((*row, "")), self._rate)
                except (ValueError, OverflowError):
                    rows.bad(row)


def read_prices(
    path: Path | str, *, skip_bad: bool = False, microcny_per_usd: int = MICROCNY_PER_USD
) -> PriceList:
    """Open a catalogue; it can be gone through again."""
    return PriceList(TraceFile(Path(path), skip_bad), microcny_per_usd)


def offered(
    row: PriceRow, site: SiteId, terms: Terms, *, nodes_max: int, boot_ms: int = 0
) -> tuple[Pool, Offer] | None:
    """The pool and the offer that an instance type makes of a site; None where it is not sold so.

    What the provider takes for a node is put on its chips, on its CPUs where it has none, rounded
    to a micro-CNY of each; a pool's jobs pay the same. A chip that the catalogue does not know
    keeps the cloud's name.
    """
    spot = terms is Terms.SPOT
    price = row.spot_microcny_per_hour if spot else row.on_demand_microcny_per_hour
    if price is None:
        return None
    chips_milli, cpu_milli = row.node.accelerator_milli, row.node.cpu_milli
    if chips_milli:
        book = PriceBook(accelerator_microcny_per_hour=round(price * 1000 / chips_milli))
    elif cpu_milli:
        book = PriceBook(cpu_microcny_per_hour=round(price * 1000 / cpu_milli))
    else:
        return None
    name = tenant_name(f"{row.instance}-{row.zone}{'-spot' if spot else ''}")
    pool = PoolId(f"{site}/{name}")
    return (
        Pool(pool, site, row.node, row.model or row.chip, price=book, boot_ms=boot_ms),
        Offer(pool, terms, nodes_max, boot_ms, book),
    )


def _row(row: tuple[str, ...], rate: int) -> PriceRow:
    instance, chip, count, cpus, memory, price, spot, region, zone = row
    milli = _milli(count)
    return PriceRow(
        instance,
        region,
        zone or region,
        Amount(_milli(cpus), _milli(memory) * 1024 // 1000, milli),
        chip,
        (chips.model_of(chip) or "") if chip else "",
        _price(price, rate),
        _price(spot, rate),
    )


def _milli(text: str) -> int:
    value = float(text) if text else 0.0
    if not 0 <= value <= MOST_COUNT:
        raise ValueError
    return round(value * 1000)


def _price(text: str, rate: int) -> int | None:
    if not text:
        return None
    value = float(text)
    if not 0 <= value <= MOST_COUNT:
        raise ValueError
    return round(value * rate)
