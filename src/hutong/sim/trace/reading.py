"""Going through a trace's rows: what is bad is named or counted, what says nothing is left out.

A `Reading` is one way through a file. Its reader turns row after row into jobs, the fast way, and
where a row does not give way hands it to `bad_row`, which looks at it column by column to say what
is wrong. With `skip_bad` that is counted in `skipped`, else it ends the reading with an error.

`TraceJobs` are the jobs of a file in which they stand in order: each way through reads the file
anew and holds nothing. `SortedJobs` are those of a file that promises no order: all are read when
it is opened, sorted by when they were handed in (those of the same time stay in the file's order)
and kept.
"""

import csv
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import chain, islice
from operator import attrgetter
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from hutong.model.errors import refuse
from hutong.sim.trace import chips, source
from hutong.sim.workload import TraceJob

MOST_S = 10_000_000_000
"""No time of a trace is larger: three hundred years in seconds."""

MOST_MS = MOST_S * 1000
MOST_COUNT = 100_000_000
SUBMITTED = attrgetter("submit_ms")
_EPOCH = datetime.fromisoformat("1970-01-01")
_EPOCH_UTC = datetime.fromisoformat("1970-01-01T00:00+00:00")


class TraceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a trace is read, where its format leaves a choice.

    `most_jobs` ends it after so many (0 for all). `sort` takes rows of an ordered format whose time
    goes backwards and sorts them. `chip` is the model of traces that name none; empty is what is
    known of the trace, else any. `utc_offset_min` is the zone of times that name none, east of
    Greenwich. `unit` is that of a trace's times where the format does not say: `s` or `h`.
    `companion` is the second file of a trace of two.

    Of the Standard Workload Format: `processors` says which column counts, `allocated` or
    `requested` (the other where it is missing) or `most` of both; `whole` makes a job one task
    of n CPUs instead of n tasks of one; `cut_at_estimate` ends jobs at what their users asked for;
    rows of jobs that never ran are left out, or kept with a run time of `never_ran_ms`. `tenant` is
    `group`, `user` or `none`.
    """

    most_jobs: int = 0
    sort: bool = False
    chip: str = ""
    utc_offset_min: int = 0
    unit: str = ""
    companion: str = ""
    processors: str = "allocated"
    whole: bool = False
    cut_at_estimate: bool = False
    never_ran_ms: int = 0
    tenant: str = "group"


class Skipped(msgspec.Struct):
    """Rows that gave no job: `bad` ones by what was wrong, `left_out` ones by why.

    `first` is the place of the first row of each sort.
    """

    bad: dict[str, int] = {}
    left_out: dict[str, int] = {}
    first: dict[str, str] = {}

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.bad.values()) + sum(self.left_out.values())


class Column(NamedTuple):
    """What a column has to hold, for saying what is wrong with a row.

    `kind` is `int`, `number`, `text`, `time` (a date and time) or `word` (one of `words`). A number
    lies between `least` and `most`. `empty` says that it may be empty.
    """

    name: str
    kind: str = "int"
    least: int = 0
    most: int = MOST_S
    empty: bool = False
    words: tuple[str, ...] = ()

    def problem(self, value: str) -> str:
        """What is wrong with a value; empty for nothing."""
        if not value.strip():
            return "" if self.empty or self.kind == "text" else "it is empty"
        match self.kind:
            case "text":
                return ""
            case "word":
                return "" if value in self.words else f"it is none of {', '.join(self.words)}"
            case "time":
                return "" if _is_time(value) else "it is no date and time"
            case _:
                return self._number_problem(value)

    def _number_problem(self, value: str) -> str:
        try:
            number = int(value) if self.kind == "int" else float(value)
        except ValueError:
            return "it is no whole number" if self.kind == "int" else "it is no number"
        if number != number:
            return "it is no number"
        if number < self.least:
            return f"the least is {self.least}"
        return f"the most is {self.most}" if number > self.most else ""


Parse = Callable[["Reading"], Iterator[TraceJob]]
"""Turns a way through a file into its jobs."""


class Words(dict[str, str]):
    """Short names for a column's numbers: a prefix and the number, nothing for -1.

    Equal ones are one string, however many rows have them.
    """

    def __init__(self, prefix: str, known: dict[str, str] | None = None) -> None:
        super().__init__(known or {})
        self._prefix = prefix

    def __missing__(self, text: str) -> str:
        number = int(text)
        if number < -1:
            raise ValueError
        self[text] = word = f"{self._prefix}{number}" if number >= 0 else ""
        return word


class Rows:
    """Rows of a file as `csv` splits them; go through it once."""

    def __init__(
        self,
        reading: "Reading",
        lines: Iterable[str],
        delimiter: str,
        quoting: int,
        lost: list[int],
    ) -> None:
        self._reading = reading
        self._reader = csv.reader(lines, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
        self._lost = lost
        self.width = 0
        self.columns: list[tuple[int, Column]] = []

    @property
    def line(self) -> int:
        """The line of the file that was read last."""
        return self._reader.line_num + len(self._lost)

    def __iter__(self) -> Iterator[list[str]]:
        return self._forgiving() if self._reading.skip_bad else self._reader

    def __next__(self) -> list[str]:
        return next(self._reader)

    def expect(self, columns: Sequence[Column], at: Sequence[int], width: int) -> None:
        """Say which columns are read, where they are (-1 for not at all) and how many there are."""
        self.width = width
        pairs = zip(at, columns, strict=True)
        self.columns = [(position, column) for position, column in pairs if position >= 0]

    def bad(self, row: Sequence[str]) -> None:
        """Say what is wrong with the row that was read last: refuse or count it.

        Nothing is wrong with an empty line.
        """
        if not row:
            return None
        line, reading = self.line, self._reading
        if len(row) < self.width and not reading.skip_bad and next(self._reader, None) is None:
            return reading.ends_in(line, len(row), self.width)
        if len(row) != self.width:
            problem = f"the row has {len(row)} column(s), and there are {self.width}"
            return reading.bad(line, str(min(len(row), self.width) + 1), " ".join(row), problem)
        return reading.bad_row(line, row, self.columns)

    def _forgiving(self) -> Iterator[list[str]]:
        while True:
            try:
                row = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._reading.bad(self.line, "", "", str(error))
            else:
                yield row


Columns = Sequence[tuple[int, Column]]


class Reading:
    """One way through a file. `line` is where a reader of lines, not rows, has come to."""

    def __init__(self, path: Path, *, skip_bad: bool) -> None:
        self.path = path
        self.skip_bad = skip_bad
        self.skipped = Skipped()
        self.line = 0

    @contextmanager
    def rows(self, delimiter: str = ",", *, quoted: bool = False) -> Iterator[Rows]:
        """The file's rows, split. Quotes mean nothing unless `quoted`."""
        quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        with ExitStack() as stack:
            lost: list[int] = []
            rows = Rows(self, self._opened(stack, lost), delimiter, quoting, lost)
            with self._guarded(lambda: rows.line):
                yield rows

    @contextmanager
    def lines(self) -> Iterator[Iterable[str]]:
        """The file's lines with their ends; one that is no UTF-8 comes empty where it is skipped.

        The reader keeps `line` up to date, at least when it is left by an error.
        """
        with ExitStack() as stack, self._guarded(lambda: self.line):
            yield self._opened(stack, None)

    def bad(self, line: int, column: str, value: str, problem: str) -> None:
        """Refuse a row, or count it."""
        if not self.skip_bad:
            raise refuse(
                "trace.bad_value",
                file=str(self.path), line=line, column=column or "1", value=value, problem=problem,
            )  # fmt: skip
        what = f"{column}: {problem}" if column else problem
        self._count(self.skipped.bad, what, line)

    def bad_row(self, line: int, row: Sequence[str], columns: Columns) -> None:
        """Find what is wrong with a row that could not be read, and refuse or count it.

        `columns` are those that are read, by their positions.
        """
        for position, column in columns:
            value = row[position]
            if problem := column.problem(value):
                return self.bad(line, column.name, value, problem)
        return self.bad(line, "", " ".join(row), "the row contradicts itself")

    def ends_in(self, line: int, columns: int, wanted: int) -> None:
        """Refuse or count a last row that is not whole."""
        problem = f"the last row has {columns} of {wanted} columns"
        if not self.skip_bad:
            raise refuse("trace.cut", file=str(self.path), line=line - 1, problem=problem)
        self._count(self.skipped.bad, "the file is cut here", line)

    def unknown_chip(self, line: int, word: str) -> None:
        """Refuse or count a row with a chip that the catalogue does not know."""
        if not self.skip_bad:
            raise refuse(
                "trace.unknown_chip",
                file=str(self.path), line=line, chip=word, advice=chips.advice(word),
            )  # fmt: skip
        self._count(self.skipped.bad, f"the catalogue knows no chip {word}", line)

    def backwards(self, line: int, column: str, value: str) -> None:
        """Refuse or count a row that was handed in before the one above it."""
        if not self.skip_bad:
            raise refuse(
                "trace.backwards", file=str(self.path), line=line, column=column, value=value
            )
        self._count(self.skipped.bad, f"{column}: time goes backwards", line)

    def leave_out(self, why: str, line: int) -> None:
        """Count a row that is sound and still no job to replay."""
        self._count(self.skipped.left_out, why, line)

    def _count(self, where: dict[str, int], what: str, line: int) -> None:
        where[what] = where.get(what, 0) + 1
        self.skipped.first.setdefault(what, f"{self.path}, line {line}")

    def _opened(self, stack: ExitStack, lost: list[int] | None) -> Iterable[str]:
        stream = stack.enter_context(source.open_bytes(self.path))
        if self.skip_bad:
            return self._decodable(stream, lost)
        return stack.enter_context(source.as_text(stream))

    def _decodable(self, stream: IO[bytes], lost: list[int] | None) -> Iterator[str]:
        for number, line in enumerate(source.forgiving_lines(stream), 1):
            if line is not None:
                yield line
                continue
            self.bad(number, "", "", "its bytes are no UTF-8")
            if lost is None:
                yield ""
            else:
                lost.append(number)

    @contextmanager
    def _guarded(self, line: Callable[[], int]) -> Iterator[None]:
        """Name what goes wrong below the rows; where bad ones are skipped, a cut is the end."""
        try:
            yield
        except UnicodeDecodeError as error:
            raise source.not_utf8(self.path) from error
        except (EOFError, zlib.error, OSError, csv.Error) as error:
            if not self.skip_bad:
                raise source.cut(self.path, line(), error) from error
            self.bad(line(), "", "", "the file is cut here")


class TraceFile(NamedTuple):
    """A file that is to be read as a trace, once or often."""

    path: Path
    skip_bad: bool = False

    @property
    def name(self) -> str:
        """Its name without the folder and without what says how it is kept."""
        return self.path.name.removesuffix(".gz").rsplit(".", 1)[0]

    def reading(self) -> Reading:
        """Begin a way through it."""
        return Reading(self.path, skip_bad=self.skip_bad)


class TraceJobs:
    """The jobs of a file that is in order; `skipped` is of the last way through it."""

    def __init__(
        self, reading: Callable[[], Reading], parse: Parse, *, most: int = 0, sort: bool = False
    ) -> None:
        self._reading = reading
        self._parse = parse
        self._most = most or None
        self._sort = sort
        self.skipped = Skipped()

    def __iter__(self) -> Iterator[TraceJob]:
        reading = self._reading()
        self.skipped = reading.skipped
        jobs = self._parse(reading)
        if self._sort:
            jobs = iter(sorted(jobs, key=SUBMITTED))
        return _not_empty(islice(jobs, self._most), reading)


class SortedJobs:
    """The jobs of a file in no order, read and sorted when it was opened.

    `begin_ms` is the time of the first; times of the jobs are from then on.
    """

    def __init__(self, reading: Reading, parse: Parse, *, most: int = 0) -> None:
        jobs = sorted(parse(reading), key=SUBMITTED)
        self.skipped = reading.skipped
        self.begin_ms = begin_ms = jobs[0].submit_ms if jobs else 0
        replace = msgspec.structs.replace
        self._jobs = [
            replace(job, submit_ms=job.submit_ms - begin_ms) if begin_ms else job
            for job in _not_empty(islice(jobs, most or None), reading)
        ]

    def __iter__(self) -> Iterator[TraceJob]:
        return iter(self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)

    def change(self, change: Callable[[TraceJob], TraceJob]) -> None:
        """Put another in the place of each job, in their order."""
        self._jobs = [change(job) for job in self._jobs]


def time_ms(text: str) -> int:
    """Unix time of a date and time (`2017-10-09 07:01:55`, with or without a zone), in ms.

    Without a zone it is taken for UTC. Raises ValueError.
    """
    moment = datetime.fromisoformat(text)
    since = moment - (_EPOCH if moment.tzinfo is None else _EPOCH_UTC)
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _not_empty(jobs: Iterator[TraceJob], reading: Reading) -> Iterator[TraceJob]:
    first = next(jobs, None)
    if first is None:
        raise refuse("trace.empty", file=str(reading.path), skipped=reading.skipped.count)
    return chain((first,), jobs)


def _is_time(value: str) -> bool:
    try:
        time_ms(value)
    except ValueError:
        return False
    return True
