"""What the container of a Kubernetes Job asks for."""

import pytest

from hutong.client.formats import kubernetes_keys as table
from hutong.model.resources import AcceleratorNeed, TaskNeeds
from tests.unit.client.formats.manifests import read, read_all, refused
from tests.unit.client.formats.support import warned


def test_an_image_is_kept_in_a_label_and_warned_of() -> None:
    parsed = read_all(container={"image": "nvcr.io/nvidia/pytorch:24.01-py3"})
    ((_, word),) = warned(parsed)
    assert word == "nvcr.io/nvidia/pytorch:24.01-py3"
    assert parsed.jobs[0].labels == {"image": word}


def test_an_index_in_an_argument_is_refused_because_it_differs() -> None:
    indexed = {"completions": 3, "completionMode": "Indexed"}
    error = refused(spec=indexed, container={"args": ["--shard=$(JOB_COMPLETION_INDEX)"]})
    assert error.facts["word"] == "$(JOB_COMPLETION_INDEX)"
    shell = {"command": ["sh", "-c", "run $JOB_COMPLETION_INDEX $$(JOB_COMPLETION_INDEX)"]}
    assert read(spec=indexed, container=shell).program.argv[2].startswith("run $JOB_COMPLETION")
    assert read(container={"args": ["$(JOB_COMPLETION_INDEX)"]}).array is None


def test_of_cpu_the_request_counts_and_of_memory_the_limit() -> None:
    parsed = read_all(
        container={
            "resources": {
                "requests": {"cpu": "1", "memory": "1Gi"},
                "limits": {"cpu": "4", "memory": "2Gi"},
            }
        }
    )
    assert parsed.jobs[0].needs == TaskNeeds(1000, 2048)
    assert [word for _, word in warned(parsed)] == ["cpu", "memory"]


@pytest.mark.parametrize(
    ("quantity", "mib"),
    [
        ("1Gi", 1024), ("1G", 954), ("1e9", 954), ("1E9", 954), ("1.5Gi", 1536), ("1k", 1),
        ("1048576", 1), ("1048577", 2), ("1M", 1), ("0.5Gi", 512), (".5Gi", 512), ("2.Mi", 2),
        ("1000m", 1), ("+1Ki", 1), ("1e3", 1), ("1024Ki", 1),
    ],
)  # fmt: skip
def test_quantities_are_exact_and_memory_rounds_up(quantity: str, mib: int) -> None:
    found = read(container={"resources": {"limits": {"memory": quantity}}})
    assert found.needs.memory_mib == mib


@pytest.mark.parametrize(
    ("quantity", "milli"),
    [("100m", 100), ("1.5", 1500), ("0.0001", 1), ("1e1", 10_000), ("1500u", 2)],
)
def test_a_part_of_a_thousandth_of_a_cpu_rounds_up(quantity: str, milli: int) -> None:
    found = read(container={"resources": {"requests": {"cpu": quantity}}})
    assert found.needs.cpu_milli == milli


def test_the_label_of_a_chip_narrows_what_the_container_asks_for() -> None:
    parsed = read_all(
        pod={"nodeSelector": {table.CHIP_LABEL: "NVIDIA-A100-SXM4-80GB"}},
        container={"resources": {"limits": {"nvidia.com/gpu": 8, "cpu": 8, "memory": "64Gi"}}},
    )
    assert parsed.jobs[0].needs.accelerators == (AcceleratorNeed("A100-80GB", 8000),)
