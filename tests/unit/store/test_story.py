"""Which jobs an event concerns, and what of it is about one of them."""

from hutong.lifecycle.events import AttemptPreempted, HubStarted, PlanDecided
from hutong.model.ids import AttemptId, JobId
from hutong.store.story import job_of, jobs_of, part_for
from tests.conformance.store_worlds import World


def test_the_job_of_an_attempt_is_in_its_id() -> None:
    assert job_of(AttemptId("abc123-j42-1")) == "j42"
    assert job_of(AttemptId("abc123-j42-7-3")) == "j42"


def test_events_of_the_whole_hub_concern_no_job() -> None:
    assert jobs_of(HubStarted()) == ()
    assert part_for(HubStarted(), JobId("j1")) == HubStarted()


def test_a_plan_concerns_each_of_its_jobs_once() -> None:
    world = World()
    first, second, third = world.accept(), world.accept(), world.accept()
    world.place(first, second)
    plan = world.entries[-1].event
    assert isinstance(plan, PlanDecided)
    stop = AttemptPreempted(AttemptId("abc123-j3-1"), first)
    both = PlanDecided(plan.cycle, plan.placements, (stop,))
    assert jobs_of(both) == (first, second, third)

    assert part_for(both, second) == PlanDecided(plan.cycle, plan.placements[1:], ())
    assert part_for(both, third) == PlanDecided(plan.cycle, (), (stop,))
    assert part_for(both, first) == PlanDecided(plan.cycle, plan.placements[:1], (stop,))
