"""The order `quick`: places in the queue, and who gets a reservation under a horizon."""

import msgspec
import pytest

from hutong.model.job import JobSpec, Program, TaskGroup
from hutong.model.resources import AcceleratorNeed, TaskNeeds
from hutong.scheduler.precedence import Precedence, work_ms
from hutong.scheduler.profile import HOUR_MS, PROFILES
from hutong.scheduler.shapes import NEVER_MS, Shape, shape_of

QUICK = Precedence("quick", 100 * HOUR_MS, 600_000)


def shape(
    *, tasks: int = 1, cpus: int = 0, chips_milli: int = 0, estimate_ms: int | None = None,
    groups: tuple[TaskGroup, ...] = (),
) -> Shape:  # fmt: skip
    needs = TaskNeeds(cpus * 1000, 0, (AcceleratorNeed("A100-80GB", chips_milli),))
    if not chips_milli:
        needs = TaskNeeds(cpus * 1000)
    spec = JobSpec(
        "job", Program(argv=("true",)), tasks=tasks, needs=needs, estimate_ms=estimate_ms,
        groups=groups,
    )  # fmt: skip
    return shape_of(spec)


@pytest.mark.parametrize(
    ("what", "work"),
    [
        (shape(tasks=3, cpus=2), 6 * 60_000),
        (shape(tasks=3, cpus=2, chips_milli=4_000), 12 * 60_000),
        (shape(chips_milli=250), 15_000),
        (shape(), 60),
        (
            shape(chips_milli=1_000, groups=(TaskGroup("w", 2, TaskNeeds(1_000)),)),
            60_000,
        ),
        (
            shape(
                cpus=1,
                groups=(TaskGroup("w", 2, TaskNeeds(0, 0, (AcceleratorNeed("H20", 1000),))),),
            ),
            120_000,
        ),
    ],
    ids=["CPUs", "chips before CPUs", "part of a chip", "nothing", "CPU group", "chips of a group"],
)
def test_work_is_that_of_the_whole_gang(what: Shape, work: int) -> None:
    assert work_ms(what, 60_000) == work


def test_a_job_is_set_back_in_proportion_to_its_work_and_never_by_more_than_the_most() -> None:
    def place(estimate_ms: int | None) -> int:
        return QUICK.slack_of(shape(cpus=1, estimate_ms=estimate_ms), submitted_ms=1_000)

    assert place(300_000) == 1_000 + 50 * HOUR_MS
    assert place(600_000) == place(6_000_000) == 1_000 + 100 * HOUR_MS
    assert place(None) == 1_000 + 100 * HOUR_MS, "what nobody estimated counts as much work"


def test_what_is_believed_decides_about_the_place_whatever_the_estimate_is() -> None:
    said = shape(cpus=1, estimate_ms=24 * HOUR_MS)
    assert QUICK.slack_of(said, submitted_ms=5, believed_ms=6_000) == 5 + HOUR_MS
    shortest = Precedence("sjf")
    assert shortest.slack_of(said, believed_ms=6_000) == 6_000
    assert shortest.slack_of(said) == 24 * HOUR_MS
    assert Precedence("fair").slack_of(said, believed_ms=6_000) == NEVER_MS


def test_only_the_settings_that_move_places_sort_queues_again() -> None:
    quick = PROFILES["quick"]
    other = msgspec.structs.replace(quick, overtake_ms=HOUR_MS)
    assert Precedence.of(quick) != Precedence.of(other)
    fair = PROFILES["fair"]
    assert Precedence.of(fair) == Precedence.of(msgspec.structs.replace(fair, overtake_ms=1))
