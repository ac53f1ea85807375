"""Worlds to schedule in: pools of eight-chip nodes, tenants, and jobs drawn from one seed.

A world plays the hub's part without the hub: it hands jobs in, runs cycles, applies their plans
and ends attempts, and counts the process's CPU time of each.
"""

import time
from random import Random

import msgspec

from hutong.catalog import load_catalog
from hutong.model.ids import AttemptId, JobId, NodeId, PoolId, RegionId, SiteId, TenantId
from hutong.model.job import JobSpec, Program
from hutong.model.resources import AcceleratorNeed, Amount, TaskNeeds
from hutong.model.supply import Inventory, Node, Pool, PriceBook, Site
from hutong.model.tenant import Tenant
from hutong.scheduler.cycle import run_cycle
from hutong.scheduler.plan import Placement, Plan
from hutong.scheduler.profile import PROFILES, Profile
from hutong.scheduler.state import QueuedJob, RunningAttempt, SchedulerState

CHIPS = 8
NODE = Amount(128_000, 1_048_576, CHIPS * 1000)
MODELS = ("A100-80GB", "Ascend910B3", "H100-80GB", "MLU590", "H20-96GB")
CLASSES = ("normal", "normal", "normal", "high", "low")
HOUR_MS = 3_600_000
_PROGRAM = Program(argv=("true",))
_START_MS = 1_700_000_000_000


class Recipe(msgspec.Struct, frozen=True):
    """What to build. With `random_needs` every job has CPU and memory of its own; with `single` all
    jobs have one task of a chip or less, in one class."""

    nodes: int = 10_000
    sites: int = 1
    tenants: int = 40
    random_needs: bool = False
    shapes: int = 0
    single: bool = False
    models: int = 1
    seed: int = 1


class World:
    """A scheduler's state and the hub's part around it. CPU seconds are counted by part."""

    def __init__(self, recipe: Recipe, profile: Profile | None = None) -> None:
        self.recipe = recipe
        self.profile = profile or msgspec.structs.replace(
            PROFILES["fair"], placements_count=1_000_000
        )
        self.random = Random(recipe.seed)
        self.state = SchedulerState(load_catalog())
        self.now_ms = _START_MS
        self.specs: dict[JobId, JobSpec] = {}
        self.live: dict[AttemptId, int] = {}
        self.cycle_seconds = 0.0
        self.apply_seconds = 0.0
        self.tasks_placed = 0
        self.jobs_placed = 0
        self._seq = 0
        self._attempts = 0
        self.cycles = 0
        self.history: list[tuple[float, float, int, int]] = []
        """After each cycle: CPU seconds of deciding, of carrying out, jobs and tasks placed."""
        self._shapes: list[JobSpec] = []
        self._waiting_milli: dict[JobId, int] = {}
        self._build()

    def _build(self) -> None:
        recipe = self.recipe
        per_site = recipe.nodes // recipe.sites
        for at in range(recipe.sites):
            site = SiteId(f"s{at:03d}")
            self.state.put_site(Site(site, "city", RegionId("beijing"), "CN"))
            pool = Pool(
                PoolId(f"{site}/gpu"), site, NODE, MODELS[at % recipe.models],
                price=PriceBook(20_000_000),
            )  # fmt: skip
            nodes = tuple(
                Node(NodeId(f"{site}/n{n}"), pool.id, (f"sp{n // 1024}", f"r{n // 32}"))
                for n in range(per_site)
            )
            self.state.put_inventory(site, Inventory((pool,), nodes))
        for at in range(recipe.tenants):
            self.state.put_tenant(Tenant(self.tenant(at), weight=1 + at % 3))

    def tenant(self, number: int) -> TenantId:
        """The `number`-th tenant: ten organisations, projects below them."""
        return TenantId(f"org{number % 10}/p{number}")

    def draw(self) -> JobSpec:
        """A job of the mix: a gang of 1 to 16 tasks, from an eighth of a chip to eight a task."""
        random = self.random
        if self.recipe.single:
            return self._single()
        if self.recipe.shapes:
            if len(self._shapes) < self.recipe.shapes:
                self._shapes.append(self._fresh())
                spec = self._shapes[-1]
            else:
                spec = random.choice(self._shapes)
        else:
            spec = self._fresh()
        return msgspec.structs.replace(
            spec, tenant=self.tenant(random.randrange(self.recipe.tenants)),
            priority=random.choice(CLASSES),
        )  # fmt: skip

    def _single(self) -> JobSpec:
        random = self.random
        milli = random.choice((125, 250, 500, 1000))
        cpu = 1_500 + 250 * random.randrange(8)
        return JobSpec(
            "job", _PROGRAM, needs=TaskNeeds(cpu, 8_192, (AcceleratorNeed(MODELS[0], milli),)),
            tenant=self.tenant(random.randrange(self.recipe.tenants)), priority="normal",
            estimate_ms=600_000,
        )  # fmt: skip

    def _fresh(self) -> JobSpec:
        random = self.random
        tasks = random.randint(1, 16)
        if tasks == 1:
            milli = random.choice((125, 250, 500, 1000, 2000, 4000, 8000))
        else:
            milli = random.choice((1000, 2000, 4000, 8000))
        cpu = milli * 12 if milli >= 1000 else 1_500
        mem = milli * 64 if milli >= 1000 else 8_192
        if self.recipe.random_needs:
            cpu = random.randrange(500, cpu + 500)
            mem = random.randrange(1_024, mem + 1_024)
        estimate = random.choice((20, 60, 240)) * 60_000
        if self.recipe.shapes > 1_000:
            estimate += random.randrange(60) * 60_000
            cpu += random.randrange(16) * 250
        at = random.randrange(self.recipe.models)
        wanted = [AcceleratorNeed(MODELS[at], milli)]
        if self.recipe.models > 1 and random.random() < 0.5:
            wanted.append(AcceleratorNeed(MODELS[(at + 1) % self.recipe.models], milli))
        return JobSpec(
            "job", _PROGRAM, tasks=tasks, needs=TaskNeeds(cpu, mem, tuple(wanted)),
            estimate_ms=estimate, time_limit_ms=2 * estimate,
        )  # fmt: skip

    def submit(self, count: int) -> None:
        """Hand jobs in."""
        drawn = [self.draw() for _ in range(count)]
        begun = time.process_time()
        for spec in drawn:
            self._seq += 1
            job = JobId(f"j{self._seq}")
            self.specs[job] = spec
            self.state.enqueue(QueuedJob(job, self._seq, spec, self.now_ms), 1)
        self.apply_seconds += time.process_time() - begun

    def submit_one(self) -> int:
        """Hand one job in; says what it wants in thousandths of chips."""
        self.submit(1)
        spec = self.specs[JobId(f"j{self._seq}")]
        milli = spec.tasks * spec.needs.accelerators[0].count_milli
        self._waiting_milli[JobId(f"j{self._seq}")] = milli
        return milli

    def wanted_milli(self) -> int:
        """What waits of the jobs handed in one by one, in thousandths of chips."""
        return sum(self._waiting_milli.values())

    def some_live(self, count: int) -> list[AttemptId]:
        """So many running attempts, drawn at random."""
        return self.random.sample(list(self.live), count)

    def cycle(self) -> Plan:
        """Run a cycle and carry its plan out."""
        begun = time.process_time()
        plan = run_cycle(self.state.snapshot(self.now_ms), self.profile)
        ended = time.process_time()
        self.cycle_seconds += ended - begun
        for placement in plan.placements:
            self._start(placement)
        self.state.remember(plan)
        self.apply_seconds += time.process_time() - ended
        self.jobs_placed += len(plan.placements)
        self.cycles += 1
        self.history.append(
            (self.cycle_seconds, self.apply_seconds, self.jobs_placed, self.tasks_placed)
        )
        return plan

    def _start(self, placement: Placement) -> None:
        self._attempts += 1
        spec = self.specs[placement.job]
        attempt = AttemptId(f"a{self._attempts}")
        self._waiting_milli.pop(placement.job, None)
        self.state.dequeue(placement.job)
        self.state.start(
            RunningAttempt(
                attempt=attempt, job=placement.job, seq=0, tenant=spec.tenant,
                priority=spec.priority, site=placement.site, pool=placement.pool,
                nodes=placement.nodes,
                needs=Amount(
                    spec.needs.cpu_milli, spec.needs.memory_mib, placement.accelerator_milli
                ),
                started_ms=self.now_ms, expected_end_ms=placement.expected_end_ms,
                accelerator=placement.accelerator, end_basis=placement.end_basis,
            )
        )  # fmt: skip
        tasks = sum([share.tasks for share in placement.nodes])
        self.tasks_placed += tasks
        self.live[attempt] = tasks * placement.accelerator_milli

    def end(self, attempts: list[AttemptId]) -> None:
        """End some attempts."""
        begun = time.process_time()
        for attempt in attempts:
            self.state.release(attempt)
            del self.live[attempt]
        self.apply_seconds += time.process_time() - begun

    def end_to(self, load: float) -> int:
        """End random attempts until the chips in use are this part of all; says how many."""
        total = self.recipe.nodes * CHIPS * 1000
        used = sum(self.live.values())
        ending = []
        order = list(self.live)
        self.random.shuffle(order)
        for attempt in order:
            if used <= load * total:
                break
            used -= self.live[attempt]
            ending.append(attempt)
        self.end(ending)
        return len(ending)

    def load(self) -> float:
        """The part of all chips in use."""
        return sum(self.live.values()) / (self.recipe.nodes * CHIPS * 1000)

    def forget_figures(self) -> None:
        """Begin to count anew."""
        self.cycle_seconds = self.apply_seconds = 0.0
        self.tasks_placed = self.jobs_placed = self.cycles = 0
        self.history.clear()

    def calm_tenth(self) -> tuple[float, float, int, int]:
        """CPU seconds of deciding and of carrying out, jobs and tasks of the cheapest tenth.

        Of all stretches of a tenth of the cycles the one in which deciding cost least a task: the
        one that other work on the machine disturbed least.
        """
        length = max(len(self.history) // 10, 1)
        stretches = []
        for at in range(length, len(self.history)):
            before, after = self.history[at - length], self.history[at]
            parts = [later - earlier for earlier, later in zip(before, after, strict=True)]
            stretches.append((parts[0] / max(parts[3], 1), parts))
        _, (deciding, carrying, jobs, tasks) = min(stretches)
        return deciding, carrying, int(jobs), int(tasks)
