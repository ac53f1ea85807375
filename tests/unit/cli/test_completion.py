"""Shell completion, tried by sourcing it."""

import subprocess
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Cli

# Completes one line the way bash does, and prints the candidates.
DRIVE = """
. "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_hutong hutong "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def complete(cli: Cli, tmp_path: Path) -> object:
    script = tmp_path / "hutong.bash"
    ran = cli("completion", "bash")
    assert ran.code == 0
    script.write_text(ran.out)
    (tmp_path / "train.yaml").touch()

    def candidates(*words: str) -> list[str]:
        done = subprocess.run(
            ["bash", "-c", DRIVE, "bash", str(script), "hutong", *words],
            capture_output=True, text=True, check=True, cwd=tmp_path, timeout=30,
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout.split()

    return candidates


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("su",), ["submit"]),
        (("token", ""), ["create", "list", "revoke"]),
        (("submit", "--pri"), ["--priority"]),
        (("submit", "tr"), ["train.yaml"]),
        (("plan", "tr"), ["train.yaml"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("token", "create", "x", "--scope", "a"), ["admin", "agent"]),
        (("nonsense",), []),
    ],
)
def test_bash_completes(complete, words: tuple[str, ...], found: list[str]) -> None:  # type: ignore[no-untyped-def]
    assert complete(*words) == found


def test_bash_offers_every_command(complete) -> None:  # type: ignore[no-untyped-def]
    from hutong.cli.app import COMMANDS

    assert complete("") == [row[0] for row in COMMANDS]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_their_scripts(cli: Cli, shell: str) -> None:
    ran = cli("completion", shell)
    assert ran.code == 0
    assert "submit" in ran.out


def test_completion_is_installed_for_good(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".bashrc").write_text("# mine\n")
    ran = cli("--install-completion", "--shell", "bash", "--leave-startup")
    assert ran.code == 0
    (script,) = (path for path in tmp_path.rglob("hutong") if path.is_file())
    assert "complete -F _hutong hutong" in script.read_text()
    assert (tmp_path / ".bashrc").read_text() == "# mine\n"
    cli("--install-completion", "--shell", "bash")
    assert str(script) in (tmp_path / ".bashrc").read_text()
