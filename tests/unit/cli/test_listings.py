"""Every listing: a table that fits 80 columns for people, one JSON document for programs."""

import json

import msgspec
import pytest

from hutong.cli.table import columns_of
from hutong.wire import api
from tests.unit.cli import world
from tests.unit.cli.conftest import Cli
from tests.unit.client.fakehub import FakeHub

LISTINGS: list[tuple[tuple[str, ...], str, object]] = [
    (("jobs",), "/v1/jobs", world.jobs()),
    (("jobs", "--all"), "/v1/jobs", world.jobs()),
    (("job", "j12"), "/v1/jobs/j12", world.detail()),
    (("job", "13"), "/v1/jobs/j13", world.array_detail()),
    (("explain", "j12"), "/v1/jobs/j12/explain", world.explanation()),
    (("sites",), "/v1/sites", world.sites()),
    (("pools",), "/v1/pools", world.pools()),
    (("nodes",), "/v1/nodes", world.nodes()),
    (("tenants",), "/v1/tenants", world.tenants()),
    (("tenant", "show", "acme/vision"), "/v1/tenants/acme/vision", world.tenant()),
    (("usage",), "/v1/usage", world.usage()),
    (("token", "list"), "/v1/tokens", world.tokens()),
]
IDS = [" ".join(words) for words, _, _ in LISTINGS]


@pytest.mark.parametrize(("words", "path", "reply"), LISTINGS, ids=IDS)
def test_no_line_is_wider_than_the_terminal(
    hub: FakeHub, cli: Cli, words: tuple[str, ...], path: str, reply: object
) -> None:
    hub.on("GET", path, reply)
    ran = cli(*words)
    assert ran.code == 0, ran.err
    assert len(ran.lines) >= 3
    assert [line for line in ran.lines if columns_of(line) > 80] == []


def test_sites_show_offers_where_there_are_any(hub: FakeHub, cli: Cli) -> None:
    plain, other = world.sites()
    hub.on("GET", "/v1/sites", [plain, other])
    assert "OFFERS" not in cli("sites").out
    offering = msgspec.structs.replace(other, offer_nodes=2, offer_nodes_max=40)
    hub.on("GET", "/v1/sites", [plain, offering])
    ran = cli("sites")
    assert "OFFERS" in ran.lines[0]
    assert "2/40" in ran.lines[2]


def test_pools_show_what_a_provider_offers_and_took(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/pools", world.pools())
    ran = cli("pools")
    assert "2+1/64" in ran.out
    assert "on-demand" in ran.out
    assert "1,303.20" in ran.out


@pytest.mark.parametrize(("words", "path", "reply"), LISTINGS, ids=IDS)
def test_json_is_one_document_with_all_the_hub_said(
    hub: FakeHub, cli: Cli, words: tuple[str, ...], path: str, reply: object
) -> None:
    hub.on("GET", path, reply)
    ran = cli(*words, "--json")
    assert ran.code == 0
    assert json.loads(ran.out) == json.loads(msgspec.json.encode(reply))


@pytest.mark.parametrize(("words", "path", "reply"), LISTINGS, ids=IDS)
def test_colour_changes_nothing_but_colour(
    hub: FakeHub,
    cli: Cli,
    words: tuple[str, ...],
    path: str,
    reply: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import re

    hub.on("GET", path, reply)
    plain = cli(*words).out
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = cli(*words).out
    assert "\x1b[" in coloured
    # What ends a line in a colour keeps its padding; nothing else may differ.
    bare = [re.sub(r"\x1b\[[0-9]+m", "", line).rstrip() for line in coloured.splitlines()]
    assert bare == plain.splitlines()


def test_ids_states_and_reasons_are_never_cut(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/jobs", world.jobs())
    ran = cli("jobs")
    for view, line in zip(world.jobs().jobs, ran.lines[1:], strict=True):
        assert line.startswith(view.id)
        assert f" {view.state} " in line
    assert "exit code 137" in ran.out


def test_what_others_named_cannot_move_the_cursor(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/jobs", world.jobs())
    ran = cli("jobs")
    assert "\x1b" not in ran.out
    assert len(ran.lines) == 1 + len(world.jobs().jobs)


def test_nothing_is_cut_where_nobody_watches(
    hub: FakeHub, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS")
    hub.on("GET", "/v1/jobs", world.jobs())
    assert "train-a-very-long-model-name-that-nobody-should-choose-20b" in cli("jobs").out


def test_jobs_asks_for_what_is_live_unless_told(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/jobs", api.JobPage(()))
    cli("jobs", "--tenant", "a/b", "--name", "n", "--site", "s", "-n", "7")
    assert hub.seen[0].query == {
        "state": "queued,placed,staging,starting,running", "tenant": "a/b", "name": "n",
        "site": "s", "limit": "7",
    }  # fmt: skip
    cli("jobs", "--all")
    assert "state" not in hub.seen[1].query
    cli("jobs", "--state", "failed,queued", "--state", "running")
    assert hub.seen[2].query["state"] == "failed,queued,running"


def test_jobs_reads_as_many_pages_as_its_limit_needs(hub: FakeHub, cli: Cli) -> None:
    page = world.jobs(more=1234561)
    hub.on("GET", "/v1/jobs", page, page, api.JobPage(page.jobs[:1]))
    ran = cli("jobs", "--limit", "1000", "--json")
    assert len(json.loads(ran.out)["jobs"]) == 15
    assert [seen.query.get("before") for seen in hub.seen] == [None, "1234561", "1234561"]


def test_an_empty_list_says_so_beside_the_answer(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/jobs", api.JobPage(()))
    hub.on("GET", "/v1/sites", [])
    assert cli("jobs").out == ""
    assert "--all" in cli("jobs").err
    assert "agent" in cli("sites").err
    assert json.loads(cli("sites", "--json").out) == []


def test_an_unknown_state_lists_the_known_ones(cli: Cli) -> None:
    ran = cli("jobs", "--state", "sleeping")
    assert ran.code == 2
    assert "queued" in ran.err


def test_an_elements_attempts_are_shown_with_its_number(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/jobs/j13", world.array_detail())
    hub.on("GET", "/v1/jobs/j13/attempts", [world.attempt(1, element=4)])
    ran = cli("job", "j13[4]")
    assert ran.code == 0
    assert "number 30" in ran.lines[0]
    assert hub.seen[1].query == {"element": "4"}
    assert cli("job", "j13[100]").code == 1


def test_the_job_shows_what_it_waits_for_and_what_it_asked(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/jobs/j12", world.detail())
    ran = cli("job", "j12")
    for words in (
        "4 x 8 CPU, 32 GiB, 2 A100-80GB or 2 Ascend910B3", "time limit 2h", "afterok:j7",
        "srun python train.py", "for j99", "STORY", "CNY 31.00",
    ):  # fmt: skip
        assert words in ran.out, ran.out


def test_usage_ends_with_the_hubs_own_sum(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/usage", world.usage())
    ran = cli("usage", "--since", "7d", "--until", "2026-12-31T18:00:00+08:00")
    assert ran.lines[-1].split() == ["total", "1,234.57"]
    assert hub.seen[0].query["since_ms"] == str(world.NOW - 7 * 24 * world.HOUR)
    assert hub.seen[0].query["until_ms"] == "1798711200000"


@pytest.mark.parametrize("word", ["yesterday", "7", "-1d", "2026-13-01T00:00:00Z"])
def test_a_moment_that_means_nothing_is_refused(cli: Cli, word: str) -> None:
    assert cli("usage", f"--since={word}").code == 2
