"""Every scenario gives the plan, with the explanation, that its file says."""

from pathlib import Path

import pytest
import yaml

from tests.scenarios.player import HERE, play, scenario_files


@pytest.mark.parametrize("path", scenario_files(), ids=lambda path: path.stem)
def test_a_scenario_gives_its_plan(path: Path) -> None:
    scenario = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert scenario["shows"]
    assert play(scenario) == scenario["plan"]


def test_every_scenario_has_a_place_in_the_list() -> None:
    assert len(scenario_files()) >= 12


def test_every_scenario_is_listed_under_what_it_shows() -> None:
    listed = (HERE / "README.md").read_text(encoding="utf-8")
    assert [path.stem for path in scenario_files() if f"`{path.stem}`" not in listed] == []
