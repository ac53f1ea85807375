"""`hutong up`."""

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from hutong.cli.children import Child, Children
from hutong.cli.main import show_error
from hutong.cli.output import note
from hutong.client.calls import Patience
from hutong.client.client import Client
from hutong.client.config import CLIENT_FILE, LOCAL_FOLDER, ClientFile, data_folder
from hutong.model.errors import HutongError, refuse
from hutong.wire.api import TokenRequest

ONCE = Patience(tries_count=1)


def up(
    *,
    data: Path | None = None,
    host: Annotated[str, Parameter(show_default=True)] = "127.0.0.1",
    port: Annotated[int, Parameter(show_default=True)] = 8470,
    site: tuple[Path, ...] = (),
    profile: Annotated[str, Parameter(show_default=True)] = "fair",
    log_level: Annotated[str, Parameter(show_default=True)] = "info",
    allow_remote: bool = False,
) -> int:
    """Run a hub on this machine, with sites if files name them.

    It serves until Ctrl-C or SIGTERM; jobs that run at its sites then go on, and are found again
    when it is started again. Each `--site` gets an agent as a child of this process.

    Parameters
    ----------
    data
        Folder of the hub's data. Else HUTONG_DATA, XDG_STATE_HOME/hutong or
        ~/.local/state/hutong.
    host
        Address to listen on.
    port
        Port to listen on; 0 takes any that is free.
    site
        A file that describes a site on this machine; may be repeated.
    profile
        Profile of the scheduler: a name of `hutong profiles list`, or a file that holds one.
    log_level
        What the hub logs: debug, info, warning or error.
    allow_remote
        Permit an address that other machines can reach. There is no TLS: put a proxy in front.
    """
    from hutong.server.main import HubConfig, serve

    folder = (data or data_folder()).absolute()
    sites = _sites(site)
    children = Children()
    beside: list[threading.Thread] = []

    def on_ready(url: str) -> None:
        beside.append(
            threading.Thread(target=_beside, args=(url, folder, sites, children), name="agents")
        )
        beside[0].start()

    try:
        return serve(
            HubConfig(
                data=folder, host=host, port=port, profile=profile, log_level=log_level,
                allow_remote=allow_remote,
            ),
            on_ready=on_ready,
        )  # fmt: skip
    finally:
        children.leave()
        for thread in beside:
            thread.join()


def _sites(files: Sequence[Path]) -> dict[str, Path]:
    """Read the site files, so that a mistake in one is told before anything is started."""
    if not files:
        return {}
    from hutong.connectors.local.sitefile import read_site_file

    sites: dict[str, Path] = {}
    for file in files:
        name = str(read_site_file(file).site.id)
        if name in sites:
            problem = f"{sites[name]} and {file} both describe the site {name}"
            raise refuse("cli.usage", problem=problem, command="up")
        sites[name] = file.absolute()
    return sites


def _beside(url: str, folder: Path, sites: dict[str, Path], children: Children) -> None:
    """What runs beside the hub: say that it serves, and keep the agents of its sites."""
    if sys.stdout.isatty():
        _greet(url, folder, tuple(sites))
    if not sites:
        return
    try:
        token = msgspec.json.decode((folder / CLIENT_FILE).read_bytes(), type=ClientFile).token
        with Client(url, token) as client:
            agents = [_agent(client, folder, name, file) for name, file in sites.items()]
    except HutongError as error:
        show_error(error)
    except OSError as problem:
        text = problem.strerror or str(problem)
        show_error(refuse("file.unreadable", file=str(folder), problem=text))
    else:
        children.keep(agents)


def _greet(url: str, folder: Path, sites: tuple[str, ...]) -> None:
    joined = f" with {', '.join(sites)}" if sites else ""
    note(f"The hub serves at {url}{joined}; its data is in {folder}. Ctrl-C ends it.")
    if folder not in (Path.cwd() / LOCAL_FOLDER, data_folder().absolute()):
        note(f"In another terminal: export HUTONG_DATA={folder}")


def _agent(client: Client, folder: Path, name: str, file: Path) -> Child:
    """Give what runs the agent of a site, with a token of its own."""
    root = folder / "sites" / name
    token = folder / "agents" / f"{name}.token"
    if not _still_good(client.url, token, name):
        made = client.create_token(TokenRequest(f"agent of {name}", "agent", name))
        _write_secret(token, made.secret)
    arguments = (
        "-m", "hutong.agent", "--hub", client.url, "--token-file", str(token), "--site", str(file),
        "--root", str(root),
    )  # fmt: skip
    return Child(f"The agent of {name}", arguments, folder / "agents" / f"{name}.log")


def _still_good(url: str, token: Path, name: str) -> bool:
    """Whether the token of an earlier run is one for this site.

    An agent may not ask who it is; the refusal says what the hub took it for.
    """
    try:
        secret = token.read_text().strip()
        with Client(url, secret, patience=ONCE) as client:
            client.whoami()
    except HutongError as error:
        return error.code == "auth.forbidden" and error.facts.get("scope") == f"agent of {name}"
    except (OSError, UnicodeDecodeError):
        pass
    return False


def _write_secret(file: Path, secret: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(secret + "\n")
    draft.replace(file)
