"""Spot capacity, carbon and prices, read from what is published of them."""

from pathlib import Path

import pytest

from hutong.model.errors import HutongError
from hutong.model.ids import SiteId
from hutong.model.job import Terms
from hutong.sim.trace.curves import LIFE_CYCLE, read_carbon, read_spot
from hutong.sim.trace.prices import offered, read_prices
from tests.unit.sim.trace.traces import FOLDER, text_of, written


def test_spot_ticks_become_steps() -> None:
    curve = read_spot(FOLDER / "spot.json")
    assert (curve.times_ms, curve.values) == ((0, 120_000, 240_000), (1, 0, 1))
    assert read_spot(FOLDER / "spot.json", nodes=4).values == (4, 0, 4)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"metadata": {"gap_seconds": 60}, "data": []}', "trace.malformed"),
        ('{"metadata": {"gap_seconds": 0}, "data": [1]}', "trace.malformed"),
        ('{"metadata": {"gap_seconds": 60}, "data": [1, -1]}', "trace.malformed"),
        ('{"metadata": {}, "data": [1]}', "trace.malformed"),
        ('{"metadata": {"gap_seconds": 60}, "data": [1, 1', "trace.cut"),
    ],
)
def test_spot_trace_that_cannot_be_is_refused(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(HutongError) as caught:
        read_spot(written(tmp_path, "spot.json", [text]))
    assert caught.value.code == code


def test_carbon_is_whole_grams_at_the_hours_where_it_changes() -> None:
    curve = read_carbon(FOLDER / "carbon.csv")
    assert (curve.times_ms, curve.values) == ((0, 7_200_000), (100, 251))
    assert read_carbon(FOLDER / "carbon.csv", column=LIFE_CYCLE).values == (150, 300)


def test_carbon_can_begin_within_an_hour() -> None:
    curve = read_carbon(FOLDER / "carbon.csv", begin_unix_ms=1_609_459_200_000 + 5_400_000)
    assert (curve.times_ms, curve.values) == ((0, 1_800_000), (100, 251))
    with pytest.raises(HutongError, match="lies outside"):
        read_carbon(FOLDER / "carbon.csv", begin_unix_ms=0)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("250.6", "-1", "trace.bad_value"),
        ("250.6", "", "trace.bad_value"),
        ("02:00:00", "00:30:00", "trace.backwards"),
        ("(direct)", "(guessed)", "trace.columns"),
    ],
)
def test_bad_carbon_is_refused(tmp_path: Path, old: str, new: str, code: str) -> None:
    text = text_of("carbon.csv").replace(old, new)
    with pytest.raises(HutongError) as caught:
        read_carbon(written(tmp_path, "carbon.csv", text.rstrip("\n").split("\n")))
    assert caught.value.code == code


def test_prices_are_of_a_node_an_hour() -> None:
    big, plain, odd = read_prices(FOLDER / "prices.csv", microcny_per_usd=7_000_000)
    assert (big.model, big.node.accelerator_milli, big.node.memory_mib) == (
        "V100-16GB", 8000, 1_179_648,
    )  # fmt: skip
    assert (big.on_demand_microcny_per_hour, big.spot_microcny_per_hour) == (
        168_000_000, 56_000_000,
    )  # fmt: skip
    assert (plain.zone, plain.spot_microcny_per_hour) == ("north-1", None)
    assert (odd.chip, odd.model, odd.on_demand_microcny_per_hour) == ("Brain-9", "", None)


def test_instance_type_becomes_an_offer_at_its_price() -> None:
    big, plain, odd = read_prices(FOLDER / "prices.csv", microcny_per_usd=7_000_000)
    site = SiteId("cloud")
    made = offered(big, site, Terms.SPOT, nodes_max=3, boot_ms=90_000)
    assert made is not None
    pool, offer = made
    assert pool.id == offer.pool
    assert offer.price.rate(pool.node) == 56_000_000
    assert (offer.terms, offer.nodes_max, offer.boot_ms) == (Terms.SPOT, 3, 90_000)
    cpus = offered(plain, site, Terms.ON_DEMAND, nodes_max=1)
    assert cpus is not None
    assert cpus[1].price.rate(cpus[0].node) == 1_400_000
    assert offered(odd, site, Terms.ON_DEMAND, nodes_max=1) is None


def test_bad_price_is_named_or_counted(tmp_path: Path) -> None:
    text = text_of("prices.csv").replace("24.0,8.0", "-24.0,8.0")
    path = written(tmp_path, "prices.csv", text.rstrip("\n").split("\n"))
    with pytest.raises(HutongError, match="line 2: the column Price"):
        list(read_prices(path))
    prices = read_prices(path, skip_bad=True)
    assert len(list(prices)) == 2
    assert prices.skipped.bad == {"Price: the least is 0": 1}
