from typing import Any, get_args

import msgspec
import pytest

from hutong.lifecycle import events as ev
from hutong.model.attempt import NodeShare
from hutong.model.calendar import Booking, BookingKind
from hutong.model.ids import AttemptId, HubId, JobId, NodeId, PoolId, RegionId, SiteId, TenantId
from hutong.model.reasons import Completed, ExitCode, LeaseExpired, OnlyCandidate
from hutong.model.resources import Amount
from hutong.model.states import AttemptState, JobState
from hutong.model.supply import Inventory, Site
from hutong.model.tenant import Tenant
from hutong.scheduler.plan import Explanation
from hutong.scheduler.profile import PROFILES
from hutong.server.story import sentence, story_of
from tests.unit.server.world import job

JOB = JobId("j1")
ATTEMPT = AttemptId("abcdef-j1-1")
SITE = SiteId("bj")


def placed(nodes: int = 1, accelerator: str = "", number: int = 1) -> ev.AttemptPlaced:
    shares = tuple(NodeShare(NodeId(f"bj/n{index}"), 1) for index in range(nodes))
    return ev.AttemptPlaced(
        AttemptId(f"abcdef-j{number}-1"), JobId(f"j{number}"), 1, 1, SITE, PoolId("bj/cpu"),
        shares, Amount(1_000), 0, 0, OnlyCandidate(), Explanation(), accelerator,
    )  # fmt: skip


TOLD: list[tuple[ev.AnyEvent, str]] = [
    (ev.HubCreated(HubId("abcdef")), "Hub abcdef was made."),
    (ev.HubStarted(), "The hub started."),
    (ev.ProfileChanged(PROFILES["easy"]), "The scheduler decides by the profile easy."),
    (ev.TenantChanged(Tenant(TenantId("acme"), 2)), "Tenant acme has the weight 2."),
    (
        ev.SiteDescribed(Site(SITE, "city", RegionId("beijing"), "CN-BJ")),
        "Site bj of city in beijing joined.",
    ),
    (ev.InventoryChanged(SITE, Inventory((), ())), "Site bj has 0 node(s) in 0 pool(s)."),
    (ev.SiteDrained(SITE, draining=True), "New work stays away from site bj."),
    (ev.SiteDrained(SITE, draining=False), "New work may go again to site bj."),
    (ev.NodeDrained(NodeId("bj/n1"), draining=True), "New work stays away from node bj/n1."),
    (ev.SiteSilent(SITE), "Site bj is silent."),
    (
        ev.BookingPut(Booking("m1", BookingKind.MAINTENANCE, SITE, 1, 2), "ann"),
        "ann books all node(s) of bj as m1.",
    ),
    (ev.BookingRemoved("m1"), "Somebody took booking m1 back."),
    (ev.BookingEnded("m1"), "Booking m1 is over."),
    (ev.SiteReturned(SITE), "Site bj was heard again."),
    (
        ev.OfferScaled(PoolId("bj/cpu"), 3, JOB, started=(NodeId("bj/n1"), NodeId("bj/n2"))),
        "The provider of bj/cpu starts 2 node(s) for j1: 3 should run.",
    ),
    (
        ev.OfferScaled(PoolId("bj/cpu"), 1, away=(NodeId("bj/n1"), NodeId("bj/n2"))),
        "The provider of bj/cpu takes 2 idle node(s) back: 1 should run.",
    ),
    (ev.JobAccepted(JOB, job(tenant="acme"), "", "ann"), "Accepted from ann for acme."),
    (ev.JobAccepted(JOB, job()), "Accepted from its owner for default."),
    (
        ev.PlanDecided(1, (), (), (ev.AttemptResized(ATTEMPT, 8, 900),)),
        "Attempt abcdef-j1-1 is stopped, to go on with 8 task(s).",
    ),
    (
        ev.PlanDecided(1, (), (), (ev.AttemptResized(ATTEMPT, 2, 900, JobId("j9")),)),
        "Attempt abcdef-j1-1 is stopped so that j9 can start, to go on with 2 task(s).",
    ),
    (
        ev.PlanDecided(1, (msgspec.structs.replace(placed(), part=1, parts=2),)),
        "Placed on bj/cpu (bj/n0) as attempt abcdef-j1-1, part 2 of 2.",
    ),
    (
        ev.PartFailed(JOB, ATTEMPT, ExitCode(3)),
        "Part abcdef-j1-1 did not succeed, so its other parts stop: Task 0 ended with exit code 3.",
    ),
    (ev.CancelRequested(JOB, "ann"), "ann asked to cancel it."),
    (ev.CancelRequested(JOB, "ann", 3), "ann asked to cancel element 3."),
    (
        ev.PlanDecided(1, (placed(),)),
        "Placed on bj/cpu (bj/n0) as attempt abcdef-j1-1.",
    ),
    (
        ev.PlanDecided(1, (placed(2, "A100-80G"),)),
        "Placed on bj/cpu (2 nodes) with A100-80G as attempt abcdef-j1-1.",
    ),
    (
        ev.PlanDecided(1, (), (ev.AttemptPreempted(ATTEMPT, JobId("j2")),)),
        "Attempt abcdef-j1-1 is stopped so that j2 can start.",
    ),
    (
        ev.PlanDecided(1, (), (ev.AttemptPreempted(AttemptId("abcdef-j2-1"), JOB),)),
        "Attempt abcdef-j2-1 is stopped to make room for it.",
    ),
    (
        ev.PlanDecided(7, tuple(placed(number=number) for number in range(1, 5))),
        "Cycle 7 placed 4 attempts and stopped 0.",
    ),
    (ev.PlanDecided(7), "Cycle 7 changed nothing."),
    (ev.AttemptMoved(ATTEMPT, AttemptState.RUNNING, 5), "Attempt abcdef-j1-1 is running."),
    (ev.AttemptCheckpointed(ATTEMPT, 9), "Attempt abcdef-j1-1 wrote down its state."),
    (
        ev.AttemptEnded(ATTEMPT, Completed()),
        "Attempt abcdef-j1-1 ended: Every task ended with exit code 0.",
    ),
    (
        ev.AttemptLost(ATTEMPT, LeaseExpired("bj")),
        "Attempt abcdef-j1-1 counts as lost: Site bj was silent until the lease ran out.",
    ),
    (
        ev.AttemptSettled(ATTEMPT, ExitCode(1)),
        "Its site told what became of attempt abcdef-j1-1: Task 0 ended with exit code 1.",
    ),
    (
        ev.JobRequeued(JOB, ATTEMPT, ExitCode(1)),
        "Back in the queue: Task 0 ended with exit code 1.",
    ),
    (
        ev.JobRequeued(JOB, ATTEMPT, ExitCode(1), 3),
        "Element 3 is back in the queue: Task 0 ended with exit code 1.",
    ),
    (
        ev.ElementEnded(JOB, 3, JobState.SUCCEEDED, Completed()),
        "Element 3 succeeded: Every task ended with exit code 0.",
    ),
    (
        ev.JobEnded(JOB, JobState.FAILED, ExitCode(1)),
        "It failed: Task 0 ended with exit code 1.",
    ),
    (
        ev.JobEnded(JOB, JobState.CANCELLED, Completed()),
        "It was cancelled: Every task ended with exit code 0.",
    ),
]


@pytest.mark.parametrize(("event", "words"), TOLD, ids=lambda value: type(value).__name__)
def test_an_event_is_told_in_a_sentence(event: Any, words: str) -> None:
    assert sentence(event, JOB) == words


def test_every_kind_of_event_has_its_sentence() -> None:
    assert {type(event) for event, _ in TOLD} == set(get_args(ev.AnyEvent))


def test_a_story_tells_where_it_stands_in_the_journal() -> None:
    (line,) = story_of(JOB, [(7, 5_000, "r1", ev.CancelRequested(JOB, "ann"))])
    assert (line.position, line.at_ms, line.kind, line.cause) == (7, 5_000, "CancelRequested", "r1")
