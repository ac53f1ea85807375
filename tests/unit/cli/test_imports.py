"""What a command must not import, since every call would pay for it."""

import json
import os
import subprocess
import sys

import pytest

from hutong.wire import api
from tests.unit.client.fakehub import FakeHub

HEAVY = (
    "rich", "httpx2", "numpy", "yaml", "starlette", "uvicorn", "asyncio", "prometheus_client",
    "sqlite3", "hutong.server", "hutong.agent", "hutong.store", "hutong.sim", "hutong.connectors",
    "hutong.scheduler.cycle", "hutong.client.formats",
)  # fmt: skip
TELL = """
import json, sys
from hutong.cli.main import main
code = main({words!r})
sys.stderr.write(json.dumps([code, sorted(sys.modules)]))
"""


def imported(words: tuple[str, ...], url: str) -> tuple[int, list[str]]:
    env = {**os.environ, "HUTONG_URL": url}
    program = TELL.format(words=list(words))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env,
        timeout=60,
    )  # fmt: skip
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, modules


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (("jobs",), ()),
        (("jobs", "--json"), ()),
        (("version",), ()),
        (("sites",), ()),
        (("--help",), ("rich",)),
        # Hutong's own readers; what reads YAML is left out for a program.
        (("plan", "--", "true"), ("hutong.client.formats",)),
    ],
)
def test_a_command_imports_only_what_it_needs(
    hub: FakeHub, words: tuple[str, ...], allowed: tuple[str, ...]
) -> None:
    view = api.JobView("j1", "a", "t", "queued", "normal", 1, 1, 1)
    hub.on("GET", "/v1/jobs", api.JobPage((view,)))
    hub.on("GET", "/v1/sites", [])
    hub.on("POST", "/v1/plan", api.PlanReply(()))
    code, modules = imported(words, hub.url)
    assert code == 0
    for heavy in HEAVY:
        if heavy not in allowed:
            assert heavy not in modules, f"hutong {' '.join(words)} imports {heavy}"


def test_an_agent_is_started_without_the_command_line_library(hub: FakeHub) -> None:
    _, modules = imported(("agent", "--help"), hub.url)
    assert "cyclopts" not in modules
