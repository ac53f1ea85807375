"""How a program truly runs where it was placed: its time, its exit code, how it takes SIGTERM."""

from collections.abc import Sequence
from zlib import crc32

from hutong.catalog import Catalog
from hutong.model.attempt import AttemptOrder
from hutong.model.job import JobSpec
from hutong.sim.machines.script import JobLine

LINE = "HUTONG_SIM_LINE"
"""The variable of a job's environment that tells its line of the script."""


class Nature:
    """Knows what the programs of a script's lines do."""

    def __init__(self, jobs: Sequence[JobLine], catalog: Catalog) -> None:
        self._jobs = jobs
        self._catalog = catalog

    def __call__(self, order: AttemptOrder) -> tuple[int, int, int]:
        """Run time (ms), exit code and time to leave (ms) of one attempt."""
        line = self._jobs[int(order.program.env[LINE])]
        behaviour = line.behaviour
        run_ms = behaviour.run_ms * 1_000 // speed_milli(line.spec, order, self._catalog)
        if line.spec.elastic is not None:  # the same work over fewer tasks
            tasks = sum(share.tasks for share in order.nodes if not share.group)
            run_ms = run_ms * line.spec.tasks // tasks
        if behaviour.spread_milli:
            # By the attempt's name, so that it does not matter who asks when.
            share = crc32(order.attempt.encode()) % (2 * behaviour.spread_milli + 1)
            run_ms = run_ms * (1_000 + share - behaviour.spread_milli) // 1_000
        exit_code = behaviour.exits[min(order.number, len(behaviour.exits)) - 1]
        return max(1, run_ms), exit_code, behaviour.leave_ms


def speed_milli(spec: JobSpec, order: AttemptOrder, catalog: Catalog) -> int:
    """How fast a job runs on the chips it was given, where its first alternative is 1000.

    What the job says of an alternative is true here; where it says nothing, the catalogue is.
    """
    needs = spec.needs.accelerators
    milli = order.needs.accelerator_milli
    for need in needs:
        if need.model not in (order.accelerator, "any") or need.count_milli != milli:
            continue
        if need.speed_milli:
            return need.speed_milli
        first = needs[0]
        base = first.speed_milli or 1_000
        if first.model == "any":
            return base
        relative = (
            catalog.relative_speed_milli(order.accelerator, first.model, spec.workload) or 1_000
        )
        return max(1, base * relative * need.count_milli // (1_000 * first.count_milli))
    return 1_000
