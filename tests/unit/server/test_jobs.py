from hutong.model.job import ArraySpec
from hutong.model.reasons import ExitCode
from hutong.model.resources import TaskNeeds
from hutong.wire.api import ElementView, ExplainReply, JobDetail, JobPage, PlanReply
from tests.unit.server.world import SiteAgent, World, job, on_hub

HUGE = TaskNeeds(cpu_milli=64_000)


@on_hub
async def test_jobs_are_listed_newest_first_page_by_page(world: World) -> None:
    names = [await world.submit(job(f"n{number}")) for number in range(5)]
    seen: list[str] = []
    path = "/v1/jobs?limit=2"
    sizes = []
    while True:
        page = (await world.get(path)).to(JobPage)
        seen += [view.id for view in page.jobs]
        sizes.append(len(page.jobs))
        if page.next is None:
            break
        path = f"/v1/jobs?limit=2&before={page.next}"
    assert seen == names[::-1]
    assert sizes == [2, 2, 1]


@on_hub
async def test_a_full_last_page_says_that_it_is_the_last(world: World) -> None:
    for number in range(4):
        await world.submit(job(f"n{number}"))
    page = (await world.get("/v1/jobs?limit=4")).to(JobPage)
    assert (len(page.jobs), page.next) == (4, None)


@on_hub
async def test_jobs_are_found_by_tenant_state_and_name(world: World) -> None:
    one = await world.submit(job("one", tenant="acme/ocr"))
    two = await world.submit(job("two", tenant="globex"))
    await world.post(f"/v1/jobs/{two}/cancel", {})
    for query, found in (
        ("tenant=acme", [one]),
        ("state=cancelled,failed", [two]),
        ("state=queued", [one]),
        ("name=two", [two]),
        ("tenant=globex&state=queued", []),
    ):
        page = (await world.get(f"/v1/jobs?{query}")).to(JobPage)
        assert [view.id for view in page.jobs] == found, query
    assert (await world.get("/v1/jobs?tenant=A")).error.code == "tenant.not_found"


@on_hub
async def test_a_waiting_job_says_why_and_when(world: World) -> None:
    agent = SiteAgent(world, nodes=1)
    await agent.join()
    for number in range(4):
        await world.submit(job(f"n{number}", estimate_ms=60_000))
    await agent.start_all()
    late = await world.submit(job("late", estimate_ms=60_000))
    await world.cycle()
    (view,) = (await world.get("/v1/jobs?name=late")).to(JobPage).jobs
    assert view.state == "queued"
    assert [reason.code for reason in view.waiting] == ["waiting.busy"]
    assert view.expected_start_ms > world.clock.now_ms()
    assert view.expected_basis == "estimates"
    reply = (await world.get(f"/v1/jobs/{late}/explain")).to(ExplainReply)
    assert [reason.code for reason in reply.reasons] == ["waiting.busy"]
    assert reply.reasons[0].sentence.startswith("1 pool(s)")
    assert reply.expected_start_ms == view.expected_start_ms
    assert reply.explanation is not None
    assert reply.reservation is not None
    assert reply.reservation.pool == "bj/cpu"


@on_hub
async def test_a_placed_job_says_why_it_is_there(world: World) -> None:
    agent = SiteAgent(world)
    await agent.join()
    name = await world.submit(job())
    (attempt,) = await agent.start_all()
    reply = (await world.get(f"/v1/jobs/{name}/explain")).to(ExplainReply)
    assert (reply.state, reply.reasons[0].code) == ("running", "placed.only")
    assert reply.explanation is not None
    assert reply.explanation.candidates[0].pool == "bj/cpu"
    detail = (await world.get(f"/v1/jobs/{name}")).to(JobDetail)
    assert detail.job.state == "running"
    assert [view.id for view in detail.attempts] == [attempt]
    assert [line.kind for line in detail.story] == ["JobAccepted", "PlanDecided", "AttemptMoved"]
    assert attempt in detail.story[1].sentence


@on_hub
async def test_an_ended_job_says_how_and_where_it_had_run(world: World) -> None:
    agent = SiteAgent(world)
    await agent.join()
    name = await world.submit(job())
    (attempt,) = await agent.start_all()
    await agent.finish(attempt, ExitCode(3))
    reply = (await world.get(f"/v1/jobs/{name}/explain")).to(ExplainReply)
    assert (reply.state, [reason.code for reason in reply.reasons]) == (
        "failed", ["user.exit_code", "placed.only"],
    )  # fmt: skip
    detail = (await world.get(f"/v1/jobs/{name}")).to(JobDetail)
    assert detail.job.cost_microcny == detail.attempts[0].cost_microcny > 0
    assert detail.job.reason is not None
    assert detail.job.reason.facts == {"exit_code": 3, "task": 0}


@on_hub
async def test_a_job_nobody_can_run_says_so(world: World) -> None:
    await SiteAgent(world).join()
    name = await world.submit(job(needs=HUGE))
    await world.cycle()
    reply = (await world.get(f"/v1/jobs/{name}/explain")).to(ExplainReply)
    assert [reason.code for reason in reply.reasons] == ["waiting.no_pool"]


@on_hub
async def test_a_cancel_ends_what_waits_and_stops_what_runs(world: World) -> None:
    agent = SiteAgent(world)
    await agent.join()
    running = await world.submit(job("running"))
    (attempt,) = await agent.start_all()
    waiting = await world.submit(job("waiting", needs=HUGE))
    ended = await world.post(f"/v1/jobs/{waiting}/cancel", {})
    assert (ended.status, ended.json().get("state")) == (202, "cancelled"), ended
    stopping = await world.post(f"/v1/jobs/{running}/cancel", {})
    assert (stopping.status, stopping.json().get("state")) == (202, "running"), stopping
    assert [order.attempt for order in (await agent.sync()).stop] == [attempt]
    again = await world.post(f"/v1/jobs/{waiting}/cancel", {})
    assert (again.status, again.error.code) == (409, "job.finished")
    for path in ("/v1/jobs/j99/cancel", "/v1/jobs/x/cancel"):
        assert (await world.post(path, {})).error.code == "job.not_found"


@on_hub
async def test_elements_are_listed_with_those_that_wait(world: World) -> None:
    agent = SiteAgent(world, nodes=1)
    await agent.join()
    name = await world.submit(job(array=ArraySpec(1_000, first=10, step=5)))
    first, second, *_ = await agent.start_all()
    await agent.finish(first)
    await agent.finish(second, ExitCode(1))
    views = (await world.get(f"/v1/jobs/{name}/elements?limit=6")).to(list[ElementView])
    assert [(view.element, view.number) for view in views] == [
        (0, 10), (1, 15), (2, 20), (3, 25), (4, 30), (5, 35),
    ]  # fmt: skip
    assert [view.state for view in views[:3]] == ["succeeded", "failed", "running"]
    assert [view.attempts for view in views[:3]] == [1, 1, 1]
    assert views[1].reason is not None
    assert views[1].reason.code == "user.exit_code"
    assert views[2].attempt.endswith(f"-{name}-2-1")
    last = (await world.get(f"/v1/jobs/{name}/elements?after=998")).to(list[ElementView])
    assert [(view.element, view.state) for view in last] == [(999, "queued")]
    assert (await world.get(f"/v1/jobs/{name}/elements?after=999")).json() == []


@on_hub
async def test_elements_of_a_cancelled_array_are_cancelled(world: World) -> None:
    name = await world.submit(job(array=ArraySpec(3)))
    await world.post(f"/v1/jobs/{name}/cancel", {"element": 1})
    views = (await world.get(f"/v1/jobs/{name}/elements")).to(list[ElementView])
    assert [view.state for view in views] == ["queued", "cancelled", "queued"]
    await world.post(f"/v1/jobs/{name}/cancel", {})
    views = (await world.get(f"/v1/jobs/{name}/elements")).to(list[ElementView])
    assert [view.state for view in views] == ["cancelled"] * 3


@on_hub
async def test_a_job_that_is_no_array_has_no_elements(world: World) -> None:
    name = await world.submit(job())
    assert (await world.get(f"/v1/jobs/{name}/elements")).json() == []
    for path in ("explain?element=0", "attempts?element=0", "logs?element=0"):
        answer = await world.get(f"/v1/jobs/{name}/{path}")
        assert (answer.status, answer.error.code) == (404, "job.not_found"), path


@on_hub
async def test_an_element_is_explained_by_itself(world: World) -> None:
    agent = SiteAgent(world, nodes=1)
    await agent.join()
    name = await world.submit(job(array=ArraySpec(6, max_parallel=2)))
    first, _ = await agent.start_all()
    await agent.finish(first)
    states = []
    for element in (0, 1, 5):
        answer = await world.get(f"/v1/jobs/{name}/explain?element={element}")
        reply = answer.to(ExplainReply)
        states.append((reply.state, reply.reasons[0].code))
    assert states[0] == ("succeeded", "ended.completed")
    assert states[1][0] == "running"
    assert states[2][0] == "queued"
    assert (await world.get(f"/v1/jobs/{name}/explain?element=6")).status == 404


@on_hub
async def test_attempts_are_paged_by_number_or_id(world: World) -> None:
    agent = SiteAgent(world)
    await agent.join()
    retried = job(retry={"user_count": 2})
    name = (await world.post("/v1/jobs", {"spec": retried})).json()["job"]
    for _ in range(3):
        (attempt,) = await agent.start_all()
        await agent.finish(attempt, ExitCode(1))
    path = f"/v1/jobs/{name}/attempts"
    ids = [row["id"] for row in (await world.get(path)).json()]
    assert len(ids) == 3
    for after in ("1", ids[0]):
        rows = (await world.get(f"{path}?after={after}&limit=1")).json()
        assert [row["number"] for row in rows] == [2]
    for after in ("x", "abcdef-j99-1"):
        assert (await world.get(f"{path}?after={after}")).error.code == "attempt.not_found"


@on_hub
async def test_attempts_of_a_whole_array_are_not_paged_by_number(world: World) -> None:
    name = await world.submit(job(array=ArraySpec(3)))
    answer = await world.get(f"/v1/jobs/{name}/attempts?after=1")
    assert (answer.status, answer.error.code) == (400, "request.parameter")


@on_hub
async def test_a_plan_shows_the_places_and_hands_nothing_in(world: World) -> None:
    await SiteAgent(world, "bj").join()
    await SiteAgent(world, "tj").join()
    before = world.store.position()
    specs = [job("small", estimate_ms=3_600_000), job("huge", needs=HUGE)]
    reply = (await world.post("/v1/plan", {"specs": specs})).to(PlanReply)
    assert world.store.position() == before
    small, huge = reply.plans
    assert (small.name, small.starts_now, small.start_ms) == ("small", True, 0)
    assert small.cost_microcny == 1_000_000
    assert {place.pool for place in small.places} == {"bj/cpu", "tj/cpu"}
    assert [place.chosen for place in small.places].count(True) == 1
    assert small.places[0].region == "beijing"
    assert small.places[0].run_ms == 3_600_000
    assert (huge.starts_now, huge.start_ms) == (False, None)
    assert all(place.out for place in huge.places)
    assert [reason.code for reason in huge.reasons] == ["waiting.no_pool"]


@on_hub
async def test_a_plan_of_too_many_jobs_is_refused(world: World) -> None:
    answer = await world.post("/v1/plan", {"specs": [job()] * 257})
    assert (answer.status, answer.error.code) == (503, "limit.reached")
    answer = await world.post("/v1/plan", {"specs": [job(tasks=0)]})
    assert answer.error.code == "job.invalid"
