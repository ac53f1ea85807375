"""What the packaged rows say: sources, figures against known documents, and what must hold."""

import re
import subprocess
import sys

import pytest

from hutong.catalog import Catalog, load_catalog
from hutong.catalog.checks import problems
from hutong.catalog.loader import packaged_rows
from hutong.model.catalogue import Accelerator

DOMESTIC_VENDORS = {
    "Huawei",
    "Cambricon",
    "Hygon",
    "Kunlunxin",
    "Moore Threads",
    "MetaX",
    "Enflame",
    "Iluvatar CoreX",
}
STACKS = ["cuda", "rocm", "cann", "neuware", "dtk", "xpu", "musa", "maca", "topsrider", "corex"]
WANTED = """
V100-16GB V100-32GB T4 A10 A30 A40 L4 L20 L40 L40S A100-40GB A100-80GB A800-80GB H100-80GB H100-PCIe
H800 H20 H200 B200 GB200 RTX-4090 MI100 MI210 MI250X MI300X MI325X MI355X
310P 910A 910B1 910B2 910B3 910B4 910C MLU270 MLU290 MLU370-S4 MLU370-X4 MLU370-X8 MLU590
Z100 Z100L K100 K100-AI R200 R300 P800 S3000 S4000 S5000 N100 C500 C550 T20 T21 S60 i20
BI-V100 BI-V150 MR-V100
"""
FRAMEWORKS = {"torch", "tensorflow", "paddle", "mindspore", "jax", "vllm"}
DATED = re.compile(r"\b20[012]\d\b")


@pytest.fixture
def catalog() -> Catalog:
    return load_catalog()


def every_accelerator() -> list[Accelerator]:
    return packaged_rows().accelerators


def test_the_packaged_rows_are_sound() -> None:
    assert problems(packaged_rows()) == []


def test_no_row_is_lost_on_the_way_into_the_catalogue(catalog: Catalog) -> None:
    rows = packaged_rows()
    assert list(catalog.accelerators.values()) == rows.accelerators
    assert list(catalog.stacks.values()) == rows.stacks
    assert list(catalog.regions.values()) == rows.regions
    assert len(catalog.links) == len(rows.links)


@pytest.mark.parametrize("chip", every_accelerator(), ids=lambda chip: chip.name)
def test_a_chip_says_where_its_figures_are_from(chip: Accelerator) -> None:
    assert len(chip.source) > 10
    assert DATED.search(chip.source) or "product page" in chip.source
    if not chip.dense_gflops:
        assert chip.note, "a peak that is not published needs a word about it"


@pytest.mark.parametrize("chip", every_accelerator(), ids=lambda chip: chip.name)
def test_a_chips_name_can_be_a_label_and_a_file_name(chip: Accelerator) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,61}[A-Za-z0-9]", chip.name)
    assert chip.k8s_resource.count("/") == 1


@pytest.mark.parametrize(
    ("name", "memory_gib", "bf16_tflops", "fp16_tflops", "gb_per_s"),
    [
        ("A100-40GB", 40, 312, 312, 1555),
        ("A100-80GB", 80, 312, 312, 2039),
        ("H100-80GB", 80, 989.4, 989.4, 3350),  # the datasheet's 1,979 is sparse
        ("H20", 96, 148, 148, 4000),
        ("L4", 24, 121, 121, 300),  # the datasheet's 242 is sparse
        ("V100-32GB", 32, 0, 125, 900),
        ("T4", 16, 0, 65, 320),
        ("B200", 180, 2250, 2250, 8000),  # the datasheet's 36 PFLOPS for eight is sparse
        ("MI300X", 192, 1307.4, 1307.4, 5300),
        ("Ascend910A", 32, 0, 256, 1200),
        ("Ascend910B3", 64, 313, 313, 1600),
        ("Ascend910C", 128, 752, 752, 3200),
        ("MLU370-X8", 48, 96, 96, 614),
        ("Kunlun-R200", 16, 0, 128, 512),
        ("BI-V100", 32, 147, 147, 1200),
        ("Enflame-i20", 16, 128, 128, 819),
    ],
)
def test_a_chip_has_the_figures_of_its_document(
    catalog: Catalog,
    name: str,
    memory_gib: int,
    bf16_tflops: float,
    fp16_tflops: float,
    gb_per_s: int,
) -> None:
    chip = catalog.accelerators[name]
    assert chip.memory_mib == memory_gib * 1024
    assert chip.bf16_gflops == bf16_tflops * 1000
    assert chip.fp16_gflops == fp16_tflops * 1000
    assert chip.memory_gb_per_s == gb_per_s


def test_the_chips_that_the_first_users_have_are_all_there(catalog: Catalog) -> None:
    words = WANTED.split()
    missing = [name for name in words if catalog.find_accelerator(name) is None]
    assert missing == []


def test_domestic_is_said_of_the_chinese_vendors_chips_and_of_no_other(catalog: Catalog) -> None:
    for chip in catalog.accelerators.values():
        assert chip.domestic == (chip.vendor in DOMESTIC_VENDORS), chip.name
    assert {chip.vendor for chip in catalog.accelerators.values()} == DOMESTIC_VENDORS | {
        "NVIDIA",
        "AMD",
    }


def test_the_export_models_without_a_datasheet_are_marked_declared(catalog: Catalog) -> None:
    assert catalog.accelerators["H20"].declared
    assert catalog.accelerators["L20"].declared
    assert not catalog.accelerators["A100-80GB"].declared
    assert not catalog.accelerators["Ascend910A"].declared  # measured in MLPerf


def test_every_stack_has_versions_and_chips(catalog: Catalog) -> None:
    assert list(catalog.stacks) == STACKS
    used = {chip.stack for chip in catalog.accelerators.values()}
    for stack in catalog.stacks.values():
        assert stack.versions, stack.id
        assert stack.id in used


def test_every_stack_carries_torch_in_some_version(catalog: Catalog) -> None:
    for stack in catalog.stacks.values():
        assert any("torch" in version.frameworks for version in stack.versions), stack.id


def test_frameworks_have_the_names_that_jobs_use(catalog: Catalog) -> None:
    for stack in catalog.stacks.values():
        for version in stack.versions:
            assert version.frameworks.keys() <= FRAMEWORKS, (stack.id, version.version)
            assert re.fullmatch(r"(20\d\d-(0[1-9]|1[0-2]))?", version.released)
            for support in version.frameworks.values():
                assert support.versions
                assert all(re.fullmatch(r"\d+(\.\d+){1,2}", text) for text in support.versions)
                assert list(support.versions) == sorted(support.versions, key=_as_numbers)


def test_the_adapter_of_a_vendors_framework_is_named(catalog: Catalog) -> None:
    cann = catalog.stacks["cann"].versions[-1].frameworks
    assert (cann["torch"].adapter, cann["vllm"].adapter) == ("torch-npu", "vllm-ascend")
    assert catalog.stacks["neuware"].versions[-1].frameworks["torch"].adapter == "torch_mlu"
    assert catalog.stacks["cuda"].versions[-1].frameworks["torch"].adapter == ""


def test_reading_the_catalogue_is_quick() -> None:
    # In a process of its own, so that nothing is warm; CPU time, so that a busy machine does not
    # count. It takes about 4 ms.
    program = (
        "import time, hutong.catalog as c; t = time.process_time(); c.load_catalog();"
        "print(time.process_time() - t)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert float(ran.stdout) < 0.03


def test_every_call_gives_the_same_catalogue() -> None:
    assert load_catalog() is load_catalog()


def _as_numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
