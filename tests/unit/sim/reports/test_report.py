"""Reports of small runs whose figures were worked out by hand."""

import msgspec
import numpy as np
import pytest

from hutong.model.ids import NodeId, PoolId, SiteId, TenantId
from hutong.model.resources import Amount
from hutong.model.supply import Inventory, Node, Pool, Site
from hutong.model.tenant import Tenant
from hutong.sim.outcome import LABELS, Belief, Ending
from hutong.sim.reports.groups import GROUPS_AT_MOST, NONE, OTHERS, fold
from hutong.sim.reports.report import ground_of, make_report
from hutong.sim.reports.values import Figures, Ground, PoolSize, Report
from hutong.sim.world import SimSite, World
from tests.unit.sim.reports.worlds import fifo, label, outcome, ran

S = 1_000
THREE = [ran(0, 0, 100 * S), ran(10 * S, 100 * S, 104 * S), ran(20 * S, 104 * S, 124 * S)]


def test_waits_completions_and_slowdowns_are_those_worked_out_by_hand() -> None:
    report = make_report(outcome(THREE))
    # Waits 0, 90 and 84 s; completions 100, 94 and 104 s.
    assert report.wait_ms == Figures(3, 0, 58_000, 84_000, 90_000, 90_000, 90_000)
    assert report.completion_ms.mean == pytest.approx(99_333.333)
    # 100/100, 94 over the bound of 10 s, and 104/20.
    assert report.bounded_slowdown.mean == pytest.approx((1 + 9.4 + 5.2) / 3)
    assert report.bounded_slowdown.p50 == 5.2
    assert report.makespan_ms == 124_000


def test_a_short_job_that_hardly_waits_has_a_slowdown_of_one() -> None:
    report = make_report(outcome([ran(0, 3 * S, 4 * S)]))
    assert report.bounded_slowdown.most == 1.0


def test_work_that_was_lost_excuses_no_slowdown() -> None:
    # It held two chips for 100 s, 40 s of them for nothing, and ended 120 s after it came.
    row = ran(
        0, 0, 120 * S, held_ms=100 * S, accelerator_milli=2000, attempts=2, preemptions=1,
        lost_accelerator_milli_ms=2000 * 40 * S,
    )  # fmt: skip
    report = make_report(outcome([row]))
    assert report.bounded_slowdown.mean == pytest.approx(120 / 60)
    assert report.moves.lost == pytest.approx(0.4)
    assert report.moves.lost_accelerator_h == pytest.approx(2 * 40 / 3600)
    assert (report.moves.preemptions, report.moves.preempted_jobs) == (1, 1)


def test_jobs_that_came_to_no_end_are_left_out_and_said() -> None:
    rows = [
        ran(0, 0, 50 * S),
        ran(0, 10 * S, -1, held_ms=90 * S, ending=Ending.RUNNING),
        {"submit_ms": 40 * S, "accelerator_milli": 1000, "ending": Ending.WAITING},
        {"submit_ms": 0, "end_ms": 0, "accelerator_milli": 9000, "ending": Ending.REFUSED},
        {"submit_ms": 0, "end_ms": 5 * S, "accelerator_milli": 1000, "ending": Ending.CANCELLED},
    ]
    report = make_report(outcome(rows, simulated_ms=100 * S, finished=False))
    assert (report.wait_ms.jobs, report.wait_ms.left_out) == (2, 3)
    assert (report.completion_ms.jobs, report.completion_ms.left_out) == (1, 4)
    assert report.waiting_ms.mean == 60_000
    assert report.makespan_ms == 100_000
    assert report.endings == {
        "succeeded": 1, "cancelled": 1, "refused": 1, "waiting": 1, "running": 1,
    }  # fmt: skip
    said = " ".join(report.notes)
    for words in ("had not started", "still ran", "fit no pool", "without ever", "was stopped"):
        assert words in said


def test_a_run_without_jobs_has_a_report_that_says_so() -> None:
    report = make_report(outcome())
    assert (report.jobs, report.makespan_ms, report.by) == (0, 0, {})
    assert report.wait_ms == Figures()
    assert report.notes == ("There were no jobs.",)


def test_jobs_of_no_length_at_one_instant_divide_by_nothing() -> None:
    report = make_report(outcome([ran(5, 5, 5), ran(5, 5, 5)]))
    assert report.bounded_slowdown.mean == 1.0
    assert "All happened at one instant" in report.notes[-1]


def sample(time_ms: int, used: int, waiting: int = 0, ready: int = 4, stranded: int = 0) -> dict:
    return {
        "time_ms": time_ms, "used_accelerator_milli": used * S, "waiting_jobs": waiting,
        "ready_accelerator_milli": ready * S, "stranded_accelerator_milli": stranded * S,
        "used_cpu_milli": used * 2 * S, "ready_cpu_milli": 16 * S, "running_jobs": used,
    }  # fmt: skip


def test_means_over_time_are_weighted_by_time_and_over_the_makespan() -> None:
    samples = [
        sample(0, 4, waiting=1),  # 50 s
        sample(50 * S, 2, waiting=2, stranded=1),  # 25 s
        sample(75 * S, 0),  # 25 s to the last end
        sample(400 * S, 9, waiting=9),  # after it: does not count
    ]
    report = make_report(outcome([ran(0, 0, 100 * S)], samples=samples, simulated_ms=500 * S))
    chips, cpus = report.machines.accelerators, report.machines.cpus
    assert chips.used == pytest.approx((4 * 50 + 2 * 25) / 100)
    assert chips.allocation == pytest.approx(2.5 / 4)
    assert (chips.peak, cpus.allocation) == (4.0, pytest.approx(5 / 16))
    # While a job waited (75 s of 4 chips), 2 chips were free for 25 s.
    assert chips.idle_while_waiting == pytest.approx(50 / 300)
    assert report.machines.stranded == pytest.approx(25 / 400)
    assert report.machines.fragmentation == pytest.approx(25 / (2 * 25 + 4 * 25))
    assert report.machines.waiting_jobs == pytest.approx((50 + 50) / 100)
    assert report.machines.waiting_jobs_most == 2


def test_utilisation_leaves_out_what_was_lost() -> None:
    row = ran(0, 0, 100 * S, accelerator_milli=4000, lost_accelerator_milli_ms=4000 * 25 * S)
    report = make_report(outcome([row], samples=[sample(0, 4)], simulated_ms=100 * S))
    assert report.machines.accelerators.allocation == 1.0
    assert report.machines.accelerators.utilisation == pytest.approx(0.75)


def test_without_samples_nothing_is_claimed_of_machines() -> None:
    report = make_report(outcome(THREE))
    assert report.machines.accelerators.ready == 0.0
    assert "no samples" in " ".join(report.notes)


def test_nodes_that_go_down_count_only_while_they_are_up() -> None:
    samples = [sample(0, 2, ready=4), sample(50 * S, 2, ready=2)]
    report = make_report(outcome([ran(0, 0, 100 * S)], samples=samples))
    assert report.machines.accelerators.allocation == pytest.approx(2 * 100 / (4 * 50 + 2 * 50))


def test_deadlines_are_kept_missed_or_still_open() -> None:
    rows = [
        ran(0, 0, 50 * S, deadline_ms=50 * S),
        ran(0, 0, 60 * S, deadline_ms=50 * S),
        ran(0, 0, 10 * S, deadline_ms=50 * S, ending=Ending.FAILED),
        {"submit_ms": 0, "deadline_ms": 900 * S, "ending": Ending.WAITING},
        {"submit_ms": 0, "deadline_ms": 20 * S, "ending": Ending.WAITING},
        ran(0, 0, 10 * S),
    ]
    due = make_report(outcome(rows, simulated_ms=100 * S)).deadlines
    assert (due.jobs, due.kept, due.missed, due.open) == (5, 1, 3, 1)
    assert (due.late_ms.jobs, due.late_ms.mean) == (1, 10_000)


def test_beliefs_are_held_against_the_truth_of_jobs_that_succeeded() -> None:
    rows = [
        ran(0, 0, 100, believed_ms=200),
        ran(0, 0, 100, believed_ms=201),
        ran(0, 0, 100, believed_ms=60),
        ran(0, 0, 100),
        ran(0, 0, 100, believed_ms=1, ending=Ending.FAILED),
    ]
    belief = Belief("learnt")
    found = make_report(outcome(rows, belief=belief)).beliefs
    assert (found.source, found.told, found.untold) == ("learnt", 3, 1)
    assert found.within_2x == pytest.approx(2 / 3)
    assert found.under == pytest.approx(1 / 3)
    assert found.ratio.p50 == 2.0
    assert found.error_ms.mean == pytest.approx((100 + 101 + 40) / 3)


def test_bills_add_up_over_the_groups_of_every_label() -> None:
    report = make_report(fifo(jobs=200))
    assert report.bill.cost_microcny > 0
    assert list(report.by) == [name for name in LABELS if name != "partition"]
    for groups in report.by.values():
        assert sum(group.jobs for group in groups) == 200
        assert sum(group.bill.cost_microcny for group in groups) == report.bill.cost_microcny
        assert sum(group.bill.energy_mwh for group in groups) == report.bill.energy_mwh
        assert sum(group.bill.carbon_mg for group in groups) == report.bill.carbon_mg
        assert sum(group.deadlines_kept for group in groups) == report.deadlines.kept
        held = sum(group.held_accelerator_h for group in groups)
        assert held == pytest.approx(report.moves.held_accelerator_h)
        weighted = sum(group.wait_ms.mean * group.wait_ms.jobs for group in groups)
        assert weighted / 200 == pytest.approx(report.wait_ms.mean)


def test_too_many_words_are_folded_into_one_group() -> None:
    words = [f"user-{at}" for at in range(GROUPS_AT_MOST + 50)] + ["user-7"] * 3
    folded = fold(label(words))
    assert len(folded.names) == GROUPS_AT_MOST
    assert (folded.names[0], folded.sizes[0]) == ("user-7", 4)
    assert (folded.names[-1], folded.folded, folded.sizes[-1]) == (OTHERS, 51, 51)
    assert int(folded.sizes.sum()) == len(words)


def test_an_empty_word_has_a_name_and_equal_words_are_one() -> None:
    doubled = label(["a", "", "a"])
    doubled = msgspec.structs.replace(
        doubled, codes=np.array([0, 1, 2], dtype=np.int32), words=("a", "", "a", "unused")
    )
    folded = fold(doubled)
    assert (folded.names, folded.sizes.tolist()) == (("a", NONE), [2, 1])


def test_the_waits_of_a_class_end_below_one_where_jobs_never_started() -> None:
    rows = [ran(0, 0, 10, priority="high"), ran(0, 5, 10, priority="high")]
    rows += [{"submit_ms": 0, "ending": Ending.WAITING, "priority": "low"}] * 2
    curves = {curve.name: curve for curve in make_report(outcome(rows)).wait_curves}
    assert curves["all jobs"].parts[-1] == 0.5
    assert (curves["high"].parts[-1], curves["high"].waits_ms[-1]) == (1.0, 5.0)
    assert "low" not in curves


def test_pools_show_what_was_held_of_them_and_how_large_they_are() -> None:
    rows = [ran(0, 0, 120 * S, pool="n/a"), ran(0, 0, 60 * S, pool="n/a")]
    rows.append(ran(0, 0, 120 * S, pool="n/c", accelerator_milli=0, cpu_milli=3000))
    ground = Ground(pools={"n/a": PoolSize(4000, 64_000)})
    loads = make_report(outcome(rows), ground=ground).pool_loads
    assert [(load.name, load.cpus, load.size) for load in loads] == [
        ("n/a", False, 4.0),
        ("n/c", True, 0.0),
    ]
    assert (loads[0].held[0], loads[0].held[-1], loads[1].held[0]) == (2.0, 1.0, 3.0)


def test_the_ground_of_a_world_has_its_weights_and_pools() -> None:
    site, pool = SiteId("n"), PoolId("n/a")
    node = Amount(8_000, 1_024, 4_000)
    nodes = tuple(Node(NodeId(f"n/{at}"), pool, node) for at in range(3))
    inventory = Inventory((Pool(pool, site, node, "chip"),), nodes)
    world = World(
        "w", (SimSite(Site(site, "o", "r", "j"), inventory),), (Tenant(TenantId("lab"), 3),)
    )
    assert ground_of(world) == Ground({"lab": 3}, {"n/a": PoolSize(12_000, 24_000)})


def test_a_report_is_the_same_after_json() -> None:
    report = make_report(fifo(jobs=120), alone={"lab": fifo(jobs=120, chips=64)})
    assert report.fairness.alone is not None
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_equal_outcomes_have_equal_reports() -> None:
    assert make_report(fifo(seed=4)) == make_report(fifo(seed=4))
    assert make_report(fifo(seed=4)) != make_report(fifo(seed=5))
