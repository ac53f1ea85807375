"""2,000 `true` jobs through the whole way, beside a bare loop that spawns the same processes.

Both run in one case, so that the machine's speed cancels out. The clock runs from the first byte
handed in until the hub says that all have ended.
"""

import os
import time

from benchmarks.figure import Figure, Report
from benchmarks.world import cpu_s, fleet, site_text, tree, true_job
from hutong.client.client import Client

JOBS = 2_000
GIVE_UP_S = 120


def run(report: Report) -> None:
    bare = [_bare_rate()]
    with fleet() as made:
        made.add_site("local", site_text("local", cpus=256))
        made.start_agent("local")
        with made.client() as client:
            pids = {"hub": made.hub_pid, "agent": made.agent_pid("local")}
            before = {name: cpu_s(pid) for name, pid in pids.items()}
            began = time.perf_counter()
            lines = list(client.submit_many([true_job(number) for number in range(JOBS)]))
            handed_in_s = time.perf_counter() - began
            _wait_until_idle(client)
            took_s = time.perf_counter() - began
            views = client.views(line.job for line in lines)
            used = {name: cpu_s(pid) - before[name] for name, pid in pids.items()}
            children = len(tree(made.agent_pid("local")))
    bare.append(_bare_rate())
    assert all(view.state == "succeeded" for view in views.values()), "all jobs succeed"
    rate, spawned = JOBS / took_s, sum(bare) / len(bare)
    report.note(
        f"handed in after {handed_in_s:.2f} s; {children} processes of the agent at the end"
    )
    report.add(Figure("a bare spawn loop of `true`", spawned, "jobs/s"))
    report.add(Figure("2,000 `true` jobs, finished", rate, "jobs/s", 300, "at least"))
    report.add(Figure("the same over the bare loop", rate / spawned, "ratio", 0.5, "at least"))
    for name, seconds in used.items():
        report.add(Figure(f"CPU of the {name} per job", seconds / JOBS * 1000, "ms"))


def _wait_until_idle(client: Client) -> None:
    give_up = time.monotonic() + GIVE_UP_S
    while True:
        health = client.health()
        if not health.queued and not health.running:
            return
        assert time.monotonic() < give_up, health
        time.sleep(0.02)


def _bare_rate() -> float:
    """Processes a second of the quickest loop that Python has, one after the other."""
    began = time.perf_counter()
    for _ in range(JOBS):
        os.waitpid(os.posix_spawnp("true", ["true"], os.environ), 0)
    return JOBS / (time.perf_counter() - began)
