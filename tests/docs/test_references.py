"""The reference is what the program says, and the program says all that it does."""

import ast
import re
import string
import typing

import msgspec
import pytest

from hutong.cli.app import COMMANDS
from hutong.cli.reference import Described, describe
from hutong.lifecycle import events
from hutong.model import limits
from hutong.model.classes import DEFAULT_CLASSES
from hutong.model.errors import CATALOGUE
from hutong.model.reasons import ALL_REASONS
from hutong.model.states import (
    ATTEMPT_MOVES,
    JOB_MOVES,
    AttemptState,
    FailureClass,
    JobState,
)
from hutong.scheduler.profile import PROFILES, Profile
from hutong.server.endpoint import Endpoint
from hutong.server.endpoints import ENDPOINTS
from hutong.server.metrics import DOCUMENTED
from hutong.server.openapi import codes_of, openapi
from hutong.sim.machines.nature import LINE as SIMULATOR_LINE
from scripts.reference import meanings, model_pages
from scripts.reference.pages import PAGES
from scripts.reference.program_pages import task_variables
from scripts.reference.text import slug
from tests.docs.pages import DOCS, page
from tests.docs.program import all_raised, names_used, raised_in, settings_read, sources
from tests.tidy.tree import Source

KINDS = typing.get_args(events.AnyEvent)


def reference(name: str) -> str:
    return page(f"docs/reference/{name}").text


def tag(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_program_says_now(name: str) -> None:
    assert (DOCS / "reference" / name).read_text() == PAGES[name](), "run `make docs`"


def test_no_page_of_the_reference_is_generated_by_nothing() -> None:
    assert {file.name for file in (DOCS / "reference").glob("*.md")} == set(PAGES)


# Errors


def test_every_error_has_its_entry() -> None:
    anchors = page("docs/reference/errors.md").anchors
    assert [code for code in CATALOGUE if slug(code) not in anchors] == []


def test_every_error_in_the_catalogue_is_raised_somewhere() -> None:
    raised = {found.code for found in all_raised()}
    assert [code for code in CATALOGUE if code not in raised] == []


def test_every_error_raised_is_in_the_catalogue_by_a_literal_code() -> None:
    assert [found for found in all_raised() if found.code not in CATALOGUE] == []


def missing_facts(found: typing.Any) -> set[str]:
    """Facts that an error's sentence or hint shows and its maker does not give."""
    kind = CATALOGUE[found.code]
    parsed = [*string.Formatter().parse(kind.sentence), *string.Formatter().parse(kind.hint)]
    return {name for _, name, _, _ in parsed if name} - found.facts


def test_every_error_gets_the_facts_of_its_sentence() -> None:
    short = {
        found.place: sorted(missing_facts(found))
        for found in all_raised()
        if found.code in CATALOGUE and not found.open_facts and missing_facts(found)
    }
    assert short == {}


def test_a_planted_error_without_a_fact_is_found() -> None:
    source = Source("src/hutong/planted.py", 'raise refuse("job.finished", job=job)\n')
    (found,) = raised_in(source)
    assert missing_facts(found) == {"state"}


# Reasons, states, events, limits


def test_every_reason_has_its_entry_and_its_example() -> None:
    anchors = page("docs/reference/reasons.md").anchors
    text = reference("reasons.md")
    for kind in ALL_REASONS:
        assert slug(tag(kind)) in anchors
        assert f"> {model_pages.example(kind).sentence()}\n" in text


def test_every_reason_is_given_somewhere() -> None:
    used = names_used("src/hutong/model/reasons/")
    assert [kind.__name__ for kind in ALL_REASONS if kind.__name__ not in used] == []


def test_what_clears_a_reason_is_a_kind_of_event() -> None:
    kinds = {tag(kind) for kind in KINDS}
    assert {tag(kind): set(kind.clears_on) - kinds for kind in ALL_REASONS} == {
        tag(kind): set() for kind in ALL_REASONS
    }


def test_every_state_and_every_move_is_on_the_page() -> None:
    text = reference("states.md")
    for state in (*JobState, *AttemptState, *FailureClass):
        assert f"| `{state.value}` |" in text
    for rule in DEFAULT_CLASSES:
        assert f"| `{rule.name}` |" in text
    for moves in (JOB_MOVES, ATTEMPT_MOVES):
        for state, targets in moves.items():
            for target in targets:
                assert f"    {state.value} --> {target.value}\n" in text


def test_every_event_and_every_field_is_on_the_page() -> None:
    sections = reference("events.md").split("\n## ")
    for kind in KINDS:
        section = next(part for part in sections if part.startswith(f"`{tag(kind)}`\n"))
        for field in msgspec.structs.fields(kind):
            assert f"| `{field.encode_name}` |" in section


def test_every_event_is_emitted_somewhere() -> None:
    used = names_used("src/hutong/lifecycle/events.py")
    assert [kind.__name__ for kind in KINDS if kind.__name__ not in used] == []


def test_every_limit_is_on_the_page_and_is_kept_somewhere() -> None:
    text, used = reference("limits.md"), names_used("src/hutong/model/limits.py")
    names = model_pages.limit_names()
    assert names == [name for name in vars(limits) if name.isupper() and name not in {"KIB", "MIB"}]
    assert [name for name in names if f"| `{name}` |" not in text] == []
    assert [name for name in names if name not in used] == []


# API and command line


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_endpoint_has_its_section(endpoint: Endpoint) -> None:
    path = re.sub(r":[a-z]+}", "}", endpoint.path)
    sections = reference("api.md").split("\n### ")
    section = next(part for part in sections if part.startswith(f"`{endpoint.method} {path}`\n"))
    assert endpoint.summary in section
    for scope in endpoint.scopes:
        assert scope.value in section
    for error in endpoint.errors:
        assert f"[`{error}`](errors.md#{slug(error)})" in section
    for field in msgspec.structs.fields(endpoint.query) if endpoint.query else ():
        assert f"| `{field.encode_name}` |" in section


def test_the_table_has_what_the_description_for_programs_has() -> None:
    described = {
        (method.upper(), path) for path, methods in openapi()["paths"].items() for method in methods
    }
    assert described == {(e.method, re.sub(r":[a-z]+}", "}", e.path)) for e in ENDPOINTS}


def test_every_error_that_an_endpoint_names_is_in_the_catalogue() -> None:
    assert {code for e in ENDPOINTS for code in codes_of(e)} - set(CATALOGUE) == set()


@pytest.mark.parametrize("command", describe(), ids=lambda command: " ".join(command.words))
def test_every_command_and_flag_has_its_entry(command: Described) -> None:
    name = f"hutong {' '.join(command.words)}"
    sections = reference("cli.md").split("\n##")
    section = next(part for part in sections if part.startswith(f"# `{name}`\n"))
    shared = next(part for part in sections if part.startswith(" Which hub\n"))
    assert command.summary in section
    for option in command.options:
        for spelling in option.names or (option.value,):
            assert f"`{spelling}" in section + shared, f"{name} {spelling}"


def test_every_command_of_the_program_is_described() -> None:
    described = {command.words[0] for command in describe()}
    assert described == {name for name, *_ in COMMANDS}


# Metrics and settings


def test_every_metric_is_on_the_page() -> None:
    text = reference("metrics.md")
    assert [row.name for row in DOCUMENTED if f"| `{row.name}` |" not in text] == []


def test_every_metric_that_the_source_names_is_documented() -> None:
    documented = {row.name for row in DOCUMENTED}
    (source,) = [s for s in sources() if s.path == "src/hutong/server/metrics.py"]
    named = {
        node.value
        for node in source.nodes
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith("hutong_")
    }
    assert {name for name in named if name not in documented} == {
        name.removesuffix("_total") for name in documented if name.endswith("_total")
    }


def test_every_setting_that_is_read_is_documented() -> None:
    of_the_system = {"PATH", "HOME", "TERM", "PYTHONHASHSEED"}
    known = {*meanings.SETTINGS, *task_variables(), *of_the_system, SIMULATOR_LINE}
    assert sorted(settings_read() - known) == []


def test_every_documented_setting_is_read() -> None:
    assert sorted(set(meanings.SETTINGS) - settings_read()) == []


def test_every_setting_of_every_profile_is_on_the_page() -> None:
    text = reference("profiles.md")
    assert [name for name in PROFILES if f"`{name}`" not in text] == []
    fields = [field.name for field in msgspec.structs.fields(Profile) if field.name != "name"]
    assert [name for name in fields if f"| `{name}` |" not in text] == []


def test_every_variable_of_a_task_is_on_the_page() -> None:
    text = reference("environment.md")
    assert [name for name in task_variables() if f"| `{name}` |" not in text] == []
