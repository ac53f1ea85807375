"""What the doctor looks at, and what it says of each thing."""

import json
import os
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import hutong
from hutong.scheduler.profile import Profile
from hutong.wire import api
from tests.unit.cli import world
from tests.unit.cli.conftest import Cli
from tests.unit.client.fakehub import FakeHub, error

Disk = namedtuple("Disk", "free")


@pytest.fixture
def well(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """A hub at which nothing is wrong."""
    health = api.HealthReply("ok", "abc123", hutong.__version__, 42, 3, 2, 1, 1)
    hub.on("GET", "/healthz", health)
    hub.on("GET", "/v1/health", health)
    hub.on("GET", "/v1/whoami", api.WhoReply("member", "a/b", "li.wei"))
    hub.on("GET", "/v1/sites", world.sites()[:1])
    hub.on("GET", "/v1/profile", Profile())
    monkeypatch.setattr("shutil.disk_usage", lambda _: Disk(50 * 2**30))
    return hub


def outcomes(cli: Cli) -> dict[str, tuple[str, str]]:
    return {
        row["check"]: (row["outcome"], row["found"])
        for row in json.loads(cli("doctor", "--json").out)
    }


def test_all_is_well(well: FakeHub, cli: Cli) -> None:
    ran = cli("doctor")
    assert ran.code == 0
    assert all(line.startswith(("ok ", " ")) for line in ran.lines), ran.out
    assert f"{well.url}, from $HUTONG_URL" in ran.out
    assert "li.wei: member of a/b" in ran.out
    assert "3 queued, 2 running" in ran.out


def test_a_hub_that_is_away_fails(hub: FakeHub, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_URL", "http://127.0.0.1:9")
    ran = cli("doctor")
    assert ran.code == 1
    assert "[hub.unreachable]" in ran.out


def test_a_wrong_token_fails_though_the_hub_is_there(well: FakeHub, cli: Cli) -> None:
    well.on("GET", "/v1/whoami", error(401, "auth.unknown", "The token is unknown."))
    found = outcomes(cli)
    assert found["hub"][0] == "ok"
    assert found["token"] == ("fail", "[auth.unknown] The token is unknown.")
    assert cli("doctor").code == 1


def test_other_versions_are_told(well: FakeHub, cli: Cli) -> None:
    well.on("GET", "/healthz", api.HealthReply("ok", "abc123", "9.9.9", 1))
    assert outcomes(cli)["version"] == ("warn", f"{hutong.__version__} here, 9.9.9 at the hub")
    assert cli("doctor").code == 0


def test_clocks_that_differ_are_told(well: FakeHub, cli: Cli) -> None:
    later = datetime.now(UTC) + timedelta(minutes=5)
    well.date = later.strftime("%a, %d %b %Y %H:%M:%S GMT")
    outcome, found = outcomes(cli)["clock"]
    assert outcome == "warn"
    assert "ahead of" in found


def test_silent_and_missing_sites_are_told(well: FakeHub, cli: Cli) -> None:
    well.on("GET", "/v1/sites", world.sites())
    ran = cli("doctor")
    assert "zhangjiakou-grassland: silent, last heard 3h ago" in ran.out
    assert "1 site heard" in ran.out
    well.on("GET", "/v1/sites", [])
    assert outcomes(cli)["sites"] == ("warn", "none has joined")


@pytest.mark.parametrize(
    ("free", "outcome"), [(50 * 2**30, "ok"), (2**29, "warn"), (2**20, "fail")]
)
def test_a_full_disk_is_told(
    well: FakeHub, cli: Cli, monkeypatch: pytest.MonkeyPatch, free: int, outcome: str
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Disk(free))
    assert outcomes(cli)["disk"][0] == outcome


def test_a_read_only_hub_is_told(well: FakeHub, cli: Cli) -> None:
    well.on("GET", "/healthz", api.HealthReply("read-only", "abc123", hutong.__version__, 1))
    assert outcomes(cli)["hub"][0] == "warn"


def test_without_any_address_it_lists_where_it_looked(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HUTONG_URL")
    monkeypatch.chdir(tmp_path)
    ran = cli("doctor")
    assert ran.code == 1
    assert "$HUTONG_URL: not set" in ran.out
    assert ".hutong/client.json" in ran.out.replace("\n", "").replace(" ", "")
    assert "[hub.unknown]" in ran.out


def test_a_file_that_others_can_read_is_told(
    well: FakeHub, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HUTONG_URL")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ".hutong" / "client.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"url": well.url, "token": "t"}))
    os.chmod(file, 0o644)
    rows = json.loads(cli("doctor", "--json").out)
    told = [row for row in rows if row["check"] == "address"]
    assert [row["outcome"] for row in told] == ["ok", "warn"]
    assert "chmod 600" in told[1]["hint"]
    os.chmod(file, 0o600)
    assert "chmod" not in cli("doctor").out


def test_a_broken_file_is_a_failure_not_a_crash(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HUTONG_URL")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ".hutong" / "client.json"
    file.parent.mkdir()
    file.write_text("{")
    ran = cli("doctor")
    assert ran.code == 1
    assert "[config.invalid]" in ran.out


def test_what_is_odd_about_the_profile_in_force_is_told(well: FakeHub, cli: Cli) -> None:
    well.on("GET", "/v1/profile", Profile(name="ours", share_half_life_ms=0))
    ran = cli("doctor")
    assert ran.code == 0
    assert "ours: fair order, easy backfill, classes urgent, high, normal" in ran.out
    assert "share_half_life: 0s: it is 0: only what a tenant holds now counts" in " ".join(
        ran.out.split()
    )


def test_a_profile_file_is_checked_without_a_hub(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text("base: fair\nreservations: 0\n")
    ran = cli("doctor", "--profile", str(file))
    assert (ran.code, ran.lines[0][:14]) == (0, "ok    profile ")
    assert "small ones overtake it for ever" in " ".join(ran.out.split())
    file.write_text("base: fair\nreservation: 0\n")
    ran = cli("doctor", "--profile", str(file))
    assert ran.code == 1
    assert "unknown key `reservation`" in " ".join(ran.out.split())
    assert "Did you mean `reservations`?" in ran.out
