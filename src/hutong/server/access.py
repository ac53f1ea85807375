"""Finding what a caller names, as far as the caller may see it."""

from hutong.lifecycle.rows import AttemptRow, JobRow
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import AttemptId, JobId, TenantId, attempt_id, is_job, is_tenant
from hutong.model.job import JobSpec
from hutong.model.limits import LIST_ROWS
from hutong.server.endpoint import Call
from hutong.store.contract import Store


async def visible_job(call: Call) -> JobRow:
    """The job of the path. Raises `job.not_found` also for a job of somebody else."""
    name = call.params["job"]
    if not is_job(name):
        raise refuse("job.not_found", job=name)
    driver = call.hub.driver
    row = await driver.read(driver.store.job, JobId(name))
    if row is None or not call.principal.sees(row.tenant):
        raise refuse("job.not_found", job=name)
    return row


async def spec_of(call: Call, job: JobId) -> JobSpec:
    """What was handed in, from the machine or the journal."""
    driver = call.hub.driver
    held = driver.machine.state.jobs.get(job) if driver.has_machine else None
    if held is not None:
        return held.spec
    spec = await driver.read(driver.store.spec, job)
    if spec is None:
        raise refuse("job.not_found", job=job)
    return spec


def check_element(job: JobId, spec: JobSpec, element: int | None) -> None:
    """Refuse an element that the job does not have."""
    if element is not None and (spec.array is None or element >= spec.array.count):
        raise refuse("job.not_found", job=f"{job}[{element}]")


def wanted_tenant(call: Call, tenant: str) -> TenantId | None:
    """The subtree that a listing is about. Raises `auth.forbidden` beyond the caller's."""
    if not tenant:
        return None if call.principal.tenant is None else TenantId(call.principal.tenant)
    if not is_tenant(tenant):
        raise refuse("tenant.not_found", tenant=tenant)
    if not call.principal.sees(tenant):
        raise foreign_tenant(call, tenant)
    return TenantId(tenant)


def foreign_tenant(call: Call, tenant: str) -> HutongError:
    """The refusal of a tenant that is not the caller's."""
    return call.principal.forbidden(f"speak for {tenant}", f"member of {tenant}")


async def named_attempt(call: Call, row: JobRow, name: str, element: int | None) -> AttemptId:
    """The attempt of a job that a number or an id names.

    Raises `attempt.not_found`, and `request.parameter` for a number that could be of any element.
    """
    if not name.isascii() or not name.isdigit():
        prefix = name.split("-")
        if len(prefix) < 3 or prefix[1] != row.id:
            raise refuse("attempt.not_found", attempt=name)
        return AttemptId(name)
    spec = await spec_of(call, row.id)
    if spec.array is not None and element is None:
        problem = "the job is an array; name the element too, or the attempt's id"
        raise refuse("request.parameter", name="attempt", value=name, problem=problem)
    if len(name) > 9:
        raise refuse("attempt.not_found", attempt=name)
    hub = call.hub.driver.machine.state.hub
    return attempt_id(hub, row.id, element, int(name))


async def found_attempt(call: Call, job: JobRow, attempt: AttemptId) -> AttemptRow:
    """An attempt of a job. Raises `attempt.not_found`."""
    driver = call.hub.driver
    row = await driver.read(driver.store.attempt, attempt)
    if row is None or row.job != job.id:
        raise refuse("attempt.not_found", attempt=attempt)
    return row


def newest_attempt(store: Store, job: JobId, element: int | None) -> AttemptRow | None:
    """The newest attempt of a job or element."""
    newest = None
    while page := store.attempts(
        job, element=element, after=newest.id if newest else "", limit=LIST_ROWS
    ):
        newest = page[-1]
        if len(page) < LIST_ROWS:
            break
    if newest is not None and newest.part:  # of a split gang the part with rank 0
        return store.attempt(AttemptId(newest.id.removesuffix(f".{newest.part}"))) or newest
    return newest
