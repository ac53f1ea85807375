"""Offers at the hub: what a site is told should exist, and what is learnt of it."""

import msgspec
import pytest

from hutong.catalog import load_catalog
from hutong.lifecycle import commands as do
from hutong.lifecycle import events as ev
from hutong.lifecycle.hub import HubMachine
from hutong.lifecycle.offers import account
from hutong.lifecycle.records import OfferRecord, SiteRecord
from hutong.lifecycle.sync import SyncReply
from hutong.model.attempt import Observation
from hutong.model.errors import HutongError
from hutong.model.ids import NodeId, PoolId, RegionId, SiteId
from hutong.model.job import Commercial, Terms
from hutong.model.reasons import SpotRevoked
from hutong.model.resources import Amount
from hutong.model.states import AttemptState
from hutong.model.supply import Inventory, Node, NodeCondition, Offer, Pool, PriceBook, Site
from tests.unit.lifecycle.hub_world import World, cores, spec

BURST = PoolId("bj/burst")
SITE = SiteId("bj")
HOUR_MS = 3_600_000
PRICE = PriceBook(cpu_microcny_per_hour=3_600_000)
FIRST, SECOND = NodeId("bj/burst-abc123-1"), NodeId("bj/burst-abc123-2")
BOOTING, READY, DOWN = NodeCondition.BOOTING, NodeCondition.READY, NodeCondition.DOWN


class Cloudy(World):
    """A hub with a site that has an offer of nodes with four cores, and nothing else."""

    def __init__(self, terms: Terms = Terms.ON_DEMAND, nodes_max: int = 3) -> None:
        super().__init__()
        self.pools = (Pool(BURST, SITE, Amount(4_000, 16_384), price=PRICE),)
        self.offers = (Offer(BURST, terms, nodes_max, 60_000, PRICE),)
        self.join()

    def join(self, site: str = "bj", **_shape: int) -> SyncReply:
        described = Site(SITE, "owner", RegionId("cn-beijing"), "CN-BJ")
        whole = Inventory(self.pools, (), self.offers)
        return self.report(full=True, description=described, inventory=whole)

    def tells(self, *nodes: tuple[NodeId, NodeCondition]) -> SyncReply:
        """The site's agent tells of these nodes."""
        ready_ms = self.now_ms + 60_000
        named = tuple(
            Node(name, BURST, (), condition, ready_ms if condition is BOOTING else 0)
            for name, condition in nodes
        )
        return self.report(inventory=Inventory(self.pools, named, self.offers))

    @property
    def record(self) -> SiteRecord:
        return self.machine.state.sites[SITE]

    @property
    def kept(self) -> OfferRecord:
        return self.record.offers[BURST]

    def scaled(self) -> list[int]:
        """How many nodes each scaling wanted."""
        found = [entry.event for entry in self.entries if isinstance(entry.event, ev.OfferScaled)]
        return [event.nodes for event in found]


def wanted(reply: SyncReply) -> tuple[NodeId, ...]:
    assert reply.wanted is not None
    return reply.wanted[BURST]


def ready(cores_count: int = 4) -> tuple[Cloudy, str]:
    """A world with one node ready for one job that has just been placed there."""
    world = Cloudy()
    (job,) = world.submit(spec(needs=cores(cores_count), estimate_ms=HOUR_MS))
    world.cycle()
    world.tells((FIRST, BOOTING))
    world.now_ms += 60_000
    world.tells((FIRST, READY))
    world.cycle()
    return world, job


def test_a_site_without_offers_is_told_nothing_of_them() -> None:
    world = World()
    assert world.join().wanted is None


def test_a_site_with_offers_is_told_that_nothing_should_exist() -> None:
    assert wanted(Cloudy().report()) == ()


def test_a_job_that_nothing_else_runs_has_a_node_named_for_it() -> None:
    world = Cloudy()
    (job,) = world.submit(spec(needs=cores(4), estimate_ms=HOUR_MS))
    world.cycle()
    assert wanted(world.report()) == (FIRST,)
    (event,) = world.events(ev.OfferScaled)
    assert event == ev.OfferScaled(BURST, 1, job, (FIRST,))


def test_the_level_is_told_again_and_again_and_asks_for_nothing_new() -> None:
    world = Cloudy()
    world.submit(spec(needs=cores(4), estimate_ms=HOUR_MS))
    for _ in range(5):
        world.cycle()
        world.after(1_000)
        assert wanted(world.report()) == (FIRST,)
    assert world.scaled() == [1]


def test_an_overtaken_or_foreign_sync_is_told_nothing() -> None:
    world = Cloudy()
    assert world.report(session="another").wanted is None


def test_the_job_is_placed_when_the_node_is_ready_and_not_before() -> None:
    world = Cloudy()
    (job,) = world.submit(spec(needs=cores(4), estimate_ms=HOUR_MS))
    world.cycle()
    world.tells((FIRST, BOOTING))
    world.cycle()
    assert world.state_of(job) == "queued"
    world.now_ms += 60_000
    world.tells((FIRST, READY))
    world.cycle()
    assert world.state_of(job) == "placed"


def test_a_node_that_failed_is_let_go_and_another_one_asked_for() -> None:
    world = Cloudy()
    world.submit(spec(needs=cores(4), estimate_ms=HOUR_MS))
    world.cycle()
    world.tells((FIRST, DOWN))
    world.cycle()
    assert wanted(world.report()) == (SECOND,)
    assert world.scaled() == [1, 1]


def test_a_node_that_vanishes_is_let_go() -> None:
    world, _ = ready()
    world.tells()
    assert FIRST not in world.kept.nodes


def test_an_idle_node_goes_back_after_its_time() -> None:
    world, _ = ready()
    (attempt,) = world.machine.state.attempts
    world.finish(attempt)
    world.after(599_000)
    world.report()
    world.cycle()
    assert wanted(world.report()) == (FIRST,)
    world.after(1_000)
    world.cycle()
    assert wanted(world.report()) == ()
    assert world.kept.nodes[FIRST].away
    world.tells()
    assert world.kept.nodes == {}


def test_time_alone_brings_the_cycle_that_gives_it_back() -> None:
    world, _ = ready()
    (attempt,) = world.machine.state.attempts
    world.finish(attempt)
    world.cycle()
    due_ms = world.machine.fold.look_again_ms
    assert due_ms == world.now_ms + 600_000
    world.now_ms = due_ms
    step = world.do(do.Tick())
    assert any(type(effect).__name__ == "WantCycle" for effect in step.effects)


def test_nothing_is_placed_on_a_node_that_goes_back() -> None:
    world, _ = ready()
    (attempt,) = world.machine.state.attempts
    world.finish(attempt)
    world.after(600_000)
    world.report()
    world.cycle()
    (job,) = world.submit(spec(needs=cores(1), estimate_ms=HOUR_MS))
    world.cycle()
    assert world.state_of(job) == "queued"
    assert world.scaled() == [1, 0, 1]


def test_the_account_counts_from_the_request_to_the_end() -> None:
    world, _ = ready()
    world.now_ms += HOUR_MS
    world.tells()
    kept = account(world.record, world.pools[0], world.now_ms)
    assert (kept.started_count, kept.node_ms, kept.boot_ms) == (1, HOUR_MS + 60_000, 60_000)
    assert kept.cost_microcny == 4 * (HOUR_MS + 60_000)


def test_the_account_of_a_node_that_exists_counts_until_now() -> None:
    world, _ = ready()
    world.now_ms += 1_000
    kept = account(world.record, world.pools[0], world.now_ms)
    assert (kept.node_ms, world.kept.node_ms) == (61_000, 0)


def test_a_spot_node_that_is_taken_back_costs_the_job_no_retry() -> None:
    world = Cloudy(Terms.SPOT)
    (job,) = world.submit(spec(needs=cores(4), estimate_ms=HOUR_MS))
    world.cycle()
    world.tells((FIRST, READY))
    world.cycle()
    (attempt,) = world.machine.state.attempts
    end = Observation(
        attempt, AttemptState.ENDED, world.now_ms, world.now_ms + 5, SpotRevoked(FIRST)
    )
    world.report("bj", end)
    assert world.state_of(job) == "queued"
    tries = world.machine.state.jobs[job].elements.tries[0]
    assert {kind: tries.failures(kind) for kind in ("user", "machine", "site")} == {  # type: ignore[arg-type]
        "user": 0, "machine": 0, "site": 0,
    }  # fmt: skip


def test_a_snapshot_holds_what_was_asked_for() -> None:
    world, _ = ready()
    world.submit(spec(needs=cores(4), estimate_ms=HOUR_MS))
    world.cycle()
    again = HubMachine(load_catalog())
    again.load(world.machine.dump())
    assert again.state.sites[SITE].offers == world.record.offers
    mine, theirs = (m.scheduler.snapshot(0).supply for m in (world.machine, again))
    for one, other in zip(mine.offers.values(), theirs.offers.values(), strict=True):
        assert (one.coming, one.idle_since) == (other.coming, other.idle_since)
    again.validate()


@pytest.mark.parametrize("change", [{"pool": PoolId("bj/nowhere")}, {"boot_ms": -1}])
def test_an_offer_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    world = Cloudy()
    wrong = msgspec.structs.replace(world.offers[0], **change)
    with pytest.raises(HutongError) as refused:
        world.report(inventory=Inventory(world.pools, (), (wrong,)))
    assert refused.value.code == "site.invalid"


def test_an_offer_that_is_there_twice_is_refused() -> None:
    world = Cloudy()
    with pytest.raises(HutongError):
        world.report(inventory=Inventory(world.pools, (), world.offers * 2))


def test_a_job_that_does_not_allow_it_has_nothing_started() -> None:
    world = Cloudy()
    world.submit(spec(needs=cores(4), commercial=Commercial(allowed=False)))
    world.cycle()
    assert world.scaled() == []
