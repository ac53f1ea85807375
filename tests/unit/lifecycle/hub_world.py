"""A hub's machine with a site or two, for tests: builders name only what the case is about."""

from hutong.catalog import load_catalog
from hutong.lifecycle import commands as do
from hutong.lifecycle.admission import Accepted
from hutong.lifecycle.events import AnyEvent, Entry
from hutong.lifecycle.hub import HubMachine
from hutong.lifecycle.sync import SyncReply, SyncRequest
from hutong.model.attempt import AttemptOrder, Observation
from hutong.model.ids import AttemptId, HubId, JobId, NodeId, PoolId, RegionId, SiteId, TenantId
from hutong.model.job import ArraySpec, Dependency, JobSpec, Program
from hutong.model.reasons import Completed, EndedReason
from hutong.model.resources import Amount, TaskNeeds
from hutong.model.states import AttemptState
from hutong.model.supply import Inventory, Node, Pool, PriceBook, Site


def spec(name: str = "job", **fields: object) -> JobSpec:
    """A job of one task on one core."""
    return JobSpec(name=name, program=Program(argv=("true",)), **fields)  # type: ignore[arg-type]


def inventory(site: str, nodes: int = 2, cpus: int = 4) -> Inventory:
    """One pool of CPU nodes at 3.6 CNY a core-hour, so that a core-millisecond is 1 micro-CNY."""
    pool = Pool(
        PoolId(f"{site}/cpu"),
        SiteId(site),
        Amount(cpus * 1000, 16_384, 0),
        price=PriceBook(cpu_microcny_per_hour=3_600_000),
    )
    names = tuple(Node(NodeId(f"{site}/n{index}"), pool.id) for index in range(nodes))
    return Inventory((pool,), names)


class World:
    """A machine, its time in ms, and everything it ever wrote."""

    def __init__(self) -> None:
        self.machine = HubMachine(load_catalog())
        self.now_ms = 1_700_000_000_000
        self.entries: list[Entry] = []
        self.do(do.Start(HubId("abc123")))

    def do(self, stimulus: do.Stimulus) -> do.Step:
        """Handle a stimulus and check every invariant afterwards."""
        step = self.machine.handle(stimulus, self.now_ms, "test")
        self.entries += step.entries
        self.machine.validate()
        return step

    def join(self, site: str = "bj", **shape: int) -> SyncReply:
        """A site's agent starts, with nothing running."""
        description = Site(SiteId(site), "owner", RegionId("cn-beijing"), "CN-BJ")
        return self.report(
            site, full=True, description=description, inventory=inventory(site, **shape)
        )

    def report(self, site: str = "bj", *seen: Observation, **fields: object) -> SyncReply:
        """A sync of an agent that has heard all that the hub knows."""
        fields.setdefault("session", "s1")
        fields.setdefault("heard", self.machine.state.position)
        request = SyncRequest(SiteId(site), observations=seen, **fields)  # type: ignore[arg-type]
        answer = self.do(do.Report(request)).answer
        assert isinstance(answer, SyncReply)
        return answer

    def submit(self, *specs: JobSpec, key: str = "", **known: object) -> list[JobId]:
        """Hand jobs in; all must be accepted."""
        answers = self.offer(*specs, key=key, **known)
        assert all(isinstance(answer, Accepted) for answer in answers), answers
        return [answer.job for answer in answers if isinstance(answer, Accepted)]

    def offer(self, *specs: JobSpec, key: str = "", **known: object) -> list[object]:
        """Hand jobs in; answers as they come."""
        submissions = tuple(do.Submission(one, key) for one in specs)
        answer = self.do(do.Submit(submissions, "ann", **known)).answer  # type: ignore[arg-type]
        assert isinstance(answer, list)
        return answer

    def cycle(self) -> None:
        """One scheduling cycle."""
        self.do(do.RunCycle())

    def after(self, ms: int) -> None:
        """Time passes in steps shorter than a heartbeat's grace, and the clock ticks."""
        self.now_ms += ms
        self.do(do.Tick())

    def begin(self, order: AttemptOrder, site: str = "bj") -> SyncReply:
        """The site starts what it was told to."""
        return self.report(site, running(order.attempt, self.now_ms))

    def finish(
        self, attempt: AttemptId, reason: EndedReason | None = None, site: str = "bj"
    ) -> SyncReply:
        """The site saw it end, having started at the time the hub knows."""
        held = self.machine.state.attempts.get(attempt)
        started_ms = held.started_ms if held and held.started_ms else self.now_ms
        seen = Observation(
            attempt, AttemptState.ENDED, started_ms, self.now_ms, reason or Completed()
        )
        return self.report(site, seen)

    def kinds(self, job: str | None = None) -> list[str]:
        """The kinds of events so far, of one job where it is given."""
        return [
            type(entry.event).__name__
            for entry in self.entries
            if job is None or getattr(entry.event, "job", None) == job
        ]

    def events(self, kind: type[AnyEvent]) -> list[AnyEvent]:
        """The events of a kind so far."""
        return [entry.event for entry in self.entries if isinstance(entry.event, kind)]

    def state_of(self, job: JobId) -> str:
        """A job's state, by its row if it is over."""
        held = self.machine.state.jobs.get(job)
        if held is not None:
            return held.state.value
        rows, _, _ = self.machine.take_changes()
        return rows[job].state.value


def running(attempt: AttemptId, started_ms: int) -> Observation:
    """An attempt that runs."""
    return Observation(attempt, AttemptState.RUNNING, started_ms)


def array(count: int, **fields: int) -> ArraySpec:
    """An array."""
    return ArraySpec(count, **fields)


def after_ok(job: JobId) -> tuple[Dependency, ...]:
    """A dependency on the success of one job."""
    from hutong.model.job import DependencyKind

    return (Dependency(DependencyKind.AFTER_OK, job),)


def tenant(name: str) -> TenantId:
    """A tenant's id."""
    return TenantId(name)


def cores(count: int) -> TaskNeeds:
    """Needs of so many cores."""
    return TaskNeeds(cpu_milli=count * 1000)
