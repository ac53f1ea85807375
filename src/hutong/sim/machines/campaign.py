"""Many seeds over a few processes, each with its own order of sets and hashes.

Theory of operation. A lane is one process with one `PYTHONHASHSEED`. Lanes take seeds as they come
free. Some seeds are run in two lanes: their journals have to be equal byte for byte, or promise 8
is broken. Nothing is shared; whatever a lane found is a value that it sends back.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

import msgspec

from hutong.sim.machines.chaos import make_script
from hutong.sim.machines.simulation import Outcome, Simulation
from hutong.sim.machines.violation import Violation

TWICE_EVERY = 10
"""Of so many seeds one is run a second time in another process."""


class Broken(msgspec.Struct, frozen=True):
    """A promise that a seed showed broken, with what happened to the thing it is about."""

    seed: int
    step: int
    promise: str
    problem: str
    story: list[str] = []


Result = Outcome | Broken


def run_seed(
    seed: int, *, most_steps: int = 0, tell: Callable[[str], None] | None = None
) -> Result:
    """Run one seed in this process."""
    simulation = Simulation(make_script(seed), tell)
    try:
        return simulation.run(most_steps=most_steps)
    except Violation as broken:
        story = simulation.chronicle.story(broken.about)
        return Broken(seed, simulation.loop.steps, broken.name, broken.problem, story)


def run_seeds(seeds: list[int], *, lanes: int, twice_every: int = TWICE_EVERY) -> Generator[Result]:
    """Run seeds over processes, results as they come. Closing the generator ends the processes."""
    again = seeds[::twice_every] if twice_every else []
    todo = [(seed, -1) for seed in reversed(seeds)]
    pools: list[ProcessPoolExecutor] = []
    running: dict[Future[Result], tuple[int, int, bool]] = {}
    first: dict[int, Outcome] = {}
    try:
        pools.extend(map(_lane, range(max(lanes, 2 if again else 1))))
        free = list(range(len(pools)))
        while todo or running:
            while free and (number := _next(todo, free)) is not None:
                seed, before = todo.pop(number)
                lane = next(lane for lane in free if lane != before)
                free.remove(lane)
                running[pools[lane].submit(run_seed, seed)] = (seed, lane, before >= 0)
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda future: running[future]):
                seed, lane, is_second = running.pop(future)
                free.append(lane)
                result = future.result()
                if is_second:
                    result = _compared(first.pop(seed), result)
                elif seed in again and isinstance(result, Outcome):
                    first[seed] = result
                    todo.append((seed, lane))
                    continue
                yield result
    finally:
        for pool in pools:
            _end(pool)


def _next(todo: list[tuple[int, int]], free: list[int]) -> int | None:
    """The place of the next seed that a free lane may take."""
    for number in range(len(todo) - 1, -1, -1):
        if any(lane != todo[number][1] for lane in free):
            return number
    return None


def _lane(number: int) -> ProcessPoolExecutor:
    """A process of its own; the first call starts it, with the environment of that moment."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = str(number + 1)
    try:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(1, mp_context=context, initializer=_leave_interrupts)
        pool.submit(os.getpid)
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before
    return pool


def _leave_interrupts() -> None:
    """Ctrl-C goes to every process of a terminal; the one that began it ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end(pool: ProcessPoolExecutor) -> None:
    processes = list(getattr(pool, "_processes", None) or {})
    pool.shutdown(wait=False, cancel_futures=True)
    for process in multiprocessing.active_children():
        if process.pid in processes:
            process.terminate()
            process.join()


def _compared(one: Outcome, other: Result) -> Result:
    if isinstance(other, Broken) or one == other:
        return other
    problem = f"two runs gave the journals {one.digest[:12]} and {other.digest[:12]}"
    broken = Violation(8, problem)
    return Broken(one.seed, other.steps, broken.name, broken.problem)
