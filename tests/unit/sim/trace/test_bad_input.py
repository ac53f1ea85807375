"""What is wrong with a trace is said with file, line and column, or counted when asked."""

import gzip
from pathlib import Path

import pytest

from hutong.model.errors import HutongError
from hutong.sim.trace import TraceOptions, open_trace
from tests.unit.sim.trace.traces import FOLDER, FORMAT_OF, refusal, skipped, text_of, written

SWF = "1 {submit} 0 {run} {cpus} -1 -1 {cpus} 60 -1 1 1 1 -1 1 -1 -1 -1"
GOOD = SWF.format(submit=10, run=5, cpus=1)


def swf(folder: Path, *rows: str, name: str = "t.swf") -> Path:
    return written(folder, name, ["; MaxProcs: 8", *rows])


@pytest.mark.parametrize(
    ("row", "column", "value", "problem"),
    [
        (SWF.format(submit=-5, run=5, cpus=1), "submit time", "-5", "the least is 0"),
        (SWF.format(submit=0, run=-2, cpus=1), "run time", "-2", "the least is -1"),
        (SWF.format(submit=0, run="five", cpus=1), "run time", "five", "it is no number"),
        (SWF.format(submit=0, run="nan", cpus=1), "run time", "nan", "it is no number"),
        (SWF.format(submit="1e30", run=5, cpus=1), "submit time", "1e30", "the most is 100000000"),
        (SWF.format(submit=0, run=5, cpus=9), "allocated processors", "9", "the most is 8"),
        (SWF.format(submit=0, run=5, cpus=1.5), "allocated processors", "1.5", "no whole number"),
        (f"{GOOD} 7", "19", "", "the row has 19 column(s), and there are 18"),
        ("1 2 3", "4", "", "the row has 3 column(s), and there are 18"),
    ],
)
def test_bad_swf_row_is_named(
    tmp_path: Path, row: str, column: str, value: str, problem: str
) -> None:
    path = swf(tmp_path, row, GOOD)
    error = refusal(path)
    assert error.code == "trace.bad_value"
    assert error.facts["file"] == str(path)
    assert (error.facts["line"], error.facts["column"]) == (2, column)
    assert value in str(error.facts["value"])
    assert problem in str(error.facts["problem"])


def test_bad_swf_rows_are_counted_when_they_may_be_skipped(tmp_path: Path) -> None:
    path = swf(tmp_path, SWF.format(submit=-5, run=5, cpus=1), GOOD, "1 2 3")
    workload = open_trace(path, skip_bad=True)
    assert [job.submit_ms for job in workload.jobs] == [10_000]
    assert skipped(workload).bad == {
        "submit time: the least is 0": 1, "4: the row has 3 column(s), and there are 18": 1,
    }  # fmt: skip
    assert skipped(workload).count == 2
    assert skipped(workload).first["submit time: the least is 0"] == f"{path}, line 2"


BACKWARDS = {
    "swf": ["; MaxProcs: 8", GOOD, SWF.format(submit=9, run=5, cpus=1)],
    "muri": [
        "job_id,num_gpu,submit_time,iterations,model_name,duration",
        "0,1,5000,10,a,1000", "1,1,4000,10,a,1000",
    ],
    "gaia": ["arrival_time,length,cpus", "5.0,1.0,1", "4.0,1.0,1"],
}  # fmt: skip


@pytest.mark.parametrize("format", BACKWARDS)
def test_time_that_goes_backwards_is_refused_counted_or_sorted(tmp_path: Path, format: str) -> None:
    path = written(tmp_path, f"t.{format}", BACKWARDS[format])
    error = refusal(path)
    assert (error.code, error.facts["line"]) == ("trace.backwards", 3)
    counted = open_trace(path, skip_bad=True)
    assert len(list(counted.jobs)) == 1
    assert skipped(counted).count == 1
    in_order = [job.submit_ms for job in open_trace(path, options=TraceOptions(sort=True)).jobs]
    assert len(in_order) == 2
    assert in_order == sorted(in_order)


def broken(sample: str, old: str, new: str, folder: Path) -> Path:
    text = text_of(sample)
    assert old in text
    path = folder / sample
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    for beside in FOLDER.iterdir():
        if not (folder / beside.name).exists():
            (folder / beside.name).write_bytes(beside.read_bytes())
    return path


@pytest.mark.parametrize(
    ("sample", "old", "new", "line", "column"),
    [
        ("philly.csv", "60.5", "-60.5", 3, "duration"),
        ("philly.csv", "2020-03-01 10:00:00", "2020-13-01 10:00:00", 2, "timestamp"),
        ("philly.csv", ",12,", ",twelve,", 4, "num_gpus"),
        ("gavel.trace", "\t1000\t", "\t\t", 1, "total steps"),
        ("gavel.trace", "Writer (batch size 8)", "Nobody", 2, "job type"),
        ("openb_pods.csv", ",250,", ",2500,", 3, "gpu_milli"),
        ("openb_pods.csv", ",400,", ",4,", 2, "1"),
        ("muri.csv", "0,4,0,1000", "0,-4,0,1000", 2, "num_gpu"),
        ("gaia_hours.csv", "2.0,1", "2.0,0", 3, "cpus"),
        ("pai_task_table.csv", "Terminated,1000.0", "Ended,1000.0", 1, "status"),
        ("pai_simulator.csv", ",60,T4", ",-60,T4", 2, "duration"),
        ("helios.csv", "COMPLETED", "DONE", 2, "state"),
        ("helios.csv", "2020-06-01 10:00:10", "yesterday", 2, "submit_time"),
        ("acme_kalos.csv", ",960,", ",-960,", 2, "cpu_num"),
        ("philly_log.json", '"Killed"', '"Eaten"', 9, "status"),
        ("philly_log.json", "10:01:00", "25:01:00", 2, "attempts"),
        ("philly_log.json", '"vc": "vc-b"', '"vc": 7', 9, "vc"),
        ("collection_events.csv", "3000000,SUBMIT", "3000000,SNOOZE", 5, "time, type or"),
        ("collection_events.json", '"user": "alice", ', '"user": 7, ', 1, "user"),
        ("sacct.txt", "30:00.250", "half an hour", 7, "Elapsed"),
        ("sacct.txt", "COMPLETED|2024-01-01T10:00", "AWAY|2024-01-01T10:00", 2, "State"),
        ("sacct.txt", "mem=6000M", "mem=lots", 4, "TRES"),
        ("kubernetes.json", "60Gi", "60 gigs", 5, "Job"),
    ],
)
def test_bad_value_is_named_by_line_and_column(
    tmp_path: Path, sample: str, old: str, new: str, line: int, column: str
) -> None:
    path = broken(sample, old, new, tmp_path)
    format = FORMAT_OF[sample]
    error = refusal(path, format)
    assert error.code == "trace.bad_value"
    assert (error.facts["line"], error.facts["file"]) == (line, str(path))
    assert str(error.facts["column"]).startswith(column)
    workload = open_trace(path, format, skip_bad=True)
    assert list(workload.jobs)
    assert sum(skipped(workload).bad.values()) == 1


@pytest.mark.parametrize(
    ("sample", "old", "new", "line"),
    [
        ("openb_pods.csv", "T4|", "T5000|", 3),
        ("pai_task_table.csv", "MISC", "Abacus", 3),
        ("sacct.txt", "gres/npu:910b3=1", "gres/npu:abacus=1", 7),
        ("kubernetes.json", "Tesla-V100-SXM2-32GB", "Abacus", 5),
        ("kubernetes.json", "huawei.com/Ascend910B3", "huawei.com/Abacus", 16),
    ],
)
def test_chip_that_the_catalogue_does_not_know_is_named(
    tmp_path: Path, sample: str, old: str, new: str, line: int
) -> None:
    path = broken(sample, old, new, tmp_path)
    format = FORMAT_OF[sample]
    error = refusal(path, format)
    assert (error.code, error.facts["line"]) == ("trace.unknown_chip", line)
    workload = open_trace(path, format, skip_bad=True)
    assert list(workload.jobs)
    assert sum(skipped(workload).bad.values()) == 1


@pytest.mark.parametrize("sample", ["philly.csv", "openb_pods.csv", "muri.csv", "helios.csv"])
def test_row_with_a_column_too_many_is_refused(tmp_path: Path, sample: str) -> None:
    lines = text_of(sample).split("\n")
    lines[1] += ",7"
    error = refusal(written(tmp_path, sample, lines))
    assert (error.code, error.facts["line"]) == ("trace.bad_value", 2)
    assert "column(s), and there are" in str(error.facts["problem"])


@pytest.mark.parametrize(
    ("sample", "format"), [("philly.csv", "philly"), ("sacct.txt", "sacct"), ("muri.csv", "muri")]
)
def test_header_without_a_column_is_refused(tmp_path: Path, sample: str, format: str) -> None:
    lines = text_of(sample).split("\n")
    lines[0] = lines[0].replace("duration", "lasted").replace("Submit", "Came")
    error = refusal(written(tmp_path, sample, lines), format)
    assert error.code == "trace.columns"
    assert str(error.facts["columns"]).lower() in {"duration", "submit"}


@pytest.mark.parametrize(
    ("sample", "format", "last"),
    [("small.swf", "swf", 15), ("philly.csv", "philly", 3), ("muri.csv", "muri", 2)],
)
def test_text_that_ends_within_a_row_is_a_cut(
    tmp_path: Path, sample: str, format: str, last: int
) -> None:
    whole = text_of(sample).rstrip("\n")
    path = tmp_path / sample
    path.write_text(whole[: whole.rindex("\n") + 8])
    error = refusal(path, format)
    assert (error.code, error.facts["line"]) == ("trace.cut", last)
    workload = open_trace(path, format, skip_bad=True)
    assert len(list(workload.jobs)) >= 1
    assert skipped(workload).count >= 1


@pytest.mark.parametrize("format", ["swf", "gaia"])
def test_compressed_trace_that_is_cut_says_where_and_gives_what_came_before(
    tmp_path: Path, format: str
) -> None:
    rows = (
        [SWF.format(submit=number, run=5, cpus=1) for number in range(20_000)]
        if format == "swf"
        else ["arrival_time,length,cpus", *(f"{at}.0,{at % 97}.5,1" for at in range(20_000))]
    )
    path = tmp_path / f"t.{format}.gz"
    whole = gzip.compress("\n".join(rows).encode())
    path.write_bytes(whole[: len(whole) // 2])
    error = refusal(path)
    assert error.code == "trace.cut"
    assert 100 < int(error.facts["line"]) < 20_000
    workload = open_trace(path, skip_bad=True)
    assert len(list(workload.jobs)) >= int(error.facts["line"]) - 200
    assert "the file is cut here" in skipped(workload).bad


def test_compressed_trace_that_is_damaged_is_no_stack_trace(tmp_path: Path) -> None:
    path = swf(tmp_path, *[GOOD] * 500, name="t.swf.gz")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    error = refusal(path, "swf")
    assert error.code in {"trace.cut", "trace.bad_value", "trace.encoding"}


@pytest.mark.parametrize("sample", ["small.swf", "philly.csv", "collection_events.json"])
def test_bytes_that_are_no_utf8_are_named_by_line(tmp_path: Path, sample: str) -> None:
    lines = text_of(sample).encode().split(b"\n")
    at = next(number for number, line in enumerate(lines) if number > 1 and line[:1] not in b";")
    lines[at] = lines[at][:-1] + b"\xff" + lines[at][-1:]
    path = tmp_path / sample
    path.write_bytes(b"\n".join(lines))
    for beside in FOLDER.glob("instance_events.*"):
        (tmp_path / beside.name).write_bytes(beside.read_bytes())
    error = refusal(path)
    assert error.code == "trace.encoding"
    assert (error.facts["line"], error.facts["byte"]) == (at + 1, "0xff")
    workload = open_trace(path, skip_bad=True)
    assert list(workload.jobs)
    assert skipped(workload).first["its bytes are no UTF-8"] == f"{path}, line {at + 1}"


@pytest.mark.parametrize("text", ["", "\n", "; MaxProcs: 8\n", "arrival_time,length,cpus\n"])
def test_trace_without_a_job_is_empty(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t"
    path.write_text(text)
    assert refusal(path).code == "trace.empty"


def test_trace_of_nothing_but_bad_rows_is_empty(tmp_path: Path) -> None:
    path = swf(tmp_path, "1 2 3")
    with pytest.raises(HutongError, match="holds no job; 1 row"):
        list(open_trace(path, skip_bad=True).jobs)


def test_file_in_no_format_names_the_formats(tmp_path: Path) -> None:
    path = written(tmp_path, "t.txt", ["Dear all,", "here is a letter."])
    error = refusal(path)
    assert error.code == "trace.unknown_format"
    assert "swf" in error.hint


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing.swf").code == "file.unreadable"
    assert refusal(tmp_path, "swf").code == "file.unreadable"


@pytest.mark.parametrize("sample", ["philly_log.json", "kubernetes.json"])
def test_json_that_ends_early_is_cut_and_other_rubbish_is_placed(
    tmp_path: Path, sample: str
) -> None:
    text = text_of(sample)
    path = tmp_path / sample
    path.write_text(text[: len(text) // 2])
    assert refusal(path).code == "trace.cut"
    lines = text.split("\n")
    lines[5] = "!" + lines[5]
    path.write_text("\n".join(lines))
    error = refusal(path)
    assert error.code == "trace.malformed"
    assert str(error.facts["file"]).endswith("line 6")


@pytest.mark.parametrize("sample", ["gavel.trace", "collection_events.csv"])
def test_trace_of_two_files_asks_for_the_second(tmp_path: Path, sample: str) -> None:
    path = tmp_path / sample
    path.write_text(text_of(sample))
    assert refusal(path).code == "trace.companion"


@pytest.mark.parametrize(
    ("name", "value"),
    [("processors", "few"), ("tenant", "boss"), ("unit", "m"), ("chip", "Abacus"),
     ("most_jobs", -1), ("never_ran_ms", -1)],
)  # fmt: skip
def test_option_that_cannot_be_is_refused(name: str, value: str | int) -> None:
    error = refusal(FOLDER / "small.swf", **{name: value})
    assert (error.code, error.facts["option"]) == ("trace.option", name)


def test_format_that_does_not_exist_is_refused() -> None:
    assert refusal(FOLDER / "small.swf", "sfw").code == "trace.option"
