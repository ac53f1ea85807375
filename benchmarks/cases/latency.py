"""Hand-in to running: an idle hub, a local site, one job at a time.

The end of the interval is the start that the site's own clock recorded, on the same machine.
"""

import time

from benchmarks.figure import Figure, Report, median
from benchmarks.world import fleet, site_text, true_job

JOBS = 30


def run(report: Report) -> None:
    with fleet() as made:
        made.add_site("local", site_text("local"))
        made.start_agent("local")
        with made.client() as client:
            waits: list[float] = []
            for number in range(JOBS):
                began_ms = time.time_ns() / 1e6
                job = client.submit(true_job(number)).job
                view = client.wait(job, timeout_ms=30_000)
                assert view.state == "succeeded", view
                waits.append(view.started_ms - began_ms)
                time.sleep(0.05)
    report.add(Figure("hand-in to running, median of 30", median(waits), "ms", 200))
    report.add(Figure("hand-in to running, slowest of 30", max(waits), "ms"))
