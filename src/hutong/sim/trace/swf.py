"""The Standard Workload Format: 18 whole numbers a line, behind a header of `; Name: value` lines.

Source: Chapin and others, "Benchmarks and Standards for the Evaluation of Parallel Job Schedulers",
JSSPP 1999, and the Parallel Workloads Archive's page on the format, version 2.2. Times are in
seconds; -1 stands for what is not known.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from operator import itemgetter

from hutong.sim.trace.reading import (
    MOST_COUNT,
    MOST_MS,
    MOST_S,
    Column,
    Reading,
    TraceFile,
    TraceJobs,
    TraceOptions,
    Words,
)
from hutong.sim.workload import TraceEnd, TraceJob, Workload, WorkloadInfo

NAME = "swf"
CPU_MILLI = 1000
"""What a processor is."""

_COLUMNS = (
    Column("job number"),
    Column("submit time", "number"),
    Column("wait time", "number", least=-1),
    Column("run time", "number", least=-1),
    Column("allocated processors", least=-1, most=MOST_COUNT),
    Column("average CPU time", "text"),
    Column("used memory", "text"),
    Column("requested processors", least=-1, most=MOST_COUNT),
    Column("requested time", "number", least=-1),
    Column("requested memory", "text"),
    Column("status", least=-1, most=5),
    Column("user", least=-1),
    Column("group", least=-1),
    Column("executable", "text"),
    Column("queue", least=-1),
    Column("partition", "text"),
    Column("preceding job", least=-1),
    Column("think time", "number", least=-1),
)
_READ = itemgetter(1, 2, 3, 4, 7, 8, 10, 16, 17)
_WHOLE = (False, False, False, True, True, False, True, True, False)
_ENDS = {0: TraceEnd.FAILED, 5: TraceEnd.CANCELLED}
_PARTS = (2, 3, 4)
_UNKNOWN = "-1"


def recognise(head: str, name: str) -> bool:
    """Whether a file's begin looks like this format."""
    for line in head.splitlines():
        if line.startswith(";"):
            return True
        fields = line.split()
        if fields:
            return len(fields) == 18 and all(_is_number(field) for field in fields)
    return name.endswith(".swf")


def open_file(file: TraceFile, options: TraceOptions) -> Workload:
    """Open a log: its header at once, its jobs when they are gone through."""
    notes = _header(file)
    nodes = _whole(notes.get("MaxNodes", ""))
    processors = _whole(notes.get("MaxProcs", "")) or nodes
    info = WorkloadInfo(
        name=file.name,
        source=str(file.path),
        begin_unix_ms=_whole(notes.get("UnixStartTime", "")) * 1000,
        processors=processors,
        nodes=nodes,
        notes=notes,
    )

    def parse(reading: Reading) -> Iterator[TraceJob]:
        return _Log(reading, info, options).jobs()

    return Workload(info, TraceJobs(file.reading, parse, most=options.most_jobs, sort=options.sort))


class _Log:
    """One way through a log."""

    def __init__(self, reading: Reading, info: WorkloadInfo, options: TraceOptions) -> None:
        self._reading = reading
        self._options = options
        self._most = info.processors or MOST_COUNT
        self._queues = Words("q", _queues(info.notes.get("Queue", "")))
        self._users = Words("u")
        self._groups = Words("g")
        self._previous_ms = 0
        self._known = _Known()

    def jobs(self) -> Iterator[TraceJob]:
        """Go through it."""
        reading, number = self._reading, 0
        with reading.lines() as lines:
            try:
                for number, line in enumerate(lines, 1):
                    fields = line.split()
                    if not fields or line[0] == ";":
                        continue
                    try:
                        job = self._job(fields, number)
                    except (ValueError, OverflowError):
                        self._bad(fields, number, whole=line.endswith("\n"))
                        continue
                    if job is not None:
                        yield job
            finally:
                reading.line = number

    def _job(self, fields: list[str], number: int) -> TraceJob | None:
        """The job of a line, None where it gives none; ValueError where it cannot be read."""
        if len(fields) != 18:
            raise ValueError
        try:
            submit, wait, run, held, asked, limit, status, before, think = map(int, _READ(fields))
            submit_ms, run_ms = submit * 1000, run * 1000 or 1
        except ValueError:
            submit, wait, run, held, asked, limit, status, before, think = _fractional(fields)
            submit_ms, run_ms = round(float(fields[1]) * 1000), round(float(fields[3]) * 1000) or 1
        if not (
            0 <= submit_ms <= MOST_MS and -1 <= wait <= MOST_S and -1 <= run <= MOST_S
            and -1 <= held <= self._most and -1 <= asked <= self._most
            and -1 <= limit <= MOST_S and -1 <= status <= 5 and before >= -1
            and -1 <= think <= MOST_S
        ):  # fmt: skip
            raise ValueError
        if submit_ms < self._previous_ms and not self._options.sort:
            self._reading.backwards(number, "submit time", fields[1])
            return None
        self._previous_ms = submit_ms
        tasks = self._tasks(held, asked)
        if status in _PARTS or run < 0 or tasks <= 0:
            if status in _PARTS:
                self._reading.leave_out("a part of a job that another row has whole", number)
                return None
            if not self._options.never_ran_ms:
                self._reading.leave_out("it never ran", number)
                return None
            run_ms, tasks = self._options.never_ran_ms, max(held, 1)
        if self._options.cut_at_estimate and limit > 0:
            run_ms = min(run_ms, limit * 1000)
        whole = self._options.whole
        follows = before > 0 and before in self._known
        self._known.add(int(fields[0]))
        return TraceJob(
            fields[0],
            submit_ms,
            run_ms,
            1 if whole else tasks,
            CPU_MILLI * tasks if whole else CPU_MILLI,
            user=self._users[fields[11]],
            tenant=self._tenant(fields),
            partition=self._queues[fields[14]],
            estimate_ms=limit * 1000 if limit > 0 else None,
            waited_ms=wait * 1000 if wait >= 0 else -1,
            ended=_ENDS.get(status, TraceEnd.SUCCEEDED),
            after=str(before) if follows else "",
            think_ms=think * 1000 if follows and think > 0 else 0,
        )

    def _tasks(self, held: int, asked: int) -> int:
        match self._options.processors:
            case "requested":
                return asked if asked > 0 else held
            case "most":
                return max(held, asked)
            case _:
                return held if held > 0 else asked

    def _tenant(self, fields: list[str]) -> str:
        match self._options.tenant:
            case "user":
                return self._users[fields[11]] or "default"
            case "none":
                return "default"
            case _:
                return self._groups[fields[12]] or "default"

    def _bad(self, fields: list[str], number: int, *, whole: bool) -> None:
        columns = [
            column._replace(most=self._most) if column.name.endswith("processors") else column
            for column in _COLUMNS
        ]
        if len(fields) < 18 and not whole:
            self._reading.ends_in(number, len(fields), 18)
        elif len(fields) != 18:
            problem = f"the row has {len(fields)} column(s), and there are 18"
            self._reading.bad(number, str(min(len(fields), 18) + 1), " ".join(fields), problem)
        else:
            self._reading.bad_row(number, fields, list(enumerate(columns)))


class _Known:
    """The numbers of jobs that were given, which mostly rise."""

    def __init__(self) -> None:
        self._rising = array("q")
        self._others: dict[int, None] = {}
        self._last = -1

    def add(self, number: int) -> None:
        """Remember a number."""
        if number > self._last:
            self._rising.append(number)
            self._last = number
        else:
            self._others[number] = None

    def __contains__(self, number: int) -> bool:
        at = bisect_left(self._rising, number)
        return (at < len(self._rising) and self._rising[at] == number) or number in self._others


def _header(file: TraceFile) -> dict[str, str]:
    """The header's lines by name; one that comes again or goes on is joined by line ends."""
    notes: dict[str, str] = {}
    reading, name = file.reading(), ""
    with reading.lines() as lines:
        for reading.line, line in enumerate(lines, 1):
            text = line.strip()
            if not text.startswith(";"):
                if text:
                    break
                continue
            text = text.lstrip(";").strip()
            word, colon, value = text.partition(":")
            if colon and word.isalnum() and word[0].isupper():
                name = word
            else:
                value = text
            if name and value.strip():
                value = value.strip()
                notes[name] = f"{notes[name]}\n{value}" if name in notes else value
    return notes


def _queues(text: str) -> dict[str, str]:
    """Names of queues by their numbers: `Queue: 1 express`."""
    pairs = (line.split(maxsplit=1) for line in text.splitlines())
    return {pair[0]: pair[1].split()[0] for pair in pairs if len(pair) == 2 and pair[0].isdigit()}


def _fractional(fields: list[str]) -> Iterator[int]:
    """The columns that are read, where some have a fraction; times are cut to whole seconds."""
    for text, whole in zip(_READ(fields), _WHOLE, strict=True):
        yield int(text) if whole else int(float(text))


def _whole(text: str) -> int:
    """A number of the header, which often has words behind it; 0 for none."""
    word = text.split(maxsplit=1)[:1]
    return int(word[0]) if word and word[0].isdigit() else 0


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
