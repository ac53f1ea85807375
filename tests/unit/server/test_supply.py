from hutong.lifecycle import commands as do
from hutong.lifecycle.sync import SyncRequest
from hutong.model.limits import SILENT_AFTER_MS, SITES
from hutong.model.resources import Amount
from hutong.model.supply import Inventory, PriceBook
from hutong.wire.api import NodeView, PoolView, SiteView, TenantView, UsageReply
from tests.unit.server.world import SiteAgent, World, job, on_hub


@on_hub
async def test_sites_pools_and_nodes_say_what_is_used(world: World) -> None:
    agent = SiteAgent(world)
    await agent.join()
    await world.submit(job("one"))
    await world.submit(job("two"))
    await agent.start_all()
    (site,) = (await world.get("/v1/sites")).to(list[SiteView])
    assert (site.status, site.nodes, site.live_attempts) == ("ready", 2, 2)
    assert site.total == Amount(8_000, 16_384)
    assert site.used == Amount(2_000, 512)
    (pool,) = (await world.get("/v1/pools?site=bj")).to(list[PoolView])
    assert (pool.nodes, pool.total, pool.used) == (2, site.total, site.used)
    nodes = (await world.get("/v1/nodes?pool=bj/cpu")).to(list[NodeView])
    assert sum(node.free.cpu_milli for node in nodes) == 6_000
    assert [node.id for node in nodes] == ["bj/n0", "bj/n1"]


@on_hub
async def test_supply_is_listed_by_site(world: World) -> None:
    for name in ("tj", "bj"):
        await SiteAgent(world, name).join()
    assert [each["id"] for each in (await world.get("/v1/sites")).json()] == ["bj", "tj"]
    assert {each["site"] for each in (await world.get("/v1/nodes?site=tj")).json()} == {"tj"}
    assert len((await world.get("/v1/pools")).json()) == 2
    assert (await world.get("/v1/pools?site=sh")).error.code == "site.not_found"
    assert (await world.get("/v1/nodes?site=sh")).error.code == "site.not_found"
    assert (await world.get("/v1/nodes?pool=tj/gpu")).error.code == "pool.not_found"


@on_hub
async def test_a_drained_node_gets_no_work_until_it_may(world: World) -> None:
    agent = SiteAgent(world, nodes=1)
    await agent.join()
    drained = await world.post("/v1/nodes/bj/n0/drain", {"draining": True})
    assert drained.json()["condition"] == "draining"
    await world.submit(job())
    assert await agent.start_all() == []
    back = await world.post("/v1/nodes/bj/n0/drain", {"draining": False})
    assert back.json()["condition"] == "ready"
    assert len(await agent.start_all()) == 1
    for path in ("/v1/nodes/bj/n9/drain", "/v1/nodes/sh/n0/drain", "/v1/nodes/bj/../drain"):
        assert (await world.post(path, {})).error.code == "node.not_found", path
    assert (await world.post("/v1/sites/sh/drain", {})).error.code == "site.not_found"


@on_hub
async def test_a_site_that_is_silent_says_so(world: World) -> None:
    agent = SiteAgent(world)
    await agent.join()
    world.clock.at_ms += SILENT_AFTER_MS + 1
    await world.driver.submit(do.Tick(), "t")
    (site,) = (await world.get("/v1/sites")).to(list[SiteView])
    assert site.status == "silent"
    assert (await world.get("/v1/health")).json().get("sites_ready", 0) == 0


# Agents


@on_hub
async def test_a_report_that_makes_no_sense_is_refused(world: World) -> None:
    agent = SiteAgent(world)
    (pool,) = agent.inventory().pools
    for price in (
        PriceBook(accelerator_microcny_per_hour=10**10 + 1),
        PriceBook(cpu_microcny_per_hour=10**10 + 1),
        PriceBook(memory_gib_microcny_per_hour=10**10 + 1),
    ):
        inventory = Inventory((type(pool)(pool.id, pool.site, pool.node, price=price),), ())
        request = SyncRequest(agent.site, "s", True, (), agent.description(), inventory)
        answer = await world.post("/v1/agent/sync", request)
        assert (answer.status, answer.error.code) == (422, "site.invalid")
    for body in (
        {"site": "bj", "session": "s", "sent_ms": 2**44},
        {"site": "bj", "session": "s", "observations": [{"attempt": "a", "state": "gone"}]},
        {"site": 3, "session": "s"},
    ):
        answer = await world.post("/v1/agent/sync", body)
        assert (answer.status, answer.error.code) == (400, "request.malformed"), answer


@on_hub
async def test_an_agent_newer_than_the_hub_is_understood(world: World) -> None:
    body = {"site": "bj", "session": "s", "colour": "red"}
    answer = await world.post("/v1/agent/sync", body)
    assert (answer.status, answer.json()["resync"]) == (200, True)


@on_hub
async def test_sites_are_bounded(world: World) -> None:
    await SiteAgent(world).join()
    sites = world.driver.machine.state.sites
    record = sites["bj"]
    sites.update({f"s{number}": record for number in range(SITES)})
    one_more = SiteAgent(world, "sh")
    request = SyncRequest(one_more.site, "s", True, (), one_more.description())
    answer = await world.post("/v1/agent/sync", request)
    assert (answer.status, answer.error.code) == (503, "limit.reached")
    known = await world.post("/v1/agent/sync", SyncRequest(SiteAgent(world).site, "s1"))
    assert known.status == 200
    for number in range(SITES):
        del sites[f"s{number}"]


@on_hub
async def test_only_a_site_has_a_stream(world: World) -> None:
    for query, code in (("", "site.not_found"), ("?site=..", "site.not_found")):
        assert (await world.get(f"/v1/agent/stream{query}")).error.code == code


# Tenants and usage


@on_hub
async def test_a_tenant_is_made_changed_and_shown(world: World) -> None:
    quota = {"cpu_milli": 2_000, "accelerator_milli_by_model": {"A100": 4_000}}
    made = await world.call("PUT", "/v1/tenants/acme/ocr", {"weight": 3, "quota": quota})
    view = made.to(TenantView)
    assert (view.id, view.weight, view.quota.cpu_milli) == ("acme/ocr", 3, 2_000)
    assert view.quota.accelerator_milli_by_model == {"A100": 4_000}
    assert (await world.get("/v1/tenants/acme/ocr")).to(TenantView) == view
    changed = await world.call("PUT", "/v1/tenants/acme/ocr", {})
    assert changed.to(TenantView).weight == 1
    assert (await world.get("/v1/tenants/acme/none")).error.code == "tenant.not_found"
    assert (await world.get("/v1/tenants/A")).error.code == "tenant.not_found"


@on_hub
async def test_a_tenant_with_jobs_and_nothing_else_is_shown_and_all_above_it(world: World) -> None:
    await world.submit(job(tenant="acme/ocr"))
    views = (await world.get("/v1/tenants")).to(list[TenantView])
    for view, name in zip(views, ("acme", "acme/ocr"), strict=True):
        assert (view.id, view.weight, view.jobs) == (name, 1, {"queued": 1})
        assert (await world.get(f"/v1/tenants/{name}")).to(TenantView) == view


@on_hub
async def test_a_quota_that_cannot_be_is_refused(world: World) -> None:
    for body in (
        {"weight": 0},
        {"weight": 10**9},
        {"quota": {"cpu_milli": -1}},
        {"quota": {"accelerator_milli_by_model": {"A100": -1}}},
        {"quota": {"accelerator_milli_by_model": {"": 1}}},
        {"quota": {"accelerator_milli_by_model": {"a\nb": 1}}},
        {"quota": {"accelerator_milli_by_model": {f"m{n}": 1 for n in range(1_000)}}},
    ):
        answer = await world.call("PUT", "/v1/tenants/acme", body)
        assert (answer.status, answer.error.code) == (422, "tenant.invalid"), body


@on_hub
async def test_a_quota_of_open_jobs_is_kept(world: World) -> None:
    await world.call("PUT", "/v1/tenants/acme", {"quota": {"open_jobs": 1}})
    await world.submit(job(tenant="acme/ocr"))
    answer = await world.post("/v1/jobs", {"spec": job(tenant="acme")})
    assert (answer.status, answer.error.code) == (403, "quota.exceeded")


@on_hub
async def test_what_a_tenant_holds_counts_all_below_it(world: World) -> None:
    agent = SiteAgent(world)
    await agent.join()
    await world.call("PUT", "/v1/tenants/acme", {})
    await world.submit(job(tenant="acme/ocr"))
    await world.submit(job(tenant="acme"))
    await agent.start_all()
    view = (await world.get("/v1/tenants/acme")).to(TenantView)
    assert (view.held.cpu_milli, view.jobs) == (2_000, {"running": 2})
    assert view.share_milli > 0


@on_hub
async def test_usage_counts_what_ended_and_what_runs_until_now(world: World) -> None:
    agent = SiteAgent(world)
    await agent.join()
    await world.submit(job("one", tenant="acme"))
    await world.submit(job("two", tenant="acme"))
    first, _ = await agent.start_all()
    world.clock.at_ms += 3_599_000
    await agent.finish(first)
    reply = (await world.get("/v1/usage?tenant=acme")).to(UsageReply)
    (row,) = reply.rows
    assert (row.attempts, row.duration_ms, row.cost_microcny) == (1, 3_600_000, 1_000_000)
    assert (row.running_attempts, row.running_cost_microcny) == (1, 1_000_000)
    assert reply.total_cost_microcny == 2_000_000
    assert (await world.get("/v1/usage?tenant=globex")).to(UsageReply).rows == ()
    now_ms = world.clock.now_ms()
    past = (await world.get(f"/v1/usage?until_ms={now_ms}")).to(UsageReply)
    assert past.total_cost_microcny == 0
    later = (await world.get(f"/v1/usage?since_ms={now_ms + 1}")).to(UsageReply)
    assert later.total_cost_microcny == 0
