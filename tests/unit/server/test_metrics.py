import re

from hutong.server.metrics import DOCUMENTED
from tests.unit.server.world import SiteAgent, World, job, on_hub


def values(text: str) -> dict[str, float]:
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


@on_hub
async def test_what_happens_is_counted(world: World) -> None:
    agent = SiteAgent(world)
    await agent.join()
    await world.submit(job("one"))
    await agent.start_all()
    await world.post("/v1/jobs", b"{")
    await world.get("/nowhere")
    answer = await world.get("/metrics", token="")
    assert answer.headers[b"content-type"].startswith(b"text/plain; version=0.0.4")
    found = values(answer.body.decode())
    assert found['hutong_requests_total{endpoint="jobs.submit",status="201"}'] == 1
    assert found['hutong_requests_total{endpoint="jobs.submit",status="400"}'] == 1
    assert found['hutong_requests_total{endpoint="unknown",status="404"}'] == 1
    assert found['hutong_request_seconds_count{endpoint="jobs.submit"}'] == 2
    assert found["hutong_jobs_accepted_total"] == 1
    assert found["hutong_placements_total"] == 1
    assert found['hutong_attempts_live{site="bj"}'] == 1
    assert found['hutong_site_ready{site="bj"}'] == 1
    assert found["hutong_ready"] == 1
    assert found["hutong_journal_position"] == world.store.position()
    assert found["hutong_commit_seconds_count"] >= 4
    assert found["hutong_cycle_seconds_count"] >= 1


@on_hub
async def test_waiting_jobs_are_counted_by_class(world: World) -> None:
    await world.submit(job(priority="urgent"))
    await world.submit(job())
    await world.submit(job())
    found = values((await world.get("/metrics")).body.decode())
    assert found['hutong_queued{priority="urgent"}'] == 1
    assert found['hutong_queued{priority="normal"}'] == 2
    assert found['hutong_queued{priority="low"}'] == 0


@on_hub
async def test_what_is_exported_is_what_is_documented(world: World) -> None:
    await SiteAgent(world).join()
    text = (await world.get("/metrics")).body.decode()
    exported = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    exported = {name: kind for name, kind in exported.items() if not name.endswith("_created")}
    assert exported == {row.name: row.kind for row in DOCUMENTED}
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
    assert {name: helps[name] for name in exported} == {row.name: row.meaning for row in DOCUMENTED}


@on_hub
async def test_a_path_that_is_not_there_makes_no_series_of_its_own(world: World) -> None:
    for number in range(20):
        await world.get(f"/nowhere/{number}")
    text = (await world.get("/metrics")).body.decode()
    assert "/nowhere" not in text
