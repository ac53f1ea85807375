"""Gangs with groups of unlike tasks: at one site, in one plan or not at all."""

from hutong.model.job import RetryPolicy, TaskGroup
from hutong.model.reasons import NoPoolMatches
from hutong.model.resources import AcceleratorNeed, TaskNeeds
from hutong.scheduler.plan import Placement
from tests.unit.scheduler.worlds import (
    A100,
    HOUR_MS,
    SiteStatus,
    World,
    chips,
    codes,
    deferral_of,
    price,
    started,
)


def head(cpu: float = 4, tasks: int = 1, *accelerators: AcceleratorNeed) -> tuple[TaskGroup, ...]:
    """One further group."""
    return (TaskGroup("head", tasks, TaskNeeds(round(cpu * 1000), 1024, accelerators)),)


def shares(placement: Placement) -> list[tuple[int, str, int]]:
    """Group, node and tasks in the order of the ranks."""
    return [(share.group, str(share.node), share.tasks) for share in placement.nodes]


def test_a_head_without_chips_goes_to_a_pool_without_chips_of_the_same_site() -> None:
    world = World().pool("bj/cpu", price=price(cpu=1)).pool("bj/gpu", chips=8, price=price(chip=10))
    world.pool("tj/cpu")
    world.job(chips(8), tasks=1, groups=head())
    (placement,) = world.step().placements
    assert shares(placement) == [(1, "bj/cpu-0", 1), (0, "bj/gpu-0", 1)]
    assert placement.pool == "bj/gpu"
    assert [group.pool for group in placement.groups] == ["bj/cpu"]
    assert placement.groups[0].needs.cpu_milli == 4000
    assert placement.groups[0].accelerator == ""


def test_the_price_of_a_gang_is_that_of_all_its_groups() -> None:
    world = World().pool("bj/cpu", price=price(cpu=1)).pool("bj/gpu", chips=8, price=price(chip=10))
    world.job(chips(8), tasks=1, groups=head(cpu=4))
    (placement,) = world.step().placements
    assert placement.rate_microcny_per_hour == 84_000_000


def test_a_head_goes_beside_its_workers_where_no_other_pool_has_room() -> None:
    world = World().pool("bj/cpu", cpu=2).pool("bj/gpu", nodes=2, chips=8, cpu=8)
    world.job(chips(8), tasks=2, cpu=4, groups=head(cpu=4))
    (placement,) = world.step().placements
    assert [share[0] for share in shares(placement)] == [1, 0, 0]
    assert {node for _, node, _ in shares(placement)} == {"bj/gpu-0", "bj/gpu-1"}


def test_a_head_and_workers_that_need_the_same_cores_start_only_where_both_fit() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8, cpu=8)
    job = world.job(chips(8), tasks=2, cpu=6, groups=head(cpu=4))
    plan = world.cycle()
    assert not plan.placements
    assert deferral_of(plan, job).head == job


def test_nothing_of_a_gang_starts_while_one_group_has_no_room() -> None:
    world = World().pool("bj/cpu", cpu=4).pool("bj/gpu", chips=8, cpu=2)
    running = world.runs("bj/cpu-0", cpu=4)
    job = world.job(chips(8), groups=head(cpu=4))
    plan = world.step()
    assert not plan.placements
    assert codes(deferral_of(plan, job)) == ["waiting.busy"]
    world.end(running)
    assert started(world.step()) == [job]


def test_a_site_that_could_never_run_a_group_is_no_candidate() -> None:
    world = World().pool("bj/gpu", chips=8, cpu=2).pool("tj/gpu", chips=8, cpu=64)
    world.job(chips(8), groups=head(cpu=32))
    (placement,) = world.step().placements
    assert placement.site == "tj"
    assert placement.explanation.filtered == {"groups": 1}


def test_a_gang_whose_groups_fit_no_site_says_so() -> None:
    world = World().pool("bj/gpu", chips=8, cpu=2)
    job = world.job(chips(8), groups=head(cpu=32))
    (reason,) = deferral_of(world.cycle(), job).reasons
    assert isinstance(reason, NoPoolMatches)
    assert reason.filtered == {"groups": 1}


def test_a_group_with_chips_of_its_own_gets_them() -> None:
    world = World().pool("bj/gpu", nodes=1, chips=8).pool("bj/cpu", nodes=4)
    world.job(tasks=4, cpu=32, groups=head(4, 2, chips(2)))
    (placement,) = world.step().placements
    assert placement.pool == "bj/cpu"
    assert placement.groups[0].accelerator == A100
    assert placement.groups[0].needs.accelerator_milli == 2000
    assert (1, "bj/gpu-0", 2) in shares(placement)


def test_a_quota_counts_every_group() -> None:
    world = World().pool("bj/cpu").pool("bj/gpu", chips=8)
    world.tenant("default", cpu_milli=5_000)
    job = world.job(chips(1), cpu=2, groups=head(cpu=4))
    plan = world.cycle()
    assert codes(deferral_of(plan, job))[0] == "waiting.quota"
    world.tenant("default", cpu_milli=6_000)
    assert started(world.step()) == [job]


def test_what_a_gang_holds_comes_back_whole() -> None:
    world = World().pool("bj/cpu").pool("bj/gpu", chips=8)
    first = world.job(chips(8), groups=head(cpu=40), estimate_ms=HOUR_MS)
    second = world.job(chips(8), groups=head(cpu=40), estimate_ms=HOUR_MS)
    assert started(world.step(HOUR_MS)) == [first]
    assert started(world.step(HOUR_MS)) == [second]
    world.state.validate()


def test_a_blocked_gang_keeps_room_for_its_head_too() -> None:
    world = World().pool("bj/cpu", cpu=4).pool("bj/gpu", chips=8, cpu=2)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=HOUR_MS)
    gang = world.job(chips(8), groups=head(cpu=4), estimate_ms=HOUR_MS)
    long = world.job(cpu=4, estimate_ms=3 * HOUR_MS, pools=("bj/cpu",))
    short = world.job(cpu=4, estimate_ms=HOUR_MS // 2, pools=("bj/cpu",))
    assert started(world.step(HOUR_MS)) == [short]
    assert started(world.step(HOUR_MS)) == [gang]
    assert started(world.step()) == [long]


def test_a_silent_site_takes_no_gang() -> None:
    world = World().pool("bj/cpu").pool("bj/gpu", chips=8)
    world.status("bj", SiteStatus.SILENT)
    world.job(chips(1), groups=head(), retry=RetryPolicy())
    assert not world.cycle().placements


def test_an_exclusive_gang_and_its_head_share_no_node() -> None:
    world = World().pool("bj/gpu", nodes=3, chips=8)
    world.job(chips(1), tasks=2, exclusive=True, groups=head())
    (placement,) = world.step().placements
    assert len({node for _, node, _ in shares(placement)}) == len(placement.nodes)
