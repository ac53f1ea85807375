"""Where a job ran its inputs are from then on, also after a restart."""

from hutong.catalog import load_catalog
from hutong.lifecycle import commands as do
from hutong.lifecycle.hub import HubMachine
from hutong.model.job import Constraints, DataInput
from hutong.scheduler.plan import Plan
from tests.unit.lifecycle.hub_world import World, cores, spec

IMAGES = (DataInput("images", 100 * 1024, ("cn-wuhu",)),)


def transfer_ms(machine: HubMachine, world: World) -> int:
    """How long the inputs of a job that is handed in now take to come, by the plan for it."""
    given = spec(needs=cores(1), inputs=IMAGES)
    machine.handle(do.Submit((do.Submission(given, ""),), "ann"), world.now_ms)
    plan = machine.handle(do.RunCycle(), world.now_ms).answer
    assert isinstance(plan, Plan)
    (placement,) = plan.placements
    return placement.explanation.candidates[0].transfer_ms


def loaded(world: World) -> HubMachine:
    """A machine as it is after a restart."""
    machine = HubMachine(load_catalog())
    machine.load(world.machine.dump())
    return machine


def world_with_a_run() -> World:
    """A site where a job that reads images was placed; its agent has the order."""
    world = World()
    world.join("bj")
    world.submit(spec(needs=cores(1), inputs=IMAGES))
    world.cycle()
    return world


def test_until_an_attempt_runs_its_inputs_are_on_their_way_and_come_once() -> None:
    world = world_with_a_run()
    before = transfer_ms(loaded(world), world)
    assert before > 60_000
    assert transfer_ms(world.machine, world) == before


def test_where_an_attempt_was_seen_to_run_its_inputs_are_after_a_restart_too() -> None:
    world = world_with_a_run()
    (order,) = world.report("bj").start
    world.begin(order)
    assert world.machine.state.replicas == {"images": {"bj": True}}
    assert transfer_ms(loaded(world), world) == 0
    world.finish(order.attempt)
    assert transfer_ms(loaded(world), world) == 0
    assert transfer_ms(world.machine, world) == 0


def test_a_job_without_inputs_leaves_nothing_to_remember() -> None:
    world = World()
    world.join("bj")
    world.submit(spec(needs=cores(1), constraints=Constraints(sites=("bj",))))
    world.cycle()
    (order,) = world.report("bj").start
    world.begin(order)
    assert world.machine.state.replicas == {}
