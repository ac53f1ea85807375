"""An agent's report: what the hub learns of a site, and what it answers should be true there."""

from hutong.lifecycle import events as ev
from hutong.lifecycle import offers
from hutong.lifecycle.records import Attempt, SiteRecord
from hutong.lifecycle.settle import settle_attempt
from hutong.lifecycle.sync import SyncReply, SyncRequest
from hutong.lifecycle.turn import Turn
from hutong.model import limits
from hutong.model.attempt import AttemptOrder, Observation, StopOrder
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import AttemptId, is_name, split_node
from hutong.model.limits import CLOCK_SKEW_MS, LEASE_TTL_MS, SYNC_OBSERVATIONS, SYNC_ORDERS
from hutong.model.reasons import EndedReason, Fenced, ProcessLost
from hutong.model.states import AttemptState, FailureClass
from hutong.model.supply import Inventory, Site

_RANK = {state: rank for rank, state in enumerate(AttemptState)}


def report(turn: Turn, request: SyncRequest) -> SyncReply:
    """Take a report in, renew the site's lease, and answer what should be true."""
    check_report(request)
    record = turn.state.sites.get(request.site)
    is_new = record is None and request.full
    if record is None:
        if request.description is None:
            return SyncReply(resync=True, position=turn.state.position)
        turn.emit(ev.SiteDescribed(request.description))
        record = turn.state.sites[request.site]
    current = _takes_up(turn, record, request) or is_new
    if current:
        record.session, record.number = request.session, request.number
        _describe(turn, record, request)
    record.heard_ms = max(record.heard_ms, turn.now_ms)
    record.lease_until_ms = max(record.lease_until_ms, turn.now_ms + LEASE_TTL_MS)
    settled: list[AttemptId] = []
    strangers: list[AttemptId] = []
    for observation in request.observations:
        # Of a session that is over, or of a sync that was overtaken, only ends are facts.
        if current or observation.ended is not None:
            _observe(turn, record, observation, settled, strangers)
    if request.full and current:
        _miss(turn, record, request)
    if record.silent and current:
        turn.emit(ev.SiteReturned(request.site))
    return _answer(turn, record, settled, strangers, current=current)


def _takes_up(turn: Turn, record: SiteRecord, request: SyncRequest) -> bool:
    """Say whether a request speaks for its site as it is now, and not as it was before."""
    if request.session == record.session:
        return request.number >= record.number
    # It has heard this hub, so nothing that went before it to another one can come behind it.
    return request.full and turn.state.started_at <= request.heard <= turn.state.position


def _describe(turn: Turn, record: SiteRecord, request: SyncRequest) -> None:
    if request.description is not None and request.description != record.site:
        turn.emit(ev.SiteDescribed(request.description))
    if request.inventory is not None and request.inventory != record.inventory:
        turn.emit(ev.InventoryChanged(request.site, request.inventory))


def check_report(request: SyncRequest) -> None:
    """Refuse a report that is not whole or speaks of another site. Changes nothing."""
    if len(request.observations) > SYNC_OBSERVATIONS:
        raise refuse("limit.reached", what="A report", limit=SYNC_OBSERVATIONS)
    if not 1 <= len(request.session) <= 64:
        raise _invalid(request.site, "the session has no name of 1 to 64 characters")
    if request.description is not None:
        _check_description(request.site, request.description)
    if request.inventory is not None:
        _check_inventory(request.site, request.inventory)
    for observation in request.observations:
        if (observation.state is AttemptState.ENDED) is not (observation.ended is not None):
            raise _invalid(request.site, "an observation has an end without a reason")
        times = (observation.started_ms, observation.ended_ms, observation.checkpointed_ms)
        if min(times) < 0:
            raise _invalid(request.site, "an observation has a time below zero")


def _check_description(site: str, description: Site) -> None:
    if description.id != site:
        raise refuse("site.not_yours", mine=site, theirs=description.id)
    if not is_name(site):
        raise _invalid(site, "its name is not lower-case letters, digits, `-` and `.`")
    for name, text in (("owner", description.owner), ("region", description.region)):
        if not 0 < len(text) <= limits.NAME_CHARS:
            raise _invalid(site, f"its {name} is empty or longer than {limits.NAME_CHARS}")


def _check_inventory(site: str, inventory: Inventory) -> None:
    if len(inventory.pools) > limits.SITE_POOLS or len(inventory.nodes) > limits.SITE_NODES:
        raise refuse("limit.reached", what=f"The inventory of {site}", limit=limits.SITE_NODES)
    pools = {pool.id for pool in inventory.pools}
    if len(pools) < len(inventory.pools):
        raise _invalid(site, "two of its pools have one name")
    for pool in inventory.pools:
        name = pool.id.removeprefix(f"{site}/")
        if pool.site != site or pool.id != f"{site}/{name}" or not is_name(name):
            raise _invalid(site, f"pool {pool.id} is not named `{site}/NAME`")
        if pool.node.is_negative() or pool.boot_ms < 0:
            raise _invalid(site, f"pool {pool.id} has a capacity below zero")
        if min(msg for msg in (
            pool.price.accelerator_microcny_per_hour,
            pool.price.cpu_microcny_per_hour,
            pool.price.memory_gib_microcny_per_hour,
        )) < 0:  # fmt: skip
            raise _invalid(site, f"pool {pool.id} has a price below zero")
    offered: dict[str, bool] = {}
    for offer in inventory.offers:
        if offer.pool not in pools or offer.pool in offered:
            raise _invalid(site, f"the offer {offer.pool} is there twice or has no pool")
        price = offer.price
        if min(
            offer.nodes_max, offer.boot_ms, offer.revoked_milli_per_hour,
            price.accelerator_microcny_per_hour, price.cpu_microcny_per_hour,
            price.memory_gib_microcny_per_hour,
        ) < 0 or offer.nodes_max > limits.SITE_NODES:  # fmt: skip
            raise _invalid(site, f"the offer {offer.pool} has a figure that cannot be")
        offered[offer.pool] = True
    names: dict[str, bool] = {}
    for node in inventory.nodes:
        owner, name = split_node(node.id)
        if owner != site or not is_name(name) or node.id in names:
            raise _invalid(site, f"node {node.id} is named twice or not `{site}/NAME`")
        if node.pool not in pools:
            raise _invalid(site, f"node {node.id} belongs to {node.pool}, which is not there")
        names[node.id] = True


def _invalid(site: str, problem: str) -> HutongError:
    return refuse(
        "site.invalid", site=site, problem=problem, advice="Mend the site file and start again."
    )


def _observe(
    turn: Turn,
    record: SiteRecord,
    seen: Observation,
    settled: list[AttemptId],
    strangers: list[AttemptId],
) -> None:
    attempt = turn.state.attempts.get(seen.attempt)
    ended = seen.state is AttemptState.ENDED
    if attempt is None or attempt.site != record.site.id:
        # Over and settled long ago, or never ours: forget its end, stop it if it runs.
        (settled if ended else strangers).append(seen.attempt)
        return
    if ended and seen.ended is not None:
        _ended(turn, attempt, seen, seen.ended)
        settled.append(attempt.id)
    elif attempt.is_live:
        _moved(turn, attempt, seen)
        _checkpointed(turn, attempt, seen)


def _ended(turn: Turn, attempt: Attempt, seen: Observation, reason: EndedReason) -> None:
    started_ms = _plausible(turn, attempt, seen.started_ms) or attempt.started_ms
    ended_ms = max(started_ms, _plausible(turn, attempt, seen.ended_ms))
    if not attempt.is_live:
        turn.emit(ev.AttemptSettled(attempt.id, reason, started_ms, ended_ms))
        return
    if attempt.stop is not None and reason.failure is not FailureClass.NONE:
        reason = attempt.stop
    turn.emit(ev.AttemptEnded(attempt.id, reason, started_ms, ended_ms))
    settle_attempt(turn, attempt, reason)


def _moved(turn: Turn, attempt: Attempt, seen: Observation) -> None:
    """Emit only what is news: a later state, the time of the start, or that it is known at all."""
    if _RANK[seen.state] >= _RANK[AttemptState.STOPPING]:
        state = AttemptState.RUNNING if seen.started_ms else AttemptState.STARTING
    elif seen.state is AttemptState.PLACED:
        state = AttemptState.STAGING
    else:
        state = seen.state
    later = _RANK[state] > _RANK[attempt.state]
    started = bool(seen.started_ms) and not attempt.started_ms
    if later or started or not attempt.known_at:
        if not later and attempt.state is not AttemptState.STOPPING:
            state = attempt.state if attempt.state is not AttemptState.PLACED else state
        started_ms = _plausible(turn, attempt, seen.started_ms)
        turn.emit(ev.AttemptMoved(attempt.id, state, started_ms))


def _checkpointed(turn: Turn, attempt: Attempt, seen: Observation) -> None:
    """Take down a later checkpoint, but no more than one in each `CHECKPOINT_GAP_MS`."""
    saved_ms = _plausible(turn, attempt, seen.checkpointed_ms)
    is_due = turn.now_ms >= attempt.checkpoint_noted_ms + limits.CHECKPOINT_GAP_MS
    if is_due and saved_ms > attempt.checkpointed_ms:
        turn.emit(ev.AttemptCheckpointed(attempt.id, saved_ms))


def _plausible(turn: Turn, attempt: Attempt, at_ms: int) -> int:
    """A site's clock may be off by its skew and no more: else a bill could be made of nothing."""
    if not at_ms:
        return 0
    earliest = attempt.placed_ms - CLOCK_SKEW_MS
    return max(earliest, min(at_ms, turn.now_ms + CLOCK_SKEW_MS))


def _miss(turn: Turn, record: SiteRecord, request: SyncRequest) -> None:
    """A full report leaves out what is not there any more.

    That says something only of what its session had told the hub of, and heard back, before it
    looked: anything else may have started since. An attempt that was to stop and was never known
    is told as ended by the agent itself, in answer to its stop order.
    """
    seen = {observation.attempt for observation in request.observations}
    for attempt_id in list(record.attempts):
        attempt = turn.state.attempts[attempt_id]
        if attempt_id in seen or not 0 < attempt.known_at <= request.heard:
            continue
        if not attempt.is_live:
            turn.emit(
                ev.AttemptSettled(
                    attempt.id,
                    attempt.reason or Fenced(),
                    attempt.started_ms,
                    attempt.ended_ms,
                )
            )
        else:
            reason: EndedReason = attempt.stop or ProcessLost()
            ended_ms = turn.now_ms if attempt.started_ms else 0
            ended_ms = max(attempt.started_ms, ended_ms)
            turn.emit(ev.AttemptEnded(attempt.id, reason, attempt.started_ms, ended_ms))
            settle_attempt(turn, attempt, reason)


def _answer(
    turn: Turn,
    record: SiteRecord,
    settled: list[AttemptId],
    strangers: list[AttemptId],
    *,
    current: bool,
) -> SyncReply:
    start: list[AttemptOrder] = []
    if current:
        for attempt_id in record.unsent:
            if len(start) == SYNC_ORDERS:
                break
            attempt = turn.state.attempts[attempt_id]
            start.append(attempt.order(turn.state.jobs[attempt.job]))
    stop = [_stop_order(turn, attempt_id) for attempt_id in record.stopping]
    stop.extend(StopOrder(attempt_id, 0, "unknown") for attempt_id in strangers)
    return SyncReply(
        tuple(start),
        tuple(stop),
        tuple(settled),
        LEASE_TTL_MS,
        limits.HEARTBEAT_MS,
        not current,
        len(record.unsent) > len(start) and current,
        record.draining,
        turn.state.position,
        offers.wanted(record) if current else None,
    )


def _stop_order(turn: Turn, attempt_id: AttemptId) -> StopOrder:
    attempt = turn.state.attempts[attempt_id]
    if not attempt.is_live:
        return StopOrder(attempt_id, 0, "its lease ran out")
    job = turn.state.jobs[attempt.job]
    why = attempt.stop.code if attempt.stop else "unknown"
    return StopOrder(attempt_id, job.spec.grace_ms, why)
