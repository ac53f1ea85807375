"""Evictions by brute force: who could go, what that would lose, and which choice loses least.

Many choices may lose the same, and for a gang the scheduler only promises a good one. So the
reference does not choose: it is told whom the scheduler stopped, and says whether that was allowed,
needed, and for a single task the least loss there is.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from hutong.model.classes import rank_of
from hutong.model.resources import Amount
from hutong.scheduler.profile import Profile
from hutong.scheduler.records import RunningAttempt
from tests.reference.nodes import Kept, Node, Shares, pack, room_for
from tests.reference.ways import Way

BRUTE_MAX = 9
"""With more candidates the best choice is not looked for."""

Loss = tuple[int, int, int]
"""Accelerator time, CPU time, number of attempts."""


class Wrong(Exception):
    """The scheduler stopped somebody it should not have, or nobody where it should have."""


class Ground(NamedTuple):
    """What an eviction is decided on: what runs and is charged, who stops already, what is kept."""

    running: dict[str, tuple[RunningAttempt, Amount]]
    stopping: list[str]
    kept: dict[str, list[Kept]]
    now_ms: int


def candidates(ground: Ground, way: Way, weaker: int, profile: Profile) -> list[str]:
    """Who may be stopped for a job on a pool."""
    return [
        name
        for name, (attempt, _) in ground.running.items()
        if attempt.pool == way.place.pool.id
        and name not in ground.stopping
        and attempt.preemptible
        and rank_of(attempt.priority, profile.classes) >= weaker
        and ground.now_ms >= guaranteed_ms(attempt, way)
    ]


def guaranteed_ms(attempt: RunningAttempt, way: Way) -> int:
    """Until when it may not be stopped: its guaranteed time counts from when it runs."""
    if not attempt.min_run_ms:
        return attempt.started_ms
    return (attempt.running_ms or attempt.started_ms + way.boot_ms) + attempt.min_run_ms


def loss(ground: Ground, victims: Sequence[str]) -> Loss:
    """What is lost: what each holds times how long it ran."""
    ran = {
        name: max(ground.now_ms - (attempt.running_ms or attempt.started_ms), 0)
        for name, (attempt, _) in ground.running.items()
    }
    held = [(ground.running[name][1], ran[name]) for name in victims]
    return (
        sum(amount.accelerator_milli * ms for amount, ms in held),
        sum(amount.cpu_milli * ms for amount, ms in held),
        len(held),
    )


def fit_without(
    ground: Ground, way: Way, tasks: int, victims: Sequence[str]
) -> list[tuple[Node, int]]:
    """How many tasks each node takes once some attempts, and who stops anyhow, are gone."""
    rooms = [node.after([*ground.stopping, *victims], paid=True) for node in way.place.nodes]
    return [(n, room_for(n, way.need, tasks, ground.kept.get(n.id, ()))) for n in rooms]


def shares_without(ground: Ground, way: Way, tasks: int, victims: Sequence[str]) -> Shares:
    """The nodes a gang would have then."""
    return pack(fit_without(ground, way, tasks, victims), tasks)


def least(ground: Ground, way: Way, tasks: int, names: list[str]) -> tuple[Loss, bool] | None:
    """The least loss that makes room on a pool, and whether just one task was missing; None where
    nothing makes room or nothing needs to.
    """
    before = sum(min(room, tasks) for _, room in fit_without(ground, way, tasks, ()))
    if before >= tasks:
        return None
    choices: Iterator[tuple[str, ...]] = (
        chosen for size in range(1, len(names) + 1) for chosen in combinations(names, size)
    )
    for chosen in sorted(choices, key=lambda chosen: loss(ground, chosen)):
        if shares_without(ground, way, tasks, chosen):
            return loss(ground, chosen), tasks - before == 1
    return None


def judge(
    ground: Ground, ways: Sequence[Way], tasks: int, *,
    told: Sequence[str], weaker: int, profile: Profile,
) -> tuple[Way, list[str]] | None:  # fmt: skip
    """The way for which the first of those told to stop make room, and who of them it takes; None
    where nobody was told to stop. Raises `Wrong`.
    """
    bests: list[tuple[Loss, bool]] = []
    for way in ways:
        names = candidates(ground, way, weaker, profile)
        if len(names) > BRUTE_MAX:
            bests = []
            break
        found = least(ground, way, tasks, names)
        bests += [found] if found else []
    best = min(bests, default=None)
    for count in range(1, len(told) + 1):
        for way in ways:
            names = candidates(ground, way, weaker, profile)
            victims = list(told[:count])
            if not set(victims) <= set(names) or not shares_without(ground, way, tasks, victims):
                continue
            lost = loss(ground, victims)
            if best is not None and (lost < best[0] or (best[1] and lost > best[0])):
                raise Wrong(f"stopping {victims} loses {lost}, the least is {best[0]}")
            return way, victims
    if told:
        raise Wrong(f"stopping {told} makes no room, or was not allowed")
    if best is not None:
        raise Wrong(f"nobody was stopped, though {best[0]} would have made room")
    return None
