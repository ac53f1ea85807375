"""Waking coroutines that wait for something to change, on one event loop."""

import asyncio


class Signal:
    """Wakes everybody who waits at the moment it is given.

    Look at what you wait for, then `wait`, with no `await` between the two: then nothing is missed.
    """

    def __init__(self) -> None:
        self._waiters: dict[asyncio.Future[bool], None] = {}

    def give(self) -> None:
        """Wake all who wait."""
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            _answer(waiter, True)  # noqa: FBT003 - the result of a future has no name

    async def wait(self, timeout_ms: int) -> bool:
        """Wait for the next signal; False when none came in time."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiters[waiter] = None
        timer = loop.call_later(timeout_ms / 1000, _answer, waiter, False)  # noqa: FBT003
        try:
            return await waiter
        finally:
            timer.cancel()
            self._waiters.pop(waiter, None)


def _answer(waiter: asyncio.Future[bool], came: bool) -> None:  # noqa: FBT001 - a callback's value
    if not waiter.done():
        waiter.set_result(came)
