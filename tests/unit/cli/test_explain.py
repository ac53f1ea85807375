"""What an explanation looks like: reasons, what clears them, pools, candidates and their parts."""

import msgspec
import pytest

from hutong.cli import human
from hutong.model.reasons import NoRoomToMake
from hutong.model.tenant import Loan, QuotaResource, QuotaRule, RuleStanding, TenantShare
from hutong.scheduler.pool_standing import PoolStanding
from hutong.wire.api import BoundView, ReasonView
from tests.unit.cli import world
from tests.unit.cli.conftest import Cli
from tests.unit.client.fakehub import FakeHub

RULE = QuotaRule(QuotaResource.ACCELERATORS, guaranteed=64_000, model="Ascend910B3")


def explained(hub: FakeHub, cli: Cli, **changes: object) -> list[str]:
    reply = msgspec.structs.replace(world.explanation(), **changes)
    hub.on("GET", "/v1/jobs/j12/explain", reply)
    ran = cli("explain", "j12")
    assert ran.code == 0
    return list(ran.lines)


def test_a_waiting_job_says_what_could_clear_it(hub: FakeHub, cli: Cli) -> None:
    text = " ".join(" ".join(explained(hub, cli)).split())
    assert "Could be cleared by the end of what runs or a change of the supply" in text
    assert "or the end of a job." in text


def test_pools_say_how_many_nodes_fell_to_what(hub: FakeHub, cli: Cli) -> None:
    places = (
        PoolStanding("beijing/a100", "beijing", 8, {"node_down": 1, "busy": 5}, 2, 4),  # type: ignore[arg-type]
        PoolStanding("tianjin/spot", "tianjin", 0, {}, startable=16),  # type: ignore[arg-type]
        PoolStanding("lf/npu", "lf", 3, {"accelerator": 3}),  # type: ignore[arg-type]
    )
    lines = explained(hub, cli, places=places, details={"accelerator": "A100 asked, none here"})
    rows = [line.split() for line in lines]
    assert ["beijing/a100", "8", "2", "4", "1", "node_down,", "5", "busy"] in rows
    assert ["tianjin/spot", "0", "0", "0", "16", "can", "be", "started"] in rows
    assert ["lf/npu", "3", "0", "0", "3", "accelerator"] in rows
    assert any("accelerator: A100 asked, none here" in line for line in lines)


def test_a_tenant_sees_its_share_and_who_borrows(hub: FakeHub, cli: Cli) -> None:
    rule = RuleStanding(RULE, 80_000, borrowed_from=(Loan("harbour", 16_000),))
    lent = RuleStanding(RULE, 8_000, lent_to=(Loan("campus", 9_000), Loan("school", 1_000)))
    share = TenantShare(125, 100, 250, (rule, lent))
    text = " ".join(" ".join(explained(hub, cli, tenant="park", share=share)).split())
    assert "park holds 12.5% of the hub, held 10% lately, and 25% is its due." in text
    assert "Of accelerator Ascend910B3 it borrows from harbour." in text
    assert "Of accelerator Ascend910B3 it lends to campus, school." in text


def test_parts_of_a_score_are_shown_where_a_candidate_has_them(
    hub: FakeHub, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    plain = world.explanation().explanation
    assert plain is not None
    assert "MOVE" not in " ".join(explained(hub, cli))
    first = msgspec.structs.replace(
        plain.candidates[0], transfer_ms=90_000, boot_ms=60_000, run_ms=3_600_000,
        egress_microcny=5_000_000, energy_microcny=1_000_000, preferred_milli=200, nodes_started=2,
    )  # fmt: skip
    rich = msgspec.structs.replace(plain, candidates=(first, *plain.candidates[1:]))
    lines = explained(hub, cli, explanation=rich)
    head = next(line for line in lines if "POOL" in line)
    assert [word for word in ("MOVE", "BOOT", "EGRESS", "POWER", "BONUS") if word in head] == [
        "MOVE", "BOOT", "EGRESS", "POWER", "BONUS",
    ]  # fmt: skip
    row = lines[lines.index(head) + 1]
    for shown in ("1m30s", "1m", "1h", "5.00", "1.00", "-20%", "+2"):
        assert shown in row.split(), row


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(
    columns: int, hub: FakeHub, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    places = tuple(
        PoolStanding(
            f"zhangjiakou-grassland/pool-{n}", "zhangjiakou-grassland", 100_000,  # type: ignore[arg-type]
            {"node_down": 12_000, "node_draining": 8_000, "booked": 40_000, "busy": 40_000},
        )
        for n in range(30)
    )  # fmt: skip
    plain = world.explanation().explanation
    assert plain is not None
    wide = tuple(
        msgspec.structs.replace(
            each, transfer_ms=90_000, boot_ms=60_000, egress_microcny=5_000_000,
            energy_microcny=1_000_000, preferred_milli=200,
        )
        for each in plain.candidates
    )  # fmt: skip
    share = TenantShare(125, 100, 250, (RuleStanding(RULE, 1, lent_to=(Loan("a" * 60, 1),)),))
    lines = explained(
        hub, cli, places=places, details={"accelerator": "GB200 asked, " + "x, " * 40},
        tenant="park-university/vision-laboratory", share=share,
        explanation=msgspec.structs.replace(plain, candidates=wide),
    )  # fmt: skip
    assert max(len(line) for line in lines) <= columns
    assert any("10 more pools" in line for line in lines)


@pytest.mark.parametrize(
    ("promised_in_ms", "told"),
    [
        (20_000, "It will be, in 2"),
        (600_000, "That cannot be kept: it will be in 10m"),
        (0, "Nothing is certain yet."),
    ],
)
def test_a_bound_says_whether_it_will_be_kept(
    hub: FakeHub, cli: Cli, promised_in_ms: int, told: str
) -> None:
    now_ms = human.now_ms()
    promised_ms = now_ms + promised_in_ms + 900 if promised_in_ms else 0
    reason = ReasonView.of(NoRoomToMake(1, 0, 0, 0))
    bound = BoundView(now_ms + 60_000, promised_ms, promised_ms, reason)
    text = " ".join(" ".join(explained(hub, cli, bound=bound)).split())
    assert "Its class has it placed by" in text
    assert told in text
    assert "1 of a class that it may not stop" in text
