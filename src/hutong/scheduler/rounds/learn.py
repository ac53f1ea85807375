"""What is learnt of how long jobs run, from those that ended and those that still do.

Theory of operation. For each group of like jobs two numbers a step of service (see `steps`): how
many jobs ended in it, and how long jobs were in it altogether. Their ratio is the rate at which
jobs end there, which also counts those that have not ended yet (Kaplan and Meier's estimate, in
pieces of constant rate). Groups are nested, from all jobs to those of one size and tenant. A group
begins with what the one above it says, as if it had seen `PRIOR_ENDS` ends of it; above all stands
a chance of `PRIOR_CHANCE` to end in each doubling, by which long jobs stay long.

From the rates follows the Gittins index of a job with a given service (Gittins 1979; Scully,
Harchol-Balter and Scheller-Wolf, *SOAP*, POMACS 2018): over all further steps, the most that the
chance to end by then is worth against the expected time until then. Its inverse is a time: what one
end costs at best. Nobody told anybody a run time for it.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hutong.model.ids import TenantId
from hutong.scheduler.rounds.steps import ENDS_MS, STEPS, step_of

Floats = NDArray[np.float64]

PRIOR_ENDS = 4.0
PRIOR_CHANCE = 0.25
GROUPS_MAX = 10_000
"""Groups kept; beyond, jobs of new groups count for the wider ones alone."""

_STARTS = np.array((0, *ENDS_MS), np.float64)
_ENDS = np.array((*ENDS_MS, np.inf), np.float64)
_WIDTHS = np.append(np.diff(_STARTS), _STARTS[-1])
_PRIOR: Floats = -math.log(1 - PRIOR_CHANCE) / _WIDTHS
_RENEWED = 1.05
"""A group's table is made anew once what it saw grew by a twentieth, or by one end."""


class Like(NamedTuple):
    """What makes jobs alike: how many chips the whole gang holds (thousandths), and whose it is."""

    chips_milli: int
    tenant: TenantId


class Service:
    """How long the jobs of one group were in each step, and how many ended there."""

    __slots__ = ("ended", "spent_ms", "table", "table_of")

    def __init__(self) -> None:
        self.ended: Floats = np.zeros(STEPS)
        self.spent_ms: Floats = np.zeros(STEPS)
        self.table: list[float] = []
        self.table_of = -1.0

    def rates(self, above: Floats, underway_ms: Floats | None = None) -> Floats:
        """The rate of ends in each step, a ms, beside what the wider group says."""
        spent = self.spent_ms if underway_ms is None else self.spent_ms + underway_ms
        found: Floats = (self.ended + PRIOR_ENDS) / (spent + PRIOR_ENDS / above)
        return found


class Services:
    """The groups, and for each a table of expected times by step. See the module."""

    def __init__(self) -> None:
        self._groups: dict[tuple[object, ...], Service] = {(): Service()}
        self.ended = 0

    def note_end(self, like: Like, service_ms: int) -> None:
        """A job ended after so much service, in ms at speed 1000."""
        self.ended += 1
        step = step_of(service_ms)
        for name in _names(like):
            service = self._groups.get(name)
            if service is None:
                if len(self._groups) >= GROUPS_MAX:
                    return
                service = self._groups[name] = Service()
            service.ended[step] += 1
            spent = service.spent_ms[: step + 1]
            spent += np.minimum(service_ms, _ENDS[: step + 1]) - _STARTS[: step + 1]

    def times(self, like: Like, underway: Iterable[tuple[Like, float]] = ()) -> list[float]:
        """The expected time that one end costs at best, by step, in ms at speed 1000.

        `underway` are the jobs that run or wait with the service they have had; they are counted
        when the table is made, which is when some more jobs have ended.
        """
        names = _names(like)
        own = self._groups.get(names[-1])
        if own is None:
            own = self._groups.get(names[1]) or self._groups[()]
        if own.table_of >= 0 and self.ended < own.table_of * _RENEWED + 1:
            return own.table
        beside = _together(names, underway)
        rates = _PRIOR
        for name in names:
            service = self._groups.get(name)
            if service is not None:
                rates = service.rates(rates, beside.get(name))
        own.table, own.table_of = expected_times(rates), float(self.ended)
        return own.table


def expected_times(rates: Floats) -> list[float]:
    """The inverse Gittins index at the begin of each step, where jobs end at these rates a ms."""
    ends = 1 - np.exp(-rates * _WIDTHS)
    spans = ends / rates
    ends[-1], spans[-1] = 1.0, 1 / rates[-1]
    stays = 1 - ends
    found = []
    for step in range(STEPS):
        left = np.concatenate([[1.0], np.cumprod(stays[step:])[:-1]])
        chance = np.cumsum(left * ends[step:])
        time = np.cumsum(left * spans[step:])
        found.append(float((time / chance).min()))
    return found


def _names(like: Like) -> tuple[tuple[object, ...], ...]:
    return (), (like.chips_milli,), (like.chips_milli, like.tenant)


def _together(
    names: tuple[tuple[object, ...], ...], underway: Iterable[tuple[Like, float]]
) -> dict[tuple[object, ...], Floats]:
    """How long the jobs that have not ended were in each step, for some groups."""
    found: dict[tuple[object, ...], Floats] = {}
    for like, service_ms in underway:
        spent = np.maximum(np.minimum(service_ms, _ENDS) - _STARTS, 0)
        for name in _names(like):
            if name in names:
                found[name] = found[name] + spent if name in found else spent
    return found
