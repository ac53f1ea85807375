"""The loop: arrivals, starts, ends, and what is written down of them."""

from collections.abc import Iterator

import msgspec
import pytest

from hutong.model.resources import AcceleratorNeed
from hutong.scheduler.profile import PROFILES
from hutong.sim.outcome import Ending, Outcome
from hutong.sim.replay import Replay, replay
from hutong.sim.setup import Mode
from hutong.sim.throughput import ThroughputTable
from hutong.sim.workload import TraceEnd, TraceJob, Workload, WorkloadInfo
from hutong.sim.world import Costs
from tests.unit.sim.replay.worlds import HOUR_MS, chip_job, job, setup, site, world


def column(outcome: Outcome, name: str) -> list[int]:
    return outcome.numbers[name].tolist()


def test_jobs_start_when_there_is_room_and_end_after_their_run_time() -> None:
    outcome = replay(setup([job("a", 0, 10, cpus=4), job("b", 2, 5, cpus=4)]))
    assert column(outcome, "start_ms") == [0, 10_000]
    assert column(outcome, "end_ms") == [10_000, 15_000]
    assert column(outcome, "ending") == [Ending.SUCCEEDED, Ending.SUCCEEDED]
    assert outcome.names == ("a", "b")
    assert outcome.facts.finished
    assert outcome.facts.simulated_ms == 15_000


def test_a_later_job_backfills_where_it_delays_nobody() -> None:
    jobs = [job("a", 0, 10, cpus=3), job("b", 1, 10, cpus=4), job("c", 2, 8), job("d", 3, 8)]
    assert column(replay(setup(jobs)), "start_ms") == [0, 10_000, 2_000, 20_000]


def test_all_that_happens_at_one_instant_makes_one_cycle() -> None:
    jobs = [job(f"j{at}", 7, 5) for at in range(4)]
    assert replay(setup(jobs)).facts.cycles == 1


def test_cycles_come_at_multiples_of_their_time_where_one_is_set() -> None:
    jobs = [job("a", 3, 5), job("b", 11, 5)]
    outcome = replay(setup(jobs, cycle_ms=10_000))
    assert column(outcome, "start_ms") == [10_000, 20_000]


def test_a_gang_that_no_pool_could_hold_is_refused() -> None:
    outcome = replay(setup([job("big", 0, 5, cpus=5), job("ok", 0, 5)]))
    assert column(outcome, "ending") == [Ending.REFUSED, Ending.SUCCEEDED]
    assert column(outcome, "start_ms") == [-1, 0]


def test_a_partition_keeps_jobs_to_its_pools() -> None:
    where = world(site("s0"), site("s1"), partitions={"left": ("s1/p",)})
    outcome = replay(setup([job("a", 0, 5, partition="left")], where))
    assert outcome.labels["pool"].at(0) == "s1/p"
    assert outcome.labels["partition"].at(0) == "left"


def test_a_time_limit_ends_an_attempt() -> None:
    outcome = replay(setup([job("a", 0, 100, limit_ms=30_000)]))
    assert column(outcome, "end_ms") == [30_000]
    assert column(outcome, "ending") == [Ending.TIMED_OUT]
    assert column(outcome, "lost_accelerator_milli_ms") == [30_000 * 1000]


def test_how_a_job_ended_in_its_trace_is_kept() -> None:
    outcome = replay(setup([job("a", 0, 1, ended=TraceEnd.FAILED)]))
    assert column(outcome, "ending") == [Ending.FAILED]


def test_a_job_that_waits_at_its_deadline_is_given_up() -> None:
    jobs = [job("a", 0, 100, cpus=4), job("b", 1, 5, deadline_ms=20_000)]
    outcome = replay(setup(jobs))
    assert column(outcome, "ending") == [Ending.SUCCEEDED, Ending.CANCELLED]
    assert column(outcome, "end_ms") == [100_000, 20_000]


def test_a_job_follows_another_after_its_user_has_thought() -> None:
    jobs = [
        job("a", 0, 10), job("b", 1, 5, after="a", think_ms=3_000), job("c", 30, 1, after="a"),
        job("d", 31, 1, after="nobody knows it"),
    ]  # fmt: skip
    outcome = replay(setup(jobs))
    assert outcome.names == ("a", "b", "c")
    assert column(outcome, "submit_ms") == [0, 13_000, 30_000]


def test_a_faster_chip_takes_less_time() -> None:
    where = world(site("s0", cpus=0, chips=1, chip="V100-32GB"), site("s1", cpus=0, chips=1))
    needs = (AcceleratorNeed("V100-32GB", 1000, 1000), AcceleratorNeed("A100-80GB", 1000, 2000))
    outcome = replay(setup([chip_job("a", 0, 100, accelerators=needs)], where))
    assert column(outcome, "end_ms") == [50_000]
    assert column(outcome, "best_ms") == [50_000]
    assert outcome.labels["accelerator"].at(0) == "A100-80GB"


def test_a_throughput_table_says_how_long_a_job_takes_on_each_chip() -> None:
    rates = {("resnet", 1): {"V100-32GB": 10.0, "A100-80GB": 0.0}}
    where = world(
        site("s0", cpus=0, chips=1, chip="V100-32GB"), site("s1", cpus=0, chips=1),
        throughput=ThroughputTable(rates),
    )  # fmt: skip
    needs = (AcceleratorNeed("A100-80GB", 1000), AcceleratorNeed("V100-32GB", 1000))
    one = chip_job("a", 0, 77, accelerators=needs, kind="resnet", steps=1_000)
    outcome = replay(setup([one], where))
    assert column(outcome, "end_ms") == [100_000]
    assert column(outcome, "best_ms") == [100_000]
    assert outcome.labels["accelerator"].at(0) == "V100-32GB"


@pytest.mark.parametrize(
    ("mode", "told"), [(Mode.ORACLE, 10_000), (Mode.ESTIMATE, 60_000), (Mode.NONE, -1)]
)
def test_the_scheduler_is_told_what_the_mode_says(mode: Mode, told: int) -> None:
    outcome = replay(setup([job("a", 0, 10, estimate_ms=60_000)], mode=mode))
    assert column(outcome, "believed_ms") == [told]
    belief = outcome.facts.belief
    assert belief is not None
    assert belief.told == (told > 0)
    assert belief.median_milli == max(told // 10, 0)


def test_a_predictor_learns_from_jobs_that_ended_and_is_corrected() -> None:
    jobs = [job(f"j{at}", 100 * at, 10 if at < 5 else 90, user="u") for at in range(6)]
    outcome = replay(setup(jobs, predictor="last-two"))
    assert column(outcome, "believed_ms")[2:] == [10_000] * 4
    assert column(outcome, "end_ms")[5] == 590_000


def test_boot_and_start_come_before_the_work() -> None:
    where = world(site(boot_ms=7_000), costs=Costs(start_ms=3_000))
    outcome = replay(setup([job("a", 0, 10)], where))
    assert column(outcome, "end_ms") == [20_000]
    assert column(outcome, "held_ms") == [20_000]


def test_a_run_ends_at_its_time_with_what_is_there() -> None:
    jobs = [job("a", 0, 100, cpus=4), job("b", 1, 100, cpus=4), job("c", 500, 1)]
    outcome = replay(setup(jobs, until_ms=50_000))
    assert column(outcome, "ending") == [Ending.RUNNING, Ending.WAITING]
    assert column(outcome, "end_ms") == [-1, -1]
    assert outcome.facts.simulated_ms == 50_000


def test_what_can_never_start_does_not_keep_a_run_going() -> None:
    jobs = [job("a", 0, 5, tenant="t", cpus=4)]
    outcome = replay(setup(jobs, world(site(nodes=0))))
    assert column(outcome, "ending") == [Ending.REFUSED]


def test_samples_tell_the_state_from_one_time_to_the_next() -> None:
    where = world(site(nodes=1, cpus=4, chips=2))
    one = chip_job("a", 0, 100, cpu_milli=4_000)
    outcome = replay(setup([one, chip_job("b", 10, 10, cpu_milli=2_000)], where, sample_ms=20_000))
    samples = {name: values.tolist() for name, values in outcome.samples.items()}
    assert samples["time_ms"] == [0, 20_000, 100_000, 110_000]
    assert samples["used_accelerator_milli"] == [1000, 1000, 1000, 0]
    assert samples["waiting_jobs"] == [0, 1, 0, 0]
    assert samples["waiting_accelerator_milli"] == [0, 1000, 0, 0]
    assert samples["ready_accelerator_milli"] == [2000, 2000, 2000, 2000]
    assert samples["used_cpu_milli"] == [4000, 4000, 2000, 0]
    assert samples["stranded_accelerator_milli"] == [1000, 1000, 0, 0]


def test_the_workload_is_read_as_a_stream() -> None:
    ahead = [0]

    class Stream:
        def __iter__(self) -> Iterator[TraceJob]:
            for at in range(2_000):
                ahead[0] = at
                yield job(f"j{at}", 10 * at, 5)

    given = msgspec.structs.replace(setup([]), workload=Workload(WorkloadInfo("stream"), Stream()))
    run = Replay(given)
    run.run(until_ms=1_000_000)
    assert ahead[0] <= 102
    assert len(run.jobs) <= 1
    run.run()
    assert len(run.outcome().names) == 2_000


def test_whoever_watches_is_told_and_may_interrupt() -> None:
    jobs = [job(f"j{at}", at, 1) for at in range(1_000)]
    seen = []

    def observe(now_ms: int, done: int, known: int) -> None:
        seen.append((now_ms, done, known))
        if len(seen) == 2:
            raise KeyboardInterrupt

    run = Replay(setup(jobs))
    with pytest.raises(KeyboardInterrupt):
        run.run(observe=observe)
    assert seen[0][1] <= seen[0][2] <= 300
    part = run.outcome()
    assert not part.facts.finished
    run.run()
    whole = replay(setup(jobs))
    assert column(run.outcome(), "end_ms") == column(whole, "end_ms")


def test_a_year_of_decayed_use_belongs_to_the_fair_order_alone() -> None:
    jobs = [job(f"j{at}", at, HOUR_MS // 1000, tenant=f"t{at % 3}", cpus=2) for at in range(12)]
    for name in ("fair", "fifo"):
        run = Replay(setup(jobs, profile=PROFILES[name]))
        run.run()
        run.validate()
        assert column(run.outcome(), "ending") == [Ending.SUCCEEDED] * 12
