"""`hutong simulate [SCENARIO]`, `compare` and `report`: replays from the command line."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from hutong.model.errors import HutongError, refuse
from hutong.sim.runs.order import RunOrder, Scenario

if TYPE_CHECKING:
    from hutong.sim.reports.values import Report
    from hutong.sim.runs.many import Played

FAILED, INTERRUPTED = 1, 130
Json = Annotated[bool, Parameter(negative=())]
Count = Annotated[int, Parameter(validator=Number(gte=1))]


def replay(
    scenario: Path | None = None,
    *,
    trace: str = "",
    format: str = "auto",
    machines: str = "",
    pooled: Annotated[bool, Parameter(negative=())] = False,
    jobs: Annotated[int, Parameter(validator=Number(gte=0))] = 0,
    load: str = "1",
    skip_bad: Annotated[bool, Parameter(negative=())] = False,
    journal: Annotated[bool, Parameter(negative=())] = False,
    data: Path | None = None,
    profile: str = "fair",
    mode: Literal["oracle", "estimate", "none"] = "estimate",
    predictor: str = "",
    cycle: str = "0",
    until: str = "",
    seeds: Count = 1,
    out: Path | None = None,
    workers: Count = 2,
    ray: str = "",
    bounds: Annotated[bool, Parameter(negative=())] = False,
    json: Json = False,
) -> int:
    """Replay a scenario file, a trace, or the hub's own history, and report what came of it.

    Parameters
    ----------
    scenario
        A YAML file: a workload, a world, a profile, seeds and a grid of settings. Without one, say
        with the options what to replay.
    trace
        A trace to replay on the machines that it was taken from.
    format
        The trace's format, where it is not to be told from the file.
    machines
        The file that lists a trace's machines.
    pooled
        Let every job use every partition's machines, of which each is guaranteed its own.
    jobs
        Only the first so many jobs.
    load
        How many times as fast jobs come: 1.3 squeezes the same jobs into less time.
    skip_bad
        Count rows that cannot be read instead of ending with the first.
    journal
        Replay the history of the hub of this machine.
    data
        The hub's data folder, for `--journal`.
    profile
        The scheduler's profile: a name of `hutong profiles list`, or a file.
    mode
        What the scheduler is told of run times: the truth, an estimate, or nothing.
    predictor
        Who makes the estimates: `user`, `limits`, `last-two` or `history`.
    cycle
        The least time between two cycles of the scheduler; 0 is one at every change.
    until
        End after so much simulated time, such as `30d`.
    seeds
        How many seeds.
    out
        The folder for results, which may hold those of a run that was broken off: it goes on.
    workers
        How many processes play many runs.
    ray
        Play them on the Ray cluster at this address instead.
    bounds
        Compute what no schedule could beat, beside what came of it.
    json
        Print reports as JSON, one a line.
    """
    from hutong.sim.runs.flags import scenario_of_flags
    from hutong.sim.runs.read import read_scenario

    if scenario is not None:
        if trace or journal:
            raise _usage("a scenario file says what is replayed: drop `--trace` and `--journal`")
        asked = read_scenario(scenario)
    else:
        asked = scenario_of_flags(
            trace=trace, format=format, machines=machines, pooled=pooled, jobs=jobs, load=load,
            skip_bad=skip_bad, journal=journal, data=data, profile=profile, mode=mode,
            predictor=predictor, cycle=cycle, until=until, seeds=seeds,
        )  # fmt: skip
    show = _Shown(json=json, bounds=bounds)
    if len(asked.orders) == 1 and not ray:
        return _play_one(asked.orders[0], out, show)
    return _play_all(asked, out, show, workers=workers, ray=ray)


def report(result: Path, *, html: Path | None = None, json: Json = False) -> int:
    """Print the report of a result, made again from its jobs.

    Parameters
    ----------
    result
        A folder that a replay wrote.
    html
        Write it as a page to this file as well.
    json
        Print it as JSON.
    """
    from hutong.sim.reports.folder import read_result, read_run, write_html
    from hutong.sim.reports.report import make_report

    made = make_report(read_result(result), ground=read_run(result).ground)
    if html is not None:
        write_html(html, made)
    _Shown(json=json).report(made)
    return 0


def compare(a: Path, b: Path, *, html: Path | None = None, json: Json = False) -> int:
    """Say what differs between two results, and whether it is more than the seeds' spread.

    Parameters
    ----------
    a
        A folder of one result, or of those of several seeds.
    b
        What it is compared with.
    html
        Write the comparison as a page to this file as well.
    json
        Print it as JSON.
    """
    from hutong.sim.reports.compare import compare as compared
    from hutong.sim.reports.compare_page import write_comparison_html
    from hutong.sim.reports.folder import read_report
    from hutong.sim.reports.tables import print_comparison

    sides = [[read_report(folder) for folder in _results(side)] for side in (a, b)]
    found = compared(*sides, name_a=a.name, name_b=b.name)
    if html is not None:
        write_comparison_html(html, found)
    if json:
        _json(found)
    else:
        print_comparison(found, Console())
    return 0


def _results(side: Path) -> list[Path]:
    """The folders of results below one, itself included."""
    found = sorted(path.parent for path in side.rglob("report.json"))
    if not found:
        problem = "there is no report.json in it or below"
        raise refuse("report.unreadable", path=str(side), problem=problem)
    return found


class _Shown:
    """How what came of a run is shown."""

    def __init__(self, *, json: bool, bounds: bool = False) -> None:
        self._json = json
        self.bounds = bounds

    def report(self, made: "Report") -> None:
        """One report."""
        from hutong.sim.reports.tables import print_report

        if self._json:
            sys.stdout.write(msgspec.json.encode(made).decode() + "\n")
        else:
            print_report(made, Console())

    def beside(self, order: RunOrder, made: "Report") -> None:
        """The bounds of a run, where they were asked for."""
        from hutong.sim.runs.beside import print_bounds

        if self.bounds and not self._json:
            print_bounds(order, made, Console())

    def runs(self, played: Sequence["Played"]) -> None:
        """What many runs came to: a line each as JSON, or one table."""
        from hutong.sim.runs.table import print_runs

        if not self._json:
            print_runs(played, Console())
            return
        for one in played:
            if one.report is not None:
                self.report(one.report)


def _play_one(order: RunOrder, out: Path | None, show: _Shown) -> int:
    from hutong.sim.runs.interrupt import gentle_interrupts
    from hutong.sim.runs.one import play

    folder = out / order.folder if out is not None else None
    with gentle_interrupts() as interrupt, _progress_of_time(order) as tell:

        def watch(simulated_ms: int, over: int, handed_in: int) -> None:
            tell(simulated_ms, over, handed_in)
            interrupt.check()

        try:
            made = play(order, folder, watch=watch)
        except KeyboardInterrupt:
            kept = f"; the same command goes on from {folder}" if folder else ""
            sys.stderr.write(f"interrupted{kept}\n")
            return INTERRUPTED
    show.report(made)
    show.beside(order, made)
    if folder is not None:
        sys.stderr.write(f"written to {folder}\n")
    return 0


def _play_all(asked: Scenario, out: Path | None, show: _Shown, *, workers: int, ray: str) -> int:
    from hutong.sim.runs.many import play_many

    if ray:
        from hutong.sim.runs.ray_cluster import play_on_ray

        results = play_on_ray(asked.orders, out, address=ray)
    else:
        results = play_many(asked.orders, out, workers=workers)
    played: list[Played] = []
    code = 0
    try:
        with _progress_of_runs(len(asked.orders)) as advance:
            for result in results:
                played.append(result)
                advance()
                if result.failed is not None:
                    code = FAILED
                    sys.stderr.write(
                        f"{result.order.folder}: error[{result.failed.code}]: "
                        f"{result.failed.message}\n  hint: {result.failed.hint}\n"
                    )
    except KeyboardInterrupt:
        code = INTERRUPTED
        sys.stderr.write(f"interrupted after {len(played)} of {len(asked.orders)} runs\n")
    finally:
        results.close()
    played.sort(key=lambda one: (one.order.label, one.order.seed))
    show.runs(played)
    if out is not None:
        sys.stderr.write(f"written to {out}\n")
    return code


@contextmanager
def _progress_of_time(order: RunOrder) -> Iterator[Callable[[int, int, int], None]]:
    """Simulated time, jobs and the rate on stderr, where a person watches."""
    if not sys.stderr.isatty():
        yield lambda _ms, _over, _in: None
        return
    from hutong.sim.runs.progress import of_time

    with of_time(order) as tell:
        yield tell


@contextmanager
def _progress_of_runs(total: int) -> Iterator[Callable[[], None]]:
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from hutong.sim.runs.progress import of_runs

    with of_runs(total) as advance:
        yield advance


def _usage(problem: str) -> HutongError:
    return refuse("cli.usage", problem=problem, command="simulate")


def _json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
