"""What tenants used, by day and by month, and how fast use is forgotten.

Theory of operation. The sums are folded from the same events as the meter, and a correction of a
lost attempt takes back what was counted of it. An interval across the end of a window is split
there; what it cost is split so that the parts add up to the bill, by what it had cost until each
end. So all of a tenant's months together are its meter, to the last micro-yuan.
"""

from collections.abc import Iterator

from hutong.lifecycle import events as ev
from hutong.lifecycle.ground import Ground
from hutong.lifecycle.records import Attempt
from hutong.lifecycle.state import HubState
from hutong.model.limits import WINDOW_DAYS
from hutong.model.supply import cost_microcny
from hutong.model.tenant import QuotaWindow, Spent, WindowSums
from hutong.model.window import window_of

_DAY_MS = 24 * 3_600_000


def profile_changed(ground: Ground, event: ev.ProfileChanged, entry: ev.Entry) -> None:
    """Decide by another profile from now on."""
    ground.state.profile = event.profile
    ground.scheduler.set_half_life(event.profile.share_half_life_ms)


def lend_records(ground: Ground) -> None:
    """Let the scheduler keep the averages and read the sums of the state."""
    state = ground.state
    half_life_ms = state.profile.share_half_life_ms
    ground.scheduler.remember_use(state.use, state.windows, half_life_ms)


def note_spent(ground: Ground, attempt: Attempt, entry: ev.Entry, sign: int = 1) -> None:
    """Add what an attempt used to the sums over windows, or (-1) take it away again."""
    if not attempt.duration_ms():
        return
    sums = ground.state.windows.get(attempt.tenant)
    if sums is None:
        sums = ground.state.windows[attempt.tenant] = WindowSums()
    place = f"{attempt.site} {attempt.accelerator}"
    for window in QuotaWindow:
        kept = sums.days if window is QuotaWindow.DAY else sums.months
        for begin_ms, milli_ms, cost in _parts(attempt, window):
            at_place = kept.setdefault(begin_ms, {})
            spent = at_place.get(place)
            if spent is None:
                spent = at_place[place] = Spent()
            spent.accelerator_milli_ms += sign * milli_ms
            spent.cost_microcny += sign * cost
            part = (begin_ms, sign * milli_ms, sign * cost)
            ground.scheduler.meter(attempt.tenant, place, window, part)
    oldest_ms = entry.at_ms - WINDOW_DAYS * _DAY_MS
    for begin_ms in [begin_ms for begin_ms in sums.days if begin_ms < oldest_ms]:
        del sums.days[begin_ms]


def _parts(attempt: Attempt, window: QuotaWindow) -> Iterator[tuple[int, int, int]]:
    """The windows an attempt ran in: begin, accelerator time and money of each."""
    milli, rate = attempt.held().accelerator_milli, attempt.rate_microcny_per_hour
    start_ms = at_ms = attempt.started_ms
    before = 0
    while at_ms < attempt.ended_ms:
        begin_ms, end_ms = window_of(window, at_ms)
        until_ms = min(max(end_ms, at_ms + 1), attempt.ended_ms)
        cost = cost_microcny(rate, until_ms - start_ms)
        yield begin_ms, milli * (until_ms - at_ms), cost - before
        at_ms, before = until_ms, cost


def check_windows(state: HubState) -> None:
    """Raise AssertionError with the facts where the months of a tenant are not its meter."""
    for tenant in {**state.meter, **state.windows}:
        metered = state.meter.get(tenant)
        sums = state.windows.get(tenant, WindowSums())
        spent = [one for month in sums.months.values() for one in month.values()]
        time = sum([one.accelerator_milli_ms for one in spent])
        money = sum([one.cost_microcny for one in spent])
        wanted = (metered.accelerator_milli_ms, metered.cost_microcny) if metered else (0, 0)
        assert (time, money) == wanted, f"{tenant}: months of {time}, {money}; meter {wanted}"
