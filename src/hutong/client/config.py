"""Where the hub is, and with which token: looked for in a fixed order, first found wins.

1. what the caller passes; 2. `HUTONG_URL` and `HUTONG_TOKEN`; 3. `client.json` in the folder that
`HUTONG_DATA` names; 4. `.hutong/client.json` in the working directory or a directory above it;
5. `client.json` in the default data folder. A token found in a file is only ever sent to the
address in the same file. A file that belongs to another user is passed over: a directory that
others can write to must not decide where jobs go.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from hutong.model.errors import refuse

URL_VARIABLE = "HUTONG_URL"
TOKEN_VARIABLE = "HUTONG_TOKEN"
DATA_VARIABLE = "HUTONG_DATA"
CLIENT_FILE = "client.json"
LOCAL_FOLDER = ".hutong"


class ClientFile(msgspec.Struct, frozen=True):
    """What a hub writes for the clients on its machine."""

    url: str
    token: str = ""


class Address(msgspec.Struct, frozen=True):
    """A hub, and where its address was found."""

    url: str
    token: str
    source: str

    def __repr__(self) -> str:
        return f"Address(url={self.url!r}, source={self.source!r})"


class Looked(msgspec.Struct, frozen=True):
    """One place that was looked at, and what came of it."""

    place: str
    outcome: str


class Search(msgspec.Struct, frozen=True):
    """Every place looked at, in order, and the address that came out (None: nowhere)."""

    address: Address | None
    looked: tuple[Looked, ...]


def data_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where a hub keeps its data unless told otherwise.

    `$HUTONG_DATA`, else `$XDG_STATE_HOME/hutong`, else `~/.local/state/hutong`.
    """
    env = os.environ if environ is None else environ
    if chosen := env.get(DATA_VARIABLE):
        return Path(chosen)
    if state := env.get("XDG_STATE_HOME"):
        return Path(state) / "hutong"
    return Path(env.get("HOME") or os.path.expanduser("~")) / ".local" / "state" / "hutong"


def find_hub(url: str = "", token: str = "") -> Address:
    """Give the hub to talk to.

    Raises `hub.unknown` when nothing names one, `config.invalid` when a file that would name it
    cannot be used.
    """
    address = search(url, token).address
    if address is None:
        raise refuse("hub.unknown")
    return address


def search(
    url: str = "",
    token: str = "",
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Search:
    """Look for the hub and keep account of every place, for `hutong doctor`."""
    env = os.environ if environ is None else environ
    spare_token = token or env.get(TOKEN_VARIABLE, "")
    if url:
        found = Address(url, spare_token, "the command line or the call")
        return Search(found, (Looked(found.source, url),))
    looked = []
    if named := env.get(URL_VARIABLE):
        found = Address(named, spare_token, f"${URL_VARIABLE}")
        return Search(found, (Looked(found.source, named),))
    looked.append(Looked(f"${URL_VARIABLE}", "not set"))
    for file in _files(env, folder or Path.cwd()):
        entry, outcome = _read(file)
        looked.append(Looked(str(file), outcome))
        if entry is not None:
            return Search(Address(entry.url, spare_token or entry.token, str(file)), tuple(looked))
    return Search(None, tuple(looked))


def _files(env: Mapping[str, str], folder: Path) -> Iterator[Path]:
    if env.get(DATA_VARIABLE):  # what somebody said comes before what is found lying about
        yield data_folder(env) / CLIENT_FILE
    for place in (folder, *folder.parents):
        file = place / LOCAL_FOLDER / CLIENT_FILE
        # Only those that exist: a list of every directory up to the root would tell nobody much.
        if place == folder or file.exists():
            yield file
    if not env.get(DATA_VARIABLE):
        yield data_folder(env) / CLIENT_FILE


def _read(file: Path) -> tuple[ClientFile | None, str]:
    try:
        owner = file.stat().st_uid
        if owner not in (os.getuid(), 0):
            return None, "passed over: it belongs to another user"
        text = file.read_bytes()
    except FileNotFoundError:
        return None, "does not exist"
    except OSError as problem:
        return None, f"cannot be read: {problem.strerror}"
    try:
        entry = msgspec.json.decode(text, type=ClientFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise refuse("config.invalid", file=str(file), problem=str(problem)) from None
    return entry, entry.url
