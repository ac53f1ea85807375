"""Submissions on their way to the machine: checked, keyed, with what they depend on looked up.

The machine holds what is not over. What a submission's key or dependency names may have ended long
ago, so it is looked for in the store before the machine is asked. Between that look and the
machine's turn a job may leave the machine; the driver remembers those that just ended, and a key
that is among them is looked for again.
"""

import asyncio
from collections.abc import Sequence

from hutong.lifecycle import commands as do
from hutong.lifecycle.admission import Accepted
from hutong.model import limits
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import JobId, TenantId
from hutong.model.job import JobSpec
from hutong.model.states import JobState
from hutong.model.validate import check_spec
from hutong.server.driver import Driver
from hutong.server.ended import LOOK_MS
from hutong.server.tokens import Principal
from hutong.store.contract import Store
from hutong.wire.api import SubmitRequest

Keys = dict[tuple[TenantId, str], tuple[JobId, JobSpec]]
Known = dict[JobId, tuple[TenantId, JobState]]
Outcome = Accepted | HutongError


def check_request(driver: Driver, request: SubmitRequest, principal: Principal) -> None:
    """Refuse a submission that is not well formed, or that speaks of what is not the caller's."""
    spec, key = request.spec, request.key
    if key and (len(key) > limits.IDEMPOTENCY_KEY_CHARS or not key.isprintable()):
        problem = f"it is not one line of at most {limits.IDEMPOTENCY_KEY_CHARS} characters"
        raise refuse("request.parameter", name="key", value=key, problem=problem)
    check_spec(spec)
    if not principal.sees(spec.tenant):
        raise principal.forbidden(f"hand in jobs for {spec.tenant}", f"member of {spec.tenant}")
    for dependency in spec.depends_on:
        held = driver.machine.state.jobs.get(dependency.job)
        if held is not None and not principal.sees(held.spec.tenant):
            raise refuse("job.dependency_unknown", job=dependency.job)


async def submit(
    driver: Driver, requests: Sequence[SubmitRequest], principal: Principal, cause: str
) -> list[Outcome]:
    """Hand checked requests to the machine. Outcomes may leave once `driver.durable` returns."""
    keys, known = await _look(driver, requests)
    known = {
        job: found for job, found in {**known, **_just_ended(driver, requests)}.items()
        if principal.sees(found[0])
    }  # fmt: skip
    answer = driver.handle(
        do.Submit(
            tuple(do.Submission(request.spec, request.key) for request in requests),
            principal.name,
            {job: state for job, (_, state) in known.items()},
            _by_index(requests, keys),
        ),
        cause,
    )
    assert isinstance(answer, list)
    driver.metrics.jobs_accepted.inc(sum(1 for each in answer if isinstance(each, Accepted)))
    return answer


async def _look(driver: Driver, requests: Sequence[SubmitRequest]) -> tuple[Keys, Known]:
    """Find in the store what the machine does not hold; again, where something has just ended."""
    while True:
        wanted_keys, wanted_jobs = _missing(driver, requests)
        if not wanted_keys and not wanted_jobs:
            return {}, {}
        try:
            async with asyncio.timeout(LOOK_MS / 1000):
                found = await driver.read(_find, driver.store, wanted_keys, wanted_jobs)
        except TimeoutError:
            raise refuse("store.unavailable", problem="it does not answer") from None
        if not driver.just_ended.has_keys or not _overtaken(driver, requests, found[0]):
            return found
        await driver.durable()


def _overtaken(driver: Driver, requests: Sequence[SubmitRequest], found: Keys) -> bool:
    """Say whether a job of one of the keys left the machine while the store was looked at."""
    held = driver.machine.state.keys
    for request in requests:
        tenant, key = request.spec.tenant, request.key
        if not key or not driver.just_ended.has_key(tenant, key):
            continue
        if key not in held.get(tenant, ()) and (tenant, key) not in found:
            return True
    return False


def _missing(
    driver: Driver, requests: Sequence[SubmitRequest]
) -> tuple[list[tuple[TenantId, str]], list[JobId]]:
    state = driver.machine.state
    keys: dict[tuple[TenantId, str], None] = {}
    jobs: dict[JobId, None] = {}
    for request in requests:
        spec = request.spec
        if request.key and request.key not in state.keys.get(spec.tenant, ()):
            keys[spec.tenant, request.key] = None
        for dependency in spec.depends_on:
            if dependency.job not in state.jobs:
                jobs[dependency.job] = None
    return list(keys), list(jobs)


def _find(
    store: Store, wanted_keys: list[tuple[TenantId, str]], wanted_jobs: list[JobId]
) -> tuple[Keys, Known]:
    keys: Keys = {}
    for key, row in store.jobs_by_keys(wanted_keys).items() if wanted_keys else ():
        spec = store.spec(row.id)
        if spec is not None:
            keys[key] = (row.id, spec)
    known: Known = {}
    for job in wanted_jobs:
        found = store.job(job)
        if found is not None:
            known[job] = (found.tenant, found.state)
    return keys, known


def _just_ended(driver: Driver, requests: Sequence[SubmitRequest]) -> Known:
    ended: Known = {}
    for request in requests:
        for dependency in request.spec.depends_on:
            found = driver.just_ended.state(dependency.job)
            if found is not None:
                ended[dependency.job] = found
    return ended


def _by_index(requests: Sequence[SubmitRequest], keys: Keys) -> dict[int, tuple[JobId, JobSpec]]:
    if not keys:
        return {}
    found = {}
    for index, request in enumerate(requests):
        earlier = keys.get((request.spec.tenant, request.key)) if request.key else None
        if earlier is not None:
            found[index] = earlier
    return found
