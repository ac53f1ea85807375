"""Tenants and what they used."""

from typing import cast

from hutong.lifecycle import commands as do
from hutong.lifecycle.hub import HubMachine
from hutong.model.check_quota import problem_of_quota
from hutong.model.errors import refuse
from hutong.model.ids import TenantId, is_tenant
from hutong.model.resources import Amount
from hutong.model.states import JobState
from hutong.model.supply import cost_microcny
from hutong.model.tenant import Tenant, TenantShare, ancestors
from hutong.server.access import foreign_tenant, wanted_tenant
from hutong.server.endpoint import Answer, Call
from hutong.server.queries import UsageParameters
from hutong.server.tokens import is_within
from hutong.store.contract import UsageQuery
from hutong.wire.api import TenantRequest, TenantView, UsageReply, UsageView

ADVICE = "Amounts are whole numbers from 0 up; leave away what is not bound."
Counts = dict[tuple[TenantId, JobState], int]


async def list_tenants(call: Call) -> Answer:
    """The tenants that the caller sees: those that were made or have jobs, and all above them."""
    driver = call.hub.driver
    counts = await driver.read(driver.store.count_jobs)
    machine = driver.machine
    known = _known(machine, counts)
    names = {above: True for tenant in known for above in ancestors(tenant)}
    held = _held(machine)
    seen = [name for name in sorted(names) if call.principal.sees(name)]
    shares = machine.scheduler.tenant_shares(seen, driver.clock.now_ms())
    views = [_view(machine, name, counts, held, share) for name, share in shares.items()]
    await driver.durable()
    return Answer(views)


async def show_tenant(call: Call) -> Answer:
    """One tenant."""
    return Answer(await _shown(call, _named(call)))


async def put_tenant(call: Call) -> Answer:
    """Set a tenant's weight and quota; makes the tenant where there is none."""
    name = _named(call)
    request = cast(TenantRequest, call.body)
    problem = problem_of_quota(request.quota)
    if problem:
        raise refuse("tenant.invalid", tenant=name, problem=problem, advice=ADVICE)
    tenant = Tenant(name, request.weight, request.quota)
    await call.hub.driver.submit(do.PutTenant(tenant), call.cause)
    return Answer(await _shown(call, name))


async def show_usage(call: Call) -> Answer:
    """Usage by tenant, site and chip: what has ended, and what runs until now."""
    query = cast(UsageParameters, call.query)
    wanted = wanted_tenant(call, query.tenant)
    driver = call.hub.driver
    until_ms = 2**62 if query.until_ms is None else query.until_ms
    ended = await driver.read(driver.store.usage, UsageQuery(wanted, query.since_ms, until_ms))
    rows = {
        (row.tenant, row.site, row.accelerator): UsageView(
            row.tenant, row.site, row.accelerator, row.attempts, row.duration_ms,
            row.cpu_milli_ms, row.accelerator_milli_ms, row.cost_microcny,
        )
        for row in ended
    }  # fmt: skip
    now_ms = driver.clock.now_ms()
    if driver.has_machine and query.since_ms <= now_ms < until_ms:
        for key, (count, cost) in _running(driver.machine, wanted, now_ms).items():
            before = rows.get(key) or UsageView(*key, 0, 0, 0, 0, 0)
            rows[key] = UsageView(
                *key, before.attempts, before.duration_ms, before.cpu_milli_ms,
                before.accelerator_milli_ms, before.cost_microcny, count, cost,
            )  # fmt: skip
    await driver.durable()
    shown = tuple(rows[key] for key in sorted(rows))
    total = sum(row.cost_microcny + row.running_cost_microcny for row in shown)
    return Answer(UsageReply(shown, total))


def _named(call: Call) -> TenantId:
    name = call.params["tenant"]
    if not is_tenant(name):
        raise refuse("tenant.not_found", tenant=name)
    if not call.principal.sees(name):
        raise foreign_tenant(call, name)
    return TenantId(name)


def _known(machine: HubMachine, counts: Counts) -> tuple[TenantId, ...]:
    """The tenants that were made and those that have jobs; some twice."""
    return (*machine.state.tenants, *(tenant for tenant, _ in counts))


async def _shown(call: Call, name: TenantId) -> TenantView:
    driver = call.hub.driver
    counts = await driver.read(driver.store.count_jobs)
    machine = driver.machine
    if not any(is_within(known, name) for known in _known(machine, counts)):
        raise refuse("tenant.not_found", tenant=name)
    share = machine.scheduler.tenant_share(name, driver.clock.now_ms())
    view = _view(machine, name, counts, _held(machine), share)
    await driver.durable()
    return view


def _view(
    machine: HubMachine, name: TenantId, counts: Counts, held: dict[TenantId, Amount],
    share: TenantShare,
) -> TenantView:  # fmt: skip
    tenant = machine.state.tenants.get(name) or Tenant(name)
    jobs: dict[str, int] = {}
    for (owner, state), count in counts.items():
        if is_within(owner, name):
            jobs[state.value] = jobs.get(state.value, 0) + count
    return TenantView(
        name, tenant.weight, tenant.quota, held.get(name, Amount()), share.share_milli, jobs,
        share.use_milli, share.entitled_milli, share.rules,
    )  # fmt: skip


def _held(machine: HubMachine) -> dict[TenantId, Amount]:
    """What the live attempts of each tenant and all below it hold."""
    held: dict[TenantId, Amount] = {}
    for attempt in machine.state.attempts.values():
        if attempt.is_live:
            amount = attempt.held()
            for level in ancestors(attempt.tenant):
                held[level] = held.get(level, Amount()).plus(amount)
    return held


def _running(
    machine: HubMachine, wanted: TenantId | None, now_ms: int
) -> dict[tuple[TenantId, str, str], tuple[int, int]]:
    running: dict[tuple[TenantId, str, str], tuple[int, int]] = {}
    for attempt in machine.state.attempts.values():
        if not attempt.is_live or not attempt.started_ms:
            continue
        if wanted is not None and not is_within(attempt.tenant, wanted):
            continue
        key = (attempt.tenant, str(attempt.site), attempt.accelerator)
        duration_ms = max(0, now_ms - attempt.started_ms)
        cost = cost_microcny(attempt.rate_microcny_per_hour, duration_ms)
        count, sum_so_far = running.get(key, (0, 0))
        running[key] = (count + 1, sum_so_far + cost)
    return running
