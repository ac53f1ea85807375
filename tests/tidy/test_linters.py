"""The linters pass over the project, and catch what is planted before them.

Running them as tests makes `make test` the one command that proves a change.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.tree import PACKAGE, ROOT

BIN = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path = ROOT, stdin: str = "") -> tuple[int, str]:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "--quiet", "."),
        ("ruff", "format", "--check", "--quiet", "--diff", "."),
        ("mypy",),
        ("lint-imports", "--no-cache"),
    ],
    ids=" ".join,
)
def test_the_project_passes(command: tuple[str, ...]) -> None:
    status, output = run(BIN / command[0], *command[1:])
    assert status == 0, output


@pytest.mark.parametrize(
    ("path", "code", "rule"),
    [
        ("src/hutong/scheduler/a.py", "import time\n\ntime.time()\n", "TID251"),
        ("src/hutong/sim/a.py", "import random\n\nrandom.shuffle([])\n", "TID251"),
        ("src/hutong/model/a.py", "import datetime\n\ndatetime.datetime.now()\n", "TID251"),
        ("src/hutong/lifecycle/a.py", "import secrets\n", "TID251"),
        ("src/hutong/server/a.py", "print('here')\n", "T201"),
        ("src/hutong/client/a.py", "def f(force: bool): ...\n", "FBT001"),
        ("src/hutong/agent/a.py", "from . import loop\n", "TID252"),
        ("src/hutong/connectors/a.py", "import os\n\nos.system('true')\n", "S605"),
        ("src/hutong/store/a.py", "x = 1\n", "D100"),
        ("src/hutong/store/__init__.py", "x = 1\n", "D104"),
    ],
)
def test_ruff_catches(path: str, code: str, rule: str) -> None:
    status, output = run(BIN / "ruff", "check", "--stdin-filename", path, "-", stdin=code)
    assert status == 1
    assert rule in output


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("src/hutong/agent/a.py", '"""Reads the clock."""\n\nimport time\n\ntime.time()\n'),
        ("src/hutong/cli/a.py", '"""Prints."""\n\nprint("here")\n'),
    ],
)
def test_ruff_lets_drivers_do_what_only_they_may(path: str, code: str) -> None:
    status, output = run(BIN / "ruff", "check", "--stdin-filename", path, "-", stdin=code)
    assert status == 0, output


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """A project with the packages of this one, all empty, under the same import contracts."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in [PACKAGE, *(init.parent for init in PACKAGE.glob("*/__init__.py"))]:
        made = tmp_path / package.relative_to(PACKAGE.parent)
        made.mkdir()
        (made / "__init__.py").touch()
    return tmp_path


def lint_imports(project: Path) -> tuple[int, str]:
    """Check the `hutong` that lies in `project`: the working directory comes first on the path."""
    return run(BIN / "lint-imports", "--no-cache", cwd=project)


def test_the_import_contracts_hold_for_empty_packages(skeleton: Path) -> None:
    status, output = lint_imports(skeleton)
    assert status == 0, output


@pytest.mark.parametrize(
    ("module", "code", "contract"),
    [
        ("wire/up.py", "import hutong.server", "Imports point down only"),
        ("model/up.py", "import hutong.catalog", "Imports point down only"),
        ("server/beside.py", "import hutong.agent", "Imports point down only"),
        ("sim/beside.py", "import hutong.planning", "Imports point down only"),
        ("store/beside.py", "import hutong.connectors", "Imports point down only"),
        ("newcomer/__init__.py", "", "Imports point down only"),
        ("model/clock.py", "import time", "The pure packages"),
        ("scheduler/chance.py", "from random import Random", "The pure packages"),
        ("lifecycle/files.py", "from pathlib import Path", "The pure packages"),
        ("lifecycle/waits.py", "import asyncio", "The pure packages"),
        ("catalog/net.py", "import httpx2", "The catalogue reads"),
        ("wire/net.py", "import starlette.routing", "The wire holds values"),
        ("model/columns.py", "import numpy", "Only the scheduler"),
    ],
)
def test_an_import_contract_catches(skeleton: Path, module: str, code: str, contract: str) -> None:
    planted = skeleton / "hutong" / module
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(code + "\n")
    status, output = lint_imports(skeleton)
    assert status == 1
    broken = [line for line in output.splitlines() if line.endswith("BROKEN")]
    if module.startswith("newcomer/"):
        assert "hutong.newcomer" in output
    else:
        assert [line for line in broken if line.startswith(contract)], output


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("planning/down.py", "import hutong.sim"),
        ("cli/console.py", "import hutong.console"),
        ("scheduler/columns.py", "import numpy"),
        ("catalog/files.py", "from pathlib import Path"),
    ],
)
def test_the_import_contracts_allow(skeleton: Path, module: str, code: str) -> None:
    (skeleton / "hutong" / module).write_text(code + "\n")
    status, output = lint_imports(skeleton)
    assert status == 0, output


def test_mypy_is_strict(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("def f(x): return x\n")
    status, output = run(BIN / "mypy", "--cache-dir", tmp_path / "cache", planted)
    assert status == 1
    assert "no-untyped-def" in output
