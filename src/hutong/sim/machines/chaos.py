"""Worlds and misfortune from a seed: swarm testing, where each seed switches on what it happens to.

A seed that has everything switched on hides what a rarer mixture shows, so each draws its own
size of world, its own kinds of fault and its own kinds of job. Every part draws from a stream of
its own, so that a change of one leaves what the others draw for a seed as it was.
"""

from random import Random

import msgspec

from hutong.model.classes import DEFAULT_CLASSES, LOW, NORMAL
from hutong.model.ids import NodeId, PoolId, RegionId, SiteId, TenantId
from hutong.model.job import (
    ArraySpec,
    Commercial,
    Constraints,
    Elastic,
    JobSpec,
    Layout,
    Level,
    Objective,
    Program,
    RetryPolicy,
    TaskGroup,
    Terms,
)
from hutong.model.limits import LEASE_TTL_MS
from hutong.model.resources import AcceleratorNeed, Amount, TaskNeeds
from hutong.model.supply import Inventory, Node, Offer, Pool, PriceBook, Site
from hutong.model.tenant import Quota, Tenant
from hutong.sim.machines.script import (
    START_MS,
    Behaviour,
    CancelLine,
    DrainLine,
    Fault,
    FaultKind,
    HubModel,
    JobLine,
    Script,
    SiteLine,
    SiteModel,
    TenantLine,
    Weather,
)

MINUTE_MS = 60_000
LARGE_ARRAY = 1_000_000
REGIONS = (("cn-beijing", "CN-BJ"), ("cn-tianjin", "CN-TJ"), ("cn-zhangjiakou", "CN-HE"))
CHIPS = ("A100-80GB", "H20", "Ascend910B3", "MLU370-X8", "DCU-K100", "")
RARE_CHIP = "GB200"
"""A chip that no site has."""
THEMES = (
    ("cut", "long runs", "room", "alike"),
    ("cut-down", "long runs", "room", "alike", "late messages"),
    ("agent-crash", "agent-stall", "long runs", "room", "alike"),
    ("hub-crash", "hub-stall", "snapshot-torn", "repeats", "loss", "cancels"),
    ("priorities", "gangs", "quotas", "long runs", "arrays"),
    ("cut", "long runs", "alike", "split", "groups"),
    ("priorities", "elastic", "long runs", "room", "alike", "hub-crash"),
)
"""Features that say more together than by chance: half of the seeds have one of these whole."""


def make_script(seed: int) -> Script:
    """Draw everything that a seed stands for."""
    return Draw(seed).script()


def few(random: Random, low: int, high: int) -> int:
    """Mostly small."""
    return min(random.randint(low, high), random.randint(low, high))


class Draw:
    """All that one seed draws. `off` are features that stay switched off whatever it draws."""

    def __init__(self, seed: int, off: tuple[str, ...] = ()) -> None:
        self.seed = seed
        self.off = off
        self.theme = self.stream("theme").choice(THEMES + ((),) * len(THEMES))
        self.faulty_ms = self.stream("length").choice((3, 6, 12, 18, 24)) * MINUTE_MS
        self.sites = self._sites(self.stream("sites"))
        self.tenants = self._tenants(self.stream("tenants"))

    def stream(self, part: str) -> Random:
        """The stream of one part."""
        return Random(f"{part} of {self.seed}")

    def has(self, feature: str) -> bool:
        """Say whether a feature is switched on, as half of them are."""
        if feature in self.off:
            return False
        return feature in self.theme or self.stream(f"feature {feature}").random() < 0.5

    def script(self) -> Script:
        """Everything together."""
        jobs = self._jobs(self.stream("jobs"))
        # Chips may be half as fast as the job hopes, and every failure costs a run.
        work_ms = sum(
            2 * line.behaviour.run_ms * line.spec.elements * (1 + line.spec.retry.user_count)
            for line in jobs
            if line.spec.elements < LARGE_ARRAY
        )
        random = self.stream("machinery")
        return Script(
            name=f"chaos-{self.seed}",
            seed=self.seed,
            sites=self.sites,
            jobs=jobs,
            tenants=self.tenants,
            profile="fair" if random.random() < 0.8 else "fifo",
            cancels=self._cancels(self.stream("cancels"), jobs),
            tenant_changes=self._tenant_changes(self.stream("tenant changes")),
            drains=self._drains(self.stream("drains")),
            faults=self._faults(),
            weather=self._weather(self.stream("weather")),
            hub=HubModel(
                commit_ms=random.choice(((1, 3), (1, 30), (20, 200))),
                snapshot_entries=random.choice((5, 50, 500)),
            ),
            site_model=SiteModel(
                start_ms=random.choice(((1, 20), (1, 2_000))),
                notice_ms=random.choice(((0, 0), (0, 300), (0, 5_000))),
            ),
            calm_at_ms=self.faulty_ms,
            patience_ms=2 * work_ms + 4 * LEASE_TTL_MS + 30 * MINUTE_MS,
        )

    def _time(self, random: Random) -> int:
        return random.randrange(self.faulty_ms)

    # The world

    def _sites(self, random: Random) -> tuple[SiteLine, ...]:
        return tuple(self._site(random, number) for number in range(random.choice((1, 2, 2, 3, 4))))

    def _site(self, random: Random, number: int) -> SiteLine:
        region, jurisdiction = REGIONS[number % len(REGIONS)]
        name = f"site{number + 1}"
        pools, nodes = [], []
        for kind in range(1, few(random, 1, 3) + 1):
            pool = PoolId(f"{name}/pool{kind}")
            chip = CHIPS[0] if self.has("alike") else random.choice(CHIPS)
            shape = Amount(
                random.choice((4_000, 16_000, 64_000)),
                random.choice((8_192, 65_536)),
                random.choice((1_000, 4_000, 8_000)) if chip else 0,
            )
            price = PriceBook(random.randrange(20_000_000), random.randrange(500_000), 1_000)
            boot_ms = random.choice((0, 0, 1_000, 30_000))
            pools.append(Pool(pool, SiteId(name), shape, chip, price=price, boot_ms=boot_ms))
            for count in range(few(random, 1, 6) + (6 if self.has("room") else 0)):
                node = NodeId(f"{name}/n{kind}-{count + 1}")
                nodes.append(Node(node, pool, (f"rack{count // 2}",)))
        skewed = self.has("skew")
        offers = self._offers(name, pools)
        return SiteLine(
            Site(SiteId(name), f"owner{number % 2}", RegionId(region), jurisdiction),
            Inventory(tuple(pools), tuple(nodes), offers),
            skew_ms=random.randint(-240_000, 240_000) if skewed else 0,
            drift_ppm=random.randint(-15_000, 15_000) if skewed else 0,
        )

    def _offers(self, name: str, pools: list[Pool]) -> tuple[Offer, ...]:
        """What a provider would start at a site; its pools are added to the others."""
        if not self.has("offers"):
            return ()
        random = self.stream(f"offers of {name}")
        offers = []
        for terms in random.sample(tuple(Terms), few(random, 1, 3)):
            like = random.choice(pools)
            pool = msgspec.structs.replace(like, id=PoolId(f"{name}/{terms.value}"), boot_ms=0)
            boot_ms = random.choice((1_000, 30_000, 90_000))
            offers.append(Offer(pool.id, terms, few(random, 1, 5), boot_ms, pool.price))
            pools.append(pool)
        return tuple(offers)

    def _tenants(self, random: Random) -> tuple[Tenant, ...]:
        tenants = []
        for number in range(few(random, 1, 3)):
            tenants.append(Tenant(TenantId(f"org{number}"), random.choice((1, 2, 5))))
            for below in range(few(random, 0, 2)):
                name = TenantId(f"org{number}/team{below}")
                tenants.append(Tenant(name, random.choice((1, 3)), self._quota(random)))
        return tuple(tenants)

    def _quota(self, random: Random) -> Quota:
        if not self.has("quotas"):
            return Quota()
        return Quota(
            cpu_milli=random.choice((None, 8_000, 64_000)),
            accelerator_milli=random.choice((None, 2_000, 8_000)),
            accelerator_milli_by_model=random.choice(({}, {"H20": 4_000})),
            running_jobs=random.choice((None, None, 3)),
            open_jobs=random.choice((None, None, None, 10)),
        )

    def _tenant_changes(self, random: Random) -> tuple[TenantLine, ...]:
        if not self.has("quotas"):
            return ()
        changes = []
        for tenant in self.tenants:
            for _ in range(few(random, 0, 3)):
                changed = Tenant(tenant.id, random.choice((1, 4)), self._quota(random))
                changes.append(TenantLine(self._time(random), changed))
            changes.append(TenantLine(self.faulty_ms, Tenant(tenant.id, tenant.weight)))
        return tuple(sorted(changes, key=lambda line: line.at_ms))

    def _drains(self, random: Random) -> tuple[DrainLine, ...]:
        drains: list[DrainLine] = []
        if not self.has("drains"):
            return ()
        for line in self.sites:
            drains.extend(
                DrainLine(self._time(random), draining=True, site=line.site.id)
                for _ in range(few(random, 0, 2))
            )
            nodes = line.inventory.nodes
            drains.extend(
                DrainLine(self._time(random), draining=True, node=random.choice(nodes).id)
                for _ in range(few(random, 0, 3))
            )
        for drain in tuple(drains):
            back_ms = min(drain.at_ms + self._time(random), self.faulty_ms)
            drains.extend(
                msgspec.structs.replace(drain, at_ms=at_ms, draining=False)
                for at_ms in (back_ms, self.faulty_ms)
            )
        return tuple(sorted(drains, key=lambda drain: drain.at_ms))

    # The work

    def _jobs(self, random: Random) -> tuple[JobLine, ...]:
        count = random.choice((3, 8, 20, 45))
        lines: list[JobLine] = []
        for at_ms in sorted(self._time(random) for _ in range(count)):
            lines.append(self._job(self.stream(f"job {len(lines)}"), at_ms, len(lines)))
        if self.has("large array"):
            lines.append(self._large_array(random))
        return tuple(lines)

    def _job(self, random: Random, at_ms: int, number: int) -> JobLine:
        run_ms = random.choice((1, 500, 5_000, 30_000, 120_000, 240_000))
        array = self._array(random)
        if array is not None:
            run_ms = min(run_ms, 20_000)
        elif self.has("long runs") and random.random() < 0.5:
            run_ms = 900_000  # so that leases end before it does
        priority = random.choice(DEFAULT_CLASSES).name
        not_before_ms = START_MS + at_ms + random.randrange(300_000)
        deadline_ms = START_MS + at_ms + 300_000 + random.randrange(600_000)
        timed = self.has("times")
        spec = JobSpec(
            name=f"line-{number}",
            program=Program(argv=("true",)),
            tenant=random.choice(self.tenants).id,
            tasks=random.choice((1, 1, 1, 2, 4)) if self.has("gangs") else 1,
            needs=self._needs(random),
            array=array,
            priority=priority if self.has("priorities") else NORMAL,
            constraints=self._constraints(random),
            objective=random.choice(tuple(Objective)),
            retry=RetryPolicy(random.choice((0, 0, 2)), machine_count=20, site_count=60),
            estimate_ms=random.choice((None, max(1, run_ms), 4 * run_ms + 1)),
            commercial=self._commercial(number),
            time_limit_ms=random.choice((0, 0, 0, 2 * run_ms, run_ms // 2 + 1)),
            not_before_ms=random.choice((0, 0, not_before_ms)) if timed else 0,
            deadline_ms=random.choice((0, 0, 0, deadline_ms)) if timed else 0,
            preemptible=random.random() < 0.8,
            min_run_ms=random.choice((0, 0, 20_000)),
            checkpoint_ms=self.stream(f"checkpoint {number}").choice((0, 0, 5_000, 90_000)),
            exclusive=self.has("exclusive") and random.random() < 0.3,
            grace_ms=random.choice((0, 1_000, 10_000, 60_000)),
        )
        spec = self._shaped(spec, number)
        exits = random.choice(((0,), (0,), (0,), (1, 0), (1, 1, 0), (3,)))
        after = self._after(random, number)
        behaviour = Behaviour(run_ms, exits, 200, random.choice((0, 0, 3_000, 600_000)))
        bulk = self.has("bulk") and random.random() < 0.5 and not after
        repeats = few(random, 0, 3) if self.has("repeats") else 0
        return JobLine(at_ms, spec, behaviour, after, bulk, repeats)

    def _shaped(self, spec: JobSpec, number: int) -> JobSpec:
        """A gang with groups, of several sizes, in parts, or laid in some way."""
        random = self.stream(f"gang {number}")
        tasks = random.choice((2, 3, 4, 6, 12))
        kind = random.choice(("groups", "elastic", "split", "layout", "", ""))
        if not kind or not self.has(kind):
            return spec
        changed = msgspec.structs.replace(spec, tasks=tasks)
        match kind:
            case "groups":
                chips = spec.needs.accelerators if random.random() < 0.3 else ()
                needs = TaskNeeds(random.choice((250, 2_000)), 256, chips)
                groups = [TaskGroup("head", random.choice((1, 1, 2)), needs)]
                if random.random() < 0.2:
                    groups.append(TaskGroup("store", 1, TaskNeeds(500, 512)))
                tasks = few(random, 1, 4)
                return msgspec.structs.replace(changed, tasks=tasks, groups=tuple(groups))
            case "elastic":
                least = random.randint(1, tasks)
                resize = random.random() < 0.7
                return msgspec.structs.replace(changed, elastic=Elastic(least, resize=resize))
            case "split":
                return msgspec.structs.replace(changed, split=True)
            case _:
                return msgspec.structs.replace(
                    changed, layout=random.choice(tuple(Layout)), within=random.choice(tuple(Level))
                )

    def _commercial(self, number: int) -> Commercial:
        random = self.stream(f"commercial {number}")
        return Commercial(random.random() < 0.9, random.choice((None, 0, 0, MINUTE_MS)))

    def _after(self, random: Random, number: int) -> tuple[tuple[str, int], ...]:
        if not number or not self.has("dependencies") or random.random() < 0.6:
            return ()
        others = sorted({random.randrange(number) for _ in range(few(random, 1, 3))})
        kinds = ("afterok", "afterany", "afternotok")
        return tuple((random.choice(kinds), other) for other in others)

    def _array(self, random: Random) -> ArraySpec | None:
        if not self.has("arrays") or random.random() < 0.7:
            return None
        count = random.choice((1, 2, 10, 40))
        return ArraySpec(count, 1, 2, max_parallel=random.choice((0, 0, 1, 3)))

    def _large_array(self, random: Random) -> JobLine:
        """Far more elements than can ever run: somebody cancels it before the calm."""
        spec = JobSpec(
            name="large",
            program=Program(argv=("true",)),
            tenant=self.tenants[0].id,
            array=ArraySpec(LARGE_ARRAY, max_parallel=20),
            # A repeated request may be accepted after the first was refused: then nobody knows it.
            deadline_ms=START_MS + self.faulty_ms + MINUTE_MS,
            priority=LOW,
        )
        return JobLine(self._time(random), spec, Behaviour(5_000, spread_milli=900))

    def _needs(self, random: Random) -> TaskNeeds:
        chips: tuple[AcceleratorNeed, ...] = ()
        if random.random() < 0.6:
            models = random.sample([chip for chip in CHIPS if chip], few(random, 1, 3))
            if random.random() < 0.2 or self.has("alike"):
                models = ["any"]
            if random.random() < 0.03:
                models = [RARE_CHIP]
            milli = random.choice((250, 500, 1_000, 1_000, 2_000, 4_000))
            speeds = (None, 500, 2_000)
            chips = tuple(AcceleratorNeed(name, milli, random.choice(speeds)) for name in models)
        return TaskNeeds(random.choice((250, 1_000, 4_000)), random.choice((256, 4_096)), chips)

    def _constraints(self, random: Random) -> Constraints:
        if not self.has("constraints") or random.random() < 0.6:
            return Constraints()
        site = random.choice(self.sites).site
        return random.choice(
            (
                Constraints(regions=(site.region,)),
                Constraints(jurisdictions=(site.jurisdiction,)),
                Constraints(sites=(site.id,)),
                Constraints(exclude_sites=(site.id,)),
                Constraints(owners=(site.owner,)),
            )
        )

    def _cancels(self, random: Random, jobs: tuple[JobLine, ...]) -> tuple[CancelLine, ...]:
        cancels = []
        for line, job in enumerate(jobs):
            array = job.spec.array
            if job.spec.elements == LARGE_ARRAY:
                cancels.append(CancelLine(self.faulty_ms - 1, line))
            elif self.has("cancels") and random.random() < 0.2:
                element = random.randrange(array.count) if array else None
                element = None if random.random() < 0.3 else element
                cancels.append(CancelLine(job.at_ms + random.randrange(120_000), line, element))
        return tuple(cancels)

    # What befalls it

    def _weather(self, random: Random) -> Weather:
        weather = Weather(
            random.choice(((1, 5), (5, 40), (1, 2_000))),
            random.choice((5, 50, 200)),
            random.choice((5, 50)),
            random.choice((5, 50)),
        )
        return Weather(
            weather.latency_ms,
            weather.lost_milli if self.has("loss") else 0,
            weather.late_milli if self.has("late messages") else 0,
            weather.repeated_milli if self.has("repeated messages") else 0,
        )

    def _faults(self) -> tuple[Fault, ...]:
        faults: list[Fault] = []
        for kind in FaultKind:
            if self.has(kind.value):
                random = self.stream(f"faults {kind.value}")
                for _ in range(3 if kind.value in self.theme else few(random, 1, 5)):
                    faults.extend(self._fault(random, kind))
        return tuple(sorted(faults, key=lambda fault: fault.at_ms))

    def _fault(self, random: Random, kind: FaultKind) -> list[Fault]:
        line = random.choice(self.sites)
        node = random.choice(line.inventory.nodes).id
        # The edge of the lease is where it matters who believes what.
        edge_ms = LEASE_TTL_MS + random.randint(-20_000, 90_000)
        for_ms = random.choice((1_000, 15_000, 60_000, edge_ms, edge_ms, 600_000))
        at_ms = self._time(random)
        share_milli = random.choice((50, 200))
        by_ms = random.randint(-240_000, 240_000)
        restart = Fault(at_ms, FaultKind.HUB_CRASH, 1_000)
        match kind:
            case FaultKind.HUB_CRASH | FaultKind.DISK_FULL | FaultKind.DISK_SLOW:
                return [Fault(at_ms, kind, min(for_ms, 120_000))]
            case FaultKind.HUB_STALL:
                return [Fault(at_ms, kind, for_ms)]
            case FaultKind.SNAPSHOT_TORN | FaultKind.SNAPSHOTS_GONE:
                return [Fault(at_ms, kind), restart]
            case FaultKind.HUB_CLOCK:
                return [Fault(at_ms, kind, by_ms=by_ms), restart]
            case FaultKind.NODE_CRASH | FaultKind.NODE_REMOVED:
                return [Fault(at_ms, kind, for_ms, line.site.id, node)]
            case FaultKind.CONNECTOR:
                return [Fault(at_ms, kind, for_ms, line.site.id, share_milli=share_milli)]
            case _:
                return [Fault(at_ms, kind, for_ms, line.site.id)]
