"""Small random worlds as data, told to the scheduler and to the reference at the same time.

A world is a list of steps in the words of the scenario files, so that a failing one can be read,
and so that any step can be left out: `smallest` does that until every step that is left matters.
"""

import random
from collections.abc import Callable
from typing import Any

import msgspec
import yaml

from hutong.model.job import DomesticRule, Objective
from hutong.model.supply import PriceBook
from hutong.model.tenant import QuotaRule
from hutong.scheduler.cycle import run_cycle
from hutong.scheduler.plan import Plan
from hutong.scheduler.profile import PROFILES
from hutong.scheduler.state import SchedulerState
from hutong.scheduler.use import Use
from tests.reference.evict import Wrong
from tests.reference.scheduler import Decided, decide
from tests.reference.told import Reference
from tests.unit.scheduler.worlds import (
    A100,
    ASCEND,
    CATALOG,
    H100,
    HOUR_MS,
    MINUTE_MS,
    ArraySpec,
    NodeCondition,
    SiteStatus,
    World,
    chips,
)

MODELS = (A100, H100, ASCEND)
TENANTS = ("a", "a/x", "a/y", "b", "c/z")
CLASSES = ("urgent", "high", "normal", "normal", "normal", "low", "best-effort")
REGIONS = ("beijing", "tianjin")
WEAK = {
    "priority": "low",
    "tenant": "b",
    "array": 6,
    "preemptible": True,
    "time_limit_ms": 3 * HOUR_MS,
}

Data = dict[str, Any]


class Disagreement(AssertionError):
    """The scheduler and the reference decided differently."""


class Both:
    """The scheduler's state and the reference: what is told to one is told to both."""

    def __init__(self) -> None:
        self.fast = SchedulerState(CATALOG)
        self.slow = Reference(CATALOG)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        fast, slow = getattr(self.fast, name), getattr(self.slow, name, None)

        def tell(*given: Any) -> Any:
            if slow is not None:
                slow(*given)
            return fast(*given)

        return tell


class TwoWorlds(World):
    """A world of tests that both schedulers hear of."""

    def __init__(self, profile: Any) -> None:
        super().__init__(profile)
        self.both = Both()
        self.state = self.both  # type: ignore[assignment]
        self.uses: dict[str, Use] = {}
        self.half_life_ms = 0

    def remember_use(self, half_life_ms: int) -> None:
        """Let past use count."""
        self.half_life_ms = half_life_ms
        self.both.fast.remember_use(self.uses, {}, half_life_ms)  # type: ignore[arg-type]

    def averages(self) -> dict[str, tuple[float, float, float]] | None:
        """What tenants held on average of late; None where that does not count."""
        if not self.half_life_ms:
            return None
        return {name: use.at(self.now_ms, self.half_life_ms) for name, use in self.uses.items()}

    def cycle(self) -> Plan:
        """Let both decide, and compare."""
        self.both.fast.validate()
        plan = run_cycle(self.both.fast.snapshot(self.now_ms), self.profile)
        fast = as_decided(plan)
        try:
            slow = decide(
                self.both.slow, self.now_ms, self.profile, fast.preemptions, self.averages()
            )
        except Wrong as wrong:
            raise Disagreement(f"preemptions\n  {wrong}") from wrong
        for name, one, other in zip(Decided._fields, fast, slow, strict=True):
            if one != other:
                raise Disagreement(f"{name}\n  scheduler: {one}\n  reference: {other}")
        return plan


def as_decided(plan: Plan) -> Decided:
    """A plan as far as the reference goes."""
    return Decided(
        [
            (p.job, p.pool, tuple((str(n.node), n.tasks) for n in p.nodes), p.expected_end_ms)
            for p in plan.placements
        ],
        [(r.job, r.pool, r.start_ms) for r in plan.reservations],
        [(p.victim, p.job) for p in plan.preemptions],
        {d.head: tuple(sorted(dict.fromkeys(r.code for r in d.reasons))) for d in plan.deferrals},
    )


def play(world: Data, kind: type[TwoWorlds] = TwoWorlds) -> TwoWorlds:
    """Let a world happen; `TwoWorlds` raises `Disagreement` at the first cycle that differs."""
    two = kind(msgspec.structs.replace(PROFILES[world["profile"]], **world["settings"]))
    for name, site in world["sites"].items():
        two.site(name, **site)
    for path, pool in world["pools"].items():
        put_pool(two, path, pool)
    for name, tenant in world["tenants"].items():
        rules = tuple(msgspec.convert(rule, QuotaRule) for rule in tenant.get("rules", ()))
        two.tenant(name, **{**tenant, "rules": rules})
    if world["half_life_ms"]:
        two.remember_use(world["half_life_ms"])
    for step in world["steps"]:
        two.state.tell_time(two.now_ms)
        take(two, world, step)
    return two


def put_pool(two: World, path: str, pool: Data) -> None:
    """Tell of a pool."""
    fields = dict(pool)
    fields["price"] = PriceBook(fields.pop("price") * 1_000_000, 10_000)
    two.pool(path, **fields)


def take(two: World, world: Data, step: Data) -> None:
    """Let one step happen."""
    (what, how), *_ = step.items()
    live = list(two.live)
    match what:
        case "submit":
            submit(two, how)
        case "cycle":
            two.step(pass_ms=how * MINUTE_MS)
        case "end" if live:
            two.end(live[how % len(live)])
        case "requeue" if live:
            requeue(two, live[how % len(live)])
        case "status":
            site, status = how
            two.status(site, SiteStatus(status))
        case "node":
            node, condition = how
            two.node(node, NodeCondition(condition))
        case "resize":
            path, cpu, held = how
            put_pool(two, path, {**world["pools"][path], "cpu": cpu, "chips": held})
        case _:
            pass


def requeue(two: World, attempt: Any) -> None:
    """A stopped attempt's job waits again, at the place it held before."""
    job = two.live[attempt].job
    two.end(attempt)
    if job in two.jobs:
        queued, _ = two.jobs[job]
        waiting = two.state.snapshot(two.now_ms).demand.entries.get(job)
        left = waiting.available + 1 if waiting is not None else 1
        two.jobs[job] = (queued, left)
        two.state.enqueue(queued, left)


def submit(two: World, job: Data) -> None:
    """Hand a job in."""
    fields = dict(job)
    alternatives = []
    for text in fields.pop("chips", ()):
        count, model, *speed = text.split()
        alternatives.append(chips(float(count), model, int(speed[0]) if speed else None))
    if "array" in fields:
        fields["array"] = ArraySpec(fields["array"])
    fields["objective"] = Objective(fields.pop("objective", "time"))
    fields["domestic"] = DomesticRule(fields.pop("domestic", "any"))
    if "deadline_in_ms" in fields:
        fields["deadline_ms"] = two.now_ms + fields.pop("deadline_in_ms")
    for many in ("regions", "sites"):
        fields[many] = tuple(fields.pop(many, ()))
    two.job(*alternatives, **fields)


def smallest(world: Data, fails: Callable[[Data], bool]) -> Data:
    """Leave out what a failing world does not need: steps, tenants, pools, fields of jobs."""
    found = True
    while found:
        found = False
        for smaller in _smaller(world):
            if fails(smaller):
                world, found = smaller, True
                break
    return world


def _smaller(world: Data) -> Any:
    steps = world["steps"]
    size = len(steps) // 2
    while size:
        for at in range(0, len(steps), size):
            yield {**world, "steps": steps[:at] + steps[at + size :]}
        size //= 2
    for name in ("tenants", "settings", "pools"):
        for key in world[name]:
            less = {k: v for k, v in world[name].items() if k != key}
            kept = [step for step in steps if not (name == "pools" and "resize" in step)]
            yield {**world, name: less, "steps": kept}
    for path, pool in world["pools"].items():
        if pool["nodes"] > 1:
            less = {**pool, "nodes": pool["nodes"] - 1, "racks": pool["racks"][:-1]}
            yield {**world, "pools": {**world["pools"], path: less}}
    for at, step in enumerate(steps):
        if "submit" in step:
            for key in step["submit"]:
                less = {k: v for k, v in step["submit"].items() if k != key}
                yield {**world, "steps": [*steps[:at], {"submit": less}, *steps[at + 1 :]]}


def shown(world: Data) -> str:
    """A world as a person reads it."""
    plain = msgspec.json.decode(msgspec.json.encode(world))
    return yaml.safe_dump(plain, sort_keys=False, default_flow_style=None, width=110)


# Drawing


def draw(rng: random.Random) -> Data:
    """A small world: sites with pools, tenants, and what happens."""
    sites = {
        f"s{at}": {"region": REGIONS[at % 2], "owner": "city" if at < 2 else "shop"}
        for at in range(rng.randint(1, 3))
    }
    pools = {}
    for site in sites:
        for name in ("gpu", "cpu")[: rng.choice([1, 1, 2])]:
            pools[f"{site}/{name}"] = _pool(rng, chips_count=0 if name == "cpu" else None)
    jobs = [_job(rng) for _ in range(rng.randint(2, 7))]
    steps: list[Data] = [{"submit": rng.choice(jobs)} for _ in range(rng.randint(1, 9))]
    crowded = rng.random() < 0.35
    if crowded:
        # A supply full of work that may be evicted, and then what may evict it.
        steps = [{"submit": {**step["submit"], **WEAK}} for step in steps]
        steps += [{"submit": {**_job(rng), **WEAK, "chips": ["1 any"]}} for _ in range(2)]
        jobs = [{**job, "priority": rng.choice(["urgent", "high"])} for job in jobs]
    for _ in range(rng.randint(1, 4)):
        steps.append({"cycle": rng.choice([0, 1, 5, 20, 45])})
        steps += [{"submit": rng.choice(jobs)} for _ in range(2 if crowded else 0)]
        steps += [_step(rng, sites, pools, jobs) for _ in range(rng.randint(0, 5))]
    steps.append({"cycle": 0})
    tenants = {
        name: _tenant(rng) for name in rng.sample(("a", *TENANTS[1:], "c"), rng.choice([0, 1, 3]))
    }
    profile = rng.choice(["fair", "fair", "fair", "easy", "conservative", "fifo", "fair", "sjf"])
    settings: Data = {}
    if profile == "fair":
        settings = rng.choice([{}, {}, {"backfill": "conservative"}, {"reservations_count": 1}])
    return {
        "profile": profile, "settings": settings, "sites": sites, "pools": pools,
        "tenants": tenants, "half_life_ms": rng.choice([0, 0, HOUR_MS]), "steps": steps,
    }  # fmt: skip


def _pool(rng: random.Random, chips_count: int | None) -> Data:
    nodes, racks = rng.randint(1, 5), rng.choice([0, 0, 1, 2, 3])
    names = [f"p{at % 2}.r{at % racks}" if racks else "" for at in range(nodes)]
    held = rng.choice([0.5, 1, 2, 4, 4, 8]) if chips_count is None else chips_count
    return {
        "nodes": nodes, "cpu": rng.randint(2, 16), "mem_gib": rng.randint(2, 16), "chips": held,
        "model": rng.choice(MODELS), "racks": names if racks else [],
        "price": rng.choice([1, 1, 2, 5]), "boot_ms": rng.choice([0, 0, MINUTE_MS]),
    }  # fmt: skip


def _job(rng: random.Random) -> Data:
    job: Data = {
        "cpu": rng.choice([0, 1, 1, 2, 3.5]), "mem_gib": rng.choice([0, 1, 1, 4]),
        "tenant": rng.choice(TENANTS), "priority": rng.choice(CLASSES),
    }  # fmt: skip
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        model = rng.choice((*MODELS, "A100", "any"))
        speed = rng.choice(["", "", "", " 500", " 2000"])
        count = rng.choice([0.25, 0.5, 0.75, 1, 1, 2, 4])
        job.setdefault("chips", []).append(f"{count:g} {model}{speed}")
    for name, chance, values in (
        ("tasks", 0.4, (2, 3, 4, 7)),
        ("array", 0.3, (2, 3, 6)),
        ("estimate_ms", 0.6, (MINUTE_MS, 20 * MINUTE_MS, 3 * HOUR_MS)),
        ("time_limit_ms", 0.3, (10 * MINUTE_MS, 2 * HOUR_MS)),
        ("deadline_in_ms", 0.15, (30 * MINUTE_MS, 4 * HOUR_MS)),
        ("objective", 0.4, ("cost", "balanced")),
        ("domestic", 0.2, ("prefer", "only")),
        ("budget_microcny", 0.1, (1_000_000, 5_000_000)),
        ("exclusive", 0.1, (True,)),
        ("preemptible", 0.2, (False,)),
        ("min_run_ms", 0.2, (10 * MINUTE_MS,)),
        ("regions", 0.1, (["tianjin"],)),
        ("sites", 0.05, (["s0"], ["s1"])),
    ):
        if rng.random() < chance:
            job[name] = rng.choice(values)
    return job


def _tenant(rng: random.Random) -> Data:
    tenant: Data = {"weight": rng.choice([0, 1, 1, 2, 5])}
    for name, values in (
        ("cpu_milli", (0, 3_000, 8_000)),
        ("memory_mib", (4_096,)),
        ("accelerator_milli", (0, 1_500, 4_000)),
        ("running_jobs", (1, 3)),
        ("accelerator_milli_by_model", ({A100: 1_000},)),
    ):
        if rng.random() < 0.3:
            tenant[name] = rng.choice(values)
    if rng.random() < 0.3:
        tenant["rules"] = [_rule(rng) for _ in range(rng.randint(1, 2))]
    return tenant


def _rule(rng: random.Random) -> Data:
    resource, amounts = rng.choice(
        [("cpu_milli", (1_000, 6_000)), ("accelerator_milli", (0, 2_000)), ("running_jobs", (1, 2))]
    )
    rule: Data = {"resource": resource, rng.choice(["limit", "borrow"]): rng.choice(amounts)}
    if rng.random() < 0.5:
        name, values = rng.choice(
            [("model", (*MODELS, "A100")), ("site", ("s0", "s1")), ("region", REGIONS)]
        )
        rule[name] = rng.choice(values)
    return rule


def _step(rng: random.Random, sites: Data, pools: Data, jobs: list[Data]) -> Data:
    path = rng.choice(list(pools))
    node = f"{path}-{rng.randrange(pools[path]['nodes'])}"
    held = rng.choice([0, 0.5, 1, 4, pools[path]["chips"]])
    return rng.choice(
        [
            {"submit": rng.choice(jobs)},
            {"submit": rng.choice(jobs)},
            {"submit": _job(rng)},
            {"end": rng.randrange(20)},
            {"end": rng.randrange(20)},
            {"requeue": rng.randrange(20)},
            {"node": [node, rng.choice(["down", "draining", "ready", "ready"])]},
            {"status": [rng.choice(list(sites)), rng.choice(["silent", "ready", "draining"])]},
            {"resize": [path, rng.randint(1, 16), held]},
        ]
    )  # fmt: skip
