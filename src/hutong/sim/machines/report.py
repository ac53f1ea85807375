"""What became of a run's jobs: waits, ends and costs, by job and by tenant."""

from typing import TextIO

import msgspec

from hutong.model.states import JobState
from hutong.sim.machines.simulation import Simulation

MICROCNY = 1_000_000


class JobSummary(msgspec.Struct, frozen=True):
    """One job. `wait_ms` is up to its first start, `finish_ms` from the start of the run to its
    end; both are -1 while it has not come so far. `why` says why it waits, or ended as it did."""

    job: str
    name: str
    tenant: str
    state: JobState
    site: str
    accelerator: str
    attempts: int
    wait_ms: int
    finish_ms: int
    cost_microcny: int
    why: str


class TenantSummary(msgspec.Struct, frozen=True):
    """All jobs of one tenant. `chip_ms` is the time of whole accelerators."""

    tenant: str
    jobs: int
    succeeded: int
    mean_wait_ms: int
    most_wait_ms: int
    finish_ms: int
    chip_ms: int
    cost_microcny: int


class Summary(msgspec.Struct, frozen=True):
    """A run of a scenario. `digest` is the SHA-256 of its journal: equal runs have equal ones."""

    name: str
    virtual_ms: int
    steps: int
    digest: str
    jobs: list[JobSummary]
    tenants: list[TenantSummary]


def summarize(simulation: Simulation) -> Summary:
    """Sum up a run that is over."""
    outcome = simulation.outcome()
    jobs = _jobs(simulation)
    return Summary(
        simulation.script.name,
        outcome.virtual_ms,
        outcome.steps,
        outcome.digest,
        jobs,
        [_tenant(simulation, name, jobs) for name in dict.fromkeys(job.tenant for job in jobs)],
    )


def _jobs(simulation: Simulation) -> list[JobSummary]:
    start_ms = simulation.script.start_ms
    machine = simulation.hub.machine
    found = []
    for row in simulation.hub.disk.rows.jobs.values():
        held = machine.state.jobs.get(row.id)
        if held is not None and row.state is JobState.QUEUED:
            reasons = machine.why(row.id, simulation.hub.now_ms).reasons
            why = " ".join(reason.sentence() for reason in reasons)
        else:
            why = row.reason.sentence() if row.reason is not None else ""
        started, ended = bool(row.started_ms), bool(row.ended_ms)
        found.append(
            JobSummary(
                row.id,
                row.name,
                row.tenant,
                row.state,
                row.site,
                row.accelerator,
                row.attempts,
                # A site's clock may be behind the hub's.
                max(0, row.started_ms - row.submitted_ms) if started else -1,
                row.ended_ms - start_ms if ended else -1,
                row.cost_microcny,
                why,
            )
        )
    return found


def _tenant(simulation: Simulation, name: str, jobs: list[JobSummary]) -> TenantSummary:
    mine = [job for job in jobs if job.tenant == name]
    waits = [job.wait_ms for job in mine if job.wait_ms >= 0] or [0]
    used = simulation.hub.machine.state.meter.get(mine[0].tenant)  # type: ignore[call-overload]
    return TenantSummary(
        name,
        len(mine),
        sum(1 for job in mine if job.state is JobState.SUCCEEDED),
        sum(waits) // len(waits),
        max(waits),
        max((job.finish_ms for job in mine), default=-1),
        used.accelerator_milli_ms // 1_000 if used is not None else 0,
        sum(job.cost_microcny for job in mine),
    )


def print_summary(summary: Summary, stream: TextIO) -> None:
    """Print a summary in 80 columns."""
    write = stream.write
    write(f"{summary.name}: {len(summary.jobs)} jobs in {duration(summary.virtual_ms)}\n\n")
    form = "{:<6} {:<14} {:<14} {:<9} {:<12} {:>8} {:>9}\n"
    write(form.format("JOB", "NAME", "TENANT", "STATE", "SITE", "WAIT", "FINISH"))
    for job in summary.jobs:
        write(
            form.format(
                job.job,
                _cut(job.name, 14),
                _cut(job.tenant, 14),
                job.state.value,
                _cut(job.site or "-", 12),
                duration(job.wait_ms),
                duration(job.finish_ms),
            )
        )
        if job.state is not JobState.SUCCEEDED:
            write(f"       {_cut(job.why, 73)}\n")
    form = "{:<18} {:>5} {:>5} {:>10} {:>10} {:>10} {:>7} {:>8}\n"
    head = ("TENANT", "JOBS", "DONE", "MEAN WAIT", "MOST WAIT", "LAST END", "CHIP-H", "CNY")
    write("\n" + form.format(*head))
    for tenant in summary.tenants:
        write(
            form.format(
                _cut(tenant.tenant, 18),
                tenant.jobs,
                tenant.succeeded,
                duration(tenant.mean_wait_ms),
                duration(tenant.most_wait_ms),
                duration(tenant.finish_ms),
                f"{tenant.chip_ms / 3_600_000:.2f}",
                f"{tenant.cost_microcny / MICROCNY:.2f}",
            )
        )


def duration(ms: int) -> str:
    """A duration in at most eight characters; `-` for one that is not known."""
    if ms < 0:
        return "-"
    seconds = ms // 1_000
    if seconds < 60:
        return f"{ms / 1_000:.1f}s"
    if seconds < 3_600:
        return f"{seconds // 60}m{seconds % 60:02}s"
    if seconds < 86_400:
        return f"{seconds // 3_600}h{seconds % 3_600 // 60:02}m"
    return f"{seconds // 86_400}d{seconds % 86_400 // 3_600:02}h"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
