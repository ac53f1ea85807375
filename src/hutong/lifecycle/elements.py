"""The elements of a job: one, or an array's up to a million, at the cost of those in motion.

An element that has not started yet is only a number at or above `fresh`; one that ended is only a
count. Objects exist for what is live, waits to be retried, or was cancelled ahead of its turn. A
job that is no array is a table of one element.
"""

import heapq

import msgspec

from hutong.lifecycle.rows import ElementCounts
from hutong.model.ids import AttemptId
from hutong.model.states import FailureClass, JobState


class Tries(msgspec.Struct):
    """What an element has used up: attempts made, and failures by class.

    `resized` of the attempts were stopped only to go on at another size.
    """

    attempts: int = 0
    user: int = 0
    machine: int = 0
    site: int = 0
    resized: int = 0

    def failures(self, failure: FailureClass) -> int:
        """How often it failed in a way that a retry budget counts."""
        match failure:
            case FailureClass.USER:
                return self.user
            case FailureClass.MACHINE:
                return self.machine
            case FailureClass.SITE:
                return self.site
            case _:
                return 0

    def count(self, failure: FailureClass) -> None:
        """Count one failure."""
        match failure:
            case FailureClass.USER:
                self.user += 1
            case FailureClass.MACHINE:
                self.machine += 1
            case FailureClass.SITE:
                self.site += 1
            case _:
                pass


class Elements(msgspec.Struct):
    """Where the elements of one job are. `fresh` is the lowest that was never placed.

    Invariant: fresh elements + returned + live + ended = count, where cancelled fresh elements
    (`skipped`, by their number) count as ended.
    """

    count: int
    fresh: int = 0
    returned: list[int] = []
    live: dict[int, AttemptId] = {}
    tries: dict[int, Tries] = {}
    skipped: dict[int, bool] = {}
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0

    def queued(self) -> int:
        """How many wait for their turn."""
        return self.count - len(self.live) - self.ended()

    def ended(self) -> int:
        """How many are in a terminal state."""
        return self.succeeded + self.failed + self.cancelled

    def next(self, number: int) -> list[int]:
        """The elements whose turn is next, at most `number`: retried ones first, they were
        ahead."""
        turn = sorted(self.returned)[:number]
        element = self.fresh
        while len(turn) < number and element < self.count:
            if element not in self.skipped:
                turn.append(element)
            element += 1
        return turn

    def take(self, element: int, attempt: AttemptId) -> Tries:
        """Start an attempt of an element that `next` named, in that order; gives its tries."""
        if self.returned and self.returned[0] == element:
            heapq.heappop(self.returned)
        else:
            while self.fresh <= element:
                self.skipped.pop(self.fresh, None)
                self.fresh += 1
        self.live[element] = attempt
        tries = self.tries.setdefault(element, Tries())
        tries.attempts += 1
        return tries

    def give_back(self, element: int) -> None:
        """A live element waits for another attempt."""
        del self.live[element]
        heapq.heappush(self.returned, element)

    def end(self, element: int, state: JobState) -> None:
        """An element, live or queued, reached a terminal state."""
        if element in self.live:
            del self.live[element]
        elif element in self.returned:
            self.returned.remove(element)
            heapq.heapify(self.returned)
        else:
            self.skipped[element] = True
        self.tries.pop(element, None)
        self._count(state, 1)

    def end_all_queued(self, state: JobState) -> int:
        """Everything that is not live ends at once; gives back how many that were."""
        ending = self.queued()
        self._count(state, ending)
        for element in self.returned:
            self.tries.pop(element, None)
        self.returned.clear()
        self.skipped.clear()
        self.fresh = self.count
        return ending

    def is_queued(self, element: int) -> bool:
        """Say whether an element waits."""
        if element in self.returned:
            return True
        return self.fresh <= element < self.count and element not in self.skipped

    def counts(self) -> ElementCounts:
        """The numbers for the read tables."""
        return ElementCounts(
            self.queued(), len(self.live), self.succeeded, self.failed, self.cancelled
        )

    def outcome(self) -> JobState:
        """The job's terminal state once all elements ended: the worst of them."""
        if self.failed:
            return JobState.FAILED
        if self.cancelled:
            return JobState.CANCELLED
        return JobState.SUCCEEDED

    def validate(self) -> None:
        """Check the invariant of the class."""
        ahead = [element for element in self.skipped if element < self.fresh]
        assert not ahead, f"skipped elements {ahead} below fresh {self.fresh}"
        for element in self.returned:
            assert element < self.fresh, f"returned element {element} was never placed"
            assert element not in self.live, f"element {element} is live and returned"
        unstarted = self.count - self.fresh - len(self.skipped)
        assert unstarted >= 0, f"fresh {self.fresh} beyond count {self.count}"
        seen = unstarted + len(self.returned)
        assert seen == self.queued(), f"{seen} elements wait, the counts say {self.queued()}"

    def _count(self, state: JobState, number: int) -> None:
        match state:
            case JobState.SUCCEEDED:
                self.succeeded += number
            case JobState.FAILED:
                self.failed += number
            case JobState.CANCELLED:
                self.cancelled += number
            case _:
                raise AssertionError(f"{state} is not a terminal state")
