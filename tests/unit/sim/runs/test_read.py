"""Scenario files of replays: what they may say, and the line of what they may not."""

from pathlib import Path

import pytest

from hutong.model.errors import HutongError
from hutong.sim.runs.order import Made, RunOrder
from hutong.sim.runs.read import read_scenario
from hutong.sim.setup import Mode

SMALL = """
workload:
  generate: ai-jobs
  with: {jobs_count: 10}
world:
  generate: made-world
"""


def read(tmp_path: Path, text: str) -> tuple[RunOrder, ...]:
    file = tmp_path / "scenario.yaml"
    file.write_text(text)
    return read_scenario(file).orders


def test_smallest_file_is_one_run_named_after_it(tmp_path: Path) -> None:
    (order,) = read(tmp_path, SMALL)
    assert order.scenario == "scenario"
    assert order.workload.made == Made("ai-jobs", {"jobs_count": 10})
    assert order.profile.name == "fair"
    assert order.folder == "seed-1"


def test_seeds_and_grid_multiply(tmp_path: Path) -> None:
    orders = read(tmp_path, SMALL + "seeds: 3\ngrid: {profile: [easy, fair], load: [1, 1.5]}\n")
    assert len(orders) == 12
    folders = [order.folder for order in orders]
    assert len(set(folders)) == 12
    assert "profile-easy+load-1.5/seed-2" in folders
    squeezed = next(order for order in orders if order.label == "profile-easy+load-1.5")
    assert (squeezed.profile.name, squeezed.workload.load_milli) == ("easy", 1500)


def test_grid_changes_pools_and_settings_of_the_generator(tmp_path: Path) -> None:
    grid = "grid:\n  pools: [[{pool: a, nodes: 3}], [{pool: a, price: 12 CNY}]]\n"
    few, dear = read(tmp_path, SMALL + grid + "  with: [{jobs_count: 20}]\n")
    assert few.world.pools[0].nodes == 3
    assert dear.world.pools[0].price_microcny_per_hour == 12_000_000
    assert few.workload.made == Made("ai-jobs", {"jobs_count": 20})


def test_trace_is_found_beside_the_file_and_read_by_its_options(tmp_path: Path) -> None:
    text = "workload: {trace: a.swf, jobs: 7, options: {processors: requested}}\nmode: oracle\n"
    (order,) = read(tmp_path, text + "cycle: 10s\nuntil: 30d\n")
    assert order.workload.trace == str(tmp_path / "a.swf")
    assert order.workload.options.most_jobs == 7
    assert order.workload.options.processors == "requested"
    assert (order.mode, order.cycle_ms) == (Mode.ORACLE, 10_000)
    assert order.until_ms == 30 * 86_400_000


def test_durations_stand_for_settings_in_ms(tmp_path: Path) -> None:
    faults = "  faults: [{generate: node-failures, with: {between_ms: 30d, until_ms: 90d}}]\n"
    (order,) = read(tmp_path, SMALL + faults)
    assert order.world.mishaps[0].settings == {
        "between_ms": 30 * 86_400_000,
        "until_ms": 90 * 86_400_000,
    }


def test_tenants_have_weights_and_rules(tmp_path: Path) -> None:
    tenants = "  tenants: [{name: lab/vision, weight: 3, guaranteed: accelerators=8}]\n"
    (order,) = read(tmp_path, SMALL + tenants)
    (tenant,) = order.world.tenants
    assert (tenant.id, tenant.weight) == ("lab/vision", 3)
    assert tenant.quota.rules[0].guaranteed == 8000


def test_equal_orders_have_equal_digests_and_others_do_not(tmp_path: Path) -> None:
    one, two = read(tmp_path, SMALL + "seeds: 2\n")
    assert one.digest == read(tmp_path, SMALL)[0].digest
    assert one.digest != two.digest


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("world: {generate: made-world}\n", 1, "workload"),
        ("workload: {trace: a, generate: ai-jobs}\n", 1, "exactly one"),
        ("workload: {generate: ai-job}\n", 1, "ai-jobs"),
        ("workload: {generate: ai-jobs, jobs: 5}\n", 1, "trace"),
        ("workload: {trace: a}\nmode: perfect\n", 2, "oracle"),
        ("workload: {trace: a}\npolicy: easy\n", 2, "policy"),
        ("workload: {trace: a}\nseeds: [1, 1]\n", 2, "twice"),
        ("workload: {trace: a}\ngrid: {load: [1, 1]}\n", 2, "Name each value once"),
        ("workload: {trace: a}\ngrid: {load: [0]}\n", 2, "0.01"),
        ("workload: {trace: a, options: {processors: 7}}\n", 1, "processors"),
        ("workload: {trace: a}\nworld: {pools: [{nodes: 3}]}\n", 2, "pool"),
        ("workload: {trace: a}\nworld: {sites: [absent.yaml]}\n", 2, "cannot be read"),
        ("workload: {trace: a}\ngrid: {with: [{jobs_count: 1}]}\n", 2, "no generator"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, word: str
) -> None:
    with pytest.raises(HutongError) as caught:
        read(tmp_path, text)
    error = caught.value
    assert error.code.startswith("file.")
    assert f"scenario.yaml:{line}" in error.message or f"line {line}" in error.message
    assert word in error.message + error.hint
