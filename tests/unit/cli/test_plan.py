"""What would happen, as a table of the places considered."""

import json

import msgspec

from hutong.cli.table import columns_of
from hutong.wire import api
from tests.unit.cli import world
from tests.unit.cli.conftest import Cli
from tests.unit.client.fakehub import FakeHub

WORDS = ("plan", "--", "python", "train.py")


def test_the_chosen_place_comes_first_and_the_verdict_says_when_and_how_much(
    hub: FakeHub, cli: Cli
) -> None:
    reply = world.plan()
    first, *others = reply.plans[0].places
    turned = msgspec.structs.replace(reply.plans[0], places=(*others, first))
    hub.on("POST", "/v1/plan", api.PlanReply((turned,)))
    ran = cli(*WORDS)
    assert ran.code == 0
    assert ran.lines[0] == "train  would start now at beijing/a100, for about CNY 32.00"
    assert ran.lines[2].split()[:3] == ["*", "beijing", "a100"]
    assert ran.lines[3].split() == [
        "tianjin",
        "ascend",
        "Ascend910B3",
        "12m",
        "3h",
        "8.00",
        "24.00",
    ]


def test_fifty_sites_fit_a_screen_and_all_shows_them(hub: FakeHub, cli: Cli) -> None:
    hub.on("POST", "/v1/plan", world.plan(50))
    ran = cli(*WORDS)
    assert len(ran.lines) < 24
    assert [line for line in ran.lines if columns_of(line) > 80] == []
    assert "42 places more (42 by accelerator): --all" in ran.err
    assert sum("site-" in line for line in cli("plan", "--all", "--", "python").lines) == 47


def test_a_job_that_no_place_can_run_is_a_failure_with_its_reason(hub: FakeHub, cli: Cli) -> None:
    hub.on("POST", "/v1/plan", api.PlanReply(world.plan().plans[1:]))
    ran = cli(*WORDS)
    assert ran.code == 1
    assert ran.lines[0] == "gb200  no place could ever run it"
    assert "8 GB200" in ran.lines[1]


def test_waiting_is_told_with_what_is_ahead(hub: FakeHub, cli: Cli) -> None:
    place = world.plan().plans[0].places[1]
    waits = api.PlanView("train", (place,), ahead=3, start_ms=12 * world.MINUTE)
    unknown = api.PlanView("train", (place,))
    hub.on("POST", "/v1/plan", api.PlanReply((waits, unknown)))
    ran = cli(*WORDS)
    assert ran.lines[0] == "train  would start in about 12m, behind 3 jobs"
    assert "train  would wait; nobody can tell how long" in ran.lines


def test_json_is_what_the_hub_answered(hub: FakeHub, cli: Cli) -> None:
    hub.on("POST", "/v1/plan", world.plan())
    assert json.loads(cli("plan", "--json", "--", "x").out) == json.loads(
        msgspec.json.encode(world.plan())
    )
