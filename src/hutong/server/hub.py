"""All parts of a running hub, in one place for the endpoints."""

from collections.abc import Sequence
from pathlib import Path

from hutong import __version__
from hutong.lifecycle.events import Entry
from hutong.server.driver import Driver
from hutong.server.feed import Feed
from hutong.server.logs import LogBook
from hutong.server.streams import JOURNAL_TOPIC, StreamBook, poke_topic
from hutong.server.tokens import TokenBook


class Hub:
    """A hub: its driver, tokens, streams, logs and the feed of its journal."""

    def __init__(self, driver: Driver, data: Path) -> None:
        self.driver = driver
        self.version = __version__
        self.tokens = TokenBook([])
        self.streams = StreamBook()
        self.logs = LogBook(data / "logs")
        self.feed = Feed(driver)
        driver.on_poke = lambda site: self.streams.wake(poke_topic(site))
        driver.on_entries = self._news

    async def start(self) -> None:
        """Take over the store and its tokens."""
        await self.driver.start()
        for row in await self.driver.read(self.driver.store.tokens):
            self.tokens.put(row)

    def stop_streams(self) -> None:
        """End all streams: nobody who listens keeps the hub from stopping."""
        self.streams.close_all()

    async def close(self) -> None:
        """Write everything down and let go of the store."""
        self.stop_streams()
        await self.driver.close()

    def _news(self, entries: Sequence[Entry]) -> None:
        self.feed.keep(entries)
        self.streams.wake(JOURNAL_TOPIC)
