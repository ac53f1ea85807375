"""A promise that was seen broken."""

PROMISES = {
    1: "promise 1 (an accepted job is never lost)",
    2: "promise 2 (a lease is exclusive)",
    3: "promise 3 (nothing is oversubscribed)",
    4: "promise 4 (gangs and victims are whole)",
    5: "promise 5 (the meter adds up)",
    6: "promise 6 (everything has its reason)",
    7: "promise 7 (what can finish finishes)",
    8: "promise 8 (the same input gives the same output)",
    9: "the wish of a job",
}
ASKED = 9
"""Stands for what a job asked for: its dependencies, its times, its bound on elements at once."""
INVARIANTS = 0
"""Stands for a machine that contradicts itself or fails, which breaks no promise yet."""


class Violation(Exception):
    """A promise is broken. `about` is the id of the job or attempt it is about, if it is one."""

    def __init__(self, promise: int, problem: str, about: str = "") -> None:
        self.promise = promise
        self.problem = problem
        self.about = about
        super().__init__(f"{self.name}: {problem}")

    @property
    def name(self) -> str:
        """The promise in words."""
        return PROMISES.get(self.promise, "an invariant of a machine")


def must(holds: bool, promise: int, problem: str, about: str = "") -> None:  # noqa: FBT001
    """Raise `Violation` unless it holds. Where the problem costs time to word, test first."""
    if not holds:
        raise Violation(promise, problem, about)
