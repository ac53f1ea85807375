"""Gavel's traces: training jobs with the steps they have to do, and how fast they do them where.

A trace has no header: `job type`, `command`, `working directory`, `steps argument`, `needs data`,
`total steps`, `scale factor`, `mode` or priority weight, `SLO`, `arrival time` in seconds, parted
by tabs. A scale factor of n is n tasks of one chip. The throughputs are a JSON object: chip ->
"('job type', scale factor)" -> {"null": steps a second alone, other: [both, together]}; only those
alone are kept. Source: Narayanan and others, OSDI 2020.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hutong.model.errors import refuse
from hutong.model.resources import AcceleratorNeed
from hutong.sim.throughput import ThroughputTable
from hutong.sim.trace import chips, source
from hutong.sim.trace.reading import (
    MOST_COUNT,
    MOST_S,
    Column,
    Reading,
    TraceFile,
    TraceJobs,
    TraceOptions,
)
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo

NAME = "gavel"
TABLE = "simulation_throughputs.json"
CHIPS = ("v100", "p100", "k80")
"""The chips of the throughput table, the one that run times are for first."""

_COLUMNS = (
    Column("job type", "text"),
    Column("command", "text"),
    Column("working directory", "text"),
    Column("steps argument", "text"),
    Column("needs data", "text"),
    Column("total steps", least=1),
    Column("scale factor", least=1, most=MOST_COUNT),
    Column("priority weight", "number"),
    Column("SLO", "number", least=-1),
    Column("arrival time", "number"),
)
_KEY = re.compile(r"\('(.+)', (\d+)\)")
_Chips = dict[str, dict[str, dict[str, float | tuple[float, float]]]]


def recognise(head: str, name: str) -> bool:
    """Whether a file's begin looks like this format."""
    fields = head.partition("\n")[0].split("\t")
    return len(fields) == 10 and fields[5].isdigit() and fields[6].isdigit()


def open_file(file: TraceFile, options: TraceOptions) -> Workload:
    """Open a trace, which is in order of time, with the throughputs beside it."""
    path = Path(options.companion) if options.companion else _beside(file.path)
    table = read_throughputs(path)

    def parse(reading: Reading) -> Iterator[TraceJob]:
        return _jobs(reading, options, _Rates(table))

    jobs = TraceJobs(file.reading, parse, most=options.most_jobs, sort=options.sort)
    notes = {"throughputs": str(path)}
    return Workload(WorkloadInfo(file.name, str(file.path), notes=notes), jobs)


def read_throughputs(path: Path) -> ThroughputTable:
    """Read a table of throughputs; what is not of a chip on machines of one kind is left out."""
    try:
        by_chip = msgspec.json.decode(source.read_bytes(path), type=_Chips, strict=False)
    except msgspec.DecodeError as error:
        raise _malformed(path, str(error)) from error
    rates: dict[tuple[str, int], dict[str, float]] = {}
    for word, rows in by_chip.items():
        if word.endswith("_unconsolidated"):
            continue
        model = chips.model_of(word)
        if model is None:
            raise refuse(
                "trace.unknown_chip",
                file=str(path), line=1, chip=word, advice=chips.advice(word),
            )  # fmt: skip
        for key, row in rows.items():
            match = _KEY.fullmatch(key)
            alone = row.get("null")
            if match is None or not isinstance(alone, float) or not 0 <= alone < MOST_S:
                raise _malformed(path, f"the row {key} of {word} has no throughput alone")
            rates.setdefault((match[1], int(match[2])), {})[model] = alone
    return ThroughputTable(rates)


class _Rates:
    """What the table says of a kind of job: its chips with their speeds, and ms a step."""

    def __init__(self, table: ThroughputTable) -> None:
        self._table = table
        self._known: dict[tuple[str, int], tuple[tuple[AcceleratorNeed, ...], float]] = {}

    def of(self, kind: str, tasks: int) -> tuple[tuple[AcceleratorNeed, ...], float] | None:
        """The chips that do such a job, and its ms a step on the first of them."""
        found = self._known.get((kind, tasks))
        if found is not None or (kind, tasks) not in self._table.rates:
            return found
        rates = self._table.rates[kind, tasks]
        able = {model: rates[model] for model in _order(rates) if rates[model] > 0}
        if not able:
            return None
        best = next(iter(able.values()))
        needs = tuple(
            chips.need(model, 1000, max(1, round(1000 * rate / best)))
            for model, rate in able.items()
        )
        self._known[kind, tasks] = needs, 1000 / best
        return self._known[kind, tasks]


def _jobs(reading: Reading, options: TraceOptions, rates: _Rates) -> Iterator[TraceJob]:
    previous_ms = 0
    with reading.rows("\t") as rows:
        rows.expect(_COLUMNS, range(len(_COLUMNS)), len(_COLUMNS))
        for number, row in enumerate(rows):
            try:
                if len(row) != len(_COLUMNS):
                    raise ValueError
                kind, steps, tasks, arrival = row[0], int(row[5]), int(row[6]), float(row[9])
                if not (steps > 0 and 0 < tasks <= MOST_COUNT and 0 <= arrival <= MOST_S):
                    raise ValueError
            except (ValueError, OverflowError):
                rows.bad(row)
                continue
            known = rates.of(kind, tasks)
            if known is None:
                problem = f"the throughputs have no row ('{kind}', {tasks})"
                reading.bad(rows.line, "job type", kind, problem)
                continue
            submit_ms = round(arrival * 1000)
            if submit_ms < previous_ms and not options.sort:
                reading.backwards(rows.line, "arrival time", row[9])
                continue
            previous_ms = submit_ms
            accelerators, step_ms = known
            yield TraceJob(
                f"gavel-{number}",
                submit_ms,
                max(1, round(steps * step_ms)),
                tasks,
                accelerators=accelerators,
                kind=kind,
                steps=steps,
            )


def _order(rates: dict[str, float]) -> list[str]:
    first = [chips.model_of(word) for word in CHIPS]
    known = [model for model in first if model in rates]
    return [*(model for model in known if model), *(model for model in rates if model not in known)]


def _beside(path: Path) -> Path:
    for name in (TABLE, f"{TABLE}.gz"):
        beside = path.with_name(name)
        if beside.is_file():
            return beside
    raise refuse(
        "trace.companion",
        file=str(path), what=f"Gavel's throughputs, {TABLE} or {TABLE}.gz,",
        advice="The trace's option `companion` names them.",
    )  # fmt: skip


def _malformed(path: Path, problem: str) -> Exception:
    return refuse("trace.malformed", file=str(path), format="gavel throughputs", problem=problem)
