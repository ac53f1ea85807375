"""The files of the project, each read and parsed once for all rules."""

import ast
import functools
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "hutong"
# A standard text that is kept word for word.
NOT_OURS = frozenset({"LICENSE"})


@dataclass(frozen=True)
class Source:
    """One text file. `path` is relative to the root; `text` is all it holds."""

    path: str
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.path)

    @functools.cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py")

    @property
    def package(self) -> str | None:
        """The package under `hutong` that holds the file, or None outside `src`."""
        parts = self.path.split("/")
        return parts[2] if parts[:2] == ["src", "hutong"] and len(parts) > 3 else None


@functools.cache
def all_sources() -> tuple[Source, ...]:
    """Return every text file that is, or is about to be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    sources = []
    for name in sorted(filter(None, listed.decode().split("\0"))):
        file = ROOT / name
        if name in NOT_OURS or not file.is_file():
            continue
        content = file.read_bytes()
        if b"\0" not in content:
            sources.append(Source(name, content.decode("utf-8")))
    return tuple(sources)
