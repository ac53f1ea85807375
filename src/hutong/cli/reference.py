"""The command line as data, for the generated reference: taken from the commands themselves."""

import inspect
import re
import textwrap
from typing import Any

import msgspec
from cyclopts import App, Argument, Group

from hutong.cli.app import COMMANDS, app
from hutong.cli.main import ELSEWHERE


class Option(msgspec.Struct, frozen=True):
    """One thing a command takes. `names` is empty for a positional argument, whose `value` is its
    name; `value` is empty for a flag."""

    names: tuple[str, ...]
    value: str
    help: str
    group: str
    default: str = ""
    required: bool = False
    repeatable: bool = False
    choices: tuple[str, ...] = ()


class Described(msgspec.Struct, frozen=True):
    """One command. `words` is how it is called, without `hutong`. `own_parser` says that its
    options are those that `--help` behind it lists, of another part of the program."""

    words: tuple[str, ...]
    group: str
    summary: str
    details: str
    options: tuple[Option, ...] = ()
    own_parser: bool = False


def describe() -> list[Described]:
    """Give every command in the order of the help, subcommands behind their command."""
    described = []
    for name, group, _, line in COMMANDS:
        command = app[name]
        if command.default_command is not None:
            described.append(_command((name,), str(group.name), line, command))
            continue
        for below in command:
            if not below.startswith("-"):
                words = (name, below)
                described.append(_command(words, str(group.name), "", command[below]))
    return described


def _command(words: tuple[str, ...], group: str, line: str, command: App) -> Described:
    summary, details = _texts(command.default_command)
    own = words[0] in ELSEWHERE
    return Described(
        words, group, line or summary, details, () if own else _options(command), own_parser=own
    )


def _texts(function: Any) -> tuple[str, str]:
    """Split a docstring into its first line and the rest before the list of parameters."""
    text = inspect.cleandoc(function.__doc__ or "")
    summary, _, rest = text.partition("\n\n")
    details = re.split(r"(?:^|\n)Parameters\n-+\n", rest)[0].strip()
    return " ".join(summary.split()), details


def _options(command: App) -> tuple[Option, ...]:
    return tuple(
        _option(argument)
        for argument in command.assemble_argument_collection(parse_docstring=True)
        if argument.parse and argument.show
    )


def _option(argument: Argument) -> Option:
    shown = argument.parameter
    negatives = set(argument.negatives)
    names = tuple(name for name in argument.names if name.startswith("-") and name not in negatives)
    repeatable = "..." in str(argument.hint)
    choices = tuple(argument.get_choices() or ())
    value = "" if argument.hint in (bool, bool | None) else _value(argument.hint, choices)
    if not names:
        value = str(argument.name).lstrip("-").upper()
    return Option(
        names,
        value,
        textwrap.dedent(str(shown.help or "")).strip(),
        _group(shown.group),
        str(argument.field_info.default) if shown.show_default else "",
        bool(argument.required),
        repeatable,
        choices,
    )


def _value(hint: Any, choices: tuple[str, ...]) -> str:
    if choices:
        return "CHOICE"
    return "NUMBER" if "int" in str(hint) else "TEXT"


def _group(groups: Any) -> str:
    return next((group.name for group in groups or () if isinstance(group, Group)), "")
