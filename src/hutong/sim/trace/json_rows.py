"""Values of a JSON file one by one, with the line of each that is not what it should be."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from hutong.model.errors import HutongError, refuse
from hutong.sim.trace import source
from hutong.sim.trace.reading import Reading

Value = TypeVar("Value")
_BYTE = re.compile(r"\(byte (\d+)\)")
_PATH = re.compile(r" - at `\$\.?(.*)`")


class Rows:
    """The values of an array, with the lines that they begin on, found only when asked for."""

    def __init__(self, data: bytes, rows: list[msgspec.Raw]) -> None:
        self._data = data
        self._rows = rows
        self._next = 0
        self._at = 0
        self.number = 0

    @property
    def line(self) -> int:
        """The line on which the value begins that was given last."""
        while self._next <= self.number:
            text = bytes(self._rows[self._next])
            self._at = self._data.index(text, self._at) + len(text)
            self._next += 1
        begin = self._at - len(bytes(self._rows[self.number]))
        return self._data.count(b"\n", 0, begin) + 1

    def values(self, reading: Reading, kind: type[Value]) -> Iterator[Value]:
        """Decode one value after the other; those that are not of a kind are bad rows."""
        decode = msgspec.json.Decoder(kind).decode
        for number, row in enumerate(self._rows):
            self.number = number
            try:
                value = decode(row)
            except msgspec.DecodeError as error:
                column, problem = told(error)
                reading.bad(self.line, column, shown(row), problem)
                continue
            yield value


def array(path: Path, data: bytes, format_name: str) -> Rows:
    """The values of an array, not looked at yet."""
    try:
        return Rows(data, msgspec.json.decode(data, type=list[msgspec.Raw]))
    except msgspec.DecodeError as error:
        raise malformed(path, data, format_name, error) from error


def malformed(path: Path, data: bytes, format_name: str, error: msgspec.DecodeError) -> HutongError:
    """What to say of a file that is no JSON of the form it should be, with the line."""
    if "truncated" in str(error):
        return source.cut(path, data.count(b"\n"), error)
    match = _BYTE.search(str(error))
    line = data.count(b"\n", 0, int(match[1])) + 1 if match else 1
    return refuse(
        "trace.malformed", file=f"{path}, line {line}", format=format_name, problem=str(error)
    )


def told(error: msgspec.DecodeError) -> tuple[str, str]:
    """The field that an error is about, and what is wrong with it."""
    text = str(error)
    match = _PATH.search(text)
    return (match[1] or "1", text[: match.start()]) if match else ("1", text)


def shown(row: msgspec.Raw) -> str:
    """A value for a message: its begin on one line."""
    return " ".join(bytes(row)[:120].decode("utf-8", "replace").split())
