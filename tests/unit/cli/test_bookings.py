"""`hutong book`, `bookings` and `unbook`."""

import json
import time

import pytest

from hutong.wire import api
from tests.unit.cli.conftest import Cli
from tests.unit.client.fakehub import FakeHub

HOUR_MS = 3_600_000
VIEW = api.BookingView(
    "m1", "maintenance", "tj", 1_764_597_600_000, 1_764_612_000_000, on=False, note="new cooling"
)


def test_maintenance_is_booked_by_the_machines_clock(hub: FakeHub, cli: Cli) -> None:
    hub.on("PUT", "/v1/bookings/m1", VIEW)
    ran = cli(
        "book", "maintenance", "tj", "--from", "2030-12-01 22:00", "--for", "4h", "--name", "m1",
        "--note", "new cooling",
    )  # fmt: skip
    assert ran.code == 0
    assert ran.out.startswith("m1  all of tj, ")
    sent = hub.seen[0].json()
    start_ms = round(time.mktime((2030, 12, 1, 22, 0, 0, 0, 0, -1)) * 1000)
    assert (sent["start_ms"], sent["end_ms"]) == (start_ms, start_ms + 4 * HOUR_MS)
    assert (sent["kind"], sent["site"], sent["pool"]) == ("maintenance", "tj", None)
    assert sent["note"] == "new cooling"


def test_a_reservation_names_its_tenants_and_counts_nodes(hub: FakeHub, cli: Cli) -> None:
    made = api.BookingView(
        "reservation-bj-gpu-1201-2200", "reservation", "bj", 1, 2, on=False, pool="bj/gpu",
        nodes=("bj/n1", "bj/n2"), nodes_count=2, tenants=("acme",),
    )  # fmt: skip
    hub.on("PUT", "/v1/bookings/reservation-bj-gpu-1201-2200", made)
    ran = cli(
        "book", "reservation", "bj/gpu", "--nodes", "2", "--tenant", "acme", "--tenant", "bolt",
        "--from", "2030-12-01 22:00", "--until", "2030-12-02T02:00:00+00:00", "--json",
    )  # fmt: skip
    assert json.loads(ran.out)["nodes"] == ["bj/n1", "bj/n2"]
    sent = hub.seen[0].json()
    assert (sent["pool"], sent["nodes_count"]) == ("bj/gpu", 2)
    assert sent["tenants"] == ["acme", "bolt"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "now"), ("--for", "1h", "--until", "+2h"), ("--from", "soon", "--for", "1h"),
        ("--from", "2030-13-01 22:00", "--for", "1h"), ("--for", "long"),
    ],
)  # fmt: skip
def test_times_that_cannot_be_are_refused(cli: Cli, arguments: tuple[str, ...]) -> None:
    ran = cli("book", "maintenance", "tj", *arguments)
    assert ran.code == 2
    assert "error[cli.usage]" in ran.err


def test_the_list_fits_a_narrow_terminal_and_says_what_is_on(hub: FakeHub, cli: Cli) -> None:
    on = api.BookingView(
        "course", "reservation", "bj", 1, 2**41, on=True, pool="bj/gpu", nodes=("bj/n1",),
        tenants=("acme",),
    )  # fmt: skip
    hub.on("GET", "/v1/bookings", [on, VIEW])
    lines = cli("bookings").lines
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].split()[:3] == ["NAME", "KIND", "WHERE"]
    assert lines[1].split()[:5] == ["course", "reservation", "bj/gpu", "1", "now"]
    assert lines[2].split()[:4] == ["m1", "maintenance", "tj", "all"]


def test_nothing_booked_is_said(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/bookings", [])
    assert "Nothing is booked" in cli("bookings").err


def test_a_booking_is_taken_back(hub: FakeHub, cli: Cli) -> None:
    hub.on("DELETE", "/v1/bookings/m1", VIEW)
    assert cli("unbook", "m1").lines == ["m1  taken back"]
