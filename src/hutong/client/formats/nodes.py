"""A walker over YAML that knows the line of everything and half understands nothing.

The three YAML formats share it. It never builds Python objects from the file: it looks at the
nodes that PyYAML's safe loader composes, so that a word is read as its writer wrote it (`1e3`,
`on` and `2:30` mean other things to YAML than to people) and each error names its line. Depth,
aliases, documents and the number of nodes looked at are bounded: aliases of aliases that would
unfold to billions of nodes are refused where the walk crosses the bound.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeVar

import yaml

from hutong.client.formats.draft import Draft, Place
from hutong.client.formats.source import Source
from hutong.client.formats.words import BadWord, listed, nearest, whole
from hutong.model import limits
from hutong.model.errors import HutongError, refuse

MAX_DEPTH = 32
MAX_NODES = 100_000
MAX_MERGES = 64

_TAG = "tag:yaml.org,2002:"
_KINDS = ("str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge", "value")
# How everyone reads a number. YAML also takes 010, 0x10, 1_000 and 2:30 for numbers.
_PLAIN_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_TRUE = frozenset({"true", "yes", "on"})

T = TypeVar("T")
Pair = tuple[yaml.Node, yaml.Node]


class Keys(NamedTuple):
    """What a mapping may hold. `refused` and `unneeded` say why, `meant` what a stranger means.

    `refused`: key -> the end of the sentence "`key` cannot be honoured: ...", and an advice.
    `unneeded`: key -> the sentence of its warning.
    `meant`: a key of another format -> what to write here.
    """

    honoured: tuple[str, ...]
    refused: Mapping[str, tuple[str, str]] = {}
    unneeded: Mapping[str, str] = {}
    meant: Mapping[str, str] = {}


class _Loader(yaml.SafeLoader):
    """The safe loader, with bounds on depth and size while it composes."""

    _depth = 0
    _nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose one node, or refuse a document that nests too deep or has too many nodes."""
        self._depth += 1
        self._nodes += 1
        if self._depth > MAX_DEPTH or self._nodes > MAX_NODES:
            what = f"{MAX_DEPTH} levels" if self._depth > MAX_DEPTH else f"{MAX_NODES} nodes"
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(None, None, f"more than {what}", mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def documents(source: Source) -> list["Node"]:
    """Compose every document of a file that is not empty."""
    roots: list[yaml.Node] = []
    loader = _Loader(source.text)
    try:
        while loader.check_node():
            root = loader.get_node()
            if root is not None and not _is_null(root):
                roots.append(root)
            if len(roots) > limits.JOB_FILE_DOCUMENTS:
                raise source.syntax(
                    root.start_mark.line + 1 if root else 1,
                    f"more than {limits.JOB_FILE_DOCUMENTS} documents",
                    "Hand them in as several files, or as one array.",
                )
    except yaml.MarkedYAMLError as error:
        raise _syntax(source, error) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise source.syntax(1, f"it is not YAML ({error})", "Check the file.") from None
    finally:
        loader.dispose()
    if not roots:
        raise source.syntax(1, "it is empty", "Begin with the `name:` of a job.")
    budget = [MAX_NODES]
    return [Node(source, root, "", root.start_mark.line + 1, budget) for root in roots]


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}null"


def _syntax(source: Source, error: yaml.MarkedYAMLError) -> HutongError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    problem = (error.problem or "it is not YAML").replace("\0", "the end of the file")
    advice = "Indent by spaces, and quote a word that holds `: ` or begins with a sign."
    if "'\\t'" in problem or "tab" in problem:
        problem, advice = "a tab stands where YAML wants spaces", "Indent by spaces."
    elif problem == "mapping values are not allowed here":
        problem = "a `:` stands where no key can be"
        advice = "Quote a value that holds `: `, and check the indentation."
    elif "cannot start any token" in problem:
        sign = problem.split("'")[1]
        problem = f"a word cannot begin with `{sign}`"
        advice = "Quote it."
    elif "<stream end>" in problem or "unexpected end of stream" in problem:
        where = error.context_mark.line + 1 if error.context_mark else line
        problem = f"what begins in line {where} is not closed"
        advice = "Look for a missing quote or bracket."
    elif problem.startswith("more than "):
        advice = "Write it flatter or shorter."
    elif problem.startswith("second occurrence"):
        problem = "an anchor is defined a second time"
        advice = "Give each anchor its own name."
    elif problem.startswith("found undefined alias"):
        advice = "Define the anchor (`&name`) before its alias (`*name`)."
    return source.syntax(line, problem, advice)


class Node:
    """One value of a YAML file. `path` is its key as errors show it, `line` counts from 1."""

    __slots__ = ("_budget", "_node", "line", "path", "source")

    def __init__(
        self, source: Source, node: yaml.Node, path: str, line: int, budget: list[int]
    ) -> None:
        self.source = source
        self.path = path
        self.line = line
        self._node = node
        self._budget = budget
        if node.tag.removeprefix(_TAG) not in _KINDS:
            raise self.bad(f"the tag `{node.tag.replace(_TAG, '!!')}` is not taken", "Drop it.")

    @property
    def is_mapping(self) -> bool:
        return isinstance(self._node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        return isinstance(self._node, yaml.SequenceNode)

    @property
    def is_null(self) -> bool:
        return _is_null(self._node)

    @property
    def is_quoted(self) -> bool:
        """Whether the value is text by its quotes or its block sign, not by its look."""
        return isinstance(self._node, yaml.ScalarNode) and bool(self._node.style)

    @property
    def written(self) -> str:
        """The value as it stands in the file, for an error."""
        if isinstance(self._node, yaml.ScalarNode):
            return self._node.value or "(nothing)"
        return "a list" if self.is_list else "a mapping"

    @property
    def place(self) -> Place:
        return Place(self.line, self.path, self.written)

    # Errors about this value

    def bad(self, problem: str, advice: str) -> HutongError:
        """Make the error for a value that is not what its key takes."""
        return refuse(
            "file.bad_value",
            file=self.source.file,
            line=self.line,
            key=self.path or "the document",
            value=self.written,
            problem=problem,
            advice=advice,
        )

    def unsupported(self, word: str, problem: str, advice: str) -> HutongError:
        """Make the error for something that is well formed and cannot be honoured."""
        return refuse(
            "file.unsupported",
            file=self.source.file,
            line=self.line,
            word=word,
            problem=problem,
            advice=advice,
        )

    # Scalars

    def word(self) -> str:
        """The value as written, where it is one word or number and not a yes, no or nothing."""
        kind = self._scalar_kind("one value")
        if kind == "bool":
            raise self.bad(
                "YAML reads this word as yes or no",
                f'Put it in quotes if it is meant as text: "{self.written}".',
            )
        if kind == "null":
            raise self.bad("it has no value", "Give it one, or leave the key away.")
        return str(self._node.value)

    def text(self, *, empty: bool = False) -> str:
        """The value as text. Numbers are taken where YAML and people agree on how they look."""
        text = self.word()
        kind = self._scalar_kind("text")
        if kind in {"int", "float"} and _PLAIN_NUMBER.fullmatch(text) is None:
            raise self.bad(
                "YAML reads it as a number that looks different",
                f'Put it in quotes if it is meant as text: "{text}".',
            )
        if not empty and not text.strip():
            raise self.bad("it is empty", "Give it a value, or leave the key away.")
        return text

    def quoted_text(self, *, empty: bool = False) -> str:
        """The value as text, refusing bare numbers as an API with strict types does."""
        kind = self._scalar_kind("text")
        if kind not in {"str", "null", "bool", "value"}:
            raise self.bad("text is wanted, not a number", f'Put it in quotes: "{self.written}".')
        return self.text(empty=empty)

    def whole(self, low: int, high: int) -> int:
        """The value as a whole number."""
        return self.read(lambda word: whole(word, low=low, high=high))

    def whole_signed(self, low: int, high: int) -> int:
        """The value as a whole number that may be negative."""
        if self.word().startswith("-"):
            return -self.read(lambda word: whole(word[1:], low=0, high=-low))
        return self.whole(0, high)

    def flag(self) -> bool:
        """The value as yes or no."""
        if self._scalar_kind("true or false") != "bool":
            raise self.bad("it is neither true nor false", "Write `true` or `false`.")
        return str(self._node.value).lower() in _TRUE

    def read(self, reading: Callable[[str], T]) -> T:
        """Read the value by a function over its word."""
        try:
            return reading(self.word())
        except BadWord as error:
            raise self.bad(error.problem, error.advice) from None

    def choice(self, words: tuple[str, ...]) -> str:
        """The value as one of a few words."""
        word = self.word()
        if word not in words:
            like = nearest(word, words)
            hint = f" Did you mean `{like}`?" if like else ""
            raise self.bad("it is none of the words it takes", f"Write {listed(words)}.{hint}")
        return word

    def _scalar_kind(self, wanted: str) -> str:
        if not isinstance(self._node, yaml.ScalarNode):
            raise self.bad(f"{wanted} is wanted", "Write it behind the key, in the same line.")
        return str(self._node.tag.removeprefix(_TAG))

    # Lists and mappings

    def items(self) -> list["Node"]:
        """The members of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.bad("a list is wanted", "Write `[first, second]`.")
        self._spend(len(self._node.value))
        return [
            Node(self.source, item, f"{self.path}[{index}]", item.start_mark.line + 1, self._budget)
            for index, item in enumerate(self._node.value)
        ]

    def items_or_one(self) -> list["Node"]:
        """The members of a list, or the value itself where it is one word."""
        return self.items() if self.is_list else [self]

    def entries(self) -> dict[str, "Node"]:
        """The members of a mapping whose keys are free; a key that comes twice is refused."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.bad("a mapping is wanted", "Write `key: value` lines below it.")
        entries: dict[str, Node] = {}
        for key, (key_line, value) in self._merged().items():
            path = f"{self.path}.{key}" if self.path else key
            # A block value is blamed on its key's line: that is where a reader looks first.
            line = value.start_mark.line + 1 if isinstance(value, yaml.ScalarNode) else key_line
            entries[key] = Node(self.source, value, path, line, self._budget)
        return entries

    def fields(self, keys: Keys, draft: Draft | None = None) -> dict[str, "Node"]:
        """The members of a mapping whose keys are known. Unneeded ones become warnings."""
        fields: dict[str, Node] = {}
        for key, value in self.entries().items():
            if key in keys.honoured:
                fields[key] = value
            elif key in keys.refused:
                problem, advice = keys.refused[key]
                raise value.unsupported(value.path, problem, advice)
            elif key in keys.unneeded:
                if draft is not None:
                    draft.warn(value.line, value.path, keys.unneeded[key])
            else:
                raise self._unknown(key, value, keys)
        return fields

    def _unknown(self, key: str, value: "Node", keys: Keys) -> HutongError:
        meant = keys.meant.get(key)
        like = nearest(key, (*keys.honoured, *keys.refused, *keys.unneeded))
        if meant:
            advice = f"Here it is {meant}."
        elif like:
            advice = f"Did you mean `{like}`?"
        else:
            advice = f"Known here: {', '.join(keys.honoured)}."
        return refuse(
            "file.unknown_key",
            file=self.source.file,
            line=value.line,
            key=value.path,
            advice=advice,
        )

    def _merged(self) -> dict[str, tuple[int, yaml.Node]]:
        """Keys with their lines and values; what `<<` brings in comes second."""
        own: dict[str, tuple[int, yaml.Node]] = {}
        brought: dict[str, tuple[int, yaml.Node]] = {}
        for key, value, is_merge in self._pairs(self._node, MAX_MERGES):
            line = key.start_mark.line + 1
            name = self._key(key, line)
            if is_merge:
                brought.setdefault(name, (line, value))
            elif name in own:
                raise refuse(
                    "file.syntax",
                    file=self.source.file,
                    line=line,
                    problem=f"the key `{name}` stands here a second time",
                    advice=f"It stands in line {own[name][0]} already; keep one of them.",
                )
            else:
                own[name] = (line, value)
        return {**own, **{name: at for name, at in brought.items() if name not in own}}

    def _pairs(self, node: yaml.Node, merges: int) -> Iterator[tuple[yaml.Node, yaml.Node, bool]]:
        if merges <= 0 or not isinstance(node, yaml.MappingNode):
            raise self.bad("`<<` takes a mapping or a list of mappings", "Write the keys out.")
        self._spend(len(node.value))
        for key, value in node.value:
            if key.tag != f"{_TAG}merge":
                yield key, value, node is not self._node
                continue
            parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for part in parts:
                for inner_key, inner, _ in self._pairs(part, merges - 1):
                    yield inner_key, inner, True

    def _key(self, key: yaml.Node, line: int) -> str:
        kind = key.tag.removeprefix(_TAG)
        problem = ""
        if not isinstance(key, yaml.ScalarNode) or kind not in {"str", "int", "value"}:
            problem = "a key is not text"
            if isinstance(key, yaml.ScalarNode):
                problem = f"YAML does not read the key `{key.value}` as text"
        elif not key.value.strip():
            problem = "a key is empty"
        if problem:
            raise self.source.syntax(line, problem, "Put the key in quotes.")
        return str(key.value)

    def _spend(self, count: int) -> None:
        self._budget[0] -= count
        if self._budget[0] < 0:
            raise self.source.syntax(
                self.line, "its aliases unfold to too many nodes", "Write it without aliases."
            )
