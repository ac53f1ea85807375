"""The project's Markdown, taken apart: headings, links, fenced blocks, plain prose."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from scripts.reference.text import slug

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(
    r"^(?P<fence>```+)(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)\s*$", re.MULTILINE | re.DOTALL
)
_MARK = re.compile(r"<!-- (run|run: output varies|run: it fails|file: [^\s>]+) -->\s*\Z")
_LINK = re.compile(
    r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?[^)]*\)|!\[[^\]]*\]\(([^)\s]+)\)"
)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")


@dataclass(frozen=True)
class Block:
    """One fenced block. `mark` is the comment right above it, empty for none."""

    page: "Page"
    line: int
    language: str
    body: str
    mark: str

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def file(self) -> str:
        """The name of the file that the block stands for, empty for none."""
        return self.mark.removeprefix("file: ") if self.mark.startswith("file: ") else ""


@dataclass(frozen=True)
class Page:
    """One Markdown file. `name` is its path from the root."""

    name: str
    text: str

    @property
    def path(self) -> Path:
        return ROOT / self.name

    @functools.cached_property
    def blocks(self) -> tuple[Block, ...]:
        found = []
        for match in _FENCE.finditer(self.text):
            before = self.text[: match.start()]
            mark = _MARK.search(before)
            language = match["info"].strip().split(" ")[0]
            line = before.count("\n") + 1
            found.append(Block(self, line, language, match["body"], mark[1] if mark else ""))
        return tuple(found)

    @functools.cached_property
    def without_blocks(self) -> str:
        """The text with every fenced block emptied, lines kept."""
        return _FENCE.sub(lambda match: "\n" * match[0].count("\n"), self.text)

    @functools.cached_property
    def prose(self) -> str:
        """The text without blocks, code, comments and link targets: what is read as a sentence."""
        text = re.sub(r"<!--.*?-->", "", self.without_blocks, flags=re.DOTALL)
        text = re.sub(r"\]\([^)]*\)", "]", text)
        return _CODE.sub("", text)

    @functools.cached_property
    def anchors(self) -> frozenset[str]:
        seen: dict[str, int] = {}
        anchors = set()
        for heading in _HEADING.findall(self.without_blocks):
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
            name = slug(words)
            count = seen.get(name, 0)
            seen[name] = count + 1
            anchors.add(f"{name}-{count}" if count else name)
        anchors.update(re.findall(r'<a id="([^"]+)"', self.without_blocks))
        return frozenset(anchors)

    @functools.cached_property
    def links(self) -> tuple[tuple[int, str], ...]:
        """Every link's line and target, pictures included."""
        text = _CODE.sub(lambda match: " " * len(match[0]), self.without_blocks)
        # A label in code type has been blanked out, its target has not.
        return tuple(
            (text[: match.start()].count("\n") + 1, match[1] or match[2])
            for match in _LINK.finditer(text)
        )


@functools.cache
def all_pages() -> tuple[Page, ...]:
    """README, the other pages at the root, and everything under docs, benchmarks and examples."""
    files = [*ROOT.glob("*.md")]
    for folder in ("docs", "benchmarks", "examples"):
        files.extend((ROOT / folder).rglob("*.md"))
    names = sorted(str(file.relative_to(ROOT)) for file in files)
    return tuple(Page(name, (ROOT / name).read_text(encoding="utf-8")) for name in names)


def page(name: str) -> Page:
    """One page by its path from the root."""
    return next(found for found in all_pages() if found.name == name)
