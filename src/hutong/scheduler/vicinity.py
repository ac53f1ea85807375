"""Vicinity: the affinities of one shape for one tenant, as a cycle looks at them.

Theory of operation. A shape with affinities is looked at for each tenant by itself, with options of
its own. Each has a `Near`, and wherever it is worked out how many tasks a row holds, those rows
count that the affinities allow at that moment.

What is only preferred is taken off a pool's score, in the part of the preferences that its best
node meets; and on the pool the gang goes to the nodes that meet most of them and hold it whole.

A start later on goes by who runs where now: who will be near by then is not known.
"""

from collections.abc import Sequence

from hutong.model.ids import TenantId
from hutong.model.job import Affinity
from hutong.scheduler.affinity import Neighbours
from hutong.scheduler.estimate import UNKNOWN_MS, Start
from hutong.scheduler.near import Near
from hutong.scheduler.option import Option
from hutong.scheduler.profile import Profile
from hutong.scheduler.shapes import Shape


class Vicinity:
    """The affinities of a shape, for one tenant in one cycle."""

    __slots__ = ("_bonus_milli", "_neighbours", "_shape", "_tenant")

    def __init__(
        self, neighbours: Neighbours, shape: Shape, tenant: TenantId, profile: Profile
    ) -> None:
        self._neighbours = neighbours
        self._shape = shape
        self._tenant = tenant
        self._bonus_milli = max(profile.preferred_bonus_milli, 0)

    def options(self, options: Sequence[Option]) -> list[Option]:
        """The same options with their nodes' neighbours, best first."""
        liked = sum([not affinity.required for affinity in self._shape.affinity])
        found = []
        for option in options:
            near = Near(self._neighbours, self._shape, self._tenant, option.columns)
            off = self._bonus_milli * near.best_liking() // liked if liked else 0
            found.append(option.beside(near, off))
        if liked:
            found.sort(key=lambda o: (not o.need.milli and len(o.columns.caps) > 0, o.score))
        return found

    def bar(self, options: Sequence[Option]) -> Affinity | None:
        """The affinity that leaves no node of any option; None where some are left."""
        pools = [option.columns for option in options]
        return self._neighbours.barred_by(self._shape, self._tenant, pools)

    def start(self, options: Sequence[Option], start: Start, now_ms: int) -> Start:
        """When a job is expected to start that would at `start`, did affinities not bar it.

        It is not before the first of the jobs that it keeps away from ends. When one will come that
        it has to be near is not known.
        """
        bar = self.bar(options)
        if bar is None:
            return start
        first = self._neighbours.first_gone(bar, self._tenant) if bar.apart else None
        if first is None:
            return Start(UNKNOWN_MS, "none")
        return Start(max(first.expected_end_ms, now_ms), first.end_basis)
