"""Finding chips, regions, speeds and frameworks by the words that users write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hutong.catalog import Catalog, load_catalog
from hutong.catalog.lookup import normal, spellings
from hutong.model.job import Workload

CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a100-80gb", "A100-80GB"),  # sbatch --gres=gpu:a100-80gb:4
        ("a100_80gb", "A100-80GB"),
        ("A100", "A100-40GB"),  # SkyPilot's word for it
        ("A100-80GB", "A100-80GB"),
        ("NVIDIA-A100-SXM4-80GB", "A100-80GB"),  # nvidia.com/gpu.product
        ("NVIDIA A100-SXM4-80GB", "A100-80GB"),  # nvidia-smi
        ("NVIDIA-A100-80GB-PCIe", "A100-80GB-PCIe"),
        ("Tesla V100-SXM2-32GB", "V100-32GB"),
        ("NVIDIA H100 80GB HBM3", "H100-80GB"),
        ("NVIDIA GeForce RTX 4090", "RTX-4090"),
        ("rtx4090", "RTX-4090"),
        ("910B3", "Ascend910B3"),
        ("ascend910b", "Ascend910B3"),
        ("huawei.com/Ascend910B2", "Ascend910B2"),
        ("mlu370", "MLU370-X4"),
        ("K100_AI", "DCU-K100-AI"),
        ("K100", "DCU-K100"),
        ("MTT S4000", "MTT-S4000"),
        ("p800", "Kunlun-P800"),
        ("BI-V150", "BI-V150"),
    ],
)
def test_a_chip_is_found_as_users_write_it(written: str, meant: str) -> None:
    chip = CATALOG.find_accelerator(written)
    assert chip is not None
    assert chip.name == meant


@pytest.mark.parametrize("written", ["", "-", "gpu", "A1000", "Ascend910", "any", "\x00"])
def test_a_word_that_means_no_single_chip_finds_none(written: str) -> None:
    assert CATALOG.find_accelerator(written) is None
    assert CATALOG.find_accelerators(written) == ()


@given(st.sampled_from(list(CATALOG.accelerators.values())), st.data())
def test_case_blanks_and_underscores_do_not_matter(chip: object, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(spellings(chip)))  # type: ignore[arg-type]
    dash = data.draw(st.sampled_from(["-", "_", " "]))
    written = data.draw(st.sampled_from([str.upper, str.lower, str.title]))(name)
    assert CATALOG.find_accelerator(written.replace("-", dash)) is chip


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_not_and_never_an_error(text: str) -> None:
    chip = CATALOG.find_accelerator(text)
    near = CATALOG.nearest_accelerator(text)
    assert chip is None or normal(text) in [normal(name) for name in spellings(chip)]
    assert len(near) <= 3
    assert all(name in CATALOG.accelerators for name in near)


def test_a_familys_word_allows_every_variant_the_plain_one_first() -> None:
    names = [chip.name for chip in CATALOG.find_accelerators("a100")]
    assert names == ["A100-40GB", "A100-80GB", "A100-40GB-PCIe", "A100-80GB-PCIe"]
    bins = [chip.name for chip in CATALOG.find_accelerators("Ascend910B")]
    assert bins[0] == "Ascend910B3"
    assert sorted(bins[1:]) == ["Ascend910B1", "Ascend910B2", "Ascend910B4", "Ascend910B4-1"]


def test_the_name_of_a_variant_allows_that_variant_alone() -> None:
    assert [chip.name for chip in CATALOG.find_accelerators("A100-80GB")] == ["A100-80GB"]


def test_a_kubernetes_resource_allows_the_chips_its_plugin_offers() -> None:
    ascend = [chip.name for chip in CATALOG.accelerators_of_resource("huawei.com/Ascend910")]
    assert "Ascend910B3" in ascend
    assert "Ascend310P" not in ascend
    nvidia = CATALOG.accelerators_of_resource("nvidia.com/gpu")
    assert {chip.vendor for chip in nvidia} == {"NVIDIA"}
    one = CATALOG.accelerators_of_resource("huawei.com/Ascend910B3")
    assert [chip.name for chip in one] == ["Ascend910B3"]
    assert CATALOG.accelerators_of_resource("example.com/gpu") == ()


@pytest.mark.parametrize(
    ("written", "suggested"),
    [
        ("A100-8GB", "A100-80GB"),
        ("H1O0", "H100-80GB"),
        ("910D", "Ascend910C"),
        ("Ascend910B5", "Ascend910B3"),
        ("MLU370-X9", "MLU370-X8"),
        ("rtx-4900", "RTX-4090"),
        ("MI300", "MI300X"),
    ],
)
def test_an_unknown_name_gets_the_nearest_known_ones(written: str, suggested: str) -> None:
    near = CATALOG.nearest_accelerator(written)
    assert suggested in near
    assert len(near) == len(set(near)) <= 3


def test_a_name_like_nothing_known_gets_no_suggestion() -> None:
    assert CATALOG.nearest_accelerator("quantum computer") == []
    assert CATALOG.nearest_region("us-east-1-atlanta") == []


@pytest.mark.parametrize(
    ("model", "reference", "milli"),
    [
        ("A100-80GB", "A100-80GB", 1000),
        ("H100-80GB", "A100-80GB", 3171),
        ("A100-80GB", "H100-80GB", 315),
        ("V100-32GB", "A100-80GB", 401),  # FP16 against BF16
        ("Ascend910B3", "a100", 1003),
        ("H20", "H100", 150),
    ],
)
def test_training_speed_is_the_ratio_of_the_dense_peaks(
    model: str, reference: str, milli: int
) -> None:
    assert CATALOG.relative_speed_milli(model, reference) == milli


def test_inference_speed_is_the_ratio_of_the_memory_bandwidths() -> None:
    assert CATALOG.relative_speed_milli("H20", "H100", Workload.INFERENCE) == 1194


def test_inference_goes_by_the_dense_peaks_where_a_bandwidth_is_not_published() -> None:
    assert CATALOG.accelerators["Kunlun-P800"].memory_gb_per_s == 0
    assert CATALOG.relative_speed_milli("P800", "A100-80GB", Workload.INFERENCE) == 1106


@pytest.mark.parametrize(
    ("model", "reference", "milli"),
    [
        ("H100-80GB", "A100-80GB", 3505),  # FP64 of both
        ("MI250X", "A100-80GB", 4938),
        ("H800", "A100-80GB", 103),  # what the export rules cut
        ("RTX-4090", "V100-32GB", 165),  # a 64th of its FP32
        ("MLU370-X8", "A100-80GB", 1231),  # FP32, for want of FP64
        ("Ascend910B3", "A100-80GB", 1003),  # neither published: the dense peaks
    ],
)
def test_science_goes_by_fp64_then_fp32_then_the_dense_peaks(
    model: str, reference: str, milli: int
) -> None:
    assert CATALOG.relative_speed_milli(model, reference, Workload.SCIENCE) == milli


def test_a_chip_is_as_fast_as_itself_even_where_nothing_is_published() -> None:
    assert CATALOG.accelerators["MLU590-M9"].dense_gflops == 0
    assert CATALOG.relative_speed_milli("MLU590-M9", "mlu590-96gb") == 1000


def test_a_speed_is_not_guessed() -> None:
    assert CATALOG.relative_speed_milli("MLU590-M9", "A100-80GB") is None
    assert CATALOG.relative_speed_milli("A100-80GB", "MLU590-M9") is None
    assert CATALOG.relative_speed_milli("A100-80GB", "nonesuch") is None
    for workload in Workload:
        assert CATALOG.relative_speed_milli("MLU590-M9", "H100", workload) is None


def test_a_stacks_version_tells_which_frameworks_it_carries() -> None:
    assert CATALOG.framework_versions("cann", "8.0.RC2", "torch") == (
        "1.11.0",
        "2.1.0",
        "2.2.0",
        "2.3.1",
    )
    assert CATALOG.framework_versions("cann", "8.0.RC2", "jax") == ()
    assert CATALOG.framework_versions("cann", "1.0", "torch") is None
    assert CATALOG.framework_versions("nonesuch", "1.0", "torch") is None


@pytest.mark.parametrize("written", ["cn-zhangjiakou", "Zhangjiakou", "张家口", "ZJK"])
def test_a_region_is_found_by_id_name_or_alias(written: str) -> None:
    region = CATALOG.find_region(written)
    assert region is not None
    assert region.id == "cn-zhangjiakou"


def test_an_unknown_region_gets_the_nearest_known_ones() -> None:
    assert CATALOG.find_region("cn-bejing") is None
    assert CATALOG.nearest_region("cn-bejing")[0] == "cn-beijing"


def test_the_catalogue_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CATALOG.accelerators["X1"] = CATALOG.accelerators["T4"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        CATALOG.accelerators["T4"].memory_mib = 1  # type: ignore[misc]


def test_an_empty_catalogue_answers_like_a_full_one() -> None:
    empty = Catalog(accelerators=(), stacks=(), regions=(), links=())
    assert empty.find_accelerator("A100") is None
    assert empty.nearest_accelerator("A100") == []
    assert empty.link("here", "there").derived
