"""The order `quick` keeps its word while small jobs go on coming: nobody is passed for ever."""

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hutong.model.ids import JobId
from hutong.scheduler.plan import Plan
from hutong.scheduler.profile import PROFILES
from tests.unit.scheduler.worlds import HOUR_MS, MINUTE_MS, World, chips

OVERTAKE_MS = 3 * HOUR_MS
QUICK = msgspec.structs.replace(
    PROFILES["quick"], overtake_ms=OVERTAKE_MS, reservation_horizon_ms=10 * MINUTE_MS
)
STEPS = 40
PASS_MS = 6 * MINUTE_MS


class Crowd:
    """One pool on which jobs come all the time, and runs end by their estimate or before."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(f"crowd {seed}")
        self.world = World(QUICK).pool("bj/gpu", nodes=self.draw.randint(1, 3), chips=8)
        self.starts: dict[JobId, int] = {}

    def come(self) -> None:
        """Some jobs are handed in, most of them small."""
        for _ in range(self.draw.choice((0, 1, 2, 4))):
            small = self.draw.random() < 0.7
            minutes = self.draw.randint(1, 5) if small else self.draw.randint(20, 300)
            count = self.draw.choice((1, 2)) if small else self.draw.choice((4, 8))
            self.world.job(chips(count), cpu=0, mem_gib=0, estimate_ms=minutes * MINUTE_MS)

    def step(self) -> Plan:
        """A cycle; then some time, in which some runs end sooner than was said."""
        plan = self.world.step()
        for placement in plan.placements:
            self.starts[placement.job] = self.world.now_ms
        for attempt in list(self.world.live):
            if self.draw.random() < 0.1:
                self.world.end(attempt)
        self.world.pass_time(PASS_MS)
        return plan

    def place(self, job: JobId) -> tuple[int, int]:
        """Where a job stands, worked out from its description."""
        queued = self.world.jobs[job][0]
        milli = queued.spec.needs.accelerators[0].count_milli
        work = (queued.spec.estimate_ms or 0) * milli // 1000
        back = OVERTAKE_MS * min(work, QUICK.quick_work_ms) // QUICK.quick_work_ms
        return queued.submitted_ms + back, queued.seq

    def waiting(self) -> list[JobId]:
        """Who has not started, in the order of the queue."""
        return sorted((job for job in self.world.jobs if job not in self.starts), key=self.place)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32))
def test_the_first_of_the_order_is_kept_room_that_nobody_later_delays(seed: int) -> None:
    crowd = Crowd(seed)
    promised: tuple[JobId, int] | None = None
    for _ in range(STEPS):
        crowd.come()
        plan = crowd.step()
        left = crowd.waiting()
        if not left:
            promised = None
            continue
        kept = {line.job: line.start_ms for line in plan.reservations}
        assert left[0] in kept, "the first has a reservation however far it is"
        if promised is not None and promised[0] == left[0] and not ahead(crowd, plan, left[0]):
            assert kept[left[0]] <= promised[1], "nobody behind it puts it off"
        promised = left[0], kept[left[0]]


def ahead(crowd: Crowd, plan: Plan, job: JobId) -> list[JobId]:
    """Who started in a plan and stands before a job."""
    return [p.job for p in plan.placements if crowd.place(p.job) < crowd.place(job)]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32))
def test_only_what_came_within_the_time_to_overtake_stands_before_a_job(seed: int) -> None:
    crowd = Crowd(seed)
    for _ in range(STEPS):
        crowd.come()
        crowd.step()
    jobs = {job: queued.submitted_ms for job, (queued, _) in crowd.world.jobs.items()}
    entries = crowd.world.state.snapshot(crowd.world.now_ms).demand.entries
    for job, entry in entries.items():
        assert entry.place == crowd.place(job)
        late = [one for one, came_ms in jobs.items() if came_ms > jobs[job] + OVERTAKE_MS]
        assert all(crowd.place(one) > entry.place for one in late), job


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_all_start_by_the_time_that_those_who_may_come_first_need(seed: int) -> None:
    crowd = Crowd(seed)
    for _ in range(STEPS):
        crowd.come()
        crowd.step()
    for _ in range(40 * STEPS):
        if not crowd.waiting():
            break
        crowd.step()
    assert not crowd.waiting()
    assert len(crowd.starts) == len(crowd.world.jobs)
