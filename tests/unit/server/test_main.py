import asyncio
import json
import socket
import stat
from pathlib import Path

import pytest

from hutong.model.errors import HutongError
from hutong.server.local_token import CLIENT_FILE, write_client_file
from hutong.server.main import HubConfig, serve
from hutong.testing.store import MemoryDisk, MemoryStore
from tests.unit.server.world import World

URL = "http://127.0.0.1:8470"


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("host", "0.0.0.0", "TLS"),
        ("host", "192.168.1.1", "TLS"),
        ("host", "hub.example", "TLS"),
        ("port", 70_000, "no port"),
        ("profile", "faire", "fair"),
        ("log_level", "loud", "info"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_before_anything_is_touched(
    tmp_path: Path, setting: str, value: object, words: str
) -> None:
    data = tmp_path / "data"
    with pytest.raises(HutongError, match=r"hub\.config") as caught:
        serve(HubConfig(**{"data": data, setting: value}))
    if setting != "log_level":
        assert caught.value.facts["setting"] == setting
    assert words in caught.value.message
    assert not data.exists()


def test_a_port_in_use_is_told_before_the_store_is_opened(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(HutongError, match=r"hub\.config") as caught:
            serve(HubConfig(data=tmp_path, port=port))
    assert str(port) in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HutongError, match=r"hub\.config") as caught:
        serve(HubConfig(data=tmp_path / "file" / "data", port=0))
    assert caught.value.facts["setting"] == "data"


def write(disk: MemoryDisk, data: Path, url: str = URL) -> tuple[str, World]:
    async def play() -> World:
        async with World(MemoryStore(disk), data) as world:
            await write_client_file(world.hub, data, url)
            return world

    world = asyncio.run(play())
    found = json.loads((data / CLIENT_FILE).read_text())
    assert found["url"] == url
    return str(found["token"]), world


def test_the_first_start_writes_an_admin_token_for_the_owner_alone(tmp_path: Path) -> None:
    token, world = write(MemoryDisk(), tmp_path)
    assert stat.S_IMODE((tmp_path / CLIENT_FILE).stat().st_mode) == 0o600
    row = world.hub.tokens.usable(token, 0)
    assert row is not None
    assert (row.scope, row.name) == ("admin", "local")
    assert token not in str(world.store.disk.tokens)
    assert not list(tmp_path.glob("*.new"))


def test_a_later_start_keeps_the_token_and_tells_the_new_address(tmp_path: Path) -> None:
    disk = MemoryDisk()
    first, _ = write(disk, tmp_path)
    second, _ = write(disk, tmp_path, "http://127.0.0.1:9000")
    assert first == second


@pytest.mark.parametrize("content", [None, "{", '{"url": "x", "token": "hut_wrong"}'])
def test_a_lost_token_is_replaced_and_ends(tmp_path: Path, content: str | None) -> None:
    disk = MemoryDisk()
    first, _ = write(disk, tmp_path)
    if content is None:
        (tmp_path / CLIENT_FILE).unlink()
    else:
        (tmp_path / CLIENT_FILE).write_text(content)
    second, world = write(disk, tmp_path)
    assert first != second
    assert world.hub.tokens.usable(first, 0) is None
    assert world.hub.tokens.usable(second, 0) is not None
