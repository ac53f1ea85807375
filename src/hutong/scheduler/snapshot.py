"""What a cycle sees: a live view of the state at one time."""

from typing import NamedTuple

from hutong.model.ids import JobId
from hutong.scheduler.calendar import Calendar
from hutong.scheduler.cleaner import Cleaner
from hutong.scheduler.demand import Demand
from hutong.scheduler.match import Matcher
from hutong.scheduler.records import Resumption
from hutong.scheduler.rounds.memory import RoundMemory
from hutong.scheduler.supply import Supply
from hutong.scheduler.tenants import Tenants


class Snapshot(NamedTuple):
    """The state as a cycle reads it, at a time.

    It is a view, so that taking one costs nothing whatever waits or runs: run the cycle before the
    state changes again. Cycles read it and never change what it shows; what they keep in it
    (matches, outlooks) is worked out again when lost. `preempting` are jobs for which attempts are
    being stopped, `resuming` those that are being resized. `rounds` is what rounds go by,
    `cleaner` what is known of the carbon of power.
    """

    now_ms: int
    supply: Supply
    demand: Demand
    tenants: Tenants
    matcher: Matcher
    preempting: dict[JobId, int]
    calendar: Calendar
    resuming: dict[JobId, Resumption]
    rounds: RoundMemory
    cleaner: Cleaner
