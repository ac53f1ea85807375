"""The scoreboard's own sums: figures, how openb is blown up, what counts as allocated."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmarks.scoreboard import __main__ as scoreboard
from benchmarks.scoreboard.figure import Figure
from benchmarks.scoreboard.rows import openb
from benchmarks.scoreboard.traces import folder, needed
from hutong.model.resources import AcceleratorNeed
from hutong.sim.outcome import Facts, Outcome
from hutong.sim.workload import TraceJob

MEASURED = [
    Figure("as good", 95.0, "%", 95.0, theirs={"FGD": 95.0}),
    Figure("too slow", 13.0, "s", 12.5, "at most", told="oracle"),
    Figure("only shown", 7.0, "s"),
]


def pod(name: str, milli: int) -> TraceJob:
    chips = (AcceleratorNeed("any", milli),) if milli else ()
    return TraceJob(name, 0, 1, accelerators=chips)


def test_a_bound_holds_from_its_own_side() -> None:
    assert [figure.holds for figure in MEASURED] == [True, False, True]
    assert Figure("none missed", 0, "jobs", 0, "at most").holds


@pytest.mark.parametrize("as_json", ["1", ""])
def test_a_row_is_a_table_for_people_or_lines_of_json_and_nothing_else(
    as_json: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ModuleType("row")
    vars(row)["figures"] = lambda traces: iter(MEASURED)
    monkeypatch.setattr(scoreboard, "import_module", lambda name: row)
    monkeypatch.setenv("JSON", as_json)
    assert scoreboard.main(["openb"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    if as_json:
        assert json.loads(lines[1]) == {
            "name": "too slow, oracle", "value": 13.0, "unit": "s", "bound": 12.5,
            "holds": False, "theirs": None,
        }  # fmt: skip
        assert json.loads(lines[0])["theirs"] == {"FGD": 95.0}
    else:
        assert lines[0].endswith("FGD 95.0")
        assert lines[1].endswith("MISSED")


def test_a_row_without_its_trace_is_left_out_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def figures(traces: Path) -> Iterator[Figure]:
        needed(traces / "openb")
        yield MEASURED[0]

    row = ModuleType("row")
    vars(row)["figures"] = figures
    monkeypatch.setattr(scoreboard, "import_module", lambda name: row)
    monkeypatch.setenv("HUTONG_TRACES", str(tmp_path))
    assert folder() == tmp_path
    assert scoreboard.main(["openb"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert f"left out: openb is not in {tmp_path}; HUTONG_TRACES names" in said.err


def test_a_row_that_nobody_wrote_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert scoreboard.main(["nonsense"]) == 2
    assert "there is no nonsense; rows are" in capsys.readouterr().err


def test_pods_are_cloned_until_they_want_enough_and_come_so_many_at_a_time() -> None:
    pods = [pod("a", 500), pod("b", 1_000), pod("c", 0)]
    jobs = openb.inflate(pods, 7, 10_000, 4)
    wanted = [openb.gpu_milli(job) for job in jobs]
    assert 10_000 <= sum(wanted) < 11_000
    assert sum(wanted[:-1]) < 10_000
    assert [job.submit_ms for job in jobs[:9]] == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    assert sorted(job.name[0] for job in jobs[:3]) == ["a", "b", "c"]
    assert jobs == openb.inflate(pods, 7, 10_000, 4)
    assert jobs != openb.inflate(pods, 8, 10_000, 4)


def test_pods_are_left_out_at_random_where_they_want_too_much() -> None:
    jobs = openb.inflate([pod(f"p{at}", 1_000) for at in range(9)], 7, 5_000, 1)
    assert sum(map(openb.gpu_milli, jobs)) == 5_000


def test_what_is_allocated_counts_the_pods_until_as_much_arrived_as_there_is() -> None:
    """Of 4 chips: three wanted, one not placed; the fourth brings it to what is there."""
    numbers = {
        "accelerator_milli": np.array([1_000, 2_000, 0, 1_000, 1_000], np.int64),
        "start_ms": np.array([0, -1, 5, 6, 7], np.int64),
    }
    outcome = Outcome(Facts("", "", "", "", 1), (), numbers, {}, {})
    assert openb.allocated_at(outcome, 4_000) == 50.0
