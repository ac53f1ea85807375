"""Every format gives the jobs of its sample: what is read of it, in which unit, and what is not."""

from collections.abc import Iterable

import pytest

from hutong.model.ids import is_tenant
from hutong.model.resources import AcceleratorNeed
from hutong.sim.trace import FORMATS, detect
from hutong.sim.workload import TraceEnd, TraceJob
from tests.unit.sim.trace.traces import BY_FORMAT, FOLDER, jobs_of, opened, skipped


def chips(job: TraceJob) -> list[tuple[str, int]]:
    return [(need.model, need.count_milli) for need in job.accelerators]


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "journal"])
def test_format_of_a_sample_is_told_by_its_content(name: str) -> None:
    assert detect(FOLDER / BY_FORMAT[name]).name == name
    assert opened(BY_FORMAT[name]).info.notes["format"] == name


@pytest.mark.parametrize("sample", BY_FORMAT.values())
def test_jobs_come_in_order_of_time_and_can_be_gone_through_again(sample: str) -> None:
    workload = opened(sample)
    first = list(workload.jobs)
    assert len(first) >= 2
    assert first == list(workload.jobs)
    assert first == sorted(first, key=lambda job: job.submit_ms)
    assert len({job.name for job in first}) == len(first)
    assert all(is_tenant(job.tenant) and job.run_ms > 0 and job.tasks > 0 for job in first)


@pytest.mark.parametrize("sample", BY_FORMAT.values())
def test_no_more_jobs_are_given_than_asked_for(sample: str) -> None:
    assert list(opened(sample, most_jobs=1).jobs) == list(opened(sample).jobs)[:1]


def test_swf_columns_become_a_job() -> None:
    workload = opened("small.swf")
    assert jobs_of(workload)["1"] == TraceJob(
        "1", 0, 60_000, 4, 1000,
        user="u7", tenant="g2", partition="batch", estimate_ms=120_000, waited_ms=5_000,
    )  # fmt: skip
    info = workload.info
    assert (info.processors, info.nodes, info.begin_unix_ms) == (16, 4, 1_700_000_000_000)
    assert info.notes["Note"] == "made by hand\nfor tests"


def test_swf_rows_without_run_time_and_parts_of_jobs_are_left_out() -> None:
    workload = opened("small.swf")
    assert list(jobs_of(workload)) == ["1", "2", "4", "6"]
    assert skipped(workload).left_out == {
        "it never ran": 1, "a part of a job that another row has whole": 1,
    }  # fmt: skip
    assert skipped(workload).first["it never ran"].endswith("small.swf, line 13")


def test_swf_job_follows_an_earlier_one_that_was_given_and_no_other() -> None:
    jobs = jobs_of(opened("small.swf"))
    assert (jobs["4"].after, jobs["4"].think_ms) == ("2", 15_000)
    assert (jobs["6"].after, jobs["6"].think_ms) == ("", 0)


def test_swf_times_may_have_fractions_and_none_is_shorter_than_a_millisecond() -> None:
    job = jobs_of(opened("small.swf"))["6"]
    assert (job.submit_ms, job.run_ms, job.partition) == (30_500, 1, "q9")
    assert job.ended is TraceEnd.CANCELLED


def test_swf_can_keep_jobs_that_never_ran_and_end_jobs_at_their_estimate() -> None:
    jobs = jobs_of(opened("small.swf", never_ran_ms=1000, cut_at_estimate=True))
    assert (jobs["3"].run_ms, jobs["3"].tasks) == (1000, 1)
    assert jobs["4"].run_ms == 60_000


@pytest.mark.parametrize(("column", "tasks"), [("allocated", 4), ("requested", 8), ("most", 8)])
def test_swf_processors_are_of_the_column_that_was_chosen(column: str, tasks: int) -> None:
    assert jobs_of(opened("small.swf", processors=column))["1"].tasks == tasks


def test_swf_job_can_be_one_task_of_all_its_processors() -> None:
    job = jobs_of(opened("small.swf", whole=True))["4"]
    assert (job.tasks, job.cpu_milli) == (1, 16_000)


@pytest.mark.parametrize(
    ("whose", "tenant"), [("group", "g2"), ("user", "u7"), ("none", "default")]
)
def test_swf_tenant_is_the_group_or_the_user_or_none(whose: str, tenant: str) -> None:
    assert jobs_of(opened("small.swf", tenant=whose))["1"].tenant == tenant


def test_philly_jobs_count_from_the_first_and_lie_on_nodes_of_eight() -> None:
    workload = opened("philly.csv")
    jobs = jobs_of(workload)
    assert workload.info.begin_unix_ms == 1_583_053_200_000
    assert [(job.name, job.submit_ms) for job in workload.jobs] == [
        ("philly-2", 0), ("philly-3", 0), ("philly-1", 3_600_000),
    ]  # fmt: skip
    assert (jobs["philly-2"].tasks, chips(jobs["philly-2"])) == (2, [("any", 8000)])
    assert (jobs["philly-3"].tasks, chips(jobs["philly-3"])) == (2, [("any", 6000)])
    assert jobs["philly-2"].run_ms == 60_500
    assert (jobs["philly-3"].partition, jobs["philly-1"].tenant) == ("Vc A", "vc-b")


def test_zone_of_times_without_one_moves_the_begin() -> None:
    utc = opened("philly.csv").info.begin_unix_ms
    assert opened("philly.csv", utc_offset_min=-480).info.begin_unix_ms - utc == 8 * 3_600_000


def test_philly_log_sums_the_attempts_and_takes_the_size_of_the_last() -> None:
    workload = opened("philly_log.json")
    jobs = jobs_of(workload)
    assert list(jobs) == ["app_1", "app_2"]
    assert (jobs["app_2"].run_ms, chips(jobs["app_2"])) == (660_000, [("any", 4000)])
    assert (jobs["app_2"].waited_ms, jobs["app_1"].ended) == (60_000, TraceEnd.CANCELLED)
    assert skipped(workload).left_out == {"it never ran": 1, "it had not ended": 1}


def test_gavel_jobs_run_on_the_chips_that_have_a_throughput() -> None:
    jobs = jobs_of(opened("gavel.trace"))
    reader, writer = jobs["gavel-0"], jobs["gavel-1"]
    assert reader.accelerators == (
        AcceleratorNeed("V100-16GB", 1000, 1000), AcceleratorNeed("K80", 1000, 200),
    )  # fmt: skip
    assert (reader.run_ms, reader.steps, reader.kind) == (100_000, 1000, "Reader (batch size 4)")
    assert (writer.tasks, writer.submit_ms, chips(writer)) == (2, 12_500, [("V100-16GB", 1000)])


def test_openb_pods_take_shares_or_whole_chips_of_the_models_they_name() -> None:
    jobs = jobs_of(opened("openb_pods.csv"))
    assert chips(jobs["pod-a"]) == [("any", 1000)]
    assert chips(jobs["pod-b"]) == [("V100-16GB", 250), ("T4", 250)]
    assert chips(jobs["pod-c"]) == [("Undisclosed-G2", 4000)]
    assert chips(jobs["pod-d"]) == []
    assert (jobs["pod-b"].cpu_milli, jobs["pod-b"].memory_mib) == (2000, 4096)


def test_openb_run_time_is_from_when_a_pod_was_scheduled() -> None:
    jobs = jobs_of(opened("openb_pods.csv"))
    assert (jobs["pod-a"].run_ms, jobs["pod-a"].waited_ms) == (290_000, 10_000)
    assert (jobs["pod-c"].run_ms, jobs["pod-c"].waited_ms) == (30_000, -1)
    assert (jobs["pod-b"].priority, jobs["pod-b"].ended) == ("low", TraceEnd.FAILED)


def test_openb_pods_without_times_come_a_second_apart_and_stay() -> None:
    jobs = list(opened("openb_pods_short.csv").jobs)
    assert [job.submit_ms for job in jobs] == [0, 1000]
    assert {job.run_ms for job in jobs} == {365 * 86_400_000}
    assert [chips(job) for job in jobs] == [[("any", 500)], [("any", 2000)]]


def test_muri_times_are_milliseconds() -> None:
    job = jobs_of(opened("muri.csv"))["1"]
    assert (job.submit_ms, job.run_ms, job.tasks, chips(job)) == (60_000, 4000, 2, [("any", 8000)])
    assert (job.kind, job.steps) == ("bert", 20)


def test_chip_of_a_trace_that_names_none_can_be_said() -> None:
    assert chips(next(iter(opened("muri.csv", chip="v100").jobs))) == [("V100-16GB", 4000)]


@pytest.mark.parametrize(
    ("sample", "unit", "run_ms"),
    [
        ("gaia_hours.csv", "", 1_800_000),
        ("gaia_seconds.csv", "", 90_000),
        ("gaia_seconds.csv", "h", 324_000_000),
    ],
)
def test_gaia_unit_is_told_by_fractions_unless_said(sample: str, unit: str, run_ms: int) -> None:
    job = next(iter(opened(sample, unit=unit).jobs))
    assert (job.run_ms, job.cpu_milli) == (run_ms, 4000)


def test_pai_roles_are_gangs_handed_in_with_their_job() -> None:
    workload = opened("pai_task_table.csv")
    jobs = jobs_of(workload)
    worker = jobs["job-a/worker"]
    assert (worker.tasks, worker.cpu_milli, worker.memory_mib) == (2, 6000, 30_000)
    assert (chips(worker), worker.user, worker.waited_ms) == ([("T4", 500)], "user-1", 60_000)
    assert chips(jobs["job-a/ps"]) == []
    assert chips(jobs["job-b/tensorflow"]) == [("Undisclosed-MISC", 3000)]
    assert [job.submit_ms for job in workload.jobs] == [0, 140_000, 140_000]
    assert skipped(workload).left_out == {"it had not ended": 1}


def test_pai_simulator_counts_chips_and_cpus_of_an_instance() -> None:
    job = jobs_of(opened("pai_simulator.csv"))["7"]
    assert (job.tasks, job.cpu_milli, chips(job)) == (2, 6000, [("T4", 500)])


def test_helios_gang_has_a_task_a_node() -> None:
    workload = opened("helios.csv")
    job = jobs_of(workload)["11"]
    assert (job.tasks, job.cpu_milli, chips(job)) == (2, 32_000, [("any", 8000)])
    assert (job.partition, job.user, job.waited_ms) == ("vcX", "uA", 30_000)
    assert skipped(workload).left_out == {"it never ran": 1}


def test_acme_times_have_a_zone_and_the_chips_are_known() -> None:
    workload = opened("acme_kalos.csv")
    job = jobs_of(workload)["d1"]
    assert (job.submit_ms, job.tasks, chips(job)) == (60_000, 8, [("A100-80GB", 8000)])
    assert (job.memory_mib, job.kind, job.ended) == (1_024_000, "Pretrain", TraceEnd.FAILED)


@pytest.mark.parametrize("sample", ["collection_events.csv", "collection_events.json"])
def test_google_job_is_a_collection_with_its_instances(sample: str) -> None:
    job = jobs_of(opened(sample))["501"]
    assert (job.run_ms, job.waited_ms, job.priority, job.kind) == (7000, 1000, "high", "train")
    assert job.tasks == (3 if sample.endswith("csv") else 1)
    assert job.cpu_milli == (48_000 if sample.endswith("csv") else 24_000)


def test_google_collections_that_are_no_whole_jobs_are_left_out() -> None:
    workload = opened("collection_events.csv")
    jobs = jobs_of(workload)
    assert (jobs["502"].after, jobs["502"].ended) == ("501", TraceEnd.CANCELLED)
    assert skipped(workload).left_out == {
        "it came before the trace begins": 1, "it is an alloc set": 1,
    }  # fmt: skip


def test_sacct_rows_become_gangs_of_nodes() -> None:
    workload = opened("sacct.txt")
    jobs = jobs_of(workload)
    train = jobs["101"]
    assert (train.tasks, train.cpu_milli, train.memory_mib) == (2, 16_000, 65_536)
    assert ("A100-80GB", 4000) in chips(train)
    assert (train.run_ms, train.estimate_ms, train.waited_ms) == (
        90_000_000, 172_800_000, 300_000,
    )  # fmt: skip
    assert chips(jobs["101#2"]) == [("Ascend910B3", 1000)]
    assert jobs["101#2"].run_ms == 1_800_250
    assert (jobs["102_7"].estimate_ms, jobs["102_7"].ended) == (None, TraceEnd.CANCELLED)


def test_sacct_steps_and_jobs_that_did_not_run_to_an_end_are_left_out() -> None:
    workload = opened("sacct.txt")
    assert list(jobs_of(workload)) == ["102_7", "101", "101#2"]
    assert skipped(workload).left_out == {
        "a step of a job": 1, "it never ran": 1, "it had not ended": 1,
    }  # fmt: skip


def test_kubernetes_job_is_a_gang_of_its_pods_with_the_chips_of_its_vendor() -> None:
    workload = opened("kubernetes.json")
    jobs = jobs_of(workload)
    train = jobs["vision/train"]
    assert (train.tasks, train.cpu_milli, train.memory_mib) == (4, 8000, 62_464)
    assert chips(train) == [("V100-32GB", 8000)]
    assert (train.run_ms, train.waited_ms, train.limit_ms) == (3_600_000, 50_000, 7_200_000)
    assert (train.tenant, train.partition, train.priority) == ("vision", "team", "high")
    assert chips(jobs["nlp/tune"]) == [("Ascend910B3", 2000)]
    assert jobs["nlp/tune"].ended is TraceEnd.FAILED
    assert skipped(workload).left_out == {"it never ran": 1, "it is a CronJob": 1}


def test_equal_chips_of_jobs_are_one_value() -> None:
    def first(jobs: Iterable[TraceJob]) -> AcceleratorNeed:
        return next(iter(jobs)).accelerators[0]

    assert first(opened("muri.csv").jobs) is first(opened("muri.csv").jobs)
