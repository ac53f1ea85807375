"""What a plan says of offers, turned into events; see `offers` for what these lead to."""

from hutong.lifecycle import events as ev
from hutong.lifecycle.records import OfferRecord, SiteRecord
from hutong.lifecycle.turn import Turn
from hutong.model.ids import NodeId, SiteId, split_node
from hutong.scheduler.plan import Plan, Scaling

POOL_CHARS = 32
"""So much of its pool's name is in a node's name."""


def carry_out(turn: Turn, plan: Plan) -> None:
    """Let what a plan says of offers happen."""
    turn.fold.look_again_ms = plan.look_again_ms
    for scaling in plan.scalings:
        record = turn.state.sites[SiteId(scaling.pool.partition("/")[0])]
        event = _scaled(turn, record, scaling)
        if event.started or event.away:
            turn.emit(event)
            turn.poke(record.site.id)


def look_again(turn: Turn) -> None:
    """Ask for a cycle when the last one said that by now it may decide something new of offers."""
    if 0 < turn.fold.look_again_ms <= turn.now_ms:
        turn.fold.look_again_ms = 0
        turn.want_cycle()


def _scaled(turn: Turn, record: SiteRecord, scaling: Scaling) -> ev.OfferScaled:
    offer = record.offers.get(scaling.pool, OfferRecord())
    named = [name for name, node in offer.nodes.items() if not node.away]
    held = _held(turn, record)
    away = tuple(name for name in scaling.away if name in named and name not in held)
    missing = max(0, scaling.nodes - (len(named) - len(scaling.away)))
    site, bare = split_node(NodeId(scaling.pool))
    prefix = f"{site}/{bare[:POOL_CHARS].rstrip('-.')}-{turn.state.hub}"
    first = offer.next_number
    started = tuple(NodeId(f"{prefix}-{first + at}") for at in range(missing))
    nodes = len(named) - len(away) + missing
    return ev.OfferScaled(scaling.pool, nodes, scaling.job, started, away)


def _held(turn: Turn, record: SiteRecord) -> dict[NodeId, bool]:
    """Nodes of a site on which something runs or, as far as is known, may still run."""
    held = {}
    for attempt in record.attempts:
        for share in turn.state.attempts[attempt].nodes:
            held[share.node] = True
    return held
