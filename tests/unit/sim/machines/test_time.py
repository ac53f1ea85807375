"""Virtual time, clocks that run wrong, and a network that does as the weather has it."""

from random import Random

import pytest

from hutong.sim.machines.clocks import Clock
from hutong.sim.machines.loop import Loop
from hutong.sim.machines.network import Network
from hutong.sim.machines.script import Weather
from hutong.sim.machines.stall import Stall


def test_actions_of_one_moment_are_done_in_the_order_they_were_asked_for() -> None:
    loop, done = Loop(1_000), []
    loop.after(5, done.append, "later")
    loop.at(1_003, done.append, "first")
    loop.at(900, done.append, "what is past is due now")
    loop.at(1_003, done.append, "second")
    while loop.step():
        pass
    assert done == ["what is past is due now", "first", "second", "later"]
    assert (loop.now_ms, loop.steps) == (1_005, 4)


@pytest.mark.parametrize("drift_ppm", [-15_000, 0, 7, 15_000])
def test_boot_clock_shows_a_time_first_at_the_moment_it_names(drift_ppm: int) -> None:
    clock = Clock(50_000, drift_ppm=drift_ppm)
    for boot_ms in (1, 999, 300_000):
        at_ms = clock.when_boot(boot_ms)
        assert clock.boot_ms(at_ms - 1) < boot_ms <= clock.boot_ms(at_ms)


def test_reboot_starts_the_boot_clock_again_and_leaves_the_wall_clock() -> None:
    clock = Clock(0, skew_ms=60_000)
    clock.reboot(5_000)
    assert (clock.boot_ms(6_000), clock.wall_ms(6_000)) == (1_000, 66_000)


def test_wall_clock_that_is_set_moves_and_the_boot_clock_does_not() -> None:
    clock = Clock(0, drift_ppm=10_000)
    clock.step_wall(100_000, -30_000)
    assert (clock.wall_ms(100_000), clock.boot_ms(100_000)) == (71_000, 101_000)
    assert clock.wall_ms(200_000) == 71_000 + 101_000


def _sent(weather: Weather, count: int = 400) -> tuple[list[int], list[int]]:
    loop = Loop(0)
    network = Network(loop, Random(1), weather)
    order: list[int] = []
    times: list[int] = []

    def arrive(number: int) -> None:
        order.append(number)
        times.append(loop.now_ms)

    for number in range(count):
        network.send("a>", arrive, number)
    while loop.step():
        pass
    return order, times


def test_messages_overtake_each_other_but_none_is_lost_in_fair_weather() -> None:
    order, times = _sent(Weather((1, 50)))
    assert sorted(order) == list(range(400))
    assert order != sorted(order)
    assert max(times) <= 50


def test_bad_weather_loses_delays_and_repeats() -> None:
    lost, _ = _sent(Weather((1, 5), lost_milli=500))
    _, late = _sent(Weather((1, 5), late_milli=500, late_most_ms=60_000))
    twice, _ = _sent(Weather((1, 5), repeated_milli=500))
    assert 100 < len(lost) < 300
    assert max(late) > 30_000
    assert 500 < len(twice) < 700


def test_cut_way_carries_nothing_until_it_is_mended_and_the_other_way_still_does() -> None:
    loop, got = Loop(0), []
    network = Network(loop, Random(1), Weather((1, 1)))
    network.cut("a>", 1_000)
    network.send("a>", got.append, "cut")
    network.send(">a", got.append, "down")
    loop.at(1_000, network.send, "a>", got.append, "mended")
    while loop.step():
        pass
    assert got == ["down", "mended"]


def test_process_that_stands_still_does_what_came_meanwhile_in_its_order() -> None:
    loop, done = Loop(0), []
    stall = Stall(loop)

    def act(what: str) -> None:
        if not stall.holds(act, what):
            done.append((loop.now_ms, what))

    stall.begin(100)
    for at_ms, what in ((10, "one"), (20, "two"), (100, "three"), (150, "four")):
        loop.at(at_ms, act, what)
    while loop.step():
        pass
    assert done == [(100, "one"), (100, "two"), (100, "three"), (150, "four")]
