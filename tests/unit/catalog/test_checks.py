"""The checks of the rows, each shown something it must find."""

from collections.abc import Callable

import msgspec
import pytest

from hutong.catalog.checks import problems
from hutong.catalog.loader import Rows, packaged_rows
from hutong.catalog.lookup import Catalog
from hutong.model.catalogue import Accelerator, Link

replace = msgspec.structs.replace


def test_a_planted_sparse_figure_is_found() -> None:
    rows = _with_chip("H100-80GB", bf16_gflops=1_979_000)
    assert _only(rows) == (
        "H100-80GB: 1979000 GFLOP/s is too much for 700 W; is that the sparse figure?"
    )


def test_a_sparse_figure_is_found_by_the_bandwidth_where_no_power_is_known() -> None:
    assert "GB/s" in _only(_with_chip("L40S", fp16_gflops=733_000, tdp_watt=0))


def test_a_figure_that_no_chip_reaches_is_found() -> None:
    rows = _with_chip("GB200", fp16_gflops=5_000_000, tdp_watt=0, memory_gb_per_s=0)
    assert "more than any chip" in _only(rows)


def test_a_matrix_figure_in_the_place_of_a_vector_peak_is_found() -> None:
    assert "is it the matrix figure?" in _only(_with_chip("H100-80GB", fp32_gflops=989_400))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"memory_mib": 0}, "has no memory"),
        ({"fp64_gflops": 9_000}, "more FP64 than FP32"),
        ({"fp32_gflops": -1, "fp64_gflops": -1}, "below zero"),
        ({"tdp_watt": -1}, "below zero"),
        ({"stack": "cudda"}, "the stack cudda, which does not exist"),
        ({"family": "A1000"}, "names no chip of that family"),
        ({"source": " "}, "has no source"),
        ({"aliases": ("h_800 80gb", "H800")}, "h800: both T4 and H800 have that name"),
    ],
)
def test_a_planted_mistake_in_a_chip_is_found(change: dict[str, object], told: str) -> None:
    assert told in _only(_with_chip("T4", **change))


def test_a_chip_listed_twice_is_found() -> None:
    rows = packaged_rows()
    again = rows._replace(accelerators=[*rows.accelerators, rows.accelerators[0]])
    assert any("both V100-16GB and V100-16GB" in problem for problem in problems(again))


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (lambda link: replace(link, b="cn-atlantis"), "cn-atlantis, which does not exist"),
        (lambda link: replace(link, b=link.a), "has a link to itself"),
        (lambda link: replace(link, a=link.b, b=link.a), "have that name"),
        (lambda link: replace(link, a="cn-wuhu", b="cn-guian", source=""), "has no source"),
    ],
)
def test_a_planted_mistake_in_a_link_is_found(plant: Callable[[Link], Link], told: str) -> None:
    rows = packaged_rows()
    planted = rows._replace(links=[*rows.links, plant(rows.links[0])])
    assert told in _only(planted)


def test_a_link_without_latency_to_nowhere_is_refused_by_the_catalogue() -> None:
    rows = packaged_rows()
    lost = replace(rows.links[0], b="cn-atlantis")
    with pytest.raises(ValueError, match="cn-atlantis is no region"):
        Catalog(**rows._replace(links=[lost])._asdict())


@pytest.mark.parametrize("field", ["colour", "memory_gib"])
def test_a_field_that_does_not_exist_is_refused_while_reading(field: str) -> None:
    row = msgspec.to_builtins(packaged_rows().accelerators[0]) | {field: 1}
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.json.decode(msgspec.json.encode(row), type=Accelerator)


def test_a_figure_that_is_not_whole_is_refused_while_reading() -> None:
    row = msgspec.to_builtins(packaged_rows().accelerators[0]) | {"memory_gb_per_s": 307.2}
    with pytest.raises(msgspec.ValidationError, match="memory_gb_per_s"):
        msgspec.json.decode(msgspec.json.encode(row), type=Accelerator)


def _with_chip(name: str, **change: object) -> Rows:
    rows = packaged_rows()
    chips = [replace(row, **change) if row.name == name else row for row in rows.accelerators]
    return rows._replace(accelerators=chips)


def _only(rows: Rows) -> str:
    found = problems(rows)
    assert len(found) == 1, found
    return found[0]
