"""Small worlds for tests of the scheduler: a state that names only what a case is about.

A world plays the lifecycle's part: it hands changes in, runs cycles and applies their plans.
"""

from typing import Any

import msgspec

from hutong.catalog import load_catalog
from hutong.model.attempt import NodeShare
from hutong.model.calendar import Booking, BookingKind
from hutong.model.catalogue import Link
from hutong.model.ids import AttemptId, JobId, NodeId, PoolId, RegionId, SiteId, TenantId
from hutong.model.job import ArraySpec, Constraints, JobSpec, Program
from hutong.model.reasons import WaitReason
from hutong.model.resources import AcceleratorNeed, Amount, TaskNeeds
from hutong.model.supply import Energy, Inventory, Node, NodeCondition, Pool, PriceBook, Site
from hutong.model.tenant import Quota, Tenant
from hutong.scheduler.cycle import run_cycle
from hutong.scheduler.plan import Deferral, Placement, Plan, Preview
from hutong.scheduler.preview import preview
from hutong.scheduler.profile import PROFILES, Profile
from hutong.scheduler.records import Resumption
from hutong.scheduler.state import QueuedJob, RunningAttempt, SchedulerState, SiteStatus
from hutong.scheduler.wanted import models_of

A100 = "A100-80GB"
H100 = "H100-80GB"
ASCEND = "Ascend910B3"
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
CATALOG = load_catalog()


def chips(count: float, model: str = A100, speed_milli: int | None = None) -> AcceleratorNeed:
    """An alternative of `count` chips of a model."""
    return AcceleratorNeed(model, round(count * 1000), speed_milli)


def spec_of(
    *alternatives: AcceleratorNeed, cpu: float = 1, mem_gib: float = 1, **fields: Any
) -> JobSpec:
    """A job's description; `fields` are those of `JobSpec`, and of `Constraints` by name."""
    where = {name: fields.pop(name) for name in Constraints.__struct_fields__ if name in fields}
    needs = TaskNeeds(round(cpu * 1000), round(mem_gib * 1024), tuple(alternatives))
    fields.setdefault("tenant", TenantId("default"))
    return JobSpec(
        "job", Program(argv=("true",)), needs=needs, constraints=Constraints(**where), **fields
    )


class World:
    """A scheduler's state and what a hub would do around it. Time starts at one hour."""

    def __init__(self, profile: Profile | str = "fair") -> None:
        self.state = SchedulerState(CATALOG)
        self.profile = PROFILES[profile] if isinstance(profile, str) else profile
        self.now_ms = HOUR_MS
        self.jobs: dict[JobId, tuple[QueuedJob, int]] = {}
        self.live: dict[AttemptId, RunningAttempt] = {}
        self._pools: dict[SiteId, dict[PoolId, tuple[Pool, list[Node]]]] = {}
        self._seq = 0
        self._attempts = 0

    # Supply

    def site(
        self,
        name: str,
        *,
        region: str = "beijing",
        jurisdiction: str = "CN-BJ",
        owner: str = "city",
        energy: Energy | None = None,
    ) -> "World":
        """Join a site."""
        site = Site(SiteId(name), owner, RegionId(region), jurisdiction, energy=energy)
        self.state.put_site(site)
        self._pools.setdefault(SiteId(name), {})
        return self

    def pool(
        self, path: str, *, nodes: int = 1, cpu: float = 64, mem_gib: float = 512,
        chips: float = 0, model: str = A100, racks: list[str] | None = None, **fields: Any,
    ) -> "World":  # fmt: skip
        """Add a pool to a site, which joins where it has not yet, or replace it."""
        site = SiteId(path.partition("/")[0])
        if site not in self._pools:
            self.site(site)
        size = Amount(round(cpu * 1000), round(mem_gib * 1024), round(chips * 1000))
        pool = Pool(PoolId(path), site, size, model if chips else "", **fields)
        domains = [tuple(rack.split(".")) for rack in racks] if racks else [()] * nodes
        members = [
            Node(NodeId(f"{path}-{at}"), pool.id, domain) for at, domain in enumerate(domains)
        ]
        self._pools[site][pool.id] = (pool, members)
        self._put_inventory(site)
        return self

    def drop_pool(self, path: str) -> None:
        """Take a pool away."""
        site = SiteId(path.partition("/")[0])
        del self._pools[site][PoolId(path)]
        self._put_inventory(site)

    def inventory(self, site: str) -> Inventory:
        """What a site has."""
        pools = self._pools[SiteId(site)].values()
        nodes = tuple(node for _, members in pools for node in members)
        return Inventory(tuple(pool for pool, _ in pools), nodes)

    def _put_inventory(self, site: SiteId) -> None:
        self.state.put_inventory(site, self.inventory(site))

    def status(self, site: str, status: SiteStatus) -> None:
        """Change whether a site takes work."""
        self.state.set_site_status(SiteId(site), status)

    def node(self, node: str, condition: NodeCondition) -> None:
        """Change whether a node takes work."""
        self.state.set_node_condition(NodeId(node), condition)

    def book(
        self, name: str, place: str, *, from_ms: int, for_ms: int, count: int = 0,
        tenants: tuple[str, ...] = (), nodes: tuple[str, ...] = (),
    ) -> Booking:  # fmt: skip
        """Book a site or a pool, or so many of its nodes: for tenants, or else for maintenance."""
        kind = BookingKind.RESERVATION if tenants else BookingKind.MAINTENANCE
        site, slash, _ = place.partition("/")
        start_ms = self.now_ms + from_ms
        booking = Booking(
            name, kind, SiteId(site), start_ms, start_ms + for_ms, PoolId(place) if slash else None,
            tuple([NodeId(node) for node in nodes]), count,
            tuple([TenantId(tenant) for tenant in tenants]),
        )  # fmt: skip
        if count:
            chosen = self.state.choose_nodes(booking, self.state.taken_from(booking))
            booking = msgspec.structs.replace(booking, nodes=chosen)
        self.state.put_booking(booking)
        return booking

    # Tenants and jobs

    def tenant(self, name: str, *, weight: int = 1, **quota: Any) -> "World":
        """Describe a tenant."""
        self.state.put_tenant(Tenant(TenantId(name), weight, Quota(**quota)))
        return self

    def job(self, *alternatives: AcceleratorNeed, **fields: Any) -> JobId:
        """Hand a job in."""
        return self.queue(spec_of(*alternatives, **fields))

    def queue(self, spec: JobSpec, seq: int | None = None) -> JobId:
        """Hand a description in."""
        self._seq += 1
        job = QueuedJob(JobId(f"j{self._seq}"), seq or self._seq, spec, self.now_ms)
        self.jobs[job.job] = (job, spec.elements)
        self.state.enqueue(job, spec.elements)
        return job.job

    def hold(self, job: JobId, reason: WaitReason | None) -> None:
        """Hold a job, or let it go."""
        self.state.hold(job, reason)

    # Cycles

    def cycle(self) -> Plan:
        """Run a cycle without applying its plan, and check the state before and after."""
        self.state.validate()
        plan = run_cycle(self.state.snapshot(self.now_ms), self.profile)
        self.state.validate()
        return plan

    def step(self, pass_ms: int = 0) -> Plan:
        """Run a cycle and apply its plan, then let time pass and end what is due."""
        plan = self.cycle()
        self.apply(plan)
        if pass_ms:
            self.pass_time(pass_ms)
        return plan

    def apply(self, plan: Plan) -> None:
        """Do what the lifecycle does with a plan; a preempted job is queued at its old place."""
        for placement in plan.placements:
            self.start(placement)
        for resize in plan.resizes:
            running = self.live[resize.attempt]
            self.state.mark_stopping(resize.attempt, resize.job)
            how = Resumption(running.pool, resize.tasks, resize.left_milli)
            self.state.resume(running.job, how)
        for preemption in plan.preemptions:
            gone_ms = self.now_ms + self.live[preemption.victim].grace_ms
            self.state.mark_stopping(preemption.victim, preemption.job, gone_ms)
        self.state.remember(plan)
        self.state.validate()

    def start(self, placement: Placement) -> AttemptId:
        """Start what a placement says."""
        queued, left = self.jobs[placement.job]
        self.state.resume(placement.job, None)
        if placement.part:
            pass
        elif is_resizable(queued.spec):
            self.state.set_available(placement.job, 0)
        elif left > 1:
            self.jobs[placement.job] = (queued, left - 1)
            self.state.set_available(placement.job, left - 1)
        else:
            self.state.dequeue(placement.job)
        spec = queued.spec
        return self.run(
            queued.job, placement.pool, placement.nodes, spec=spec, seq=queued.seq,
            accelerator=placement.accelerator, chips_milli=placement.accelerator_milli,
            expected_end_ms=placement.expected_end_ms, end_basis=placement.end_basis,
            groups=placement.groups, left_milli=placement.left_milli,
            speed_milli=placement.speed_milli,
        )  # fmt: skip

    def run(
        self, job: JobId, pool: str, nodes: tuple[NodeShare, ...], *, spec: JobSpec, seq: int = 0,
        chips_milli: int = 0, **fields: Any,
    ) -> AttemptId:  # fmt: skip
        """Say that an attempt holds capacity."""
        self._attempts += 1
        attempt = AttemptId(f"hub-{job}-{self._attempts}")
        needs = Amount(spec.needs.cpu_milli, spec.needs.memory_mib, chips_milli)
        fields.setdefault("expected_end_ms", self.now_ms + HOUR_MS)
        fields.setdefault("contends", spec if spec.preemptible else None)
        fields.setdefault("models", models_of(spec.needs.accelerators))
        self.live[attempt] = RunningAttempt(
            attempt, job, seq, spec.tenant, spec.priority, SiteId(pool.partition("/")[0]),
            PoolId(pool), nodes, needs, self.now_ms, preemptible=spec.preemptible,
            min_run_ms=spec.min_run_ms, exclusive=spec.exclusive, inputs=spec.inputs,
            grace_ms=spec.grace_ms, checkpoint_ms=spec.checkpoint_ms,
            labels=tuple(sorted(spec.labels.items())),
            resizable=spec if is_resizable(spec) else None, **fields,
        )  # fmt: skip
        self.state.tell_time(self.now_ms)
        self.state.start(self.live[attempt])
        return attempt

    def runs(
        self,
        node: str,
        *,
        tasks: int = 1,
        chips: float = 0,
        ends_in_ms: int = HOUR_MS,
        **fields: Any,
    ) -> AttemptId:
        """Let something run on a node already, on so many chips a task."""
        self._seq += 1
        model = fields.pop("model", A100)
        spec = spec_of(*([AcceleratorNeed(model, round(chips * 1000))] if chips else []), **fields)
        pool = node.rpartition("-")[0]
        shares = (NodeShare(NodeId(node), tasks),)
        return self.run(
            JobId(f"j{self._seq}"), pool, shares, spec=spec, seq=self._seq,
            chips_milli=round(chips * 1000), expected_end_ms=self.now_ms + ends_in_ms,
        )  # fmt: skip

    def end(self, attempt: AttemptId) -> None:
        """Release an attempt."""
        del self.live[attempt]
        self.state.tell_time(self.now_ms)
        self.state.release(attempt)

    def stop(self, attempt: AttemptId) -> None:
        """End an attempt that was told to stop; its job waits again."""
        job = self.live[attempt].job
        self.end(attempt)
        self.state.set_available(job, 1)

    def pass_time(self, pass_ms: int) -> None:
        """Move on and end what was expected to end by then."""
        self.now_ms += pass_ms
        for attempt, running in list(self.live.items()):
            if running.expected_end_ms <= self.now_ms:
                self.end(attempt)

    def preview(self, *alternatives: AcceleratorNeed, **fields: Any) -> Preview:
        """What would happen to a job."""
        snapshot = self.state.snapshot(self.now_ms)
        return preview(snapshot, self.profile, spec_of(*alternatives, **fields))

    def why(self, job: JobId) -> Deferral:
        """Why a job waits."""
        return self.state.why(job, self.now_ms)


def is_resizable(spec: JobSpec) -> bool:
    """Whether an attempt of a job may be resized."""
    return spec.elastic is not None and spec.elastic.resize


def placed(plan: Plan) -> list[tuple[str, str]]:
    """Jobs and pools of a plan's placements, in order."""
    return [(placement.job, placement.pool) for placement in plan.placements]


def started(plan: Plan) -> list[str]:
    """Jobs of a plan's placements, in order."""
    return [placement.job for placement in plan.placements]


def nodes_of(placement: Placement) -> dict[str, int]:
    """Tasks by node."""
    return {str(share.node): share.tasks for share in placement.nodes}


def deferral_of(plan: Plan, job: JobId) -> Deferral:
    """The deferral that a job heads."""
    return next(deferral for deferral in plan.deferrals if deferral.head == job)


def codes(deferral: Deferral) -> list[str]:
    """The codes of a deferral's reasons."""
    return [reason.code for reason in deferral.reasons]


def price(chip: int = 0, cpu: int = 0) -> PriceBook:
    """A price book in whole CNY an hour."""
    return PriceBook(chip * 1_000_000, cpu * 1_000_000)


def link(a: str, b: str, *, mbit_per_s: int, price_cny_per_gb: float = 0) -> Link:
    """A link between two regions."""
    return Link(
        a=a, b=b, bandwidth_mbit_per_s=mbit_per_s, latency_us=0, declared=False, derived=False,
        price_microcny_per_gb=round(price_cny_per_gb * 1_000_000), source="test",
    )  # fmt: skip


def profile(**fields: Any) -> Profile:
    """The fair profile with some fields changed."""
    return msgspec.structs.replace(PROFILES["fair"], **fields)


__all__ = [
    "A100", "ASCEND", "CATALOG", "H100", "HOUR_MS", "MINUTE_MS", "ArraySpec", "NodeCondition",
    "SiteStatus", "World", "chips", "codes", "deferral_of", "link", "nodes_of", "placed",
    "price", "profile", "spec_of", "started",
]  # fmt: skip
