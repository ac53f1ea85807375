import asyncio

from hutong.server.signals import Signal


def test_all_who_wait_are_woken() -> None:
    async def play() -> list[bool]:
        signal = Signal()
        waits = [asyncio.create_task(signal.wait(30_000)) for _ in range(3)]
        await asyncio.sleep(0)
        signal.give()
        return await asyncio.gather(*waits)

    assert asyncio.run(play()) == [True, True, True]


def test_who_waits_for_nothing_is_told_so() -> None:
    assert asyncio.run(Signal().wait(1)) is False


def test_a_signal_given_before_the_wait_does_not_count() -> None:
    async def play() -> bool:
        signal = Signal()
        signal.give()
        return await signal.wait(1)

    assert asyncio.run(play()) is False


def test_who_was_cancelled_leaves_nothing_behind() -> None:
    async def play() -> int:
        signal = Signal()
        waiting = asyncio.create_task(signal.wait(30_000))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return len(signal._waiters)

    assert asyncio.run(play()) == 0
