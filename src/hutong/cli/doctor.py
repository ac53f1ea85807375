"""`hutong doctor`."""

import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

import hutong
from hutong.cli import human, output
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.client.client import Client
from hutong.client.config import Address, data_folder, search
from hutong.model.errors import HutongError, refuse
from hutong.model.limits import MIB
from hutong.scheduler.profile import Profile
from hutong.scheduler.profile_check import check_profile
from hutong.wire.api import HealthReply, WhoReply

OLDEST_PYTHON = (3, 11)
SKEW_MS = 2_000
LITTLE_DISK_BYTES = 1024 * MIB
NO_DISK_BYTES = 64 * MIB
STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one check found. `outcome` is `ok`, `warn` or `fail`."""

    check: str
    outcome: str
    found: str
    hint: str = ""


def doctor(*, profile: str = "", json: Json = False, hub: Hub = ANY_HUB) -> int:
    """Check this installation, the way to the hub, and its profile.

    Exits with 1 when a check fails; warnings do not count.

    Parameters
    ----------
    profile
        Check this profile alone: a name of `hutong profiles list`, or a file.
    """
    findings = []
    for finding in _of_file(profile) if profile else _findings(hub):
        findings.append(finding)
        if not json:
            _show(finding)
    if json:
        output.document(findings)
    return int(any(finding.outcome == "fail" for finding in findings))


def _findings(hub: Hub) -> Iterator[Finding]:
    yield _python()
    try:
        result = search(hub.url, hub.token)
    except HutongError as error:
        yield _failed("address", error)
        return
    for place in result.looked:
        if result.address is None or place.place != result.address.source:
            yield Finding("looked", "ok", f"{place.place}: {place.outcome}")
    if result.address is None:
        yield _failed("address", refuse("hub.unknown"))
        yield from _disk(data_folder())
        return
    yield from _address(result.address)
    yield from _hub(result.address)
    folder = Path(result.address.source).parent
    yield from _disk(folder if folder.is_absolute() else data_folder())


def _of_file(name_or_file: str) -> Iterator[Finding]:
    from hutong.client.formats.profiles import load_profile

    try:
        profile = load_profile(name_or_file)
    except HutongError as error:
        yield _failed("profile", error)
        return
    yield from _profile(profile)


def _profile(profile: Profile) -> Iterator[Finding]:
    """What is odd about a profile; one that could not be used never gets here from a hub."""
    from hutong.client.formats.profiles import key_of, shown

    told = f"{profile.name}: {profile.order} order, {profile.backfill} backfill"
    names = ", ".join(rule.name for rule in profile.classes)
    yield Finding("profile", "ok", f"{told}, classes {names}")
    for finding in check_profile(profile):
        value = getattr(profile, finding.setting)
        key = key_of(finding.setting)
        setting = key if finding.setting == "classes" else f"{key}: {shown(finding.setting, value)}"
        outcome = "fail" if finding.fails else "warn"
        yield Finding("profile", outcome, f"{setting}: {finding.problem}", finding.advice)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        return Finding("python", "fail", version, f"Python {wanted} or newer is needed.")
    return Finding("python", "ok", f"{version} at {sys.executable}")


def _address(address: Address) -> Iterator[Finding]:
    yield Finding("address", "ok", f"{address.url}, from {address.source}")
    file = Path(address.source)
    if file.is_absolute():
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            hint = f"It holds a token: chmod 600 {file}"
            yield Finding("address", "warn", f"others may read {file} (mode {mode:03o})", hint)


def _hub(address: Address) -> Iterator[Finding]:
    try:
        with Client(address.url, address.token, timeout_ms=10_000) as client:
            alive = client.alive()
            yield _alive(alive)
            yield _version(alive)
            try:
                yield _token(client.whoami())
            except HutongError as error:
                yield _failed("token", error)
                return
            yield from _clock(client)
            yield from _sites(client)
            yield from _profile(client.profile())
    except HutongError as error:
        yield _failed("hub", error)


def _alive(alive: HealthReply) -> Finding:
    queue = f"{alive.queued:,} queued, {alive.running:,} running"
    found = f"{alive.status}, hub {alive.hub} at position {alive.position:,}, {queue}"
    return Finding("hub", "ok" if alive.status == "ok" else "warn", found)


def _version(alive: HealthReply) -> Finding:
    if alive.version == hutong.__version__:
        return Finding("version", "ok", f"{hutong.__version__} here and at the hub")
    found = f"{hutong.__version__} here, {alive.version} at the hub"
    return Finding("version", "warn", found, "Install the same version on both sides.")


def _token(who: WhoReply) -> Finding:
    subject = f" of {who.subject}" if who.subject else ""
    return Finding("token", "ok", f"{who.name}: {who.scope}{subject}")


def _clock(client: Client) -> Iterator[Finding]:
    skew = client.clock_skew_ms()
    if skew is None:
        return
    if abs(skew) < SKEW_MS:
        yield Finding("clock", "ok", "agrees with the hub's to a second or two")
        return
    which = "ahead of" if skew > 0 else "behind"
    found = f"the hub's is {human.duration(abs(skew))} {which} this machine's"
    yield Finding(
        "clock", "warn", found, "Let both follow a time server; logins and bills say when."
    )


def _sites(client: Client) -> Iterator[Finding]:
    sites = client.sites()
    if not sites:
        yield Finding("sites", "warn", "none has joined", "`hutong agent --help` shows how.")
    silent = [site for site in sites if site.status == "silent"]
    now = human.now_ms()
    for site in silent:
        heard = f"silent, last heard {human.duration(now - site.seen_ms)} ago"
        hint = "Look at its agent, and at the link to it."
        yield Finding("sites", "warn", f"{site.id}: {heard}", hint)
    if len(sites) > len(silent):
        yield Finding("sites", "ok", f"{human.counted(len(sites) - len(silent), 'site')} heard")


def _disk(folder: Path) -> Iterator[Finding]:
    place = next((place for place in (folder, *folder.parents) if place.is_dir()), Path("/"))
    free = shutil.disk_usage(place).free
    found = f"{human.memory(free // MIB)} free for {folder}"
    if free < NO_DISK_BYTES:
        yield Finding("disk", "fail", found, "A hub there can accept nothing: make room.")
    elif free < LITTLE_DISK_BYTES:
        yield Finding("disk", "warn", found, "A journal and logs grow: make room.")
    else:
        yield Finding("disk", "ok", found)


def _failed(check: str, error: HutongError) -> Finding:
    return Finding(check, "fail", f"[{error.code}] {error.message}", error.hint)


def _show(finding: Finding) -> None:
    mark = f"{finding.outcome:<4}  {finding.check:<8}"
    output.sentence(finding.found, mark=mark, style=STYLES[finding.outcome], indent=0)
    if finding.hint:
        output.sentence(finding.hint, mark="hint:", indent=16)
    sys.stdout.flush()
