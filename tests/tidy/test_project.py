"""The project's own files: what is pinned, what make offers, what CI runs."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.tidy.tree import ROOT

PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)(?: ; ([^\\]*\S))? \\$", re.MULTILINE)


def pins(name: str) -> dict[str, set[str]]:
    """Return what a requirements file pins: versions by package (two where markers part them)."""
    found: dict[str, set[str]] = {}
    for package, version, _marker in PINNED.findall((ROOT / "requirements" / name).read_text()):
        found.setdefault(package, set()).add(version)
    return found


def named(requirements: list[object]) -> list[str]:
    """Return the bare package names of a list of requirements; included groups are left out."""
    texts = [text for text in requirements if isinstance(text, str)]
    return [re.split(r"[\[<>=~! ]", text, maxsplit=1)[0].lower() for text in texts]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_every_pin_has_hashes_and_nothing_else_is_in_the_file(name: str) -> None:
    entry = re.compile(r"[a-z0-9._-]+==\S+(?: ; .+?)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n")
    text = (ROOT / "requirements" / name).read_text()
    rest = entry.sub("", re.sub(r"(?m)^\s*#.*\n", "", text))
    assert pins(name)
    assert not rest, (
        f"requirements/{name} holds more than hashed pins; run `make lock`: {rest[:200]}"
    )


def test_run_pins_all_that_the_project_needs_and_its_build(project: dict[str, Any]) -> None:
    needed = named(project["project"]["dependencies"]) + named(project["build-system"]["requires"])
    missing = sorted(set(needed) - set(pins("run.txt")))
    assert not missing, f"not pinned in requirements/run.txt, run `make lock`: {missing}"


def test_dev_pins_the_same_versions_as_run_and_the_tools(project: dict[str, Any]) -> None:
    run, dev = pins("run.txt"), pins("dev.txt")
    tools = named(project["dependency-groups"]["dev"])
    assert {name: dev.get(name) for name in run} == run
    assert not sorted(set(tools) - set(dev)), "run `make lock`"


def test_what_is_pinned_is_what_is_installed() -> None:
    import importlib.metadata

    installed = {
        d.metadata["Name"].lower().replace("_", "-"): d.version
        for d in importlib.metadata.distributions()
    }
    wrong = {
        name: (sorted(versions), installed.get(name))
        for name, versions in pins("run.txt").items()
        if name in installed and installed[name] not in versions
    }
    assert not wrong, f"pinned and installed versions differ; run `make clean test`: {wrong}"


def make(*words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_make_help_names_every_target() -> None:
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets is not None
    shown = re.findall(r"^  make (\S+) +\S", make("help"), re.MULTILINE)
    assert sorted(shown) == sorted(targets.group(1).split())
    assert make() == make("help"), "make alone prints the help"


def test_make_help_fits_a_terminal_of_100_columns() -> None:
    assert max(map(len, make("help").splitlines())) <= 100


@pytest.mark.parametrize(
    "target",
    ["run", "test", "check", "sim", "bench", "bench-scheduler", "scoreboard", "docs", "lock"],
)
def test_no_recipe_echoes_itself(target: str) -> None:
    """With JSON=1 stdout holds the figures only, so nothing may write a command there."""
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^\.SILENT:$", makefile, re.MULTILINE)
    commands = make(
        "-n", "-o", ".venv/.made-stamp", "-o", ".venv/.run-stamp", "-o", ".venv/.dev-stamp", target
    )
    assert ".venv/bin/" in commands
    assert "echo" not in commands


def test_all_that_an_installation_says_goes_to_stderr() -> None:
    recipes = (ROOT / "Makefile").read_text().split("# All output of an installation", 1)[1]
    speaking = re.findall(
        r"^.*(?:\becho\b|\$\(PIP\)|-m venv |compileall).*$", recipes, re.MULTILINE
    )
    assert len(speaking) >= 8
    assert [line for line in speaking if ">&2" not in line and "2>/dev/null" not in line] == []


def test_an_interpreter_that_is_too_old_or_missing_gets_a_sentence(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / "requirements").mkdir()
    for name in ("pyproject.toml", "requirements/run.txt"):
        (tmp_path / name).touch()
    done = subprocess.run(
        ["make", "run", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert done.stdout == ""
    assert "Python 3.11 or newer is needed" in done.stderr


def test_an_interpreter_without_venv_names_the_debian_package(tmp_path: Path) -> None:
    bare = tmp_path / "python3"
    bare.write_text(
        f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n'
    )
    bare.chmod(0o755)
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / "requirements").mkdir()
    for name in ("pyproject.toml", "requirements/run.txt"):
        (tmp_path / name).touch()
    done = subprocess.run(
        ["make", "run", f"PYTHON={bare}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_ci_runs_the_test_command_of_the_newcomer() -> None:
    script = ROOT / ".ci" / "run"
    lines = script.read_text().splitlines()
    assert "set -euo pipefail" in lines
    assert "make test" in lines
    assert os.access(script, os.X_OK)
