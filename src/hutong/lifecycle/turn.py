"""One stimulus being handled: what it may look at, and the events and effects it leads to."""

from hutong.lifecycle import events as ev
from hutong.lifecycle.commands import Effect, Poke, WantCycle
from hutong.lifecycle.fold import Fold
from hutong.lifecycle.state import HubState
from hutong.model.ids import SiteId

_DECIDABLE = (
    ev.TenantChanged,
    ev.InventoryChanged,
    ev.SiteDrained,
    ev.NodeDrained,
    ev.SiteReturned,
    ev.JobAccepted,
    ev.AttemptEnded,
    ev.AttemptLost,
    ev.JobRequeued,
    ev.JobEnded,
    ev.BookingPut,
    ev.BookingRemoved,
    ev.BookingEnded,
)
"""Kinds of events after which a cycle could decide something new."""


class Turn:
    """Checks come before the first `emit`: an emitted event has happened."""

    def __init__(self, fold: Fold, now_ms: int, cause: str) -> None:
        self.fold = fold
        self.now_ms = now_ms
        self.cause = cause
        self.entries: list[ev.Entry] = []
        self._pokes: dict[SiteId, bool] = {}
        self._wants_cycle = False

    @property
    def state(self) -> HubState:
        """The hub's state as the events so far left it. Only the fold writes it."""
        return self.fold.state

    def emit(self, event: ev.AnyEvent) -> None:
        """Accept an event: it is folded in now and will be in the journal."""
        entry = ev.Entry(self.state.position + 1, self.now_ms, self.cause, event)
        self.fold.apply(entry)
        self.entries.append(entry)
        if isinstance(event, _DECIDABLE):
            self._wants_cycle = True

    def poke(self, site: SiteId) -> None:
        """The site's agent should sync soon."""
        self._pokes[site] = True

    def want_cycle(self) -> None:
        """A cycle could decide something new."""
        self._wants_cycle = True

    def effects(self) -> list[Effect]:
        """What should leave once the entries are durable."""
        effects: list[Effect] = [Poke(site) for site in self._pokes]
        if self._wants_cycle:
            effects.append(WantCycle())
        return effects
