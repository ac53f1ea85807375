"""The same input gives the same plan, byte for byte: in another process, with other hash seeds,
from a real store after a restart.
"""

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from hutong.catalog import load_catalog
from hutong.lifecycle import commands as do
from hutong.lifecycle.hub import HubMachine
from hutong.lifecycle.sync import SyncRequest
from hutong.model.attempt import Observation
from hutong.model.ids import HubId, NodeId, PoolId, RegionId, SiteId, TenantId
from hutong.model.job import ArraySpec, JobSpec, Program
from hutong.model.reasons import Completed
from hutong.model.resources import AcceleratorNeed, Amount, TaskNeeds
from hutong.model.states import AttemptState
from hutong.model.supply import Inventory, Node, Pool, PriceBook, Site
from hutong.model.tenant import Quota, Tenant
from hutong.scheduler.cycle import run_cycle
from hutong.scheduler.plan import Plan
from hutong.server.loading import load_machine
from hutong.store.contract import Batch
from hutong.store.sqlite import SqliteStore
from tests.reference.worlds import TwoWorlds, draw, play

MODELS = ("A100-80GB", "Ascend910B3", "H100-80GB")
TENANTS = ("a", "a/x", "a/y", "b", "c/z")

PROGRAM = """
import sys
from tests.property.test_promises_bytes import plans_of
sys.stdout.buffer.write(plans_of(range(int(sys.argv[1]), int(sys.argv[2]))))
"""


class Recorded(TwoWorlds):
    """A world whose plans are kept."""

    plans: list[Plan]

    def cycle(self) -> Plan:
        plan = run_cycle(self.both.fast.snapshot(self.now_ms), self.profile)
        self.__dict__.setdefault("plans", []).append(plan)
        return plan


def plans_of(seeds: range) -> bytes:
    """The plans of some random worlds, as bytes."""
    worlds = [play(draw(random.Random(5_000_000 + seed)), Recorded) for seed in seeds]
    return b"\n".join(msgspec.json.encode(plan) for world in worlds for plan in world.plans)  # type: ignore[attr-defined]


def test_a_fresh_process_with_another_hash_seed_gives_the_same_bytes() -> None:
    seeds = range(60)
    here = plans_of(seeds)
    for hash_seed in ("1", "4242"):
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(seeds.start), str(seeds.stop)],
            env={
                **os.environ,
                "PYTHONHASHSEED": hash_seed,
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            capture_output=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr.decode()
        assert ran.stdout == here
    assert here.count(b'"placed.') > 100


class House:
    """A hub's machine over a real store, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "hub.db"
        self.now_ms = 1_700_000_000_000
        self.numbers = Counter[str]()
        self.open()
        self.do(do.Start(HubId("abc123")))

    def open(self) -> None:
        self.store = SqliteStore(self.path)
        self.store.open()
        self.machine, _, _ = load_machine(self.store, lambda: HubMachine(load_catalog()))

    def restart(self, *, snapshot: bool) -> None:
        if snapshot:
            self.store.save_snapshot(self.machine.state.position, self.machine.dump())
        self.store.close()
        self.open()

    def do(self, stimulus: do.Stimulus) -> object:
        step = self.machine.handle(stimulus, self.now_ms, "test")
        jobs, attempts, elements = self.machine.take_changes()
        if step.entries:
            self.store.append(Batch(step.entries, jobs, attempts, elements))
        return step.answer

    def report(self, site: str, *seen: Observation, **told: object) -> None:
        self.numbers[site] += 1
        request = SyncRequest(
            SiteId(site), f"session of {site}", observations=seen, sent_ms=self.now_ms,
            number=self.numbers[site], heard=self.machine.state.position, **told,  # type: ignore[arg-type]
        )  # fmt: skip
        self.do(do.Report(request))

    def next_plan(self) -> bytes:
        """What the next cycle would decide."""
        return msgspec.json.encode(
            run_cycle(self.machine.scheduler.snapshot(self.now_ms), self.machine.profile)
        )

    def close(self) -> None:
        self.store.close()


def join(house: House, rng: random.Random, site: str) -> None:
    """A site with a pool of chips and one of CPUs."""
    racks = rng.choice([1, 2])
    gpu = Pool(
        PoolId(f"{site}/gpu"), SiteId(site), Amount(16_000, 65_536, 4_000), rng.choice(MODELS),
        price=PriceBook(rng.choice([1, 2]) * 1_000_000),
    )  # fmt: skip
    cpu = Pool(PoolId(f"{site}/cpu"), SiteId(site), Amount(8_000, 16_384))
    nodes = [Node(NodeId(f"{site}/g{at}"), gpu.id, ("s", f"r{at % racks}")) for at in range(4)]
    nodes += [Node(NodeId(f"{site}/c{at}"), cpu.id) for at in range(2)]
    description = Site(SiteId(site), "city", RegionId("cn-beijing"), "CN-BJ")
    inventory = Inventory((gpu, cpu), tuple(nodes))
    house.report(site, full=True, description=description, inventory=inventory)


def job_of(rng: random.Random, chip_counts: tuple[int, ...]) -> JobSpec:
    """A job of any kind that fits somewhere."""
    models = rng.sample((*MODELS, "any"), rng.choice([0, 1, 2]))
    needs = tuple(AcceleratorNeed(model, rng.choice(chip_counts)) for model in models)
    array = ArraySpec(rng.randint(2, 5)) if rng.random() < 0.3 else None
    return JobSpec(
        "job", Program(argv=("true",)), TenantId(rng.choice(TENANTS)),
        tasks=1 if array else rng.choice([1, 1, 2, 5]),
        needs=TaskNeeds(rng.choice([500, 1_000, 4_000]), rng.choice([256, 4_096]), needs),
        array=array, priority=rng.choice(("urgent", "high", "normal", "normal", "low")),
        estimate_ms=rng.choice([None, 60_000, 7_200_000]),
        time_limit_ms=rng.choice([0, 0, 10_800_000]), exclusive=rng.random() < 0.1,
    )  # fmt: skip


def live(
    house: House, rng: random.Random, chip_counts: tuple[int, ...], *, ends: float = 0.3
) -> None:
    """Let a hub live through submissions, cycles, starts, ends and a drained node."""
    for site in ("bj", "tj", "zj")[: rng.randint(1, 3)]:
        join(house, rng, site)
    house.do(do.PutTenant(Tenant(TenantId("a"), 3, Quota(accelerator_milli=6_000))))
    house.do(do.PutTenant(Tenant(TenantId("b"), 1, Quota(running_jobs=4))))
    for _ in range(rng.randint(3, 6)):
        hand_in(house, rng, chip_counts)
        house.do(do.RunCycle())
        house.now_ms += 1_000
        attempts = list(house.machine.state.attempts.values())
        for attempt in attempts:
            if rng.random() < 0.6:
                seen = Observation(attempt.id, AttemptState.RUNNING, house.now_ms)
                house.report(attempt.site, seen)
            if rng.random() < ends:
                ended = Observation(
                    attempt.id, AttemptState.ENDED, house.now_ms, house.now_ms, Completed()
                )
                house.report(attempt.site, ended)
        house.now_ms += rng.choice([1_000, 120_000])
        if rng.random() < 0.3:
            house.do(do.DrainNode(NodeId("bj/g0"), rng.choice([True, False])))
    hand_in(house, rng, chip_counts)


def hand_in(house: House, rng: random.Random, chip_counts: tuple[int, ...]) -> None:
    specs = [job_of(rng, chip_counts) for _ in range(rng.randint(2, 8))]
    house.do(do.Submit(tuple(do.Submission(spec, "") for spec in specs), "ann"))


@pytest.mark.parametrize("snapshot", [True, False], ids=["snapshot", "journal"])
@pytest.mark.parametrize("seed", range(8))
def test_a_hub_restarted_from_its_store_decides_the_same_bytes(
    tmp_path: Path, seed: int, snapshot: bool
) -> None:
    house = House(tmp_path)
    live(house, random.Random(6_000_000 + seed), (1_000, 2_000))
    assert_same_after_restart(house, snapshot=snapshot)


@pytest.mark.parametrize("seed", range(8))
def test_where_nothing_has_ended_fractions_of_chips_lie_the_same_after_a_restart(
    tmp_path: Path, seed: int
) -> None:
    """Which chip a fraction lies on is not on record: it is taken anew in the order of starts."""
    house = House(tmp_path)
    live(house, random.Random(7_000_000 + seed), (500, 250, 1_000), ends=0)
    assert_same_after_restart(house, snapshot=True)


def assert_same_after_restart(house: House, *, snapshot: bool) -> None:
    before = house.next_plan()
    house.restart(snapshot=snapshot)
    house.machine.validate()
    assert house.next_plan() == before
    assert b'"job":' in before or b'"head":' in before
    house.close()


def test_a_plan_that_was_applied_is_decided_from_the_same_state_after_a_restart(
    tmp_path: Path,
) -> None:
    """Not only the next plan: two hubs, one of them restarted before each cycle, stay equal."""
    houses = [House(tmp_path / name) for name in ("one", "other")]
    plans: list[list[bytes]] = []
    for house in houses:
        rng = random.Random(7)
        live(house, rng, (1_000,))
        decided = []
        for _ in range(5):
            if house is houses[1]:
                house.restart(snapshot=True)
            decided.append(house.next_plan())
            house.do(do.RunCycle())
            house.now_ms += 600_000
        plans.append(decided)
        house.close()
    assert plans[0] == plans[1]
