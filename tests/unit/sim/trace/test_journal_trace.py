"""A hub's journal is a trace: its jobs with their true run times, its sites and its tenants."""

from pathlib import Path

import pytest

from hutong.lifecycle import events as ev
from hutong.lifecycle.events import Entry
from hutong.model.attempt import NodeShare
from hutong.model.errors import HutongError
from hutong.model.ids import AttemptId, HubId, JobId, NodeId, PoolId, SiteId
from hutong.model.job import ArraySpec, JobSpec, Program
from hutong.model.reasons.ended import Completed
from hutong.model.reasons.placed import OnlyCandidate
from hutong.model.resources import AcceleratorNeed, Amount, TaskNeeds
from hutong.model.states import JobState
from hutong.scheduler.plan import Explanation
from hutong.sim.machines.chaos import make_script
from hutong.sim.machines.simulation import Simulation
from hutong.sim.trace import open_trace, world_of
from hutong.store.contract import Batch
from hutong.store.sqlite import SqliteStore
from tests.unit.sim.trace.traces import refusal, skipped

SEED = 7


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    """The journal of a simulated hub that people and misfortune kept busy."""
    simulation = Simulation(make_script(SEED))
    simulation.run()
    return simulation.hub.disk.entries(0)


@pytest.fixture
def path(tmp_path: Path, entries: list[Entry]) -> Path:
    path = tmp_path / "hub.db"
    store = SqliteStore(path)
    store.open()
    store.append(Batch(entries))
    store.close()
    return path


def placements(entries: list[Entry]) -> dict[str, ev.AttemptPlaced]:
    return {
        line.attempt: line
        for entry in entries
        if isinstance(entry.event, ev.PlanDecided)
        for line in entry.event.placements
    }


def test_every_job_that_ran_to_an_end_is_given(path: Path, entries: list[Entry]) -> None:
    workload = open_trace(path)
    jobs = list(workload.jobs)
    assert workload.info.notes["format"] == "journal"
    accepted = {
        entry.event.job: entry for entry in entries if isinstance(entry.event, ev.JobAccepted)
    }
    assert jobs
    begin_ms = workload.info.begin_unix_ms
    for job in jobs:
        entry = accepted[job.name.partition("[")[0]]
        assert job.submit_ms + begin_ms == entry.at_ms
        assert (job.tenant, job.tasks) == (entry.event.spec.tenant, entry.event.spec.tasks)
        assert job.run_ms > 0
    finished = {entry.event.job for entry in entries if isinstance(entry.event, ev.JobEnded)}
    plan = placements(entries)
    ends = [entry.event for entry in entries if isinstance(entry.event, ev.AttemptEnded)]
    ran = {plan[event.attempt].job for event in ends if event.started_ms}
    assert {job.name.partition("[")[0] for job in jobs} == finished & ran
    assert skipped(workload).left_out["it never ran"] >= len(finished - ran) > 0


def test_run_time_is_what_the_last_attempt_took(path: Path, entries: list[Entry]) -> None:
    jobs = {job.name: job for job in open_trace(path).jobs}
    plan = placements(entries)
    looked_at = 0
    for entry in entries:
        if not isinstance(entry.event, ev.AttemptEnded) or not entry.event.started_ms:
            continue
        line = plan[entry.event.attempt]
        job = jobs.get(line.job)
        attempts = [other for other in plan.values() if other.job == line.job]
        if job is None or job.accelerators or len(attempts) > 1:
            continue
        looked_at += 1
        assert job.run_ms == max(entry.event.ended_ms - entry.event.started_ms, 1)
    assert looked_at


def test_reading_writes_nothing(path: Path) -> None:
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    list(open_trace(path).jobs)
    after = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    assert {name: data for name, data in after.items() if name in before} == before


def test_world_is_the_sites_and_tenants_of_the_hub(path: Path, entries: list[Entry]) -> None:
    world = world_of(open_trace(path))
    sites = {entry.event.site.id for entry in entries if isinstance(entry.event, ev.SiteDescribed)}
    assert {site.site.id for site in world.sites} == sites
    assert all(site.inventory.nodes for site in world.sites)
    assert {tenant.id for tenant in world.tenants} == {
        entry.event.tenant.id for entry in entries if isinstance(entry.event, ev.TenantChanged)
    }


def store_of(path: Path, events: list[tuple[int, ev.AnyEvent]]) -> Path:
    """A store with a journal of a few events, each with its time in seconds."""
    entries = [
        Entry(position, 1_000_000 + at_s * 1000, "c", event)
        for position, (at_s, event) in enumerate(events, 1)
    ]
    store = SqliteStore(path)
    store.open()
    store.append(Batch(entries))
    store.close()
    return path


def placed(attempt: str, job: str, chip: str = "", **more: int) -> ev.PlanDecided:
    line = ev.AttemptPlaced(
        AttemptId(attempt), JobId(job), 1, 1, SiteId("a"), PoolId("a/p"),
        (NodeShare(NodeId("a/n"), 1),), Amount(1000), 0, 0, OnlyCandidate(), Explanation(),
        chip, **more,
    )  # fmt: skip
    return ev.PlanDecided(1, (line,))


def ended(attempt: str, started_s: int, ended_s: int) -> ev.AttemptEnded:
    return ev.AttemptEnded(
        AttemptId(attempt), Completed(), 1_000_000 + started_s * 1000, 1_000_000 + ended_s * 1000
    )


def accepted(job: str, **more: object) -> ev.JobAccepted:
    spec = JobSpec(name=f"n{job}", program=Program(argv=("true",)), **more)
    return ev.JobAccepted(JobId(job), spec)


def over(job: str) -> ev.JobEnded:
    return ev.JobEnded(JobId(job), JobState.SUCCEEDED, Completed())


def test_run_time_is_of_the_whole_work_at_the_speed_of_the_estimate(tmp_path: Path) -> None:
    needs = TaskNeeds(
        accelerators=(
            AcceleratorNeed("A100-80GB", 1000), AcceleratorNeed("V100-32GB", 1000, 500),
        )
    )  # fmt: skip
    path = store_of(
        tmp_path / "hub.db",
        [
            (0, ev.HubCreated(HubId("abc123"))),
            (5, accepted("j1", needs=needs)),
            (6, placed("abc123-j1-1", "j1", "A100-80GB")),
            (20, ended("abc123-j1-1", 10, 20)),
            (30, placed("abc123-j1-2", "j1", "V100-32GB", left_milli=750)),
            (640, ended("abc123-j1-2", 40, 640)),
            (640, over("j1")),
        ],
    )
    (job,) = open_trace(path).jobs
    assert (job.run_ms, job.waited_ms, job.submit_ms) == (400_000, 5000, 0)
    assert job.accelerators == needs.accelerators


def test_elements_of_an_array_are_jobs_of_their_own(tmp_path: Path) -> None:
    def element_over(number: int) -> ev.ElementEnded:
        return ev.ElementEnded(JobId("j1"), number, JobState.SUCCEEDED, Completed())

    path = store_of(
        tmp_path / "hub.db",
        [
            (0, accepted("j1", array=ArraySpec(3, first=10))),
            (1, placed("abc123-j1-1", "j1", element=0)),
            (1, placed("abc123-j1-2", "j1", element=1)),
            (9, ended("abc123-j1-1", 2, 9)),
            (9, element_over(0)),
            (12, ended("abc123-j1-2", 2, 12)),
            (12, element_over(1)),
        ],
    )
    workload = open_trace(path)
    assert {job.name: job.run_ms for job in workload.jobs} == {"j1[10]": 7000, "j1[11]": 10_000}
    assert skipped(workload).left_out == {"it had not ended": 1}


def test_lost_attempt_that_its_site_told_of_counts_as_told(tmp_path: Path) -> None:
    settled = ev.AttemptSettled(AttemptId("abc123-j1-1"), Completed(), 1_002_000, 1_032_000)
    path = store_of(
        tmp_path / "hub.db",
        [
            (0, accepted("j1", deadline_ms=1_600_000)),
            (1, placed("abc123-j1-1", "j1")),
            (20, ev.AttemptLost(AttemptId("abc123-j1-1"), Completed(), 1_010_000)),
            (40, settled),
            (41, over("j1")),
            (50, accepted("j2")),
            (51, over("j2")),
        ],
    )
    workload = open_trace(path)
    (job,) = workload.jobs
    assert (job.run_ms, job.deadline_ms) == (30_000, 600_000)
    assert skipped(workload).left_out == {"it never ran": 1}


def test_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(b"SQLite format 3\x00" + b"\x00" * 4080)
    assert refusal(path).code.startswith("store.")
    path.write_bytes(b"")
    with pytest.raises(HutongError):
        open_trace(path, "journal")
