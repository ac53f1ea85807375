"""What is written down of a run while it goes on: one row a job, samples, and times of cycles.

Theory of operation. A row is packed once, when its job is over, into a buffer of equal rows, so
that a million jobs are one piece of memory; text is a code into a table of words. Samples are the
state as it held from one time to the next, at least `sample_ms` apart. Rows of jobs that are still
there are written when an outcome is asked for, and again when the run goes on.
"""

from array import array
from struct import Struct

import numpy as np

from hutong.sim.outcome import LABELS, NUMBERS, SAMPLES, Belief, Ending, Ints, Label

_ROW = Struct(f"<{len(NUMBERS)}q{len(LABELS)}i")
_GROW_ROWS = 4096
_FORMAT = np.dtype([*((name, "<i8") for name in NUMBERS), *((name, "<i4") for name in LABELS)])


class Words:
    """A table of words by their codes. Code 0 is the empty word."""

    __slots__ = ("codes",)

    def __init__(self) -> None:
        self.codes = {"": 0}

    def code(self, word: str) -> int:
        """The code of a word, a new one where it is new."""
        return self.codes.setdefault(word, len(self.codes))


class Rows:
    """The rows of jobs, by their number in the order of handing in."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.words = {label: Words() for label in LABELS}
        self._buffer = bytearray()

    def add(self, name: str) -> int:
        """Begin the row of a job; gives its number, from 0."""
        number = len(self.names)
        self.names.append(name)
        if len(self._buffer) <= number * _ROW.size:
            self._buffer.extend(bytes(_GROW_ROWS * _ROW.size))
        return number

    def write(self, number: int, numbers: tuple[int, ...], codes: tuple[int, ...]) -> None:
        """Fill a row in, in the order of `NUMBERS` and `LABELS`."""
        _ROW.pack_into(self._buffer, number * _ROW.size, *numbers, *codes)

    def numbers(self) -> dict[str, Ints]:
        """The columns of numbers."""
        table = self._table()
        return {name: table[name].copy() for name in NUMBERS}

    def labels(self) -> dict[str, Label]:
        """The columns of text."""
        table = self._table()
        return {name: Label(table[name].copy(), tuple(self.words[name].codes)) for name in LABELS}

    def end_ms(self, number: int) -> int:
        """When a job ended, as its row has it."""
        at = number * _ROW.size
        return int(_ROW.unpack_from(self._buffer, at)[NUMBERS.index("end_ms")])

    def _table(self) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        return np.frombuffer(self._buffer, _FORMAT, count=len(self.names))


class Samples:
    """The state over time, at least `every_ms` between two samples."""

    def __init__(self, every_ms: int) -> None:
        self._every_ms = every_ms
        self._columns = {name: array("q") for name in SAMPLES}
        self.due_ms = 0

    def add(self, values: tuple[int, ...]) -> None:
        """Note what holds from a time on, in the order of `SAMPLES`."""
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)
        self.due_ms = values[0] + self._every_ms

    def columns(self, last: tuple[int, ...]) -> dict[str, Ints]:
        """The samples as arrays, with a last one at the end of the run."""
        return {
            name: np.append(np.array(column, np.int64), value)
            for (name, column), value in zip(self._columns.items(), last, strict=True)
        }


class Cycles:
    """How many cycles there were, and what CPU time each of them took."""

    def __init__(self) -> None:
        self.placements = 0
        self._took_us = array("L")

    def note(self, took_ns: int) -> None:
        """Note one cycle."""
        self._took_us.append(took_ns // 1000)

    @property
    def count(self) -> int:
        """How many there were."""
        return len(self._took_us)

    def total_ms(self) -> int:
        """Their CPU time in all."""
        return sum(self._took_us) // 1000

    def percentiles_us(self) -> tuple[int, int, int, int]:
        """The p50, p95, p99 and most of a cycle."""
        if not self._took_us:
            return (0, 0, 0, 0)
        took = np.sort(np.array(self._took_us, np.int64))
        p50, p95, p99 = (int(took[(len(took) - 1) * share // 100]) for share in (50, 95, 99))
        return p50, p95, p99, int(took[-1])


def belief(source: str, numbers: dict[str, Ints]) -> Belief:
    """How good the run times were that the scheduler was told, over the jobs that ended."""
    endings = (Ending.SUCCEEDED, Ending.FAILED, Ending.CANCELLED, Ending.TIMED_OUT)
    ran = np.isin(numbers["ending"], np.array(endings, np.int64)) & (numbers["start_ms"] >= 0)
    told_of = ran & (numbers["believed_ms"] >= 0)
    if not told_of.any():
        return Belief(source)
    told = np.maximum(numbers["believed_ms"][told_of], 1)
    true = np.maximum(numbers["run_ms"][told_of], 1)
    within = (told <= 2 * true) & (true <= 2 * told)
    return Belief(
        source,
        int(told_of.sum()),
        int(within.sum()) * 1000 // int(told_of.sum()),
        int(np.median(told * 1000 // true)),
        int(np.abs(told - true).mean()),
    )
