"""Mean completion of Gavel's two generated traces on its 36 V100, 36 P100 and 36 K80, with its
measured throughputs, under the profiles of rounds (360 s). Gavel's simulator charges a move nothing
and means over all jobs; so do these. Beside it the lower bound that Gavel is held against, the
isolated run time, and finish-time fairness against a 1/n share, ours and first come first served in
the same run.
"""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.scoreboard.figure import Figure
from benchmarks.scoreboard.traces import needed
from benchmarks.scoreboard.training import POLICIES, fairness, keeping, play
from hutong.scheduler.worth import take_up
from hutong.sim.setup import Mode
from hutong.sim.trace import open_trace, world_of

TRACES = {
    "cm_1000_lam1800_seed0": (72_928, {"Gavel, best policy": 72_928, "Gavel, chip-blind": 92_478}),
    "cm_500_lam2400_seed0": (61_797, {"Gavel, fifo_perf": 60_569, "Gavel": 61_797}),
}
JOBS_A_CPU_S = 1_000
THEIR_JOBS_A_CPU_S = {"Gavel": 23}


def figures(traces: Path) -> Iterator[Figure]:
    """Measure it."""
    take_up()
    for name, (bound, theirs) in TRACES.items():
        workload = open_trace(needed(traces / "gavel" / f"{name}.trace"))
        needed(traces / "gavel" / "simulation_throughputs.json.gz")
        world = keeping(world_of(workload))
        slowest = 1e9
        for profile, mode in POLICIES:
            run = play(world, workload, profile, mode)
            slowest = min(slowest, run.jobs_a_cpu_s)
            known = "oracle" if mode is Mode.ORACLE else "estimate"
            yield Figure(
                f"{name}: mean completion, {profile}", run.mean_s, "s", bound, "at most",
                theirs, known,
            )  # fmt: skip
            mean, most = fairness(world, run.outcome)
            yield Figure(f"{name}: finish-time fairness, {profile}: mean", mean, "", told=known)
            yield Figure(f"{name}: finish-time fairness, {profile}: most", most, "", told=known)
        plain = play(world, workload, "fifo", Mode.NONE)
        mean, most = fairness(world, plain.outcome)
        yield Figure(f"{name}: mean completion, fifo", plain.mean_s, "s", told="estimate")
        yield Figure(f"{name}: finish-time fairness, fifo: mean", mean, "", told="estimate")
        yield Figure(f"{name}: finish-time fairness, fifo: most", most, "", told="estimate")
        isolated = float(plain.outcome.numbers["best_ms"].mean()) / 1000
        yield Figure(f"{name}: isolated run time, which nobody beats", isolated, "s")
        yield Figure(
            f"{name}: jobs a CPU second, the slowest of the rounds", slowest, "/s",
            JOBS_A_CPU_S, theirs=THEIR_JOBS_A_CPU_S,
        )  # fmt: skip
