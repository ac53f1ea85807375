"""One word for one thing: the glossary has the project's words, and the pages keep to them."""

import re

import pytest

from tests.docs.pages import Page, all_pages, page

GLOSSARY = "docs/concepts/words.md"
# Of the words of the design, these have a row or are named as not built yet.
DESIGN_WORDS = (
    "hub", "site", "pool", "accelerator", "link", "offer", "tenant", "job", "service", "attempt",
    "lease", "fencing token", "snapshot", "cycle", "plan", "placement", "preemption", "reservation",
    "deferral", "reason", "event", "effect", "connector", "agent", "gang", "array", "task",
)  # fmt: skip


def rows() -> list[tuple[str, str, str]]:
    """The glossary's rows: word, meaning, what the pages do not call it."""
    lines = re.findall(r"^\| ([^|]+) \| ([^|]+) \|([^|]*)\|$", page(GLOSSARY).text, re.MULTILINE)
    return [(a.strip(), b.strip(), c.strip()) for a, b, c in lines if not a.startswith("---")][1:]


def banned() -> list[str]:
    """Words that stand for nothing in these pages."""
    return [word for _, _, column in rows() for word in column.split(", ") if word]


def strays(read: Page) -> list[str]:
    """Banned words in a page's prose, each with its line."""
    return [
        f"{read.name}:{number}: {word}"
        for number, line in enumerate(read.prose.splitlines(), start=1)
        for word in banned()
        if re.search(rf"\b{re.escape(word)}s?\b", line, re.IGNORECASE)
    ]


@pytest.mark.parametrize("word", DESIGN_WORDS)
def test_every_word_of_the_design_has_its_meaning(word: str) -> None:
    explained = [name for names, _, _ in rows() for name in names.split(", ")]
    text = page(GLOSSARY).text
    assert word in explained or f"**{word}**" in text


def test_no_word_has_two_rows() -> None:
    words = [word for names, _, _ in rows() for word in names.split(", ")]
    assert sorted(set(words)) == sorted(words)


# A comparison speaks of other projects in their words.
OURS = [
    read
    for read in all_pages()
    if read.name != GLOSSARY and not read.name.startswith("docs/comparisons/")
]


@pytest.mark.parametrize("read", OURS, ids=lambda read: read.name)
def test_no_page_uses_another_word_for_it(read: Page) -> None:
    assert strays(read) == []


def test_a_banned_word_is_found_and_code_is_left_alone() -> None:
    text = "A Worker node runs it.\n\n`worker node`\n\n```\nworker node\n```\n"
    assert strays(Page("docs/planted.md", text)) == ["docs/planted.md:1: worker node"]
