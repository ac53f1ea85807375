"""Reservations against a slow reference, and the promise they make: no start is put off."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hutong.model.ids import JobId, PoolId
from hutong.scheduler.columns import Need, PoolColumns, need_of
from hutong.scheduler.outlook import Outlook
from hutong.scheduler.reserve import Closure, Hold, earliest
from tests.unit.scheduler.worlds import MINUTE_MS, World, chips, profile

RUNNING = st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(0, 6), st.integers(1, 30))
WANTS = st.fixed_dictionaries(
    {
        "chips": st.integers(0, 4), "cpu": st.integers(0, 8), "tasks": st.integers(1, 5),
        "stay": st.integers(1, 40), "exclusive": st.sampled_from([False] * 4 + [True]),
    }
)  # fmt: skip
CLOSURES = st.tuples(
    st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True),
    st.integers(0, 40), st.integers(1, 30),
)  # fmt: skip


def pool_of(running: list[tuple[int, int, int, int]]) -> tuple[World, PoolColumns]:
    """Four nodes of four chips and eight CPUs, with what fits of what should run there."""
    world = World().pool("bj/gpu", nodes=4, chips=4, cpu=8)
    columns = world.state.snapshot(0).supply.pools[PoolId("bj/gpu")]
    for node, held, cpu, minutes in running:
        if columns.whole[node] >= held and columns.free_cpu[node] >= cpu * 1000:
            world.runs(f"bj/gpu-{node}", chips=held, cpu=cpu, ends_in_ms=minutes * MINUTE_MS)
    return world, columns


class Reference:
    """The same search by trying every time at which anything changes."""

    def __init__(self, columns: PoolColumns, now_ms: int, closures: list[Closure]) -> None:
        self._columns = columns
        self._now_ms = now_ms
        self._closures = closures
        self.holds: list[tuple[int, int, Need, dict[int, int]]] = []

    def first(self, need: Need, tasks: int, stay_ms: int) -> int | None:
        """The earliest start."""
        slots = self._columns.slots
        times: list[int] = [self._now_ms, *slots.end[slots.live()].tolist()]
        times += [end for _, end, _, _ in self.holds] + [c.end_ms for c in self._closures]
        for time_ms in sorted(times):
            if self._now_ms <= time_ms and self._fits(need, tasks, stay_ms, time_ms):
                return time_ms
        return None

    def _fits(self, need: Need, tasks: int, stay_ms: int, time_ms: int) -> bool:
        instants = [time_ms]
        instants += [h[0] for h in self.holds if time_ms < h[0] < time_ms + stay_ms]
        rows = range(len(self._columns.ids))
        room = [min(self._on(r, need, tasks, at) for at in instants) for r in rows]
        for closure in self._closures:
            if closure.start_ms < time_ms + stay_ms and closure.end_ms > time_ms:
                for row in closure.rows.tolist():
                    room[row] = 0
        return sum(room) >= tasks

    def _on(self, row: int, need: Need, most: int, at_ms: int) -> int:
        columns, slots = self._columns, self._columns.slots
        cpu, whole = int(columns.free_cpu[row]), int(columns.whole[row])
        shares = int(columns.shares[row])
        for slot in slots.live().tolist():
            if slots.row[slot] == row and slots.end[slot] <= at_ms:
                cpu += int(slots.cpu[slot])
                whole += int(slots.whole[slot])
                shares -= 1
        for start, end, kept, tasks_on in self.holds:
            if start <= at_ms < end and row in tasks_on:
                if kept.exclusive or need.exclusive:
                    return 0
                cpu -= kept.cpu * tasks_on[row]
                whole -= kept.chips * tasks_on[row]
        if need.exclusive and shares:
            return 0
        fits = [most]
        if need.cpu:
            fits.append(cpu // need.cpu)
        if need.chips:
            fits.append(whole // need.chips)
        return max(min(fits), 0)


@settings(max_examples=150)
@given(
    st.lists(RUNNING, max_size=8),
    st.lists(WANTS, min_size=1, max_size=6),
    st.lists(CLOSURES, max_size=2),
    st.booleans(),
)
def test_each_reservation_is_the_earliest_that_a_search_of_all_times_finds(
    running: list[Any], wants: list[dict[str, Any]], closed: list[Any], in_order: bool
) -> None:
    world, columns = pool_of(running)
    now_ms = world.now_ms
    closures = [
        Closure(np.array(sorted(rows)), now_ms + at * MINUTE_MS, now_ms + (at + on) * MINUTE_MS)
        for rows, at, on in closed
    ]
    reference = Reference(columns, now_ms, closures)
    outlook = Outlook(columns, now_ms, None, None)
    holds: list[Hold] = []
    for number, want in enumerate(wants):
        need = need_of(
            want["cpu"] * 1000, 0, want["chips"] * 1000, exclusive=want["exclusive"]
        )  # fmt: skip
        stay_ms = want["stay"] * MINUTE_MS
        found = earliest(
            columns, outlook, need, want["tasks"], holds=holds, free=columns.free_together(),
            now_ms=now_ms, stay_ms=stay_ms, closures=closures, in_order=in_order,
        )  # fmt: skip
        expected = reference.first(need, want["tasks"], stay_ms)
        assert (found.start_ms if found else None) == expected
        if found is None:
            continue
        assert int(found.tasks.sum()) == want["tasks"]
        hold = Hold(JobId(f"j{number}"), found, need, run_ms=stay_ms)
        hold.make_room(holds)
        holds.append(hold)
        tasks_on = dict(zip(found.rows.tolist(), found.tasks.tolist(), strict=True))
        reference.holds.append((hold.start_ms, hold.end_ms, need, tasks_on))


EXACT_JOBS = st.fixed_dictionaries(
    {
        "size": st.integers(0, 4), "cpu": st.integers(1, 8), "tasks": st.integers(1, 3),
        "minutes": st.integers(1, 20), "pool": st.integers(0, 1),
        "exclusive": st.sampled_from([False] * 7 + [True]),
        "priority": st.sampled_from(["normal"] * 3 + ["low"]),
    }
)  # fmt: skip


def exact_world(name: str, jobs: list[dict[str, Any]], arrivals: int) -> tuple[World, list[Any]]:
    """Two pools and jobs that end just when they say; the last few are handed in later."""
    settings_of = {"easy": profile(order="fifo", preemption=False, better_wait_ms=0)}
    world = World(settings_of.get(name, name))
    for pool in ("a/p", "b/p"):
        world.pool(pool, nodes=3, chips=4, cpu=8)
    split = max(len(jobs) - arrivals, 1)
    for job in jobs[:split]:
        hand_in(world, job)
    return world, jobs[split:]


def hand_in(world: World, job: dict[str, Any]) -> JobId:
    needs = [chips(job["size"])] if job["size"] else []
    return world.job(
        *needs, cpu=job["cpu"], tasks=job["tasks"], exclusive=job["exclusive"],
        priority=job["priority"], time_limit_ms=job["minutes"] * MINUTE_MS,
        pools=(("a/p", "b/p")[job["pool"]],),
    )  # fmt: skip


def check_promises(world: World, later: list[dict[str, Any]], *, every: bool) -> None:
    """Let all jobs run and check that no promise is passed.

    What is promised to the first job in the order of its pool is kept; with `every` what is
    promised to any, none may be without a start, and none of their starts moves back.
    """
    promised: dict[str, int] = {}
    for _ in range(400):
        plan = world.step()
        waiting = world.state.snapshot(0).demand.entries
        starts = {r.job: r.start_ms for r in plan.reservations}
        for placement in plan.placements:
            due = promised.pop(placement.job, world.now_ms)
            assert world.now_ms <= due, (placement.job, world.now_ms, due)
        order = sorted(
            waiting.values(), key=lambda e: (world.jobs[e.job][0].spec.priority != "normal", e.seq)
        )
        headed: dict[str, bool] = {}
        for entry in order:
            (pool,) = world.jobs[entry.job][0].spec.constraints.pools
            start = starts.get(entry.job)
            if not every and pool in headed:
                continue
            headed[pool] = True
            assert start is not None, entry.job
            assert start >= world.now_ms
            assert start <= promised.get(entry.job, start), (entry.job, start, promised)
            promised[entry.job] = start
        if not waiting and not later:
            return
        ends = [running.expected_end_ms for running in world.live.values()]
        world.pass_time(min([5 * MINUTE_MS, *(end - world.now_ms for end in ends)]))
        if later:
            job = later.pop(0)
            job["priority"] = "low"
            hand_in(world, job)
    raise AssertionError("some jobs never started")


@settings(max_examples=40)
@given(st.lists(EXACT_JOBS, min_size=2, max_size=14), st.integers(0, 5))
def test_backfill_never_passes_a_promise_while_nothing_more_urgent_comes(
    jobs: list[dict[str, Any]], arrivals: int
) -> None:
    world, later = exact_world("easy", jobs, arrivals)
    check_promises(world, later, every=False)


@settings(max_examples=40)
@given(st.lists(EXACT_JOBS, min_size=2, max_size=14), st.integers(0, 5))
def test_in_conservative_backfill_every_blocked_job_has_a_start_that_never_moves_back(
    jobs: list[dict[str, Any]], arrivals: int
) -> None:
    world, later = exact_world("conservative", jobs, arrivals)
    check_promises(world, later, every=True)
