"""The command line, from the commands themselves."""

import argparse
import re
from collections.abc import Sequence

from cyclopts import App

from hutong.cli.main import FAILED, INTERRUPTED, OK, READER_LEFT, USAGE
from hutong.cli.reference import Described, Option, _texts, describe
from hutong.cli.reference import _options as _cyclopts
from scripts.reference.text import code, listed, page, table

CONNECTION = "Which hub"


def cli_page() -> str:
    described = describe()
    parts = []
    for group in dict.fromkeys(command.group for command in described):
        parts.append(f"## {group}")
        parts += [_command(command) for command in described if command.group == group]
    return page(
        "Command line",
        "`hutong COMMAND --help` shows the same. Every listing has `--json`, and its table fits 80 "
        "columns. [Settings](settings.md) says what is read from the environment.",
        "\n".join(f"- [`hutong {_name(command)}`](#{_anchor(command)}): {command.summary}"
                  for command in described),
        *parts,
        "## Which hub",
        "Every command that talks to a hub takes these:",
        _options(_connection(described)),
        "## Exit codes",
        table(
            ("code", "meaning"),
            (
                (OK, "All is well."),
                (FAILED, "The hub or a check said no."),
                (USAGE, "The command line is wrong."),
                (INTERRUPTED, "Ctrl-C."),
                (READER_LEFT, "Whoever read the output left."),
            ),
        ),
    )  # fmt: skip


def _name(command: Described) -> str:
    return " ".join(command.words)


def _anchor(command: Described) -> str:
    return "hutong-" + "-".join(command.words)


def _command(command: Described) -> str:
    own = [option for option in command.options if option.group != CONNECTION]
    parts = [f"### `hutong {_name(command)}`", command.summary]
    if command.details:
        parts.append(_paragraphs(command.details))
    if command.own_parser:
        parts += _elsewhere(command)
        return "\n\n".join(parts)
    parts.append(_usage(_name(command), command.options))
    if own:
        parts.append(_options(own))
    if len(own) < len(command.options):
        parts.append("And [which hub](#which-hub).")
    return "\n\n".join(parts)


def _elsewhere(command: Described) -> list[str]:
    """What a command takes that reads its own command line, its subcommands one after the other."""
    match command.words[0]:
        case "agent":
            from hutong.agent.main import _parser

            options = _of_argparse(_parser())
            return [_usage("agent", options), _options(options)]
        case "demo":
            from hutong.cli.demo import app
        case "simulate":
            from hutong.sim.cli import app
        case name:
            raise ValueError(f"`hutong {name}` reads its own command line: say here from where")
    return _of_cyclopts(command.words, app)


def _of_cyclopts(words: tuple[str, ...], app: App) -> list[str]:
    name = " ".join(words)
    if app.default_command is not None:
        options = _cyclopts(app)
        return [_usage(name, options), _options(options)]
    parts = []
    for below in app:
        if not below.startswith("-"):
            summary, details = _texts(app[below].default_command)
            parts += [f"#### `hutong {name} {below}`", summary, _paragraphs(details)]
            parts += _of_cyclopts((*words, below), app[below])
    return [part for part in parts if part]


def _of_argparse(parser: argparse.ArgumentParser) -> tuple[Option, ...]:
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
        default = "" if action.default in (None, False) else str(action.default)
        names = tuple(action.option_strings)
        found.append(
            Option(
                names, value, _sentence(str(action.help)), "Parameters", default, action.required
            )
        )
    return tuple(found)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _paragraphs(text: str) -> str:
    """Details as Markdown: indented examples keep their lines, prose is joined."""
    shown = []
    for part in re.split(r"\n\s*\n", text.strip("\n")):
        is_code = all(line.startswith("    ") for line in part.splitlines())
        shown.append(part if is_code else " ".join(part.split()))
    return "\n\n".join(shown)


def _usage(name: str, options: Sequence[Option]) -> str:
    words = [f"hutong {name}"]
    if any(option.names and not option.required for option in options):
        words.append("[OPTIONS]")
    for option in options:
        shown = option.value + ("..." if option.repeatable else "")
        if option.names and option.required:
            words.append(f"{option.names[0]} {option.value}")
        elif not option.names:
            words.append(shown if option.required else f"[{shown}]")
    return f"```text\n{' '.join(words)}\n```"


def _options(options: Sequence[Option]) -> str:
    return table(
        ("option", "meaning"),
        ((_spelling(option), _meaning(option)) for option in options),
    )


def _spelling(option: Option) -> str:
    if not option.names:
        return code(option.value)
    value = f" {option.value}" if option.value else ""
    return ", ".join(code(f"{name}{value}") for name in option.names)


def _meaning(option: Option) -> str:
    said = " ".join(option.help.split())
    if option.choices:
        said += f" One of {listed(option.choices)}."
    if option.default and option.default not in ("None", "False", "()", "''"):
        said += f" Default: {code(option.default)}."
    if option.repeatable and option.names and "repeat" not in said:
        said += " May be repeated."
    return said


def _connection(described: list[Described]) -> list[Option]:
    for command in described:
        found = [option for option in command.options if option.group == CONNECTION]
        if found:
            return found
    raise ValueError("no command says which hub it talks to")
