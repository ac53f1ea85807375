"""One cycle: a snapshot in, a plan with reasons out."""

from hutong.model.attempt import NodeShare
from hutong.model.reasons import BusyPools, OnlyCandidate
from hutong.model.resources import Amount
from hutong.model.supply import NodeCondition
from hutong.scheduler.plan import Deferral, Explanation, Placement, Plan
from hutong.scheduler.profile import Profile
from hutong.scheduler.records import QueuedJob, SiteStatus
from hutong.scheduler.state import Snapshot


def run_cycle(snapshot: Snapshot, profile: Profile) -> Plan:
    """Decide what starts, what is stopped, and why the rest waits. Pure."""
    state = snapshot.state
    used = dict(state.used)
    placements: list[Placement] = []
    deferrals: list[Deferral] = []
    waiting = sorted(state.jobs.values(), key=lambda job: (job.spec.priority.rank, job.seq))
    for job in waiting:
        if job.job in state.held:
            continue
        for _ in range(state.available[job.job]):
            placement = _place(snapshot, profile, job, used)
            if placement is None:
                reason = BusyPools(len(state.pools), job.spec.tasks, 0)
                explanation = Explanation()
                deferrals.append(Deferral(0, job.job, (reason,), 0, "none", explanation))
                break
            placements.append(placement)
    return Plan(placements=tuple(placements), deferrals=tuple(deferrals))


def _place(
    snapshot: Snapshot, profile: Profile, job: QueuedJob, used: dict[str, Amount]
) -> Placement | None:
    state, spec = snapshot.state, job.spec
    for pool in state.pools.values():
        if state.statuses.get(pool.site) is not SiteStatus.READY:
            continue
        needs = Amount(spec.needs.cpu_milli, spec.needs.memory_mib)
        if spec.needs.accelerators:
            found = [a for a in spec.needs.accelerators if a.model in (pool.accelerator, "any")]
            if not found:
                continue
            needs = needs.plus(Amount(accelerator_milli=found[0].count_milli))
        left, shares = spec.tasks, []
        for node in state.nodes.values():
            if node.pool != pool.id or state.conditions[node.id] is not NodeCondition.READY:
                continue
            fit, free = 0, pool.node.minus(used.get(node.id, Amount()))
            while fit < left and needs.times(fit + 1).fits_in(free):
                fit += 1
            if fit:
                shares.append(NodeShare(node.id, fit))
                left -= fit
            if not left:
                for share in shares:
                    held = used.get(share.node, Amount())
                    used[share.node] = held.plus(needs.times(share.tasks))
                run_ms = spec.estimate_ms or spec.time_limit_ms or profile.default_run_ms
                return Placement(
                    job=job.job, site=pool.site, pool=pool.id, nodes=tuple(shares),
                    accelerator=pool.accelerator if needs.accelerator_milli else "",
                    accelerator_milli=needs.accelerator_milli, speed_milli=1000,
                    rate_microcny_per_hour=pool.price.rate(needs.times(spec.tasks)),
                    expected_end_ms=snapshot.now_ms + run_ms, reason=OnlyCandidate(),
                    explanation=Explanation(),
                )  # fmt: skip
    return None
