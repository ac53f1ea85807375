"""`hutong simulate chaos` and `run`: many seeds with faults, and jobs of a file without."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from hutong.model.errors import HutongError, refuse
from hutong.sim.machines.campaign import TWICE_EVERY, Broken, Result, run_seed, run_seeds
from hutong.sim.machines.simulation import Outcome

FAILED, INTERRUPTED = 1, 130
Count = Annotated[int, Parameter(validator=Number(gte=1))]


class Totals(msgspec.Struct):
    """What many seeds came to."""

    seeds: int = 0
    broken: int = 0
    steps: int = 0
    entries: int = 0
    jobs: int = 0
    attempts: int = 0
    virtual_ms: int = 0

    def add(self, result: Result) -> None:
        """Count one seed."""
        self.seeds += 1
        if isinstance(result, Broken):
            self.broken += 1
            self.steps += result.step
            return
        self.steps += result.steps
        self.entries += result.entries
        self.jobs += result.jobs
        self.attempts += result.attempts
        self.virtual_ms += result.virtual_ms


class _Wish(NamedTuple):
    seeds: list[int]
    workers: int
    twice_every: int


def chaos(
    *,
    seeds: Count = 100,
    first: Annotated[int, Parameter(validator=Number(gte=0))] = 1,
    seed: Annotated[int | None, Parameter(validator=Number(gte=0))] = None,
    steps: Annotated[int, Parameter(validator=Number(gte=0))] = 0,
    trace: Annotated[bool, Parameter(negative=())] = False,
    workers: Count = 2,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Draw worlds and misfortune from seeds, and check the eight promises after every step.

    Parameters
    ----------
    seeds
        How many seeds to run.
    first
        The first of them.
    seed
        Run this one alone, here.
    steps
        End a single seed after so many steps; 0 runs it to its end.
    trace
        Print what happens in a single seed.
    workers
        How many processes run seeds.
    json
        Print the totals, or the outcome of a single seed, as JSON.
    """
    if seed is not None:
        return _one(seed, steps, trace=trace, json=json)
    if trace or steps:
        problem = "`--trace` and `--steps` belong to a single seed: give `--seed` as well"
        raise refuse("cli.usage", problem=problem, command="simulate chaos")
    return _many(_Wish(list(range(first, first + seeds)), workers, TWICE_EVERY), json=json)


def run(scenario: Path, *, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Run a scenario from a file and print what became of its jobs.

    Parameters
    ----------
    scenario
        A YAML file of sites, tenants and jobs with the times at which they come and how long they
        truly run.
    json
        Print the summary as JSON.
    """
    from hutong.sim.machines.report import print_summary, summarize
    from hutong.sim.machines.scenario import read_scenario
    from hutong.sim.machines.simulation import Simulation

    simulation = Simulation(read_scenario(scenario))
    simulation.run()
    summary = summarize(simulation)
    if json:
        _json(summary)
    else:
        print_summary(summary, sys.stdout)
    return 0


def _one(seed: int, steps: int, *, trace: bool, json: bool) -> int:
    result = run_seed(seed, most_steps=steps, tell=_line if trace else None)
    if isinstance(result, Broken):
        _tell(result)
        return FAILED
    if json:
        _json(result)
    else:
        _line(_told(result))
    return 0


def _told(outcome: Outcome) -> str:
    return (
        f"seed {outcome.seed}: {outcome.jobs} jobs, {outcome.attempts} attempts, {outcome.entries} "
        f"events in {outcome.steps} steps of {outcome.virtual_ms / 60_000:.1f} virtual minutes; "
        f"journal {outcome.digest[:12]}"
    )


def _many(wish: _Wish, *, json: bool) -> int:
    totals = Totals()
    results = run_seeds(wish.seeds, lanes=wish.workers, twice_every=wish.twice_every)
    code = 0
    try:
        with _progress(len(wish.seeds)) as advance:
            for result in results:
                totals.add(result)
                if isinstance(result, Broken):
                    _tell(result)
                advance()
    except KeyboardInterrupt:
        sys.stderr.write(f"interrupted after {totals.seeds} of {len(wish.seeds)} seeds\n")
        code = INTERRUPTED
    finally:
        results.close()
    if json:
        _json(totals)
    else:
        _summarize(totals, wish.seeds[0])
    return FAILED if totals.broken else code


def _summarize(totals: Totals, first: int) -> None:
    if not totals.seeds:
        return
    _line(
        f"{totals.seeds} seeds from {first}: {totals.jobs} jobs, {totals.attempts} attempts, "
        f"{totals.entries} events in {totals.steps} steps, "
        f"{totals.virtual_ms / 3_600_000:.0f} virtual hours"
    )
    if totals.broken:
        _line(f"{totals.broken} of them broke a promise.")
    else:
        _line("Every promise held after every step.")


def _tell(broken: Broken) -> None:
    """Show a broken promise: the error, and what had happened to the thing it is about."""
    error = violation(broken)
    write = sys.stderr.write
    for told in broken.story:
        write(f"  {told}\n")
    write(f"error[{error.code}]: {error.message}\n")
    write(f"hint: {error.hint}\n")
    sys.stderr.flush()


def violation(broken: Broken) -> HutongError:
    """The error of a broken promise, with the command that shows it again."""
    return refuse(
        "simulation.violation",
        seed=broken.seed,
        step=broken.step,
        promise=broken.promise,
        problem=broken.problem,
        command=f"hutong simulate chaos --seed {broken.seed} --steps {broken.step} --trace",
    )


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr where a person watches."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Left

    bar = Progress(
        TextColumn("seeds"), BarColumn(), MofNCompleteColumn(), Left(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("seeds", total=total)
        yield lambda: bar.advance(task)


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")


def _json(value: object) -> None:
    body = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.write(body.decode() + "\n")
