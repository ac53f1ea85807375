"""What `hutong profiles` prints, and that it can be read back."""

from pathlib import Path

import pytest

from hutong.client.formats.profiles import load_profile
from hutong.scheduler.profile import PROFILES
from tests.unit.cli.conftest import Cli


def test_all_profiles_are_listed(cli: Cli) -> None:
    ran = cli("profiles", "list")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.lines[1:]] == list(PROFILES)


@pytest.mark.parametrize("name", PROFILES)
def test_what_is_shown_can_be_edited_and_read_back(name: str, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.yaml"
    file.write_text(cli("profiles", "show", name).out)
    assert load_profile(str(file)) == PROFILES[name]


def test_a_name_that_is_none_is_answered_with_the_nearest(cli: Cli) -> None:
    ran = cli("profiles", "show", "fiar")
    assert ran.code != 0
    assert "did you mean `fair`?" in ran.err
