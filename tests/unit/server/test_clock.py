"""The hub's clock against wall clocks that are set."""

import time

from hutong.server.clock import Clock

NS = 1_000_000
NOON_MS = 1_795_000_000_000


class Machine:
    """The two clocks of a machine."""

    def __init__(self) -> None:
        self.wall_ms = NOON_MS
        self.boot_ms = 5_000

    def clock(self) -> Clock:
        return Clock(wall_ns=lambda: self.wall_ms * NS, boot_ns=lambda: self.boot_ms * NS)

    def after(self, ms: int) -> None:
        self.wall_ms += ms
        self.boot_ms += ms


def test_time_passes_as_it_does_on_the_machine() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.after(1_234)
    assert clock.now_ms() == NOON_MS + 1_234


def test_clock_set_forward_by_an_hour_ends_no_lease() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall_ms += 3_600_000
    machine.after(100_000)
    assert clock.now_ms() == NOON_MS + 101_000


def test_clock_set_back_does_not_stop_time() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall_ms -= 3_600_000
    for _ in range(1_000):
        machine.after(100)
        clock.now_ms()
    assert clock.now_ms() == NOON_MS + 99_000


def test_clock_that_was_off_comes_back_to_the_wall_clock() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall_ms += 2_000
    machine.after(200_000)
    clock.now_ms()
    machine.after(1_000)
    assert clock.now_ms() == machine.wall_ms


def test_time_never_goes_back_over_a_restart() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.not_before(NOON_MS + 50_000)
    machine.after(10)
    assert clock.now_ms() >= NOON_MS + 50_000


def test_clock_of_this_machine_is_near_its_wall_clock() -> None:
    assert abs(Clock().now_ms() - time.time_ns() // NS) < 1_000
