"""A predictor from similar jobs of the past, from the general to the specific.

A job belongs to one cell on each level: all jobs; those of its shape; those of its owner (user,
tenant, partition); those of its owner, kind and size; those that are like it in everything. A cell
keeps a mean of logarithms of run times that forgets, and the more general it is the more slowly.
The prediction begins with the mean of all and is drawn towards that of each further cell, by how
much the cell has seen: w / (w + pull). A new user's job thus gets what jobs of its shape take, a
repeated one what it took before, and nothing has to be chosen by hand.

One run that is far off, such as a crash after a second, moves a mean by no more than `JUMP`.

Where users give estimates with information in them, an owner's mean of run over estimate is a
second opinion. The two are weighed by how far each of them was off for this owner so far.

Names and kinds that are new with nearly every job say nothing and are left out; estimates and CPU
are taken in quarters of an octave. So the number of cells follows the kinds of work, not the number
of jobs, and is bounded at that.
"""

from itertools import islice
from math import exp, log
from typing import NamedTuple, TypeVar

from hutong.model.resources import AcceleratorNeed
from hutong.sim.predict.contract import step_beyond, within_limit
from hutong.sim.predict.runs import RunTimes
from hutong.sim.workload import TraceJob


class Level(NamedTuple):
    """How a level's cells forget (after about so many runs) and how strongly they resist."""

    name: str
    memory: float
    pull: float


LEVELS = (
    Level("all", 64.0, 0.0),
    Level("shape", 32.0, 1.0),
    Level("owner", 2.0, 0.5),
    Level("kind", 3.0, 1.0),
    Level("like", 4.0, 1.0),
)
JUMP = 1.5
"""A run moves a mean that rests on more than one run as if it were off by e^1.5 at most."""

WRONG = 4.0
"""An opinion counts as off by e^4 at most."""

STEPS = 16 / log(4)
"""Predictions are in eighths of an octave, so that jobs of which about the same is believed are of
one shape for the scheduler."""

RUNS_KEPT = 256
"""A cell keeps at least its last so many runs for `distribution`, and at most twice as many."""

RUNS_ENOUGH = 24
"""A distribution is taken from the most specific cell with so many runs."""

TAIL = "0123456789-_.[]() "
"""What is cut off the end of a name: numbers that tell one run from the next."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

Line = tuple[str, str, str, str, int, int, tuple[AcceleratorNeed, ...], int]


class _Cell:
    """What is known of one group of jobs. `weight` is 0 until something is."""

    __slots__ = ("keep", "mean", "pull", "runs", "weight")

    def __init__(self, level: Level) -> None:
        self.keep = 1.0 - 1.0 / level.memory
        self.pull = level.pull
        self.weight = 0.0
        self.mean = 0.0
        self.runs: list[int] = []

    def take(self, value: float, run_ms: int) -> None:
        """Take in a run and its logarithm."""
        weight = self.weight
        off = value - self.mean
        if weight > 1.0:
            # Comparisons, as calls of min and max would be half of the time that learning takes.
            if off > JUMP:
                off = JUMP
            elif off < -JUMP:
                off = -JUMP
        self.weight = weight = 1.0 + weight * self.keep
        self.mean += off / weight
        runs = self.runs
        runs.append(run_ms)
        if len(runs) > 2 * RUNS_KEPT:
            del runs[:RUNS_KEPT]


class _Opinions:
    """For one owner: run over estimate, and how far each of the two opinions was off of late."""

    __slots__ = ("off_estimate", "off_history", "ratio", "weight")

    def __init__(self) -> None:
        self.weight = 0.0
        self.ratio = 0.0
        self.off_history = 1.0
        self.off_estimate = 2.0

    def blend(self, value: float, said: float) -> float:
        """Both opinions in one, as a logarithm."""
        trusted = self.off_history * self.off_history
        other = self.off_estimate * self.off_estimate
        trusted, other = trusted * trusted, other * other
        return value + (said + self.ratio - value) * trusted / (trusted + other)

    def take(self, true: float, value: float, said: float) -> None:
        """Take in a run, with what the history would have said, as logarithms."""
        off = true - said - self.ratio
        weight = self.weight
        if weight:
            self.off_history += (min(abs(true - value), WRONG) - self.off_history) * 0.05
            self.off_estimate += (min(abs(off), WRONG) - self.off_estimate) * 0.05
            if off > JUMP:
                off = JUMP
            elif off < -JUMP:
                off = -JUMP
        self.weight = weight = 1.0 + weight * 0.9
        self.ratio += off / weight


class _Telling:
    """Decides whether words tell anything: not if most jobs bring a new one."""

    __slots__ = ("_known", "_seen", "tells")

    def __init__(self) -> None:
        self._known: dict[str, None] = {}
        self._seen = 0
        self.tells = True

    def saw(self, word: str) -> None:
        """Note a word of a job that ended."""
        self._seen += 1
        self._known[word] = None
        if len(self._known) >= 256 and 2 * len(self._known) > self._seen:
            self.tells = False
            self._known.clear()


class History:
    """See the module. `lines_count` bounds what it remembers; at it the older half is dropped."""

    def __init__(self, lines_count: int = 100_000) -> None:
        self._lines_count = lines_count
        self._lines: dict[Line, tuple[tuple[_Cell, ...], _Opinions]] = {}
        self._cells: dict[tuple[object, ...], _Cell] = {}
        self._all = _Cell(LEVELS[0])
        self._opinions: dict[tuple[str, str, str], _Opinions] = {}
        self._kinds = _Telling()
        self._names = _Telling()

    def predict(self, job: TraceJob) -> int | None:
        """What jobs like it took, within its time limit; with nothing learnt what is said."""
        if not self._all.weight:
            return job.estimate_ms or job.limit_ms or None
        cells, opinions = self._line(job)
        value = _drawn(cells)
        if job.estimate_ms:
            value = opinions.blend(value, log(job.estimate_ms))
        return within_limit(job, max(int(exp(round(value * STEPS) / STEPS)), 1))

    def correct(self, job: TraceJob, ran_ms: int) -> int:
        """The median of those like it that ran longer; one step more where there are too few."""
        known = self.distribution(job)
        if known is not None:
            longer = [run_ms for run_ms in known.runs_ms if run_ms > ran_ms]
            if len(longer) >= 3:
                return within_limit(job, longer[len(longer) // 2], ran_ms)
        return step_beyond(job, ran_ms)

    def learn(self, job: TraceJob, run_ms: int) -> None:
        """Move the means of its five cells."""
        run_ms = max(run_ms, 1)
        true = log(run_ms)
        cells, opinions = self._line(job)
        if job.estimate_ms and self._all.weight:
            opinions.take(true, _drawn(cells), log(job.estimate_ms))
        for cell in cells:
            cell.take(true, run_ms)
        if job.kind:
            if self._kinds.tells:
                self._kinds.saw(job.kind)
        elif self._names.tells:
            self._names.saw(job.name.rstrip(TAIL))

    def distribution(self, job: TraceJob) -> RunTimes | None:
        """The runs of the most specific cell that has enough of them, or of all jobs."""
        cells, _ = self._line(job)
        for level, cell in zip(reversed(LEVELS), reversed(cells), strict=True):
            if len(cell.runs) >= RUNS_ENOUGH:
                return RunTimes(tuple(sorted(cell.runs)), level.name)
        runs = self._all.runs
        return RunTimes(tuple(sorted(runs)), LEVELS[0].name) if runs else None

    def _line(self, job: TraceJob) -> tuple[tuple[_Cell, ...], _Opinions]:
        if job.kind:
            kind = job.kind if self._kinds.tells else ""
        else:
            kind = job.name.rstrip(TAIL) if self._names.tells else ""
        said = _rough(job.estimate_ms or 0)
        cpu = _rough(job.cpu_milli)
        line = (
            job.user, job.tenant, job.partition, kind, job.tasks, cpu, job.accelerators, said
        )  # fmt: skip
        found = self._lines.get(line)
        if found is None:
            found = self._lines[line] = self._new(line)
            if len(self._lines) > self._lines_count:
                self._forget()
        return found

    def _new(self, line: Line) -> tuple[tuple[_Cell, ...], _Opinions]:
        user, tenant, partition, kind, tasks, cpu, chips, said = line
        owner = (user, tenant, partition)
        keys: tuple[tuple[object, ...], ...] = (
            (partition, tasks, cpu, chips, said), owner, (owner, kind, tasks, cpu, chips)
        )  # fmt: skip
        cells = [self._all]
        for level, key in zip(LEVELS[1:-1], keys, strict=True):
            cell = self._cells.get(key)
            if cell is None:
                cell = self._cells[key] = _Cell(level)
            cells.append(cell)
        cells.append(_Cell(LEVELS[-1]))
        opinions = self._opinions.get(owner)
        if opinions is None:
            opinions = self._opinions[owner] = _Opinions()
        return tuple(cells), opinions

    def _forget(self) -> None:
        _drop_older_half(self._lines)
        _drop_older_half(self._cells)
        _drop_older_half(self._opinions)


def _drawn(cells: tuple[_Cell, ...]) -> float:
    """The mean of all, drawn to each further cell by what it has seen."""
    value = 0.0
    for cell in cells:
        weight = cell.weight
        if weight:
            value += (cell.mean - value) * weight / (weight + cell.pull)
    return value


def _drop_older_half(table: dict[_Key, _Value]) -> None:
    for key in list(islice(table, len(table) // 2)):
        del table[key]


def _rough(amount: int) -> int:
    """A number in quarters of an octave."""
    bits = amount.bit_length()
    return amount if bits < 4 else (bits << 2) | (amount >> (bits - 3) & 3)
