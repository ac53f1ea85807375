"""Where a client finds its hub."""

import json
import os
from pathlib import Path

import pytest

from hutong.client.config import data_folder, search
from hutong.model.errors import HutongError


def write(folder: Path, url: str = "http://127.0.0.1:1", token: str = "t") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "client.json"
    file.write_text(json.dumps({"url": url, "token": token}))
    return file


def test_what_the_caller_says_comes_first(tmp_path: Path) -> None:
    write(tmp_path / ".hutong")
    env = {"HUTONG_URL": "http://b", "HUTONG_TOKEN": "b"}
    found = search("http://a", "a", environ=env, folder=tmp_path).address
    assert found is not None
    assert (found.url, found.token) == ("http://a", "a")


def test_the_environment_comes_before_files(tmp_path: Path) -> None:
    write(tmp_path / ".hutong")
    env = {"HUTONG_URL": "http://b", "HUTONG_TOKEN": "b"}
    found = search(environ=env, folder=tmp_path).address
    assert found is not None
    assert (found.url, found.token, found.source) == ("http://b", "b", "$HUTONG_URL")


def test_a_file_of_a_directory_above_is_found(tmp_path: Path) -> None:
    file = write(tmp_path / ".hutong")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    result = search(environ={"HOME": str(tmp_path)}, folder=below)
    assert result.address is not None
    assert result.address.source == str(file)
    assert [looked.outcome for looked in result.looked] == [
        "not set", "does not exist", "http://127.0.0.1:1",
    ]  # fmt: skip


def test_the_data_folder_comes_last(tmp_path: Path) -> None:
    file = write(tmp_path / "state" / "hutong")
    env = {"XDG_STATE_HOME": str(tmp_path / "state")}
    found = search(environ=env, folder=tmp_path / "state").address
    assert found is not None
    assert found.source == str(file)


def test_a_data_folder_that_is_named_comes_before_what_lies_about(tmp_path: Path) -> None:
    write(tmp_path / ".hutong")
    named = write(tmp_path / "named", url="http://127.0.0.1:2")
    found = search(environ={"HUTONG_DATA": str(named.parent)}, folder=tmp_path).address
    assert found is not None
    assert found.source == str(named)


def test_a_files_token_is_not_sent_to_another_address(tmp_path: Path) -> None:
    write(tmp_path / ".hutong", token="of the file")
    env = {"HUTONG_URL": "http://elsewhere"}
    found = search(environ=env, folder=tmp_path).address
    assert found is not None
    assert found.token == ""


def test_a_token_of_the_environment_goes_to_the_address_of_a_file(tmp_path: Path) -> None:
    write(tmp_path / ".hutong", token="of the file")
    found = search(environ={"HUTONG_TOKEN": "mine"}, folder=tmp_path).address
    assert found is not None
    assert found.token == "mine"


def test_a_file_of_another_user_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / ".hutong")
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)
    if file.stat().st_uid == 0:
        os.chown(file, 12345, -1)
    result = search(environ={"HOME": str(tmp_path / "home")}, folder=tmp_path)
    assert result.address is None
    assert "another user" in result.looked[1].outcome


@pytest.mark.parametrize("text", ["", "{", "[]", '{"token": "t"}', '{"url": 1}', "\xff"])
def test_a_file_that_names_no_hub_is_an_error(tmp_path: Path, text: str) -> None:
    file = write(tmp_path / ".hutong")
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(HutongError) as caught:
        search(environ={}, folder=tmp_path)
    assert caught.value.code == "config.invalid"
    assert str(file) in caught.value.message


def test_an_address_does_not_show_its_token(tmp_path: Path) -> None:
    found = search("http://a", "hush", environ={}, folder=tmp_path).address
    assert "hush" not in repr(found)


@pytest.mark.parametrize(
    ("env", "folder"),
    [
        ({"HUTONG_DATA": "/d", "XDG_STATE_HOME": "/s", "HOME": "/h"}, "/d"),
        ({"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/hutong"),
        ({"HOME": "/h"}, "/h/.local/state/hutong"),
    ],
)
def test_data_folder_follows_its_order(env: dict[str, str], folder: str) -> None:
    assert str(data_folder(env)) == folder
