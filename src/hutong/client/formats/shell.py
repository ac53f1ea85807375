"""Where a shell script names a command: enough of a shell's grammar to find words like `srun`.

Comments, single quotes, here-documents and the arguments of commands that only print are skipped;
a word inside double quotes counts where a shell would run it (`$(...)`) or where it is the first
of several (`bash -c "srun ..."`, `LAUNCH="srun -n 4"`). It finds words, it does not run anything,
and it takes time in proportion to the script however broken that is.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_HEREDOC = re.compile(r"<<(-?)[ \t]*(?:'([^'\n]+)'|\"([^\"\n]+)\"|\\?([A-Za-z_][\w.-]*))")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_ENDS = "\n;&|()`"
# What these print or look for is not run.
_QUIET = frozenset(
    ("echo", "printf", "which", "type", "hash", "module", "man", "grep", "egrep", "cat", "logger")
)
_BEFORE_COMMANDS = frozenset(
    ("if", "then", "else", "elif", "do", "while", "until", "!", "time", "exec", "{", "}")
)


class Word(NamedTuple):
    """A word that a shell would run or pass on: as written, without its folder, and its line."""

    text: str
    line: int
    written: str


class _Token(NamedTuple):
    """A word as written. An empty unquoted one ends a command. `depth` counts open `"$(`."""

    text: str
    line: int
    quoted: bool
    depth: int


class _Level(NamedTuple):
    """What is put aside while a command inside double quotes is read."""

    closing: str
    parens: int
    word: list[str]
    line: int


def is_shell(script: str) -> bool:
    """Say whether a script is for a shell, by its `#!` line; without one it is."""
    first = script.split("\n", 1)[0]
    if not first.startswith("#!"):
        return True
    words = first[2:].split()
    names = [word.rpartition("/")[2] for word in words if not word.startswith("-")]
    names = [name for name in names if name != "env" and "=" not in name]
    return bool(names) and names[0] in {"sh", "bash", "dash", "ksh", "zsh", "ash"}


def run_words(script: str) -> Iterator[Word]:
    """Give every word of a script that stands where a shell would run it or pass it on."""
    commands: dict[int, str] = {}
    for text, line, quoted, depth in _Scanner(script).tokens():
        command = commands.get(depth, "")
        if not text and not quoted:
            commands[depth] = ""
        elif not quoted and not command and text in _BEFORE_COMMANDS:
            continue
        elif value := _ASSIGNMENT.match(text):
            yield _word(text[value.end() :], line)
        elif not command:
            word = _word(text, line)
            commands[depth] = word.text or text
            yield word
        elif command == "command" and text.startswith("-"):
            commands[depth] = "which"
        elif command not in _QUIET and (not quoted or " " in text):
            yield _word(text, line)


def _word(text: str, line: int) -> Word:
    """The first word of a text, which is what a shell would run of it."""
    first = text.split(maxsplit=1)
    written = first[0] if first else ""
    return Word(written.rpartition("/")[2], line, written)


class _Scanner:
    """One pass over a script. `_stack` holds what commands inside double quotes interrupt."""

    def __init__(self, script: str) -> None:
        self._script = script
        self._at = 0
        self._line = 1
        self._word: list[str] = []
        self._word_line = 1
        self._quote = ""
        self._quoted = False
        self._parens = 0
        self._stack: list[_Level] = []
        self._heredocs: list[tuple[str, bool]] = []
        self._line_texts = frozenset(line.lstrip("\t") for line in script.split("\n"))

    def tokens(self) -> Iterator[_Token]:
        """Give the words in the order in which they end."""
        script, length = self._script, len(self._script)
        while self._at < length:
            char = script[self._at]
            if not self._word and not self._quoted and not self._quote:
                self._word_line = self._line
            if char == "\\" and self._quote != "'":
                self._escape()
            elif self._quote:
                yield from self._in_quotes(char)
            elif char in "'\"":
                self._quote, self._quoted = char, True
                self._at += 1
            elif char == "#" and not self._word and not self._quoted:
                end = script.find("\n", self._at)
                self._at = length if end < 0 else end
            elif char in " \t":
                yield from self._end_word()
                self._at += 1
            elif char in _ENDS:
                yield from self._end_command(char)
            elif char == "<" and (found := _HEREDOC.match(script, self._at)):
                self._note_heredoc(found)
            else:
                self._word.append(char)
                self._at += 1
        yield from self._end_word()

    def _escape(self) -> None:
        following = self._script[self._at + 1 : self._at + 2]
        if following == "\n":
            self._line += 1
        else:
            self._word.append(following)
        self._at += 2

    def _in_quotes(self, char: str) -> Iterator[_Token]:
        opens = ""
        if self._quote == '"':
            if char == "`":
                opens = "`"
            elif self._script.startswith("$(", self._at):
                opens = "$("
        if opens:
            level = _Level(")" if opens == "$(" else "`", self._parens, self._word, self._word_line)
            self._stack.append(level)
            self._word, self._quote, self._quoted, self._parens = [], "", False, 0
            self._at += len(opens)
            yield self._end()
            return
        if char == self._quote:
            self._quote = ""
        else:
            self._word.append(char)
            self._line += char == "\n"
        self._at += 1

    def _end(self) -> _Token:
        return _Token("", self._line, quoted=False, depth=len(self._stack))

    def _end_word(self) -> Iterator[_Token]:
        if self._word or self._quoted:
            text = "".join(self._word)
            yield _Token(text, self._word_line, self._quoted, len(self._stack))
        self._word, self._quoted = [], False

    def _end_command(self, char: str) -> Iterator[_Token]:
        yield from self._end_word()
        yield self._end()
        self._at += 1
        if self._stack and char == self._stack[-1].closing and self._parens == 0:
            level = self._stack.pop()
            self._word, self._word_line, self._parens = level.word, level.line, level.parens
            self._quote, self._quoted = '"', True
        elif char == "(":
            self._parens += 1
        elif char == ")":
            self._parens = max(self._parens - 1, 0)
        elif char == "\n":
            self._line += 1
            self._skip_heredocs()

    def _note_heredoc(self, found: re.Match[str]) -> None:
        end = found[2] or found[3] or found[4]
        # `<<` is also a shift inside `$((...))`: without a line that ends it, it is none.
        if end in self._line_texts and not self._script.startswith("<<<", self._at):
            self._heredocs.append((end, bool(found[1])))
            self._at = found.end()
        else:
            self._word.append("<")
            self._at += 1

    def _skip_heredocs(self) -> None:
        for end, tabs in self._heredocs:
            while self._at < len(self._script):
                stop = self._script.find("\n", self._at)
                stop = len(self._script) if stop < 0 else stop
                line = self._script[self._at : stop]
                self._at = stop + 1
                self._line += 1
                if (line.lstrip("\t") if tabs else line) == end:
                    break
        self._heredocs = []
