"""The admin token of the machine the hub runs on, in `<data>/client.json` for its owner alone.

The file is the credential: a hub that starts and finds it gone, or with a token that is no longer
good, makes a new token and revokes the one before it. Whoever can write into the data folder can
write into the store there too, so this gives nobody anything new.
"""

import os
from pathlib import Path

import msgspec

from hutong.model.errors import refuse
from hutong.server.hub import Hub
from hutong.server.log import LOG
from hutong.server.tokens import LOCAL_TOKEN, Scope, make_row, new_secret
from hutong.wire.api import TokenRequest

CLIENT_FILE = "client.json"


class _ClientFile(msgspec.Struct):
    url: str
    token: str = ""


async def write_client_file(hub: Hub, data: Path, url: str) -> None:
    """Make sure that the file has this address and a good token. Raises `store.unavailable`."""
    path = data / CLIENT_FILE
    found = _read(path)
    now_ms = hub.driver.clock.now_ms()
    row = hub.tokens.usable(found.token, now_ms) if found else None
    if found is not None and row is not None and row.scope == Scope.ADMIN:
        if found.url != url:
            _write(path, _ClientFile(url, found.token))
        return
    store = hub.driver.store
    for old in hub.tokens.rows():
        if old.name == LOCAL_TOKEN and not old.revoked_ms:
            revoked = msgspec.structs.replace(old, revoked_ms=now_ms)
            await hub.driver.write(store.put_token, revoked)
            hub.tokens.put(revoked)
    secret = new_secret()
    made = make_row(TokenRequest(LOCAL_TOKEN, Scope.ADMIN), secret, now_ms)
    await hub.driver.write(store.put_token, made)
    hub.tokens.put(made)
    _write(path, _ClientFile(url, secret))
    LOG.info("wrote a new admin token into %s", path)


def _read(path: Path) -> _ClientFile | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_ClientFile)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _write(path: Path, content: _ClientFile) -> None:
    """Put the file in its place whole, readable by its owner alone from the first byte on."""
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.unlink(missing_ok=True)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
            file.flush()
            os.fsync(fd)
        draft.replace(path)
    except OSError as problem:
        what = f"{path}: {problem.strerror or problem}"
        raise refuse("store.unavailable", problem=what) from None
