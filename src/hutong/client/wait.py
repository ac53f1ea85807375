"""Waiting for jobs to end, through restarts of the hub.

Many jobs of one submission have neighbouring ids, so a page or two of the listing tells of all of
them: the cost of a look does not grow with each job waited for. Looks come at a tenth of the time
waited so far, between 50 ms and 2 s apart, so that waiting adds little to a short job and costs the
hub little for a long one.
"""

import time
from collections.abc import Callable, Iterable, Sequence

from hutong.client.calls import Caller, Outage, path, with_query
from hutong.client.follow import TERMINAL
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import JobId, is_job, job_number
from hutong.model.limits import LIST_ROWS
from hutong.wire.api import JobPage, JobView

SHORTEST_MS = 50
LONGEST_MS = 2_000


def wait_for(
    caller: Caller,
    jobs: Sequence[str],
    *,
    timeout_ms: int,
    on_change: Callable[[JobView], None] | None,
) -> dict[str, JobView]:
    """Give the views of `jobs` once all have ended.

    Calls `on_change` with each view whose state differs from the one before. Raises `TimeoutError`
    after `timeout_ms` (0 waits for ever), `job.not_found` for a job the hub does not show.
    """
    began = time.monotonic()
    outage = Outage(caller)
    seen: dict[str, JobView] = {}
    ended: dict[str, JobView] = {}
    while True:
        try:
            views = views_of(caller, [job for job in jobs if job not in ended])
            outage.over()
        except HutongError as error:
            if error.code != "hub.unreachable" and error.status != 503:
                raise
            outage.wait(error)
            continue
        for job, view in views.items():
            if on_change and (job not in seen or seen[job].state != view.state):
                on_change(view)
            seen[job] = view
            if view.state in TERMINAL:
                ended[job] = view
        if len(ended) == len(set(jobs)):
            return {job: ended[job] for job in jobs}
        waited_ms = int((time.monotonic() - began) * 1000)
        if timeout_ms and waited_ms >= timeout_ms:
            open_jobs = [job for job in jobs if job not in ended]
            raise TimeoutError(f"{len(open_jobs)} job(s) have not ended, {open_jobs[0]} first")
        time.sleep(min(LONGEST_MS, max(SHORTEST_MS, waited_ms // 10)) / 1000)


def views_of(caller: Caller, jobs: Iterable[str]) -> dict[str, JobView]:
    """Give the present view of each job, in the order asked for."""
    wanted = dict.fromkeys(jobs)
    for job in wanted:
        if not is_job(job):
            raise refuse("job.not_found", job=job)
    rest = sorted((job_number(JobId(job)) for job in wanted), reverse=True)
    found: dict[str, JobView] = {}
    while rest:
        # One page from the newest of the rest down to the oldest, or as far as a page reaches.
        limit = min(LIST_ROWS, rest[0] - rest[-1] + 1)
        query = {"before": rest[0] + 1, "limit": limit}
        page = caller.call("GET", with_query(path("jobs"), query), JobPage)
        found.update((view.id, view) for view in page.jobs if view.id in wanted)
        oldest = job_number(JobId(page.jobs[-1].id)) if page.jobs and page.next else 0
        if missing := [number for number in rest if number >= oldest and f"j{number}" not in found]:
            raise refuse("job.not_found", job=f"j{missing[-1]}")
        rest = [number for number in rest if number < oldest]
    return {job: found[job] for job in wanted}
