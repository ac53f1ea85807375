"""A hub's answers as they look on a busy day: long names, Chinese names, big numbers."""

import msgspec

from hutong.lifecycle.rows import ElementCounts
from hutong.model.attempt import NodeShare
from hutong.model.job import ArraySpec, Dependency, DependencyKind, JobSpec, Program
from hutong.model.reasons import (
    AwaitsJobs,
    BestCandidate,
    BusyPools,
    CancelledByUser,
    Completed,
    ExitCode,
    NoPoolMatches,
    Preempted,
)
from hutong.model.resources import AcceleratorNeed, Amount, TaskNeeds
from hutong.model.supply import PriceBook
from hutong.model.tenant import (
    Loan,
    Quota,
    QuotaResource,
    QuotaRule,
    QuotaWindow,
    RuleStanding,
)
from hutong.scheduler.plan import Candidate, Explanation, Reservation
from hutong.wire import api
from hutong.wire.api import ReasonView

NOW = 1_790_000_000_000
MINUTE, HOUR = 60_000, 3_600_000
AMOUNT = Amount(8_000, 65_536, 2_000)


def reason(value: object) -> ReasonView:
    return ReasonView.of(value)  # type: ignore[arg-type]


def jobs(more: int | None = None) -> api.JobPage:
    row = api.JobView
    return api.JobPage(
        (
            row("j1234567", "train-a-very-long-model-name-that-nobody-should-choose-20b",
                "park-university/vision-laboratory/ocr", "running", "high", 16, 1, NOW - HOUR,
                started_ms=NOW - 50 * MINUTE, site="zhangjiakou-grassland",
                accelerator="A100-80GB", cost_microcny=1_234_567_890),
            row("j1234566", "数据预处理任务-京津冀-第二批", "park-university", "queued", "normal",
                1, 1, NOW - 3 * MINUTE, waiting=(reason(BusyPools(3, 4, 1)),),
                expected_start_ms=NOW + 7 * MINUTE, expected_basis="limits"),
            row("j1234565", "sweep", "park-university", "running", "normal", 1, 1_000_000,
                NOW - 3 * HOUR, ElementCounts(900_000, 64, 99_000, 936, 0),
                started_ms=NOW - 2 * HOUR, site="tianjin", accelerator="Ascend910B3",
                cost_microcny=17_000),
            row("j1234564", "evaluate", "harbour", "queued", "low", 1, 1, NOW - MINUTE,
                waiting=(reason(AwaitsJobs(("j1234560", "j1234561"))),)),
            row("j1234563", "evil\x1b[31m\nname", "harbour", "failed", "normal", 1, 1, NOW - HOUR,
                started_ms=NOW - HOUR + 2_000, ended_ms=NOW - HOUR + 4_300, site="beijing",
                reason=reason(ExitCode(137)), attempts=3),
            row("j1234562", "gb200", "harbour", "queued", "urgent", 1, 1, NOW - 90_000,
                waiting=(reason(NoPoolMatches({"accelerator": 12}, "8 GB200")),)),
            row("j1234561", "done", "harbour", "cancelled", "best-effort", 1, 1, NOW - 9 * HOUR,
                ended_ms=NOW - 8 * HOUR, reason=reason(CancelledByUser("li.wei@park.example"))),
        ),
        next=more,
    )  # fmt: skip


def spec() -> JobSpec:
    return JobSpec(
        "train", Program(script="#!/bin/bash\n#SBATCH -n 4\nsrun python train.py --epochs 90\n"),
        tasks=4, needs=TaskNeeds(8_000, 32_768, (AcceleratorNeed("A100-80GB", 2_000),
                                                 AcceleratorNeed("Ascend910B3", 2_000))),
        depends_on=(Dependency(DependencyKind.AFTER_OK, "j7"),),  # type: ignore[arg-type]
        time_limit_ms=2 * HOUR, estimate_ms=90 * MINUTE, budget_microcny=500_000_000,
        source="sbatch",
    )  # fmt: skip


def attempt(number: int, **changes: object) -> api.AttemptView:
    view = api.AttemptView(
        f"hub123-j12-{number}", "j12", number, "ended", "zhangjiakou-grassland",
        "zhangjiakou-grassland/mlu-and-more", (NodeShare("zhangjiakou-grassland/n1", 4),),  # type: ignore[arg-type]
        AMOUNT, NOW - HOUR, "Ascend910B3", started_ms=NOW - HOUR + 2_000, ended_ms=NOW - MINUTE,
        rate_microcny_per_hour=32_000_000, cost_microcny=31_000_000,
        placed=reason(BestCandidate("time", 3)), reason=reason(Preempted("j99")),
    )  # fmt: skip
    return msgspec.structs.replace(view, **changes)


def detail(state: str = "running") -> api.JobDetail:
    view = api.JobView(
        "j12", "train", "park-university/vision", state, "high", 4, 1, NOW - 2 * HOUR,
        started_ms=NOW - HOUR, site="beijing", accelerator="A100-80GB", attempts=2,
        cost_microcny=31_000_000,
    )  # fmt: skip
    story = (
        api.StoryLine(3, NOW - 2 * HOUR, "JobAccepted", "Accepted into the queue."),
        api.StoryLine(9, NOW - HOUR, "PlanDecided", "Attempt 1 placed at zhangjiakou-grassland/"
                      "mlu-and-more on 4 nodes as the best of 3 pools for time."),
        api.StoryLine(12, NOW - MINUTE, "JobRequeued", "Stopped so that job j99 could start."),
    )  # fmt: skip
    running = attempt(2, state="running", ended_ms=0, reason=None, site="beijing",
                      pool="beijing/a100", accelerator="A100-80GB")  # fmt: skip
    return api.JobDetail(view, spec(), (attempt(1), running), story)


def array_detail() -> api.JobDetail:
    view = api.JobView(
        "j13", "sweep", "default", "running", "normal", 1, 100, NOW - HOUR,
        ElementCounts(40, 10, 48, 1, 1), started_ms=NOW - HOUR,
    )  # fmt: skip
    array = JobSpec("sweep", Program(argv=("true",)), array=ArraySpec(100, first=10, step=5))
    return api.JobDetail(view, array)


def explanation() -> api.ExplainReply:
    candidates = tuple(
        Candidate(f"{site}/pool", site, chip, 2_000, 1_000, NOW + start, NOW + start + HOUR,  # type: ignore[arg-type]
                  32_000_000, 32_000_000, 123_456_789_012 + start, fits)
        for site, chip, start, fits in (
            ("zhangjiakou-grassland", "MLU370-X8", 0, 4), ("beijing", "A100-80GB", HOUR, 1),
        )
    )  # fmt: skip
    return api.ExplainReply(
        "j12", "queued", (reason(BusyPools(2, 4, 1)), reason(AwaitsJobs(("j7",)))),
        NOW + 20 * MINUTE, "limits",
        Explanation({"accelerator": 4_000, "memory": 12}, candidates, 125),
        Reservation("j12", "beijing/a100", NOW + 20 * MINUTE, 4),  # type: ignore[arg-type]
    )  # fmt: skip


def plan(places: int = 50) -> api.PlanReply:
    rows = [
        api.PlaceView("beijing", "beijing/a100", "cn-beijing", "A100-80GB", chosen=True, start_ms=0,
                      run_ms=2 * HOUR, rate_microcny_per_hour=16_000_000,
                      cost_microcny=32_000_000, tasks_fitting=4),
        api.PlaceView("tianjin", "tianjin/ascend", "cn-tianjin", "Ascend910B3",
                      start_ms=12 * MINUTE, run_ms=3 * HOUR, rate_microcny_per_hour=8_000_000,
                      cost_microcny=24_000_000),
        api.PlaceView("zhangjiakou-grassland", "zhangjiakou-grassland/mlu", "cn-zhangjiakou",
                      "MLU370-X8", rate_microcny_per_hour=4_000_000),
    ]  # fmt: skip
    rows += [
        api.PlaceView(f"site-{n}", f"site-{n}/pool", "cn-beijing", out="accelerator")
        for n in range(places - 3)
    ]
    wanted = api.PlanView("train", tuple(rows), starts_now=True, start_ms=0,
                          cost_microcny=32_000_000)  # fmt: skip
    never = api.PlanView(
        "gb200", tuple(msgspec.structs.replace(row, chosen=False, out="accelerator")
                       for row in rows[:3]),
        reasons=(reason(NoPoolMatches({"accelerator": 12}, "8 GB200")),),
    )  # fmt: skip
    return api.PlanReply((wanted, never))


def sites() -> list[api.SiteView]:
    return [
        api.SiteView("beijing", "Park Computing Centre", "cn-beijing", "CN-BJ", "local", "ready",
                     NOW - 1_200, 1_024, 321, Amount(131_072_000, 0, 8_192_000),
                     Amount(65_536_500, 0, 8_000_000)),
        api.SiteView("zhangjiakou-grassland", "草原数据中心有限公司", "cn-zhangjiakou", "CN-HE",
                     "slurm", "silent", NOW - 3 * HOUR, 3, 0, Amount(12_000), Amount()),
    ]  # fmt: skip


def pools() -> list[api.PoolView]:
    node = Amount(128_000, 1_048_576, 8_000)
    price = PriceBook(16_000_000, 100_000)
    offer = api.OfferView("on-demand", 64, 90_000, price, 0, 3, 1, 17, 9 * HOUR, 25 * MINUTE,
                          1_303_200_000)  # fmt: skip
    return [
        api.PoolView("beijing/a100", "beijing", 1_024, node, node.times(1_024), node.times(1_000),
                     price, "A100-80GB"),
        api.PoolView("zhangjiakou-grassland/burst-capacity", "zhangjiakou-grassland", 3, node,
                     node.times(3), node, price, "MLU370-X8", declared=True, offer=offer),
    ]  # fmt: skip


def nodes() -> list[api.NodeView]:
    return [
        api.NodeView(f"zhangjiakou-grassland/node-with-long-name-{n}",
                     "zhangjiakou-grassland/mlu-and-more", "zhangjiakou-grassland",
                     ("ready", "draining", "down")[n], Amount(128_000, 1_048_576, 8_000),
                     Amount(500, 1_536, 250), "MLU370-X8", declared=True)
        for n in range(3)
    ]  # fmt: skip


def usage() -> api.UsageReply:
    rows = (
        api.UsageView("park-university/vision-laboratory/ocr", "zhangjiakou-grassland",
                      "Ascend910B3", 1_234, 9 * 24 * HOUR, 4 * HOUR * 1000, 9_000 * HOUR * 1000,
                      1_234_567_890, 3, 4_000),
        api.UsageView("harbour", "beijing", "", 1, 1_200, 1_200_000, 0, 42),
    )  # fmt: skip
    return api.UsageReply(rows, 1_234_571_932)


def tokens() -> list[api.TokenView]:
    return [
        api.TokenView("t1", "first", "admin", "", NOW - 48 * HOUR),
        api.TokenView("t2", "ci of the vision laboratory", "member", "park-university/vision",
                      NOW, expires_ms=NOW + 30 * 24 * HOUR),
        api.TokenView("t3", "old", "agent", "beijing", NOW - HOUR, revoked_ms=NOW),
        api.TokenView("t4", "older", "agent", "beijing", NOW - HOUR, expires_ms=NOW - 1),
    ]  # fmt: skip


COMPLETED = reason(Completed())


def tenant() -> api.TenantView:
    rules = (
        RuleStanding(
            QuotaRule(QuotaResource.ACCELERATORS, 64_000, 32_000, 128_000, model="Ascend910B3"),
            40_000, lent_to=(Loan("park-university/vision-laboratory", 16_000), Loan("b", 500)),
        ),
        RuleStanding(
            QuotaRule(QuotaResource.CPU, guaranteed=96_000), 128_000,
            borrowed_from=(Loan("harbour", 32_000),),
        ),
        RuleStanding(
            QuotaRule(QuotaResource.MONEY, limit=50_000_000_000, window=QuotaWindow.MONTH),
            1_234_560_000, NOW + 9 * HOUR,
        ),
        RuleStanding(
            QuotaRule(QuotaResource.ACCELERATOR_TIME, limit=10**15, window=QuotaWindow.DAY),
            10**14, NOW + 2 * HOUR,
        ),
        RuleStanding(QuotaRule(QuotaResource.MEMORY, limit=2**21, site="zhangjiakou-grass"), 2**20),
        RuleStanding(QuotaRule(QuotaResource.JOBS, limit=20), 3),
    )  # fmt: skip
    return api.TenantView(
        "acme/vision", 2, Quota(open_jobs=100), AMOUNT, 312, {"queued": 12_345, "running": 64},
        250, 333, rules,
    )  # fmt: skip


def tenants() -> list[api.TenantView]:
    long = "park-university/vision-laboratory/optical-character-recognition"
    idle = api.TenantView(long, 1, Quota(), Amount())
    return [tenant(), idle]
