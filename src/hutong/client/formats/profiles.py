"""Profile files: the scheduler's settings as an operator writes them.

A file begins with a profile that comes with Hutong (`base`, `fair` unless it says another) and
changes what it names. Keys are the settings without their units, which stand in the values: `7d`,
`50%`, `20 CNY`. A file is read in full or refused with its line.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from hutong.catalog import load_catalog
from hutong.client.formats import times, words
from hutong.client.formats.nodes import Keys, Node, documents
from hutong.client.formats.source import Source, decode
from hutong.client.formats.writer import decimal, duration
from hutong.model import limits
from hutong.model.classes import ClassRule
from hutong.model.errors import refuse
from hutong.scheduler.profile import PROFILES, Profile
from hutong.scheduler.profile_check import RANGES, WORDS, check_profile

DEFAULT_BASE = "fair"
UNITS = ("_ms", "_milli", "_microcny", "_microcny_per_kg", "_count")
CLASS_KEYS = Keys(
    ("name", "evicts_from", "bound"), meant={"evicts": "`evicts_from`", "preempts": "`evicts_from`"}
)


def key_of(setting: str) -> str:
    """Give the key of a setting in a file: its name without the unit."""
    if setting.endswith("_microcny_per_kg"):
        return setting.replace("_microcny", "")
    for unit in UNITS:
        if setting.endswith(unit):
            return setting.removesuffix(unit)
    return setting


SETTINGS = {
    key_of(field.name): field.name
    for field in msgspec.structs.fields(Profile)
    if field.name != "name"
}
"""Settings by their keys in a file."""

KEYS = Keys(
    ("name", "base", *SETTINGS),
    meant={
        **{name: f"`{key}`" for key, name in SETTINGS.items() if name != key},
        "half_life": "`share_half_life`", "priorities": "`classes`", "extends": "`base`",
    },
)  # fmt: skip


def load_profile(name_or_file: str) -> Profile:
    """Give a profile by its name, or read it from a file.

    A word with a `/` or a `.` in it is a file. Raises `hub.config` for a name that no profile has,
    and what `read_profile` raises.
    """
    if name_or_file in PROFILES:
        return PROFILES[name_or_file]
    path = Path(name_or_file)
    if "/" not in name_or_file and "." not in name_or_file and not path.is_file():
        like = words.nearest(name_or_file, PROFILES)
        hint = f"; did you mean `{like}`?" if like else ""
        problem = f"there is no profile `{name_or_file}`; there are {', '.join(PROFILES)}{hint}"
        raise refuse("hub.config", setting="profile", problem=problem)
    try:
        with path.open("rb") as file:
            data = file.read(limits.JOB_FILE_BYTES + 1)
    except OSError as problem:
        text = problem.strerror or str(problem)
        raise refuse("file.unreadable", file=name_or_file, problem=text) from None
    return read_profile(decode(data, name_or_file), name_or_file)


def read_profile(text: str, file: str) -> Profile:
    """Read a profile file. Raises an error of `file.*` with the line of what cannot be."""
    source = Source(text, file, load_catalog())
    roots = documents(source)
    if len(roots) > 1:
        raise source.syntax(roots[1].line, "it has two documents", "Write one profile a file.")
    fields = roots[0].fields(KEYS)
    changes: dict[str, Any] = {"name": _name(fields, file)}
    base = DEFAULT_BASE
    if "base" in fields:
        base = fields["base"].choice(tuple(PROFILES))
    for key, node in fields.items():
        if key in SETTINGS:
            changes[SETTINGS[key]] = _value(SETTINGS[key], node)
    profile = msgspec.structs.replace(PROFILES[base], **changes)
    for finding in check_profile(profile):
        if finding.fails:
            raise fields[key_of(finding.setting)].bad(finding.problem, finding.advice)
    return profile


def _name(fields: dict[str, Node], file: str) -> str:
    if "name" not in fields:
        return Path(file).stem[: limits.NAME_CHARS] or "profile"
    name = fields["name"].text()
    if not name.isprintable() or len(name) > limits.NAME_CHARS:
        problem = f"it is not one line of at most {limits.NAME_CHARS} characters"
        raise fields["name"].bad(problem, "Shorten it.")
    if name in PROFILES:
        raise fields["name"].bad("a profile that comes with Hutong has it", "Choose another one.")
    return name


def _value(setting: str, node: Node) -> object:
    if setting == "classes":
        return tuple(_class(item) for item in node.items())
    if setting in WORDS:
        return node.choice(WORDS[setting])
    if setting not in RANGES:
        return node.flag()
    low, high = RANGES[setting]
    if setting.endswith("_count"):
        return node.whole(low, high)
    return node.read(_readings()[setting.rpartition("_")[2]])


def _readings() -> dict[str, Callable[[str], int]]:
    """How a value is read, by the last word of its setting."""
    return {
        "ms": times.duration_or_zero_ms,
        "milli": words.percent_milli,
        "microcny": _money,
        "kg": _money,
    }


def _money(word: str) -> int:
    return 0 if word.strip() in {"0", "0 CNY"} else words.money_microcny(word)


def _class(node: Node) -> ClassRule:
    if not node.is_mapping:
        return ClassRule(node.read(words.priority_class))
    fields = node.fields(CLASS_KEYS)
    if "name" not in fields:
        raise node.bad("it has no `name`", "Write for example `{name: urgent, evicts_from: low}`.")
    return ClassRule(
        fields["name"].read(words.priority_class),
        fields["evicts_from"].text() if "evicts_from" in fields else "",
        fields["bound"].read(times.duration_or_zero_ms) if "bound" in fields else 0,
    )


def profile_to_yaml(profile: Profile) -> str:
    """Write every setting of a profile as a file to edit; reading it gives the same settings."""
    lines = [f"base: {profile.name}" if profile.name in PROFILES else f"name: {profile.name}"]
    for key, setting in SETTINGS.items():
        value = getattr(profile, setting)
        if setting == "classes":
            lines += ["classes:", *(f"  - {_shown_class(rule)}" for rule in value)]
        else:
            lines.append(f"{key}: {shown(setting, value)}")
    return "\n".join(lines) + "\n"


def shown(setting: str, value: object) -> str:
    """Write a setting's value as a file has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, int):
        return str(value)
    match setting.rpartition("_")[2]:
        case "ms":
            return duration(value)
        case "milli":
            return f"{decimal(value * 100, 1000)}%"
        case "microcny" | "kg":
            return f"{decimal(value, 1_000_000)} CNY"
        case _:
            return str(value)


def _shown_class(rule: ClassRule) -> str:
    parts = [f"name: {rule.name}"]
    if rule.evicts_from:
        parts.append(f"evicts_from: {rule.evicts_from}")
    if rule.bound_ms:
        parts.append(f"bound: {duration(rule.bound_ms)}")
    return f"{{{', '.join(parts)}}}"
