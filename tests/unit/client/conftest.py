"""A scripted hub and a client of it that does not wait long."""

from collections.abc import Iterator

import pytest

from hutong.client.calls import Patience
from hutong.client.client import Client
from tests.unit.client.fakehub import FakeHub, running

QUICK = Patience(tries_count=3, first_ms=1, cap_ms=4, outage_ms=200)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with running() as server:
        yield server


@pytest.fixture
def client(hub: FakeHub) -> Iterator[Client]:
    with Client(hub.url, "secret", timeout_ms=5_000, patience=QUICK) as ready:
        yield ready
