"""Jobs of one submission that wait for each other by name."""

from collections.abc import Mapping, Sequence

import msgspec

from hutong.model.errors import refuse
from hutong.model.ids import JobId, is_job
from hutong.model.job import JobSpec


def link_names(jobs: Sequence[JobSpec]) -> tuple[dict[str, int], ...]:
    """Find, for each job, the positions of the earlier jobs that its dependencies name.

    Job ids (`j42`) are left out: they need no linking. Refuses a name that no earlier job of the
    submission has, or that two have.
    """
    positions: dict[str, int] = {}
    twice: dict[str, None] = {}
    links: list[dict[str, int]] = []
    for position, job in enumerate(jobs):
        found: dict[str, int] = {}
        for dependency in job.depends_on:
            name = dependency.job
            if is_job(name):
                continue
            if name in twice:
                raise refuse(
                    "job.invalid",
                    field="depends_on",
                    value=name,
                    problem="two earlier jobs of the submission have this name",
                    advice="Give each job its own name.",
                )
            if name not in positions:
                raise _unknown(job, name, jobs[position:])
            found[name] = positions[name]
        links.append(found)
        if job.name in positions:
            twice[job.name] = None
        positions[job.name] = position
    return tuple(links)


def _unknown(job: JobSpec, name: str, later: Sequence[JobSpec]) -> Exception:
    if any(other.name == name for other in later):
        problem, advice = "that job comes later", "Put the jobs into the order in which they wait."
    else:
        problem = "it is neither a job id nor the name of an earlier job of this submission"
        advice = "Job ids look like `j42`; `hutong jobs` lists them."
    return refuse("job.invalid", field="depends_on", value=name, problem=problem, advice=advice)


def with_ids(job: JobSpec, ids: Mapping[str, JobId]) -> JobSpec:
    """Replace the names of jobs in a job's dependencies by the ids they got."""
    if all(is_job(dependency.job) for dependency in job.depends_on):
        return job
    linked = tuple(
        dependency
        if is_job(dependency.job)
        else msgspec.structs.replace(dependency, job=ids[dependency.job])
        for dependency in job.depends_on
    )
    return msgspec.structs.replace(job, depends_on=linked)
