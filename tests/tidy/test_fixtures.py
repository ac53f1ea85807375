"""What `tests/conftest.py` promises to every test."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("host", ["192.0.2.1", "example.invalid"])
def test_no_connection_leaves_this_machine(host: str) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        pytest.raises(AssertionError, match="only loopback"),
    ):
        datagrams.connect((host, 9))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_open(host: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.connect((host, 9))
        assert datagrams.getpeername() == ("127.0.0.1", 9)


def test_home_is_not_the_home_of_who_runs_the_tests(own_home: Path) -> None:
    assert Path.home() == own_home
    assert not [name for name in os.environ if name.startswith("HUTONG_")]


def test_eventually_returns_the_first_true_value(eventually: Callable[..., Any]) -> None:
    values = iter([None, 0, "", "ready"])
    assert eventually(lambda: next(values)) == "ready"


def test_eventually_says_what_never_came(eventually: Callable[..., Any]) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"the job did not hold within 0 s \(last: 0\)"):
        eventually(lambda: 0, what="the job", within_s=0)
