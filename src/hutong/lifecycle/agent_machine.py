"""The agent's machine: what a site must do to agree with the hub, without doing any of it.

Theory of operation. The machine knows every attempt of its site by the last observation of it. A
driver tells it what happened (`AgentEvent`) and the time of a clock that never goes back and goes
on while the computer sleeps (boot time, ms); the machine answers with what to do (`AgentEffect`).
Wall clock times inside observations are data that it only passes on.

Agreement is by level. What the hub has not been heard to know is sent again, and after anything
that may have lost a message (a start, a failed or late sync) the next sync is full. One sync is in
flight at most; what changes meanwhile goes into the next, so a busy site sends large syncs rather
than many. Answers carry the number of their sync; a late one is ignored.

The lease. An answered sync gives the site the right to run its attempts until `lease_ttl_ms` after
that sync was *sent*. Ahead of that moment, by each attempt's grace or a tenth of the lease if that
is shorter, the machine stops what runs, so that it is dead when the hub may start it elsewhere. The
connector is told every lease too, for the case that the agent itself dies.

An attempt is started once. A repeated order changes nothing, an order for one that ended is
answered by its end, a stop for one that is not known is answered by an end that keeps it from ever
starting. What is settled is forgotten but for a bounded memory of its end. Of one job (or element)
the attempt with the highest number runs alone: an older one is ended before the newer one starts.
"""

from collections import deque
from zlib import crc32

import msgspec

from hutong.lifecycle.agent_events import (
    AgentEffect,
    AgentEvent,
    Forget,
    HoldLease,
    InventoryChanged,
    Poked,
    Scale,
    Seen,
    SendSync,
    Start,
    Started,
    StartRefused,
    Stop,
    SyncAnswered,
    SyncFailed,
    Tick,
)
from hutong.lifecycle.sync import SyncRequest
from hutong.model.attempt import AttemptOrder, Observation, StopOrder
from hutong.model.errors import refuse
from hutong.model.ids import AttemptId, NodeId, PoolId, split_attempt
from hutong.model.limits import DEFAULT_GRACE_MS, HEARTBEAT_MS, SYNC_OBSERVATIONS
from hutong.model.reasons import EndedReason, Fenced
from hutong.model.states import ATTEMPT_MOVES, AttemptState
from hutong.model.supply import Inventory, Site

SYNC_GAP_MS = 10
"""Time between two syncs that nobody waits for: changes gather meanwhile."""
SYNC_TIMEOUT_MS = 10_000
"""An answer that takes longer than this counts as lost."""
RETRY_FIRST_MS = 50
RETRY_MOST_MS = 1_000
TOMBSTONES = 4_096
STORY_LINES = 8_192
LEASE_STEP_MS = 1_000
"""The connector is told of a longer lease in steps of this, or a twentieth of a shorter one."""

_LIVE = (AttemptState.STAGING, AttemptState.STARTING, AttemptState.RUNNING, AttemptState.STOPPING)
WHY_LEASE = "its lease ran out"
WHY_NEWER = "a newer attempt of its job was ordered"
WHY_NOT_OURS = "it had been reported as ended"


class _Known(msgspec.Struct):
    """One attempt. `version` grows with `seen`; `stop_by_ms` is set while it is stopping."""

    seen: Observation
    version: int = 1
    grace_ms: int = DEFAULT_GRACE_MS
    stop_by_ms: int | None = None
    end_is_ours: bool = False


class AgentMachine:
    """What one site knows and owes. `handle` alone changes it."""

    def __init__(self, site: Site, inventory: Inventory, session: str) -> None:
        self.site = site
        self.inventory = inventory
        self.session = session
        self.draining = False
        self._known: dict[AttemptId, _Known] = {}
        self._live: dict[AttemptId, None] = {}
        self._running_for: dict[str, AttemptId] = {}
        self._untold: dict[AttemptId, None] = {}
        self._tombstones: dict[AttemptId, Observation] = {}
        self._story: deque[tuple[int, AttemptId, str]] = deque(maxlen=STORY_LINES)
        self._effects: list[AgentEffect] = []
        self._now_ms = 0
        # The connection
        self._started = False
        self._full_next = True
        self._inventory_next = True
        self._wanted = False
        self._number = 0
        self._in_flight: dict[AttemptId, int] | None = None
        self._sent_at_ms = 0
        self._send_from_ms = 0
        self._beat_at_ms = 0
        self._failures = 0
        self._heard = 0
        self._scaled: dict[PoolId, tuple[NodeId, ...]] | None = None
        # The lease
        self._lease_until_ms = 0
        self._lease_grace_ms = 0
        self._held_until_ms = 0

    @property
    def attempts(self) -> dict[AttemptId, Observation]:
        """Every attempt that is known, as it was last seen."""
        return {attempt: known.seen for attempt, known in self._known.items()}

    @property
    def lease_until_ms(self) -> int:
        """Boot time up to which the site may run attempts; 0 before the first answer."""
        return self._lease_until_ms

    @property
    def wake_at_ms(self) -> int | None:
        """Boot time at which a `Tick` is due if nothing happens before; None before the start."""
        if not self._started:
            return None
        if self._in_flight is not None:
            sync_at = self._sent_at_ms + SYNC_TIMEOUT_MS
        elif self._wanted:
            sync_at = self._send_from_ms
        else:
            sync_at = max(self._beat_at_ms, self._send_from_ms)
        return min([sync_at, *self._fence_times()])

    def story(self, attempt: AttemptId) -> list[str]:
        """What happened to an attempt, oldest first, each line with its boot time."""
        return [f"{at_ms} {line}" for at_ms, whose, line in self._story if whose == attempt]

    def handle(self, event: AgentEvent, now_ms: int) -> tuple[AgentEffect, ...]:
        """Take an event at a boot time; give back what is to be done, in this order."""
        self._now_ms = now_ms
        match event:
            case Started():
                self._start(event)
            case SyncAnswered():
                self._answered(event)
            case SyncFailed():
                self._failed(event.number, event.wait_ms)
            case Poked():
                self._wanted = True
                if self._failures:
                    self._send_from_ms = now_ms
            case Seen():
                for seen in event.observations:
                    self._see(seen)
            case StartRefused():
                self._refused(event)
            case InventoryChanged():
                self.inventory = event.inventory
                self._inventory_next = self._wanted = True
            case Tick():
                pass
        if self._started:
            self._fence()
            self._sync()
        effects, self._effects = tuple(self._effects), []
        return effects

    # What the site says

    def _start(self, event: Started) -> None:
        self._started = self._wanted = True
        self._lease_until_ms = self._held_until_ms = event.lease_until_ms
        self._lease_grace_ms = event.lease_grace_ms
        for seen in event.observations:
            self._see(seen)

    def _see(self, seen: Observation) -> None:
        if seen.state is not AttemptState.ENDED and seen.state not in _LIVE:
            self._tell(seen.attempt, f"seen {seen.state}, which is not for a site to say: ignored")
            return
        known = self._known.get(seen.attempt)
        if known is None:
            self._see_unknown(seen)
        elif seen.state is known.seen.state:
            self._fill_in(known, seen)
        elif known.seen.state is AttemptState.ENDED:
            if known.end_is_ours:
                self._stop(seen.attempt, 0, WHY_NOT_OURS)
        elif seen.state in ATTEMPT_MOVES[known.seen.state]:
            self._move(known, seen)
        else:
            # A stopping attempt is still seen to run, and only now is its start known.
            self._fill_in(known, seen)

    def _see_unknown(self, seen: Observation) -> None:
        if seen.attempt in self._tombstones:
            if seen.state is AttemptState.ENDED:
                self._effects.append(Forget(seen.attempt))
            else:
                self._stop(seen.attempt, 0, WHY_NOT_OURS)
            return
        self._tell(seen.attempt, f"found {seen.state}")
        known = self._add(seen, DEFAULT_GRACE_MS)
        if seen.state is AttemptState.ENDED:
            return
        job, number = _job_and_number(seen.attempt)
        rival = self._running_for.setdefault(job, seen.attempt)
        if number > _job_and_number(rival)[1]:
            self._running_for[job] = seen.attempt
            self._end(rival, self._known[rival], 0, WHY_NEWER)
        elif rival != seen.attempt:
            self._end(seen.attempt, known, 0, WHY_NEWER)

    def _fill_in(self, known: _Known, seen: Observation) -> None:
        """Take a start that was not known, and a later checkpoint; no more changes in a state."""
        before = known.seen
        started_ms = before.started_ms or seen.started_ms
        saved_ms = max(before.checkpointed_ms, seen.checkpointed_ms)
        if (started_ms, saved_ms) != (before.started_ms, before.checkpointed_ms):
            known.seen = msgspec.structs.replace(
                before, started_ms=started_ms, checkpointed_ms=saved_ms
            )
            self._changed(seen.attempt, known)

    def _refused(self, event: StartRefused) -> None:
        known = self._known.get(event.attempt)
        if known is None or known.seen.state is AttemptState.ENDED:
            return
        known.end_is_ours = True
        self._move(known, _ended(event.attempt, event.reason, event.at_ms))

    # What the hub says

    def _answered(self, event: SyncAnswered) -> None:
        if self._in_flight is None or event.number != self._number:
            return
        for attempt, version in self._in_flight.items():
            known = self._known.get(attempt)
            if known is not None and known.version == version:
                self._untold.pop(attempt, None)
        self._in_flight = None
        self._failures = 0
        reply = event.reply
        self._heard = reply.position
        self.draining = reply.draining
        self._renew(reply.lease_ttl_ms)
        if reply.wanted is not None and reply.wanted != self._scaled:
            self._scaled = reply.wanted
            self._effects.append(Scale(reply.wanted))
        for settled in reply.settled:
            self._settle(settled)
        for stop in reply.stop:
            self._take_stop(stop)
        for order in reply.start:
            self._take_order(order)
        self._beat_at_ms = self._sent_at_ms + max(reply.heartbeat_ms, SYNC_GAP_MS)
        self._send_from_ms = self._sent_at_ms + SYNC_GAP_MS
        if reply.resync:
            self._full_next = True
        if reply.more or reply.resync:
            self._wanted = True
            self._send_from_ms = self._now_ms

    def _failed(self, number: int, wait_ms: int) -> None:
        if self._in_flight is None or number != self._number:
            return
        self._in_flight = None
        self._full_next = self._wanted = True
        delay_ms = min(RETRY_MOST_MS, RETRY_FIRST_MS << min(self._failures, 10))
        jitter = crc32(f"{self.session}:{self._failures}".encode()) % 51  # 75 % to 125 %
        self._failures += 1
        self._send_from_ms = self._now_ms + max(delay_ms * (75 + jitter) // 100, wait_ms)

    def _settle(self, attempt: AttemptId) -> None:
        known = self._known.get(attempt)
        if known is None:
            if attempt in self._tombstones:
                self._effects.append(Forget(attempt))
            return
        if known.seen.state is not AttemptState.ENDED:
            self._tell(attempt, f"settled while {known.seen.state}: ignored")
            return
        del self._known[attempt]
        self._untold.pop(attempt, None)
        self._tombstones[attempt] = known.seen
        if len(self._tombstones) > TOMBSTONES:
            del self._tombstones[next(iter(self._tombstones))]
        self._tell(attempt, "settled")
        self._effects.append(Forget(attempt))

    def _take_stop(self, stop: StopOrder) -> None:
        known = self._known.get(stop.attempt)
        if known is None:
            end = self._tombstones.get(stop.attempt) or _ended(stop.attempt, Fenced())
            self._tell(stop.attempt, f"told to stop ({stop.why}), not here")
            self._add(end, 0).end_is_ours = True
        elif known.seen.state is AttemptState.ENDED:
            self._untold[stop.attempt] = None
        else:
            self._end(stop.attempt, known, stop.grace_ms, stop.why)

    def _take_order(self, order: AttemptOrder) -> None:
        known = self._known.get(order.attempt)
        if known is not None:
            self._untold[order.attempt] = None
            return
        if (buried := self._tombstones.get(order.attempt)) is not None:
            self._tell(order.attempt, "ordered again after its end")
            self._add(buried, 0).end_is_ours = True
            return
        if len(self._known) >= SYNC_OBSERVATIONS or self._now_ms >= self._fence_from_ms:
            return  # the hub repeats an order until the attempt is heard of
        job, number = _job_and_number(order.attempt)
        rival = self._running_for.get(job)
        if rival is not None:
            if _job_and_number(rival)[1] < number:
                self._end(rival, self._known[rival], 0, WHY_NEWER)
                return
            self._tell(order.attempt, f"ordered after {rival}")
            self._add(_ended(order.attempt, Fenced()), 0).end_is_ours = True
            return
        self._tell(order.attempt, f"ordered as {order.name}, token {order.token}")
        self._add(Observation(order.attempt, AttemptState.STARTING), order.grace_ms)
        self._running_for[job] = order.attempt
        self._effects.append(Start(order))

    # The lease

    @property
    def _fence_from_ms(self) -> int:
        """From here on an attempt with a long grace has to be asked to end."""
        return self._lease_until_ms - self._lease_grace_ms

    def _renew(self, lease_ttl_ms: int) -> None:
        self._lease_until_ms = self._sent_at_ms + lease_ttl_ms
        self._lease_grace_ms = lease_ttl_ms // 10
        ahead_ms = self._lease_until_ms - self._held_until_ms
        if ahead_ms < 0 or ahead_ms >= min(LEASE_STEP_MS, lease_ttl_ms // 20):
            self._held_until_ms = self._lease_until_ms
            self._effects.append(HoldLease(self._lease_until_ms, self._lease_grace_ms))

    def _fence_times(self) -> list[int]:
        """When the first attempt has to be asked to end: one time, or none."""
        if not self._live:
            return []
        if self._now_ms < self._fence_from_ms:
            return [self._fence_from_ms]
        times = [self._fence_at_ms(self._known[attempt]) for attempt in self._live]
        return [min(known)] if (known := [at_ms for at_ms in times if at_ms is not None]) else []

    def _fence_at_ms(self, known: _Known) -> int | None:
        """When this live attempt has to be asked to end; None if it is ending in time already."""
        if known.stop_by_ms is not None and known.stop_by_ms <= self._lease_until_ms:
            return None
        return self._lease_until_ms - min(known.grace_ms, self._lease_grace_ms)

    def _fence(self) -> None:
        if not self._live or self._now_ms < self._fence_from_ms:
            return
        left_ms = max(0, self._lease_until_ms - self._now_ms)
        for attempt in list(self._live):
            known = self._known[attempt]
            at_ms = self._fence_at_ms(known)
            if at_ms is not None and at_ms <= self._now_ms:
                self._end(attempt, known, min(known.grace_ms, left_ms), WHY_LEASE)

    def _end(self, attempt: AttemptId, known: _Known, grace_ms: int, why: str) -> None:
        """Stop a live attempt, or hurry one that is stopping; never give it more time."""
        stop_by_ms = self._now_ms + grace_ms
        if known.stop_by_ms is not None and known.stop_by_ms <= stop_by_ms:
            return
        known.stop_by_ms = stop_by_ms
        self._stop(attempt, grace_ms, why)
        if known.seen.state is not AttemptState.STOPPING:
            self._move(known, msgspec.structs.replace(known.seen, state=AttemptState.STOPPING))

    def _stop(self, attempt: AttemptId, grace_ms: int, why: str) -> None:
        self._tell(attempt, f"stop within {grace_ms} ms: {why}")
        self._effects.append(Stop(attempt, grace_ms, why))

    # The sync

    def _sync(self) -> None:
        now_ms = self._now_ms
        if self._in_flight is not None:
            if now_ms < self._sent_at_ms + SYNC_TIMEOUT_MS:
                return
            self._failed(self._number, 0)
        due = self._wanted or now_ms >= self._beat_at_ms
        if not due or now_ms < self._send_from_ms:
            return
        full, self._full_next = self._full_next, False
        named = list(self._known if full else self._untold)
        if not full and len(named) > SYNC_OBSERVATIONS:
            named = named[:SYNC_OBSERVATIONS]
        self._wanted = len(named) < len(self._untold)
        with_inventory = full or self._inventory_next
        self._inventory_next = False
        self._number += 1
        self._in_flight = {attempt: self._known[attempt].version for attempt in named}
        self._sent_at_ms = now_ms
        self._beat_at_ms = now_ms + HEARTBEAT_MS
        request = SyncRequest(
            self.site.id,
            self.session,
            full=full,
            observations=tuple(self._known[attempt].seen for attempt in named),
            description=self.site if full else None,
            inventory=self.inventory if with_inventory else None,
            number=self._number,
            heard=self._heard,
        )
        self._effects.append(SendSync(self._number, request))

    # Keeping the books

    def _add(self, seen: Observation, grace_ms: int) -> _Known:
        known = _Known(seen, grace_ms=grace_ms)
        self._known[seen.attempt] = known
        if seen.state is not AttemptState.ENDED:
            self._live[seen.attempt] = None
        self._untold[seen.attempt] = None
        self._wanted = True
        return known

    def _move(self, known: _Known, seen: Observation) -> None:
        before, attempt = known.seen, seen.attempt
        if seen.state not in ATTEMPT_MOVES[before.state]:
            raise refuse(
                "lifecycle.invalid_transition",
                what=f"attempt {attempt}",
                before=before.state,
                after=seen.state,
                story=" | ".join(self.story(attempt)),
            )
        if before.started_ms and not seen.started_ms:
            seen = msgspec.structs.replace(seen, started_ms=before.started_ms)
        if before.checkpointed_ms > seen.checkpointed_ms:
            seen = msgspec.structs.replace(seen, checkpointed_ms=before.checkpointed_ms)
        known.seen = seen
        self._tell(attempt, seen.ended.sentence() if seen.ended else seen.state.value)
        if seen.state is AttemptState.ENDED:
            del self._live[attempt]
            job, _ = _job_and_number(attempt)
            if self._running_for.get(job) == attempt:
                del self._running_for[job]
        self._changed(attempt, known)

    def _changed(self, attempt: AttemptId, known: _Known) -> None:
        known.version += 1
        self._untold[attempt] = None
        self._wanted = True

    def _tell(self, attempt: AttemptId, line: str) -> None:
        self._story.append((self._now_ms, attempt, line))

    def validate(self) -> None:
        """Raise AssertionError if what the machine holds contradicts itself."""
        live = [a for a, known in self._known.items() if known.seen.state in _LIVE]
        assert sorted(live) == sorted(self._live), "live attempts are indexed"
        assert all(attempt in self._known for attempt in self._untold), "only what is known is told"
        assert len(self._tombstones) <= TOMBSTONES, "the memory of ends is bounded"
        for attempt, known in self._known.items():
            ended = known.seen.state is AttemptState.ENDED
            assert known.seen.attempt == attempt, "observations are kept under their attempt"
            assert ended == (known.seen.ended is not None), "an end has a reason, nothing else has"
            assert not known.end_is_ours or ended, "only an end can be ours"
            assert ended or known.seen.state in _LIVE, f"{known.seen.state} is not for a site"
        for job, attempt in self._running_for.items():
            assert attempt in self._live, "what runs for a job is live"
            assert _job_and_number(attempt)[0] == job, "and belongs to it"
        late = [a for a in self._live if self._is_late(self._known[a])]
        assert not late, f"{late} should have been told to end: the lease is nearly over"

    def _is_late(self, known: _Known) -> bool:
        if not self._started or known.stop_by_ms is not None:
            return False
        at_ms = self._fence_at_ms(known)
        return at_ms is not None and at_ms <= self._now_ms


def _ended(attempt: AttemptId, reason: EndedReason, at_ms: int = 0) -> Observation:
    return Observation(attempt, AttemptState.ENDED, ended_ms=at_ms, ended=reason)


def _job_and_number(attempt: AttemptId) -> tuple[str, int]:
    """Split an attempt's id into what it is an attempt of and which one it is."""
    return split_attempt(attempt)[:2]
