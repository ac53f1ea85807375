"""The command line as data."""

from cyclopts import App

from hutong.cli.app import COMMANDS
from hutong.cli.reference import Described, describe


def by_words() -> dict[str, Described]:
    return {" ".join(command.words): command for command in describe()}


def test_every_command_is_described_with_a_sentence() -> None:
    described = by_words()
    for name, _, _, line in COMMANDS:
        below = [words for words in described if words.startswith(f"{name} ")]
        assert below or described[name].summary == line
    assert {"token create", "token list", "token revoke", "profiles show"} <= set(described)
    assert all(command.summary.endswith(".") for command in described.values())


def test_every_option_says_what_it_is_for() -> None:
    for name, command in by_words().items():
        for option in command.options:
            assert option.help, f"{name} {option.names or option.value}"
            assert option.help.endswith("."), f"{name} {option.names or option.value}"


def test_the_line_in_the_list_is_the_first_of_the_commands_own_help() -> None:
    import importlib
    import inspect

    for _, _, place, line in COMMANDS:
        module, _, attribute = place.partition(":")
        found = getattr(importlib.import_module(f"hutong.cli.{module}"), attribute)
        text = found.help if isinstance(found, App) else inspect.getdoc(found)
        assert text.partition("\n\n")[0].replace("\n", " ") == line


def test_an_option_has_its_names_value_choices_and_default() -> None:
    options = {option.names: option for option in by_words()["submit"].options}
    assert options[("--wait", "-w")].value == ""
    assert options[("--priority",)].value == "TEXT"
    assert options[("--env",)].repeatable
    assert options[()].value == "FILES"
    assert ("--program",) not in options
    limit = {option.names: option for option in by_words()["jobs"].options}[("--limit", "-n")]
    assert (limit.value, limit.default) == ("NUMBER", "50")


def test_listings_answer_in_json() -> None:
    for name in ("jobs", "job", "sites", "nodes", "usage", "events", "explain", "plan", "submit",
                 "cancel", "drain", "doctor", "version", "token list", "token create"):  # fmt: skip
        names = [names for option in by_words()[name].options for names in option.names]
        assert "--json" in names, name
