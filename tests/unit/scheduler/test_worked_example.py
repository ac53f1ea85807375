"""The worked example of docs/concepts/placement.md is what the scheduler works out."""

from pathlib import Path

from hutong.model.job import DataInput, DomesticRule, Objective
from hutong.model.supply import Energy
from hutong.scheduler.plan import Candidate
from tests.unit.scheduler.worlds import (
    ASCEND,
    HOUR_MS,
    MINUTE_MS,
    World,
    chips,
    deferral_of,
    link,
    price,
    profile,
)

PAGE = Path(__file__).parents[3] / "docs" / "concepts" / "placement.md"


def example() -> World:
    """Three sites: where the data is but no room, one link away, and domestic chips with power."""
    world = World(profile(energy_weight_milli=1000, domestic_bonus_milli=100))
    world.site("bj", region="cn-beijing").pool("bj/a100", chips=4, price=price(chip=12))
    world.site("tj", region="cn-tianjin").pool("tj/a100", chips=4, price=price(chip=10))
    world.site("zjk", region="cn-zhangjiakou", energy=Energy(350_000, 200, 1200))
    world.pool(
        "zjk/npu", chips=4, model=ASCEND, price=price(chip=6), boot_ms=10 * MINUTE_MS,
        accelerator_watt=400,
    )  # fmt: skip
    for region in ("cn-tianjin", "cn-zhangjiakou"):
        world.state.put_link(link("cn-beijing", region, mbit_per_s=10_000, price_cny_per_gb=0.1))
    for node in ("bj/a100-0", "tj/a100-0", "zjk/npu-0"):
        ends_in_ms = 2 * HOUR_MS if node.startswith("bj") else HOUR_MS
        world.runs(node, chips=4, ends_in_ms=ends_in_ms)
    return world


def row(found: Candidate) -> str:
    """A candidate as a line of the page's table."""
    minutes = [found.wait_ms, found.transfer_ms, found.boot_ms, found.run_ms]
    money = [found.cost_microcny, found.egress_microcny, found.energy_microcny]
    cells = [
        f"`{found.pool}`",
        *(f"{part / MINUTE_MS:.1f}" for part in minutes),
        f"{sum(minutes) / MINUTE_MS:.1f}",
        *(f"{part / 1e6:.2f}" for part in money),
        f"{found.domestic_milli / 10:g} %",
        f"{found.score / 1e6:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def test_the_worked_example_of_the_page_is_what_the_scheduler_works_out() -> None:
    world = example()
    job = world.job(
        chips(4), chips(4, ASCEND, 900), estimate_ms=6 * HOUR_MS, objective=Objective.BALANCED,
        domestic=DomesticRule.PREFER, inputs=(DataInput("corpus", 500 * 1024, ("bj",)),),
    )  # fmt: skip
    found = deferral_of(world.cycle(), job).explanation.candidates
    rows = [row(candidate) for candidate in found]
    text = PAGE.read_text(encoding="utf-8")
    assert [
        line for line in text.splitlines() if line.startswith(("| `bj/", "| `tj/", "| `zjk/"))
    ] == rows
