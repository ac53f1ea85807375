"""The nodes of an offer: what was asked of the provider, and since when those there are idle.

A node that boots is in its pool's columns from the moment the site tells of it, full until it is
expected to be ready. So whatever looks ahead (reservations, estimates) sees its room appear at that
time without knowing of boots, and nothing is placed on it before.
"""

from hutong.model.attempt import NodeShare
from hutong.model.ids import AttemptId, JobId, NodeId, PoolId, TenantId
from hutong.model.supply import Offer, Pool
from hutong.scheduler.records import RunningAttempt
from hutong.scheduler.shapes import NEVER_MS, WHOLE_MILLI
from hutong.scheduler.when.spot_past import UNSEEN


class OfferNodes:
    """One offer as it stands. All times are Unix ms.

    `coming` are nodes that were asked for and that no inventory has named yet, with the time of
    the request. `idle_since` tells of each node that was asked for since when nothing has run on
    it, where nothing does; a node that is going back is in neither. For the jobs in `promised`
    nodes were started that nothing has run on yet. `past` is what was seen of its nodes so far.
    """

    __slots__ = ("coming", "idle_since", "offer", "past", "promised")

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self.coming: dict[NodeId, int] = {}
        self.idle_since: dict[NodeId, int] = {}
        self.promised: dict[JobId, bool] = {}
        self.past = UNSEEN

    @property
    def nodes_count(self) -> int:
        """Nodes that should exist."""
        return len(self.coming) + len(self.idle_since)

    def ready_ms(self, now_ms: int) -> int:
        """When the last of the nodes that are coming is expected to be ready; 0 for none."""
        if not self.coming:
            return 0
        return max(now_ms, max(self.coming.values()) + self.offer.boot_ms)


def full_until(node: NodeId, pool: Pool, ready_ms: int) -> RunningAttempt:
    """What fills a node until it is ready. It is nobody's and cannot be preempted.

    `ready_ms` is 0 where nobody can tell.
    """
    needs = pool.node
    if (milli := needs.accelerator_milli) > WHOLE_MILLI:
        # A need of more than one chip is one of whole chips; what is left lies on a closed node.
        needs = type(needs)(needs.cpu_milli, needs.memory_mib, milli - milli % WHOLE_MILLI)
    return RunningAttempt(
        AttemptId(f"boot {node}"), JobId(""), 0, TenantId(""), "", pool.site, PoolId(pool.id),
        (NodeShare(node, 1),), needs, 0, ready_ms or NEVER_MS, preemptible=False,
        exclusive=True, end_basis="estimates",
    )  # fmt: skip
