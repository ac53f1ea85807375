"""Streams that stay open: how many there are, what wakes them, and how all of them end.

A stream's generator loops until its handle is closed: by the client leaving, or by the hub
stopping, which must not wait for anybody who listens.
"""

from collections.abc import Hashable

from hutong.model.errors import refuse
from hutong.model.limits import STREAMS
from hutong.server.signals import Signal

HEARTBEAT_MS = 3_000
"""How often a silent stream says that it is still there."""

HEARTBEAT = b":\n\n"
"""A comment of the event-stream format, which readers skip."""


class StreamHandle:
    """One open stream."""

    def __init__(self, book: "StreamBook", topics: tuple[Hashable, ...]) -> None:
        self._book = book
        self._topics = topics
        self._signal = Signal()
        self._woken = False
        self.closed = False

    async def wait(self, timeout_ms: int = HEARTBEAT_MS) -> bool:
        """Wait until one of its topics has news or it is closed; False when the time is over.

        News that came since the last wait count.
        """
        if not self._woken and not self.closed:
            self._woken = await self._signal.wait(timeout_ms)
        woken, self._woken = self._woken, False
        return woken or self.closed

    def wake(self) -> None:
        """One of its topics has news."""
        self._woken = True
        self._signal.give()

    def close(self) -> None:
        """The client left, or the hub stops."""
        if not self.closed:
            self.closed = True
            self._book.forget(self, self._topics)
            self._signal.give()


class StreamBook:
    """All open streams, by the topics that wake them."""

    def __init__(self) -> None:
        self._all: dict[StreamHandle, None] = {}
        self._topics: dict[Hashable, dict[StreamHandle, None]] = {}
        self._stopping = False

    def __len__(self) -> int:
        return len(self._all)

    def open(self, *topics: Hashable) -> StreamHandle:
        """Count a stream in. Raises `request.too_many_streams`; `hub.starting` once it stops."""
        if self._stopping:
            raise refuse("hub.starting")
        if len(self._all) >= STREAMS:
            raise refuse("request.too_many_streams", count=len(self._all))
        handle = StreamHandle(self, topics)
        self._all[handle] = None
        for topic in topics:
            self._topics.setdefault(topic, {})[handle] = None
        return handle

    def forget(self, handle: StreamHandle, topics: tuple[Hashable, ...]) -> None:
        """Count a stream out."""
        self._all.pop(handle, None)
        for topic in topics:
            listening = self._topics.get(topic)
            if listening is not None:
                listening.pop(handle, None)
                if not listening:
                    del self._topics[topic]

    def wake(self, topic: Hashable) -> None:
        """Tell the streams of a topic that there is news."""
        for handle in self._topics.get(topic, ()):
            handle.wake()

    def close_all(self) -> None:
        """End every stream; none may open any more."""
        self._stopping = True
        for handle in list(self._all):
            handle.close()


JOURNAL_TOPIC = ("journal",)
"""Wakes streams when anything became durable."""


def log_topic(attempt: str, task: int) -> tuple[str, str, int]:
    """What wakes the streams that follow a task's log."""
    return ("log", attempt, task)


def poke_topic(site: str) -> tuple[str, str]:
    """What wakes the streams of a site's agent."""
    return ("poke", site)
