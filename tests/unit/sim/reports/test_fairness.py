"""Shares, Jain's index and finish-time fairness, on cases worked out by hand."""

import numpy as np
import pytest

from hutong.sim.outcome import Outcome
from hutong.sim.reports.fairness import entitlements, fill, jain
from hutong.sim.reports.report import make_report
from hutong.sim.reports.values import Fairness, Ground
from tests.unit.sim.reports.worlds import outcome, ran

S = 1_000
READY = [{"time_ms": 0, "ready_accelerator_milli": 4 * S}]


def fairness(result: Outcome, **weights: int) -> Fairness:
    return make_report(result, ground=Ground(weights)).fairness


def test_parts_by_weight_are_taken_down_the_tree() -> None:
    names = ("a/x", "a/y", "b")
    found = entitlements(names, {"a": 3, "b": 1, "a/x": 2, "a/y": 1})
    assert found.tolist() == pytest.approx([0.5, 0.25, 0.25])


def test_a_tenant_with_jobs_and_children_competes_with_them_as_one_more() -> None:
    assert entitlements(("a", "a/x", "b"), {}).tolist() == pytest.approx([0.25, 0.25, 0.5])


def test_nobody_is_filled_beyond_what_it_asks_for_and_the_rest_is_shared() -> None:
    # 12 among demands of 2, 8, 10 with equal weights: 2, 5, 5; with 1, 1, 4: 2, 2, 8.
    demands = np.array([[2.0], [8.0], [10.0]])
    assert fill(demands, np.ones(3), np.array([12.0])).ravel().tolist() == [2.0, 5.0, 5.0]
    weighted = fill(demands, np.array([1.0, 1.0, 4.0]), np.array([12.0]))
    assert weighted.ravel().tolist() == [2.0, 2.0, 8.0]


def test_filling_gives_out_all_there_is_and_no_more() -> None:
    draw = np.random.default_rng(8)
    demands, weights = draw.random((9, 50)) * 10, draw.random(9) + 0.1
    demands[draw.random((9, 50)) < 0.3] = 0.0
    amounts = demands.sum(axis=0) * draw.random(50)
    filled = fill(demands, weights, amounts)
    assert filled.sum(axis=0) == pytest.approx(amounts)
    assert (filled <= demands + 1e-9).all()
    # Max-min: who has less than it asks for has no less, by weight, than anybody.
    for step in range(50):
        level = filled[:, step] / weights
        short = filled[:, step] < demands[:, step] - 1e-9
        assert not short.any() or level[short].min() >= level.max() - 1e-6


def test_jains_index_is_one_for_equals_and_one_nth_for_one_who_has_all() -> None:
    assert jain(np.array([3.0, 3.0, 3.0])) == pytest.approx(1.0)
    assert jain(np.array([9.0, 0.0, 0.0])) == pytest.approx(1 / 3)
    assert jain(np.zeros(0)) == 1.0


def test_a_tenant_that_waits_while_another_runs_is_owed_half() -> None:
    # Four chips: a has them for 100 s while b asks for four all the time, then b has them.
    rows = [
        ran(0, 0, 100 * S, tenant="a", accelerator_milli=4000),
        ran(0, 100 * S, 200 * S, tenant="b", accelerator_milli=4000),
    ]
    found = fairness(outcome(rows, samples=READY))
    one, other = found.tenants
    assert (one.got, other.got) == (pytest.approx(0.5), pytest.approx(0.5))
    # For 100 s half was in the wrong hands; then a asks for nothing any more.
    assert found.share_error == pytest.approx(0.25)
    assert (one.over, other.under) == (pytest.approx(0.25), pytest.approx(0.25))
    assert (one.deserved, other.deserved) == (pytest.approx(0.25), pytest.approx(0.75))
    x = np.array([0.5 / 0.25, 0.5 / 0.75])
    assert found.jain == pytest.approx(x.sum() ** 2 / (2 * (x * x).sum()))


def test_nobody_is_wronged_by_chips_that_it_did_not_ask_for() -> None:
    rows = [
        ran(0, 0, 100 * S, tenant="a", accelerator_milli=3000),
        ran(0, 0, 100 * S, tenant="b", accelerator_milli=1000),
    ]
    found = fairness(outcome(rows, samples=READY))
    assert (found.share_error, found.jain) == (pytest.approx(0.0), pytest.approx(1.0))


def test_weights_decide_who_deserved_it() -> None:
    rows = [
        ran(0, 0, 100 * S, tenant="a", accelerator_milli=3000),
        ran(0, 0, 100 * S, tenant="b", accelerator_milli=1000),
        ran(0, 100 * S, 101 * S, tenant="b", accelerator_milli=2000),
    ]
    assert fairness(outcome(rows, samples=READY), a=3).share_error < 0.005
    assert fairness(outcome(rows, samples=READY), a=1).share_error == pytest.approx(0.25, abs=0.01)


def test_rho_against_a_fair_share_is_one_for_two_who_take_turns() -> None:
    # Two jobs of 100 s on all four chips, one after the other: on half of the chips each would
    # have taken 200 s. The first has 100 s there with two, the second 200 s with 1.5 on average.
    rows = [
        ran(0, 0, 100 * S, tenant="a", accelerator_milli=4000),
        ran(0, 100 * S, 200 * S, tenant="b", accelerator_milli=4000),
    ]
    found = fairness(outcome(rows, samples=READY))
    first, second = found.tenants
    assert first.rho.mean == pytest.approx(100 / 200)
    assert second.rho.mean == pytest.approx(200 / 150)
    assert found.share.above_1 == 0.5
    assert found.isolated.figures.mean == pytest.approx((1 + 2) / 2)


def test_a_small_job_is_entitled_to_its_whole_speed() -> None:
    # Two jobs of one chip each on four: a half of the machines holds either whole.
    rows = [ran(0, 0, 100 * S, tenant="a"), ran(0, 50 * S, 150 * S, tenant="b")]
    found = fairness(outcome(rows, samples=READY))
    assert [one.rho.mean for one in found.tenants] == [1.0, 1.5]


def test_a_tenant_is_held_against_itself_alone_job_by_job() -> None:
    rows = [
        ran(0, 0, 100 * S, tenant="a", name="x"),
        ran(0, 50 * S, 100 * S, tenant="b", name="y"),
        ran(0, 100 * S, 300 * S, tenant="b", name="z"),
        ran(0, 100 * S, 300 * S, tenant="b", name="elsewhere"),
    ]
    alone = outcome([ran(0, 150 * S, 200 * S, name="z"), ran(0, 0, 50 * S, name="y")])
    report = make_report(outcome(rows), alone={"b": alone, "nobody": alone})
    found = {one.tenant: one.alone for one in report.fairness.tenants}
    assert found["a"] is None
    assert found["b"] is not None
    assert found["b"].jobs == 2
    assert (found["b"].wait_ms, found["b"].wait_alone_ms) == (75_000, 75_000)
    assert found["b"].rho.mean == pytest.approx((100 / 50 + 300 / 200) / 2)
    assert report.fairness.alone is not None
    assert report.fairness.alone.figures.jobs == 2
    assert report.fairness.alone.above_1 == 1.0


def test_where_no_job_wants_chips_shares_are_of_cpus() -> None:
    rows = [
        ran(0, 0, 100 * S, tenant="a", accelerator_milli=0, cpu_milli=3000),
        ran(0, 0, 100 * S, tenant="b", accelerator_milli=0, cpu_milli=1000),
    ]
    report = make_report(outcome(rows))
    assert report.fairness.resource == "cpu"
    assert [one.got for one in report.fairness.tenants] == pytest.approx([0.75, 0.25])
    assert "shares and fairness are those of CPUs" in " ".join(report.notes)


def test_where_nothing_ran_nobody_is_unfair() -> None:
    rows = [{"submit_ms": 0, "accelerator_milli": 1000, "ending": 5, "tenant": "a"}]
    found = fairness(outcome(rows, simulated_ms=100))
    assert (found.share_error, found.jain, found.share.figures.jobs) == (0.0, 1.0, 0)
