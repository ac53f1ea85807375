"""100,000 jobs in bulk, each durable when answered; the memory of a hub that holds them, and the
time a restart takes. No site joins, so that they all wait."""

import time

from benchmarks.figure import Figure, Report
from benchmarks.world import fleet, resident_mib, true_job

JOBS = 100_000


def run(report: Report) -> None:
    with fleet() as made:
        empty_mib = resident_mib(made.hub_pid)
        specs = [true_job(number) for number in range(JOBS)]
        with made.client() as client:
            began = time.perf_counter()
            accepted = sum(1 for line in client.submit_many(specs) if line.job)
            took_s = time.perf_counter() - began
        assert accepted == JOBS, f"{accepted} accepted"
        report.add(
            Figure("100,000 jobs in bulk, durable", JOBS / took_s, "jobs/s", 5_000, "at least")
        )
        full_mib = resident_mib(made.hub_pid)
        report.add(Figure("memory of the hub with 100,000 queued", full_mib, "MiB", 1_024))
        report.add(Figure("of which per job", (full_mib - empty_mib) * 1024 / JOBS, "KiB"))
        made.kill_hub()
        began = time.perf_counter()
        made.start_hub()
        report.add(Figure("kill -9 and start to serving", time.perf_counter() - began, "s", 10))
        with made.client() as client:
            assert client.health().queued == JOBS, client.health()
        report.add(Figure("memory after the restart", resident_mib(made.hub_pid), "MiB", 1_024))
