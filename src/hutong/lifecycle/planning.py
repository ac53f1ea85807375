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
    if plan.placements or plan.preemptions or plan.resizes:
        turn.emit(
            ev.PlanDecided(
                turn.state.cycle + 1,
                _placed(turn, plan.placements),
                tuple(
                    ev.AttemptPreempted(line.victim, line.job, line.tenant)
                    for line in plan.preemptions
                ),
                tuple(
                    ev.AttemptResized(line.attempt, line.tasks, line.left_milli, line.job)
                    for line in plan.resizes
                ),
            )
        )
        for placement in plan.placements:
            turn.poke(placement.site)
        for attempt in (
            *(preemption.victim for preemption in plan.preemptions),
            *(resize.attempt for resize in plan.resizes),
        ):
            for part in _with_other_parts(turn, attempt):
                turn.poke(turn.state.attempts[part].site)
    carry_out(turn, plan)
    scheduler.remember(plan)
    if plan.truncated:
        turn.want_cycle()
    return plan


def _placed(turn: Turn, placements: tuple[Placement, ...]) -> tuple[ev.AttemptPlaced, ...]:
    """Name the attempts. An array's placements take its elements in their turn.

    The parts of a gang are one after the other; they have one token and one number.
    """
    state = turn.state
    token = state.next_token - 1
    peeked: dict[JobId, list[int]] = {}
    wanted: dict[JobId, int] = {}
    for placement in placements:
        wanted[placement.job] = wanted.get(placement.job, 0) + (placement.part == 0)
    placed: list[ev.AttemptPlaced] = []
    element = rank_first = tasks_total = 0
    for at, placement in enumerate(placements):
        job = state.jobs[placement.job]
        if placement.part == 0:
            if placement.job not in peeked:
                peeked[placement.job] = job.elements.next(wanted[placement.job])[::-1]
            element, rank_first = peeked[placement.job].pop(), 0
            tasks_total = _tasks(placements[at : at + placement.parts])
            token += 1
        ranks = (rank_first, tasks_total) if placement.parts > 1 else (0, 0)
        placed.append(_attempt(turn, placement, element, token=token, ranks=ranks))
        rank_first += _tasks((placement,))
    return tuple(placed)


def _attempt(
    turn: Turn, placement: Placement, element: int, *, token: int, ranks: tuple[int, int]
) -> ev.AttemptPlaced:
    """One attempt. `ranks` are its first rank and how many the whole gang has."""
    job = turn.state.jobs[placement.job]
    tries = job.elements.tries.get(element)
    number = tries.attempts + 1 if tries else 1
    named = element if job.is_array else None
    needs = job.spec.needs
    return ev.AttemptPlaced(
        AttemptId(attempt_id(turn.state.hub, job.id, named, number, placement.part)),
        job.id,
        number,
        token,
        placement.site,
        placement.pool,
        placement.nodes,
        Amount(needs.cpu_milli, needs.memory_mib, placement.accelerator_milli),
        placement.rate_microcny_per_hour,
        placement.expected_end_ms,
        placement.reason,
        placement.explanation,
        placement.accelerator,
        named,
        placement.end_basis,
        placement.groups,
        placement.part,
        placement.parts,
        *ranks,
        placement.left_milli,
        placement.speed_milli,
    )


def _tasks(placements: tuple[Placement, ...]) -> int:
    return sum([share.tasks for placement in placements for share in placement.nodes])


def _with_other_parts(turn: Turn, attempt_id: AttemptId) -> list[AttemptId]:
    attempt = turn.state.attempts[attempt_id]
    return turn.state.jobs[attempt.job].live_parts(attempt.element)
