"""What traces call their chips is found in the catalogue, or kept apart."""

import pytest

from hutong.catalog import load_catalog
from hutong.sim.trace import chips
from hutong.sim.trace.names import tenant_name


@pytest.mark.parametrize(
    ("word", "model"),
    [
        ("V100M16", "V100-16GB"),
        ("V100M32", "V100-32GB"),
        ("P100", "P100-16GB"),
        ("k80", "K80"),
        ("T4", "T4"),
        ("1080Ti", "GTX-1080Ti"),
        ("Tesla P100-PCIE-16GB", "P100-16GB-PCIe"),
        ("G2", "Undisclosed-G2"),
        ("any", "any"),
        ("Abacus", None),
    ],
)
def test_word_of_a_trace_means_a_model(word: str, model: str | None) -> None:
    assert chips.model_of(word) == model


def test_every_meant_model_is_in_the_catalogue_of_traces() -> None:
    known = chips.trace_catalog().accelerators
    assert [model for model in chips.MEANT.values() if model not in (*known, "any")] == []


def test_undisclosed_chips_are_no_chips_of_the_packaged_catalogue() -> None:
    for row in chips.undisclosed():
        assert load_catalog().find_accelerator(row.name) is None
        assert chips.trace_catalog().find_accelerators(row.name) == (row,)
        assert row.declared
        assert row.memory_mib > 0


def test_word_of_a_family_allows_all_its_variants() -> None:
    assert {"A100-40GB", "A100-80GB"} <= set(chips.models_of("a100"))
    assert chips.models_of("V100M16") == ("V100-16GB",)
    assert chips.models_of("Abacus") == ()


@pytest.mark.parametrize(
    ("count", "gang"),
    [
        (0, (1, 0)),
        (1, (1, 1)),
        (8, (1, 8)),
        (12, (2, 6)),
        (16, (2, 8)),
        (24, (3, 8)),
        (13, (13, 1)),
    ],
)
def test_chips_beyond_a_node_are_spread_evenly(count: int, gang: tuple[int, int]) -> None:
    assert chips.gang(count) == gang


def test_tenants_of_two_words_are_two() -> None:
    assert tenant_name("vc-a") == "vc-a"
    assert tenant_name("") == "default"
    assert len({tenant_name(word) for word in ("vcAB", "vcab", "vcAb", "VCab", "vc ab")}) == 5
