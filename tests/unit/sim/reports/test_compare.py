"""What differs between two sides, and whether it is more than the seeds' spread."""

import msgspec
import numpy as np
import pytest

from hutong.model.errors import HutongError
from hutong.sim.outcome import Ending
from hutong.sim.reports import student
from hutong.sim.reports.compare import Comparison, Difference, Unit, Verdict, compare
from hutong.sim.reports.compare_page import change, quantity, relative
from hutong.sim.reports.report import make_report
from hutong.sim.reports.values import Report
from tests.unit.sim.reports.worlds import fifo, outcome, ran


def waited(*seconds: int, seeds: tuple[int, ...] = (), **facts: str) -> list[Report]:
    """A report a seed, of one job that waited so long and ran 100 s."""
    seeds = seeds or tuple(range(1, len(seconds) + 1))
    return [
        make_report(outcome([ran(0, wait * 1000, wait * 1000 + 100_000)], seed=seed, **facts))
        for wait, seed in zip(seconds, seeds, strict=True)
    ]


def figure(comparison: Comparison, name: str) -> Difference:
    return next(one for one in comparison.figures if one.name == name)


@pytest.mark.parametrize(
    ("p", "freedom", "expected"),
    # From the usual tables of t.
    [(0.05, 1, 12.706), (0.05, 4, 2.776), (0.01, 9, 3.250), (0.05, 30, 2.042), (0.5, 1, 1.0)],
)
def test_critical_values_are_those_of_the_tables(p: float, freedom: float, expected: float) -> None:
    assert student.critical(p, freedom) == pytest.approx(expected, abs=0.0006)
    assert student.two_sided(expected, freedom) == pytest.approx(p, rel=0.001)


def test_probabilities_agree_with_the_closed_forms_of_one_and_two_degrees() -> None:
    for t in (0.0, 0.3, 1.0, 4.7, 60.0):
        one = 1 - 2 / np.pi * np.arctan(t)
        two = 1 - t / np.sqrt(2 + t * t)
        assert student.two_sided(t, 1) == pytest.approx(one, abs=1e-12)
        assert student.two_sided(-t, 2) == pytest.approx(two, abs=1e-12)


def test_the_paired_test_is_the_one_that_student_published() -> None:
    # Ten patients' hours of sleep gained by two drugs: t = 4.0621, p = 0.00283 (Student 1908;
    # p as in any statistics package).
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = student.paired(first, second)
    assert found.difference == pytest.approx(1.58)
    assert found.p == pytest.approx(0.002833, abs=1e-6)
    assert (found.low, found.high) == (
        pytest.approx(0.7001, abs=1e-4),
        pytest.approx(2.4599, abs=1e-4),
    )
    # The same without pairs, by Welch: t = 1.8608, 17.776 degrees, p = 0.0794.
    assert student.welch(first, second).p == pytest.approx(0.07939, abs=1e-5)


def test_ps_are_held_against_as_many_looks_as_were_taken() -> None:
    assert student.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert student.holm([0.9, 0.8]) == [1.0, 1.0]
    assert student.holm([]) == []


def test_what_a_seed_does_to_both_sides_cancels_out() -> None:
    # Between seeds waits differ by hundreds of seconds, between sides always by about ten.
    a, b = waited(100, 400, 900, 1600), waited(89, 391, 890, 1589)
    found = compare(a, b)
    wait = figure(found, "wait_ms_mean")
    assert (found.test, found.pairs) == (student.PAIRED, 4)
    assert (wait.difference, wait.favours) == (-10_250, "B")
    assert wait.beyond
    # With other seeds there are no pairs, and the same numbers tell nothing.
    other = compare(a, waited(89, 391, 890, 1589, seeds=(11, 12, 13, 14)))
    assert other.test == student.WELCH
    assert figure(other, "wait_ms_mean").verdict is Verdict.WITHIN
    assert figure(other, "wait_ms_mean").favours == ""


def test_a_difference_that_is_the_same_on_every_seed_is_no_chance() -> None:
    wait = figure(compare(waited(100, 400, 900), waited(110, 410, 910)), "wait_ms_mean")
    assert (wait.difference, wait.p, wait.favours) == (10_000, 0.0, "A")
    assert wait.verdict is Verdict.CLEAR


def test_equal_runs_are_the_same() -> None:
    found = compare(waited(1, 2, 3), waited(1, 2, 3))
    assert {one.verdict for one in found.figures} == {Verdict.SAME}


def test_one_run_a_side_cannot_tell_the_spread() -> None:
    found = compare(waited(100), waited(10))
    assert found.test == ""
    assert {one.verdict for one in found.figures} == {Verdict.UNKNOWN}
    assert figure(found, "wait_ms_mean").difference == -90_000
    assert figure(found, "wait_ms_mean").p is None
    assert "nothing can be said" in " ".join(found.notes)


def test_two_sides_drawn_alike_differ_about_as_often_as_chance_says() -> None:
    draw = np.random.default_rng(2)
    hits = 0
    for _ in range(400):
        sides = draw.normal(0, 1, (2, 6))
        hits += student.paired(sides[0].tolist(), sides[1].tolist()).p < 0.05
    assert 8 <= hits <= 34


def test_a_seed_that_only_one_side_has_is_left_out_and_said() -> None:
    found = compare(waited(1, 2, 3, 9), waited(2, 4, 7))
    assert found.pairs == 3
    assert figure(found, "wait_ms_mean").a == 2_000
    assert "left out" in " ".join(found.notes)


def test_the_same_seed_twice_makes_no_pairs() -> None:
    assert compare(waited(1, 2, seeds=(1, 1)), waited(1, 2)).test == student.WELCH


def test_different_work_is_said() -> None:
    found = compare(waited(1, 2, workload="philly"), waited(1, 2, workload="pai"))
    assert "different work (philly; pai)" in " ".join(found.notes)


def test_a_figure_that_one_side_has_not_is_no_difference() -> None:
    due = [make_report(outcome([ran(0, 0, 5, deadline_ms=9)], seed=seed)) for seed in (1, 2)]
    found = figure(compare(due, waited(1, 2)), "deadlines_kept")
    assert (found.a, found.b, found.verdict) == (1.0, None, Verdict.ABSENT)
    neither = compare(waited(1, 2), waited(1, 2))
    assert "deadlines_kept" not in [one.name for one in neither.figures]


def test_groups_that_every_run_has_are_compared() -> None:
    sides = [[make_report(fifo(seed=seed, speed=v)) for seed in range(5)] for v in (1.0, 1.5)]
    found = compare(*sides)
    assert list(found.groups) == ["priority", "tenant", "accelerator", "site"]
    names = [one.name for one in found.groups["priority"]]
    assert "high:wait_ms_p99" in names
    assert all(one.favours != "A" for one in found.groups["priority"])


def test_of_what_should_be_high_more_is_better() -> None:
    failed = [
        make_report(outcome([ran(0, 0, 5), ran(0, 0, 5, ending=Ending.FAILED)], seed=seed))
        for seed in (1, 2, 3)
    ]
    both = [make_report(outcome([ran(0, 0, 5), ran(0, 0, 5)], seed=seed)) for seed in (1, 2, 3)]
    assert figure(compare(failed, both), "succeeded").favours == "B"
    assert figure(compare(both, failed), "succeeded").favours == "A"


def test_a_side_without_runs_is_refused_by_name() -> None:
    with pytest.raises(HutongError) as caught:
        compare(waited(1), [], name_a="A", name_b="new")
    assert (caught.value.code, caught.value.facts) == ("report.no_runs", {"side": "new"})


def test_a_comparison_is_the_same_after_json() -> None:
    found = compare(waited(1, 2, 3), waited(2, 3, 5))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Comparison) == found


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (90_000.0, Unit.MS, "1m30s"), (0.973, Unit.PART, "97.3%"), (None, Unit.MS, "-"),
        (2_500_000.0, Unit.MICROCNY, "2.50"), (7_000_000.0, Unit.MG, "7.00"),
        (12.0, Unit.COUNT, "12.0"),
    ],
)  # fmt: skip
def test_quantities_are_shown_in_their_unit(value: float | None, unit: Unit, words: str) -> None:
    assert quantity(value, unit) == words


def test_differences_are_shown_with_their_sign() -> None:
    more, less = (figure(compare(waited(100), waited(to)), "wait_ms_mean") for to in (150, 50))
    assert (change(more), relative(more)) == ("+50s", "+50.0%")
    assert (change(less), relative(less)) == ("-50s", "-50.0%")
    nothing = figure(compare(waited(0), waited(5)), "wait_ms_mean")
    assert relative(nothing) == "-"
