"""The commands that change something or print as they go."""

import json
import sys

import pytest

from hutong.wire import api
from tests.unit.cli import world
from tests.unit.cli.conftest import Cli
from tests.unit.client.fakehub import Answer, FakeHub, error, value

ATTEMPT = {"X-Hutong-Attempt": "hub123-j1-1"}
VIEW = api.JobView("j1", "a", "t", "running", "normal", 1, 1, 1)


def test_cancel_goes_on_after_a_refusal(hub: FakeHub, cli: Cli) -> None:
    hub.on("POST", "/v1/jobs/j1/cancel", value(VIEW, 202))
    hub.on("POST", "/v1/jobs/j2/cancel", error(409, "job.finished", "Job j2 is failed."))
    hub.on("POST", "/v1/jobs/j3/cancel", value(VIEW, 202))
    ran = cli("cancel", "j1", "j2", "j3[4]")
    assert ran.code == 1
    assert ran.lines == ["j1  is being ended", "j3[4]  is being ended"]
    assert "error[job.finished]" in ran.err
    assert hub.seen[2].json() == {"element": 4}


def test_cancel_tells_programs_what_came_of_each(hub: FakeHub, cli: Cli) -> None:
    hub.on("POST", "/v1/jobs/j1/cancel", value(VIEW, 202))
    hub.on("POST", "/v1/jobs/j2/cancel", error(409, "job.finished"))
    rows = json.loads(cli("cancel", "j1", "j2", "--json").out)
    assert [row["asked"] for row in rows] == ["j1", "j2"]
    assert rows[0]["job"]["id"] == "j1"
    assert rows[1]["error"]["code"] == "job.finished"


def test_cancel_takes_the_element_beside_the_job(hub: FakeHub, cli: Cli) -> None:
    hub.on("POST", "/v1/jobs/j1/cancel", VIEW)
    cli("cancel", "j1", "--element", "7")
    assert hub.seen[0].json() == {"element": 7}


def test_logs_prints_the_bytes_as_they_are(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/jobs/j1/logs", Answer(b"a\n\x1b[1mb\n", headers=ATTEMPT))
    ran = cli("logs", "j1[3]", "--task", "2", "--attempt", "1")
    assert (ran.code, ran.out) == (0, "a\n\x1b[1mb\n")
    assert hub.seen[0].query == {"element": "3", "task": "2", "attempt": "1", "offset": "0"}


@pytest.mark.parametrize(("tail", "out"), [("0", ""), ("2", "b\nc"), ("9", "a\nb\nc")])
def test_logs_prints_the_last_lines(hub: FakeHub, cli: Cli, tail: str, out: str) -> None:
    hub.on("GET", "/v1/jobs/j1/logs", Answer(b"a\nb\nc", headers=ATTEMPT))
    assert cli("logs", "j1", "--tail", tail).out == out


def test_logs_reads_further_back_until_the_lines_are_whole(hub: FakeHub, cli: Cli) -> None:
    place = {**ATTEMPT, "X-Hutong-Log-Offset": "5"}
    hub.on("GET", "/v1/jobs/j1/logs", Answer(b"alf\nc\n", headers=place),
           Answer(b"1\n2\nhalf\nc\n", headers=place))  # fmt: skip
    assert cli("logs", "j1", "--tail", "2").out == "half\nc\n"
    first, second = (int(seen.query["tail"]) for seen in hub.seen)
    assert second == 4 * first


def test_logs_follows_behind_the_tail(hub: FakeHub, cli: Cli) -> None:
    hub.on(
        "GET", "/v1/jobs/j1/logs",
        Answer(b"a\nb\n", headers=ATTEMPT),
        Answer(pieces=(b"c\n",), headers=ATTEMPT),
        Answer(b"", headers=ATTEMPT),
    )  # fmt: skip
    hub.on("GET", "/v1/jobs/j1", world.detail("succeeded"))
    hub.on("GET", "/v1/jobs/j1/attempts", value([]))
    assert cli("logs", "j1", "-f", "--tail", "1").out == "b\nc\n"
    assert hub.asked("GET", "/v1/jobs/j1/logs")[1].query["offset"] == "4"


def test_logs_names_the_next_attempt_on_stderr(hub: FakeHub, cli: Cli) -> None:
    second = {"X-Hutong-Attempt": "hub123-j1-2"}
    hub.on(
        "GET", "/v1/jobs/j1/logs",
        Answer(pieces=(b"one\n",), headers=ATTEMPT),
        Answer(pieces=(b"two\n",), headers=second),
        Answer(b"", headers=second),
    )  # fmt: skip
    hub.on("GET", "/v1/jobs/j1", world.detail("running"), world.detail("failed"))
    hub.on("GET", "/v1/jobs/j1/attempts", [world.attempt(2)], value([]))
    ran = cli("logs", "j1", "--follow")
    assert ran.out == "one\ntwo\n"
    assert ran.err == "--- hub123-j1-2 ---\n"


def test_drain_takes_a_site_or_a_node(hub: FakeHub, cli: Cli) -> None:
    site, node = world.sites()[0], world.nodes()[1]
    hub.on("POST", "/v1/sites/beijing/drain", site)
    hub.on("POST", "/v1/nodes/beijing/n1/drain", node)
    assert cli("drain", "beijing").lines == ["beijing  ready"]
    assert cli("drain", "beijing/n1", "--undo").out.endswith("draining\n")
    assert [seen.json() for seen in hub.seen] == [{"draining": True}, {"draining": False}]
    assert json.loads(cli("drain", "beijing", "--json").out)["id"] == "beijing"


def test_a_new_tokens_secret_is_all_of_standard_output(hub: FakeHub, cli: Cli) -> None:
    made = api.TokenView("t9", "ci", "member", "a/b", 1, secret="hush")
    hub.on("POST", "/v1/tokens", value(made, 201))
    ran = cli("token", "create", "ci", "--scope", "member", "--subject", "a/b", "--ttl", "30d")
    assert ran.out == "hush\n"
    assert "not shown again" in ran.err
    assert hub.seen[0].json() == {
        "name": "ci", "scope": "member", "subject": "a/b", "ttl_ms": 30 * 24 * world.HOUR,
    }  # fmt: skip


def test_a_token_is_revoked_by_its_id(hub: FakeHub, cli: Cli) -> None:
    hub.on("POST", "/v1/tokens/t9/revoke", api.TokenView("t9", "ci", "admin", "", 1, revoked_ms=2))
    assert cli("token", "revoke", "t9").lines == ["t9  revoked"]


def events(*kinds: str) -> Answer:
    lines = []
    for position, kind in enumerate(kinds, start=5):
        fields = {"kind": kind, "job": "j1", "state": "failed", "reason": {"code": "user.signal"}}
        data = {
            "position": position,
            "at_ms": world.NOW,
            "cause": "c",
            "kind": kind,
            "event": fields,
        }
        lines.append(f"id: {position}\nevent: {kind}\ndata: {json.dumps(data)}\n\n")
    return Answer(pieces=("".join(lines).encode(),))


def test_events_are_one_line_each(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/health", api.HealthReply("ok", "h", "0", 60))
    hub.on("GET", "/v1/events", events("JobAccepted", "JobEnded"), events())
    ran = cli("events", "--kind", "JobEnded")
    assert [line.split() for line in ran.lines] == [
        ["5", "14:13:20", "JobAccepted", "job=j1", "state=failed", "user.signal"],
        ["6", "14:13:20", "JobEnded", "job=j1", "state=failed", "user.signal"],
    ]
    assert hub.asked("GET", "/v1/events")[0].query == {"after": "10", "kind": "JobEnded"}


def test_events_are_ndjson_for_programs(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/health", api.HealthReply("ok", "h", "0", 6))
    hub.on("GET", "/v1/events", events("JobAccepted", "JobEnded"), events())
    ran = cli("events", "--after", "4", "--json")
    assert [json.loads(line)["position"] for line in ran.lines] == [5, 6]


def test_version_is_a_line_or_a_document(cli: Cli) -> None:
    import hutong

    assert cli("version").out.startswith(f"hutong {hutong.__version__} (Python 3.")
    assert json.loads(cli("version", "--json").out)["hutong"] == hutong.__version__


def test_jobs_watches_until_it_is_told_to_stop(
    hub: FakeHub, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = iter([None, None])

    def pause(_: float) -> None:
        if next(pauses, "over") == "over":
            raise KeyboardInterrupt

    monkeypatch.setattr("hutong.cli.jobs.time.sleep", pause)
    hub.on("GET", "/v1/jobs", api.JobPage((VIEW,)))
    ran = cli("jobs", "--watch", "--json")
    assert ran.code == 130
    assert [json.loads(line)["jobs"][0]["id"] for line in ran.lines] == ["j1"] * 3


def test_commands_of_other_parts_get_their_words_untouched(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    import types

    got: list[list[str]] = []

    def take(words: list[str]) -> int:
        got.append(words)
        return 7

    fake = types.ModuleType("fake_part")
    fake.main = take  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fake_part", fake)
    monkeypatch.setattr("hutong.cli.main.ELSEWHERE", {"simulate": "fake_part:main"})
    assert cli("simulate", "chaos", "--seeds", "5", "--help").code == 7
    assert got == [["chaos", "--seeds", "5", "--help"]]
