"""Every link inside the project leads somewhere, and nothing leads to a package registry."""

from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import DOCS, ROOT, Page, all_pages
from tests.tidy.rules import REGISTRIES


def broken_links(page: Page) -> list[str]:
    """Links of a page that lead nowhere, each with its line."""
    anchors = {other.path.resolve(): other.anchors for other in all_pages()}
    anchors[page.path.resolve()] = page.anchors
    found = []
    for line, target in page.links:
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            continue
        file = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
        if parts.path and (ROOT not in (file, *file.parents) or not file.exists()):
            found.append(f"{page.name}:{line}: {target} does not exist")
        elif parts.fragment and unquote(parts.fragment) not in anchors.get(file.resolve(), ()):
            found.append(f"{page.name}:{line}: {target} names no heading of that page")
    return found


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.name)
def test_every_relative_link_and_anchor_resolves(page: Page) -> None:
    assert broken_links(page) == []


def test_a_broken_link_and_a_broken_anchor_are_found() -> None:
    text = "# A b\n\n[x](nowhere.md) [y](#a-b) [z](#c) [`w`](index.md#none)\n"
    text += "\n```\n[v](gone.md)\n```\n"
    found = broken_links(Page("docs/planted.md", text))
    assert [line.split(": ")[1].split(" ")[0] for line in found] == [
        "nowhere.md",
        "#c",
        "index.md#none",
    ]


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.name)
def test_no_page_leads_to_a_registry(page: Page) -> None:
    assert [address for address in REGISTRIES if address in page.text] == []


def test_every_page_under_docs_is_reached_from_the_index() -> None:
    pages = {page.path.resolve(): page for page in all_pages()}
    reached = [(DOCS / "index.md").resolve()]
    for file in reached:
        page = pages.get(file)
        for _, target in page.links if page else ():
            parts = urlsplit(target)
            if not parts.scheme and parts.path.endswith(".md"):
                linked = (file.parent / unquote(parts.path)).resolve()
                if linked not in reached:
                    reached.append(linked)
    under_docs = [path for path, page in pages.items() if page.name.startswith("docs/")]
    assert [pages[path].name for path in under_docs if path not in reached] == []
