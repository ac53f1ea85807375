"""One scheduling cycle, and its plan turned into an event."""

from hutong.lifecycle import events as ev
from hutong.lifecycle.scaling import carry_out
from hutong.lifecycle.turn import Turn
from hutong.model.ids import AttemptId, JobId, attempt_id
from hutong.model.resources import Amount
from hutong.scheduler.cycle import run_cycle
from hutong.scheduler.plan import Placement, Plan
from hutong.scheduler.profile import Profile


def run_cycle_and_place(turn: Turn, profile: Profile) -> Plan:
    """Decide, and let what was decided happen. The plan is kept for `why`."""
    scheduler = turn.fold.scheduler
    plan = run_cycle(scheduler.snapshot(turn.now_ms), profile)
    if plan.placements or plan.preemptions:
        turn.emit(
            ev.PlanDecided(
                turn.state.cycle + 1,
                _placed(turn, plan.placements),
                tuple(ev.AttemptPreempted(line.victim, line.job) for line in plan.preemptions),
            )
        )
        for placement in plan.placements:
            turn.poke(placement.site)
        for preemption in plan.preemptions:
            turn.poke(turn.state.attempts[preemption.victim].site)
    carry_out(turn, plan)
    scheduler.remember(plan)
    if plan.truncated:
        turn.want_cycle()
    return plan


def _placed(turn: Turn, placements: tuple[Placement, ...]) -> tuple[ev.AttemptPlaced, ...]:
    """Name the attempts. An array's placements take its elements in their turn."""
    state = turn.state
    token = state.next_token
    peeked: dict[JobId, list[int]] = {}
    wanted: dict[JobId, int] = {}
    for placement in placements:
        wanted[placement.job] = wanted.get(placement.job, 0) + 1
    placed = []
    for placement in placements:
        job = state.jobs[placement.job]
        if placement.job not in peeked:
            peeked[placement.job] = job.elements.next(wanted[placement.job])[::-1]
        element = peeked[placement.job].pop()
        tries = job.elements.tries.get(element)
        number = tries.attempts + 1 if tries else 1
        named = element if job.is_array else None
        placed.append(
            ev.AttemptPlaced(
                AttemptId(attempt_id(state.hub, job.id, named, number)),
                job.id,
                number,
                token,
                placement.site,
                placement.pool,
                placement.nodes,
                Amount(
                    job.spec.needs.cpu_milli,
                    job.spec.needs.memory_mib,
                    placement.accelerator_milli,
                ),
                placement.rate_microcny_per_hour,
                placement.expected_end_ms,
                placement.reason,
                placement.explanation,
                placement.accelerator,
                named,
                placement.end_basis,
            )
        )
        token += 1
    return tuple(placed)
