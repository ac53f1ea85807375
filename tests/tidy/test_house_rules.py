"""The rules of the house, over every file, and over a planted example each."""

import ast

import pytest

from tests.tidy.rules import RULES, Rule
from tests.tidy.sets import lines_that_depend_on_a_sets_order
from tests.tidy.tree import PACKAGE, ROOT, all_sources

CHECKS = {rule.check.__name__: rule.check for rule in RULES}


@pytest.mark.parametrize("name", CHECKS)
def test_every_file_keeps_the_rule(name: str) -> None:
    findings = [
        f"{source.path}:{line}: {message}"
        for source in all_sources()
        for line, message in CHECKS[name](source)
    ]
    assert not findings, f"{name.replace('_', ' ')}:\n" + "\n".join(findings)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_rule_catches_a_planted_example_and_leaves_a_good_one(rule: Rule) -> None:
    assert list(rule.check(rule.bad)), "the planted example went through"
    assert not list(rule.check(rule.good)), "the good example was caught"


@pytest.mark.parametrize(
    "code",
    [
        "for site in {1, 2}: use(site)",
        "for site in set(sites): use(site)",
        "x = [site for site in frozenset(sites)]",
        "seen = set()\nfor site in seen: use(site)",
        "seen: set[str] = load()\nfor site in seen: use(site)",
        "seen = set()\ndef f():\n    return list(seen)",
        "def f(sites: frozenset[str]):\n    return tuple(sites)",
        "def f(sites: set[str], more):\n    for site in sites | more: use(site)",
        "class C:\n    up: frozenset[str]\n    def f(self):\n        return ', '.join(self.up)",
        "def f(self):\n    self.up: set[int] = set()\ndef g(self): return [*self.up]",
        "seen = {1}\nfirst = seen.pop()",
        "seen = {1}\nbest = min(seen, key=cost)",
        "seen = {1}\nnames = dict.fromkeys(seen)",
    ],
)
def test_a_read_in_the_order_of_a_set_is_found(code: str) -> None:
    assert lines_that_depend_on_a_sets_order(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "for site in sorted({1, 2}): use(site)",
        "seen = {1}\nif 2 in seen and any(x > 1 for x in seen): use(len(seen))",
        "seen = {1}\ncopy = {x + 1 for x in seen}",
        "seen = {1}\nseen = sorted(seen)\nfor site in seen: use(site)",
        "def f():\n    up = {1}\n    return 2 in up\ndef g(up: list[int]):\n    return list(up)",
        "for name, site in {'a': 1}.items(): use(site)",
        "seen = {1}\nfirst = min(seen)",
    ],
)
def test_a_use_of_a_set_that_no_order_can_change_is_left_alone(code: str) -> None:
    assert not lines_that_depend_on_a_sets_order(ast.parse(code))


def test_unit_tests_mirror_the_packages() -> None:
    packages = {init.parent.name for init in PACKAGE.glob("*/__init__.py")}
    tested = {entry.name for entry in (ROOT / "tests" / "unit").glob("[a-z]*") if entry.is_dir()}
    assert tested <= packages, (
        f"tests/unit holds {sorted(tested - packages)}, which is no package of hutong: "
        "tests of several packages belong in property, scenarios, simulation or conformance"
    )


def test_the_project_is_looked_at_whole() -> None:
    paths = {source.path for source in all_sources()}
    assert {"Makefile", "pyproject.toml", "src/hutong/__init__.py", "tests/tidy/rules.py"} <= paths
