"""The command line, from the commands themselves."""

import argparse
import re

from hutong.cli.main import FAILED, INTERRUPTED, OK, READER_LEFT, USAGE
from hutong.cli.reference import Described, Option, describe
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
    if command.own_parser:
        own = _own(command.words)
    parts = [f"### `hutong {_name(command)}`", command.summary]
    if command.details:
        parts.append(_paragraphs(command.details))
    parts.append(f"```text\n{_usage(command)}\n```")
    if own:
        parts.append(_options(own))
    if any(option.group == CONNECTION for option in command.options):
        parts.append("And [which hub](#which-hub).")
    return "\n\n".join(parts)


def _own(words: tuple[str, ...]) -> list[Option]:
    """The options of a command that reads its own command line."""
    match words[0]:
        case "agent":
            from hutong.agent.main import _parser

            return _of_argparse(_parser())
        case "demo":
            from hutong.cli.demo import app
            from hutong.cli.reference import _options

            return list(_options(app))
        case _:
            return []


def _of_argparse(parser: argparse.ArgumentParser) -> list[Option]:
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
        default = "" if action.default in (None, False) else str(action.default)
        names = tuple(action.option_strings)
        found.append(Option(names, value, str(action.help), "Parameters", default, action.required))
    return found


def _paragraphs(text: str) -> str:
    """Details as Markdown: indented examples keep their lines, prose is joined."""
    shown = []
    for part in re.split(r"\n\s*\n", text.strip("\n")):
        is_code = all(line.startswith("    ") for line in part.splitlines())
        shown.append(part if is_code else " ".join(part.split()))
    return "\n\n".join(shown)


def _usage(command: Described) -> str:
    words = [f"hutong {_name(command)}"]
    positional = [option for option in command.options if not option.names]
    if any(option.names for option in command.options) or command.own_parser:
        words.append("[OPTIONS]")
    for option in positional:
        shown = option.value + ("..." if option.repeatable else "")
        words.append(shown if option.required else f"[{shown}]")
    return " ".join(words)


def _options(options: list[Option]) -> str:
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
