"""Request bodies: read in pieces, never beyond their limit, never for ever."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from hutong.model.errors import HutongError, refuse

BODY_TIMEOUT_MS = 30_000
"""How long a client may be silent within a body."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class ClientLeft(Exception):
    """The client closed its connection before the request was whole."""


class Body:
    """The body of one request. Read it once: `whole`, or piece by piece with `pieces`."""

    def __init__(self, receive: Receive, headers: dict[bytes, bytes], limit_bytes: int) -> None:
        self.receive = receive
        self._limit_bytes = limit_bytes
        self._declared = _length(headers.get(b"content-length", b""))

    def check_length(self) -> None:
        """Refuse a body that says it is too large before any of it is read."""
        if self._declared > self._limit_bytes:
            raise self._too_large()

    async def whole(self) -> bytes:
        """All of it. Raises `request.too_large`, `request.timeout`, `ClientLeft`."""
        first: bytes = b""
        rest: list[bytes] = []
        async for piece in self.pieces():
            if first:
                rest.append(piece)
            else:
                first = piece
        return first if not rest else b"".join((first, *rest))

    async def pieces(self) -> AsyncIterator[bytes]:
        """Its pieces as they come. Raises as `whole` does."""
        self.check_length()
        size = 0
        more = True
        while more:
            try:
                async with asyncio.timeout(BODY_TIMEOUT_MS / 1000):
                    message = await self.receive()
            except TimeoutError:
                raise refuse("request.timeout", limit_ms=BODY_TIMEOUT_MS) from None
            if message["type"] == "http.disconnect":
                raise ClientLeft
            more = message.get("more_body", False)
            piece = message.get("body", b"")
            size += len(piece)
            if size > self._limit_bytes:
                raise self._too_large()
            if piece:
                yield piece

    def _too_large(self) -> HutongError:
        return refuse("request.too_large", limit_bytes=self._limit_bytes)


def _length(header: bytes) -> int:
    return int(header) if header.isdigit() else 0
