from typing import Any

import pytest

from hutong.model.errors import HutongError
from hutong.sim.generate import (
    CURVES,
    GENERATORS,
    MISHAPS,
    WORKLOADS,
    WORLDS,
    make_curve,
    make_mishaps,
    make_workload,
    make_world,
)


def test_every_generator_works_with_no_settings_at_all() -> None:
    world = make_world("made-world", {}, 1)
    assert all(len(list(make_workload(name, {"jobs_count": 3}, 1).jobs)) == 3 for name in WORKLOADS)
    assert all(make_curve(name, {}, 1).times_ms[0] == 0 for name in CURVES)
    assert all(isinstance(make_mishaps(name, {}, 1, world), tuple) for name in MISHAPS)
    assert len(GENERATORS) == len(WORKLOADS) + len(WORLDS) + len(CURVES) + len(MISHAPS)


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_goes_by_the_name_of_its_settings(name: str) -> None:
    assert GENERATORS[name].settings.name() == name


@pytest.mark.parametrize("name", GENERATORS)
def test_every_number_among_the_settings_has_its_range(name: str) -> None:
    kind = GENERATORS[name].settings
    numbers = [field for field in kind.__struct_fields__ if _is_number(getattr(kind(), field))]
    assert not [field for field in numbers if field not in kind.RANGES]


@pytest.mark.parametrize(
    ("name", "settings", "place", "problem"),
    [
        ("lublin", {"jobs_count": 0}, "jobs_count", "0 is not from 1 to 100,000,000"),
        ("lublin", {"jobs_count": "many"}, "jobs_count", "Expected `int`, got `str`"),
        ("lublin", {"job_count": 5}, "settings", "job_count"),
        ("ai-jobs", {"arrivals": {"kind": "hasty"}}, "arrivals.kind", "hasty"),
        ("ai-jobs", {"arrivals": {"kind": "weibull", "shape": 99}}, "shape", "99 is not from 0.1"),
        ("ai-jobs", {"gangs": [{"tasks": "x"}]}, "gangs[0].tasks", "Expected `int`"),
        ("ai-jobs", {"tides": {"hours": [1, 2]}}, "hours", "there are 2 weights, not 24"),
        ("ai-jobs", {"runs": {"kind": "lognormal", "sigma": float("nan")}}, "sigma", "nan"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_place_and_range(
    name: str, settings: dict[str, Any], place: str, problem: str
) -> None:
    with pytest.raises(HutongError) as caught:
        make_workload(name, settings, 1)
    assert caught.value.code == "generate.setting"
    assert caught.value.facts["setting"] == place
    assert problem in str(caught.value.facts["problem"])


def test_an_unknown_generator_is_refused_with_those_of_its_kind() -> None:
    with pytest.raises(HutongError) as caught:
        make_curve("lublin", {}, 1)
    assert caught.value.code == "generate.unknown"
    assert "carbon-curve" in caught.value.hint


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
