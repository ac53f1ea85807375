"""What the source of the program uses: errors it raises, names it mentions, settings it reads."""

import ast
import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.tidy.tree import Source, all_sources


class Raised(NamedTuple):
    """One `refuse("code", fact=...)`. `open_facts` says that more facts come by `**`."""

    place: str
    code: str
    facts: frozenset[str]
    open_facts: bool


@functools.cache
def sources() -> tuple[Source, ...]:
    """Every module of the program."""
    return tuple(
        source
        for source in all_sources()
        if source.is_python and source.path.startswith("src/hutong/")
    )


def raised_in(source: Source) -> Iterator[Raised]:
    """The errors that a module makes. A code that is no literal counts as an empty one."""
    for node in source.nodes:
        if not isinstance(node, ast.Call) or ast.unparse(node.func).split(".")[-1] != "refuse":
            continue
        first = node.args[0] if node.args else None
        code = first.value if isinstance(first, ast.Constant) else ""
        facts = [keyword.arg for keyword in node.keywords]
        place = f"{source.path}:{node.lineno}"
        yield Raised(place, str(code), frozenset(filter(None, facts)), None in facts)


@functools.cache
def all_raised() -> tuple[Raised, ...]:
    return tuple(found for source in sources() for found in raised_in(source))


@functools.cache
def names_used(except_in: str) -> frozenset[str]:
    """Every name and attribute that the program mentions outside of one module or folder."""
    found = set()
    for source in sources():
        if source.path.startswith(except_in):
            continue
        for node in source.nodes:
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
    return frozenset(found)


_SETTING = re.compile(r"HUTONG_[A-Z][A-Z0-9_]*")


@functools.cache
def settings_read() -> frozenset[str]:
    """Names of environment variables that the program reads, and all that begin with HUTONG_."""
    found = set()
    for source in sources():
        for node in source.nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if _SETTING.fullmatch(node.value):
                    found.add(node.value)
            elif (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).endswith("environ.get")
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(str(node.args[0].value))
    return frozenset(found)
