"""The command run in this process against a scripted hub, at 80 columns."""

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from hutong.cli import human
from hutong.cli.main import main
from tests.unit.cli import world
from tests.unit.client.fakehub import FakeHub, running


@dataclass(frozen=True)
class Ran:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Cli = Callable[..., Ran]


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with running() as server:
        yield server


@pytest.fixture
def cli(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Return `cli(*words, stdin=b"")`. The clock stands still at `world.NOW`, in UTC."""
    monkeypatch.setenv("HUTONG_URL", hub.url)
    monkeypatch.setenv("HUTONG_TOKEN", "secret")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(human, "now_ms", lambda: world.NOW)

    def run(*words: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfd.readouterr()
        code = main(words)
        said = capfd.readouterr()
        return Ran(code, said.out, said.err)

    return run
