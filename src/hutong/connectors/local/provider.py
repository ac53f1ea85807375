"""A provider that this machine plays: nodes of offers are started, get ready, are taken back.

Theory of operation. What should exist is a set of names, told again and again. A name that is not
on record is started, which means that it is written down with the time at which it will be ready
and, on spot terms, the time at which it is taken back. A node on record whose name is no longer
told is given back. A node that was taken back stays on record as long as its name is told, so that
it is never started a second time. The record is one small file, replaced whole before anything is
said of it: whoever comes after a crash goes on from it.

The time of a revocation is drawn from the offer's seed and the node's name by an exponential law,
so that the same name always fares alike.
"""

import contextlib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

import msgspec

from hutong.model.ids import NodeId, PoolId, is_name, split_node
from hutong.model.job import Terms
from hutong.model.supply import MS_PER_HOUR, Inventory, Node, NodeCondition, Offer

FILE = "offers.json"
REVOKED = "spot node taken back: "
"""A stop whose `why` begins so ends an attempt because its node, named after it, is gone."""


class Kept(msgspec.Struct):
    """One node on record. Times are Unix ms; `revoked_ms` is 0 where it is never taken back."""

    pool: PoolId
    ready_ms: int
    revoked_ms: int = 0
    gone: bool = False


class Provider:
    """The nodes of a site's offers. Its methods are a few system calls and wait for nothing."""

    def __init__(self, root: str, inventory: Inventory, seeds: Mapping[PoolId, int]) -> None:
        self._path = Path(root) / FILE
        self._offers: dict[PoolId, Offer] = {offer.pool: offer for offer in inventory.offers}
        self._fixed = {node.id: True for node in inventory.nodes}
        self._seeds = seeds
        self._kept: dict[NodeId, Kept] = {}

    def load(self) -> None:
        """Take up what is on record. Raises OSError, also for a record that cannot be read."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        try:
            self._kept = msgspec.json.decode(data, type=dict[NodeId, Kept])
        except msgspec.DecodeError as problem:
            raise OSError(f"{self._path} is damaged: {problem}") from None

    def pool_of(self, node: NodeId, now_ms: int) -> PoolId | None:
        """The pool of a node that is ready; None where there is no such node."""
        kept = self._kept.get(node)
        ready = kept is not None and not kept.gone and kept.ready_ms <= now_ms
        return kept.pool if kept is not None and ready else None

    def is_gone(self, node: NodeId) -> bool:
        """Say whether a node was taken back."""
        kept = self._kept.get(node)
        return kept is not None and kept.gone

    def nodes(self, now_ms: int) -> tuple[Node, ...]:
        """Every node on record, as it is now."""
        return tuple(
            Node(name, kept.pool, (), _condition(kept, now_ms), kept.ready_ms)
            for name, kept in self._kept.items()
            if kept.pool in self._offers
        )

    def scale(self, wanted: Mapping[PoolId, tuple[NodeId, ...]], now_ms: int) -> tuple[NodeId, ...]:
        """Make what should exist exist, and give back the rest, which is returned.

        Raises OSError, with nothing changed. Names that cannot be are left alone, and so is what
        goes beyond an offer's `nodes_max`: the inventory tells what there is.
        """
        names = {name: pool for pool in wanted for name in wanted[pool]}
        after = {name: kept for name, kept in self._kept.items() if name in names}
        for name, pool in names.items():
            offer = self._offers.get(pool)
            if name in after or offer is None or not self._is_free(name, pool):
                continue
            living = sum(1 for kept in after.values() if kept.pool == pool and not kept.gone)
            if living < offer.nodes_max:
                after[name] = self._start(name, offer, now_ms)
        given_back = tuple(name for name in self._kept if name not in after)
        self._save(after)
        return given_back

    def next_change_ms(self, now_ms: int) -> int | None:
        """When a node becomes ready or is taken back next."""
        times = [
            at_ms
            for kept in self._kept.values()
            if not kept.gone
            for at_ms in (kept.ready_ms, kept.revoked_ms)
            if at_ms > now_ms or (at_ms and at_ms == kept.revoked_ms)
        ]
        return min(times, default=None)

    def revoke_due(self, now_ms: int) -> tuple[NodeId, ...]:
        """Take back what is due, and say which nodes went. Raises OSError, with nothing changed."""
        due = tuple(
            name
            for name, kept in self._kept.items()
            if not kept.gone and 0 < kept.revoked_ms <= now_ms
        )
        if due:
            after = {
                name: msgspec.structs.replace(kept, gone=True) if name in due else kept
                for name, kept in self._kept.items()
            }
            self._save(after)
        return due

    def _is_free(self, name: NodeId, pool: PoolId) -> bool:
        site, bare = split_node(name)
        return is_name(bare) and pool.startswith(f"{site}/") and name not in self._fixed

    def _start(self, name: NodeId, offer: Offer, now_ms: int) -> Kept:
        ready_ms = now_ms + offer.boot_ms
        if offer.terms is not Terms.SPOT or not offer.revoked_milli_per_hour:
            return Kept(offer.pool, ready_ms)
        seed = self._seeds.get(offer.pool, 0)
        share = (crc32(f"{seed}/{name}".encode()) + 1) / (2**32 + 1)
        lasts_ms = -math.log(share) * MS_PER_HOUR * 1000 / offer.revoked_milli_per_hour
        return Kept(offer.pool, ready_ms, ready_ms + max(1, round(lasts_ms)))

    def _save(self, after: dict[NodeId, Kept]) -> None:
        if after == self._kept:
            return
        new = self._path.with_suffix(".new")
        try:
            with new.open("wb") as file:
                file.write(msgspec.json.encode(after))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink()
            raise
        self._kept = after


def _condition(kept: Kept, now_ms: int) -> NodeCondition:
    if kept.gone:
        return NodeCondition.DOWN
    return NodeCondition.READY if kept.ready_ms <= now_ms else NodeCondition.BOOTING
