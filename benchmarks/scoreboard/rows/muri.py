"""Mean completion of Muri's trace3 on 8 nodes of 8 GPUs under the profiles of rounds, without any
cost of a move, and with run times 1.5 % longer and 46 s a restart, which is the most that Muri's
simulator charges at an event. Theirs are Muri's simulator running Tiresias and SRTF.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.scoreboard.figure import Figure
from benchmarks.scoreboard.traces import needed
from benchmarks.scoreboard.training import POLICIES, keeping, play
from hutong.scheduler.worth import take_up
from hutong.sim.setup import Mode
from hutong.sim.trace import open_trace, world_of
from hutong.sim.workload import Workload

WITHOUT_ORACLE, WITH_ORACLE = 347_213, 193_082
LONGER, RESTART_MS = 1.015, 46_000


def figures(traces: Path) -> Iterator[Figure]:
    """Measure it."""
    take_up()
    plain = open_trace(needed(traces / "muri" / "trace3.csv"))
    replace = msgspec.structs.replace
    longer = [replace(job, run_ms=round(job.run_ms * LONGER)) for job in plain.jobs]
    cases = (
        ("moves cost nothing", plain, 0),
        ("46 s a restart", Workload(plain.info, longer), RESTART_MS),
    )
    for case, workload, restart_ms in cases:
        world = keeping(world_of(plain), restart_ms)
        for profile, mode in POLICIES:
            run = play(world, workload, profile, mode)
            oracle = mode is Mode.ORACLE
            yield Figure(
                f"trace3, {case}: mean completion, {profile}", run.mean_s, "s",
                WITH_ORACLE if oracle else WITHOUT_ORACLE, "at most",
                {"SRTF": WITH_ORACLE} if oracle else {"Tiresias": WITHOUT_ORACLE},
                "oracle" if oracle else "estimate",
            )  # fmt: skip
