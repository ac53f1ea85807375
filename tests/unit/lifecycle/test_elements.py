"""The elements of a job, held against a slow and obvious table of all of them."""

from hypothesis import given
from hypothesis import strategies as st

from hutong.lifecycle.elements import Elements
from hutong.model.ids import AttemptId
from hutong.model.states import FailureClass, JobState

ENDS = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
steps = st.lists(st.tuples(st.sampled_from(["take", "back", "end", "skip"]), st.integers(0, 30)))


def check_against(states: list[str], elements: Elements) -> None:
    counts = elements.counts()
    assert counts.queued == states.count("queued")
    assert counts.live == states.count("live")
    assert counts.succeeded == states.count(JobState.SUCCEEDED)
    assert counts.failed == states.count(JobState.FAILED)
    assert counts.cancelled == states.count(JobState.CANCELLED)
    for element, state in enumerate(states):
        assert elements.is_queued(element) is (state == "queued")
    elements.validate()


@given(st.integers(1, 12), steps)
def test_counts_agree_with_a_table_of_every_element(
    count: int, moves: list[tuple[str, int]]
) -> None:
    elements, states = Elements(count), ["queued"] * count
    for move, pick in moves:
        queued = [number for number, state in enumerate(states) if state == "queued"]
        live = [number for number, state in enumerate(states) if state == "live"]
        if move == "take" and queued:
            (element,) = elements.next(1)
            assert states[element] == "queued"
            elements.take(element, AttemptId(f"a-{element}"))
            states[element] = "live"
        elif move == "back" and live:
            element = live[pick % len(live)]
            elements.give_back(element)
            states[element] = "queued"
        elif move == "end" and live:
            element = live[pick % len(live)]
            states[element] = ENDS[pick % 3]
            elements.end(element, ENDS[pick % 3])
        elif move == "skip" and queued:
            element = queued[pick % len(queued)]
            states[element] = JobState.CANCELLED
            elements.end(element, JobState.CANCELLED)
        check_against(states, elements)
    for element in [number for number, state in enumerate(states) if state == "live"]:
        elements.end(element, JobState.SUCCEEDED)
        states[element] = JobState.SUCCEEDED
    elements.end_all_queued(JobState.CANCELLED)
    check_against([JobState.CANCELLED if one == "queued" else one for one in states], elements)
    assert elements.ended() == count


def test_elements_come_in_order_and_returned_ones_before_fresh() -> None:
    elements = Elements(6)
    for element in elements.next(3):
        elements.take(element, AttemptId("a"))
    elements.give_back(1)
    elements.end(4, JobState.CANCELLED)
    assert elements.next(5) == [1, 3, 5]


def test_outcome_is_the_worst_of_all_elements() -> None:
    elements = Elements(3)
    for element, state in enumerate(ENDS):
        elements.take(element, AttemptId("a"))
        elements.end(element, state)
    assert elements.outcome() is JobState.FAILED


def test_tries_count_attempts_and_each_class_of_failure_apart() -> None:
    elements = Elements(1)
    for failure in (FailureClass.USER, FailureClass.MACHINE, FailureClass.PREEMPTED):
        tries = elements.take(0, AttemptId("a"))
        tries.count(failure)
        elements.give_back(0)
    tries = elements.tries[0]
    assert (tries.attempts, tries.user, tries.machine, tries.site) == (3, 1, 1, 0)


def test_million_elements_cost_nothing_until_they_move() -> None:
    elements = Elements(1_000_000)
    assert elements.next(2) == [0, 1]
    assert elements.end_all_queued(JobState.CANCELLED) == 1_000_000
    elements.validate()
