"""A TCP server whose connections answer by script: for what no well-behaved server does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

END = b"\r\n\r\n"
CLOSE, HANG = "close", "hang"


class Server:
    """`requests` are the requests as they came; `connections` counts the connections."""

    def __init__(self, script: Sequence[bytes | str]) -> None:
        self.script = list(script)
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = ""
        self.tasks: list[asyncio.Task[None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.tasks.append(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(END)
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            self.requests.append(head + await reader.readexactly(length))
            answer = self.script.pop(0)
            if answer == HANG:
                await reader.read()
            if isinstance(answer, str):
                break
            writer.write(answer)
            if self.script[:1] == [CLOSE]:
                self.script.pop(0)
                break


@contextlib.asynccontextmanager
async def scripted(*script: bytes | str) -> AsyncIterator[Server]:
    """Answer requests in turn: with these bytes; CLOSE after the one before, or instead of one;
    HANG instead of one."""
    made = Server(script)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await asyncio.gather(*made.tasks)
        await server.wait_closed()


def ok(body: bytes, *fields: str) -> bytes:
    """An answer with status 200."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(lines).encode() + END + body
