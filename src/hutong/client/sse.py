"""Server-sent events, read from bytes as they come in any pieces."""

from collections.abc import Iterator
from typing import NamedTuple


class Message(NamedTuple):
    """One event of a stream."""

    id: str
    event: str
    data: str


class Parser:
    """Collects bytes into messages. Comments, which keep a connection alive, are dropped."""

    def __init__(self) -> None:
        self._rest = b""
        self._fields: dict[str, str] = {}

    def feed(self, piece: bytes) -> Iterator[Message]:
        """Give the messages that `piece` completes."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            text = line.removesuffix(b"\r").decode("utf-8", "replace")
            if not text:
                if "data" in self._fields:
                    fields = self._fields
                    yield Message(fields.get("id", ""), fields.get("event", ""), fields["data"])
                self._fields = {}
                continue
            name, _, value = text.partition(":")
            value = value.removeprefix(" ")
            if name == "data" and "data" in self._fields:
                value = f"{self._fields['data']}\n{value}"
            if name:
                self._fields[name] = value
