"""What this machine really has, for pools that are not declared, and who holds which chip."""

import os
from collections.abc import Container, Mapping
from glob import glob

from hutong.catalog import load_catalog
from hutong.model.attempt import AttemptOrder
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import AttemptId
from hutong.model.supply import Inventory, Pool

DEVICE_FILES: Mapping[str, str] = {
    "cuda": "/dev/nvidia[0-9]*",
    "cann": "/dev/davinci[0-9]*",
    "neuware": "/dev/cambricon_dev[0-9]*",
    "rocm": "/dev/dri/renderD*",
    "dtk": "/dev/dri/renderD*",
    "xpu": "/dev/xpu[0-9]*",
}
"""By stack: the files of its devices. Other stacks' chips are taken on the site file's word."""

Held = dict[str, list[tuple[int, int]]]
"""Chips of an attempt: by node, pairs of the chip's number and the thousandths held of it."""


def stack_of(pool: Pool) -> str:
    """The software stack of a pool's chips, empty where there are none."""
    chip = load_catalog().find_accelerator(pool.accelerator) if pool.accelerator else None
    return chip.stack if chip else ""


def check_machine(inventory: Inventory) -> None:
    """Refuse pools that say they are this machine and are more. Raises `connector.refused`."""
    cpu_milli = (os.cpu_count() or 1) * 1000
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024)
    for pool in inventory.pools:
        if pool.declared:
            continue
        nodes = sum(1 for node in inventory.nodes if node.pool == pool.id)
        if nodes > 1:
            raise _more(pool, f"{nodes} nodes and this machine is one")
        if pool.node.cpu_milli > cpu_milli:
            raise _more(pool, f"more than this machine's {cpu_milli // 1000} CPUs")
        if pool.node.memory_mib > memory_mib:
            raise _more(pool, f"more than this machine's {memory_mib} MiB")
        pattern = DEVICE_FILES.get(stack_of(pool))
        if pattern and len(glob(pattern)) * 1000 < pool.node.accelerator_milli:
            raise _more(pool, f"more chips than there are files {pattern}")


def _more(pool: Pool, problem: str) -> HutongError:
    return refuse(
        "connector.refused",
        problem=f"pool {pool.id} has {problem}",
        advice="`declared: true` in the site file makes them counted tokens.",
    )


class ChipBook:
    """Which attempt holds which real chips. Filled from disk when an agent starts."""

    def __init__(self, inventory: Inventory) -> None:
        chips = {pool.id: pool.node.accelerator_milli // 1000 for pool in inventory.pools}
        self._free: dict[str, list[int]] = {
            node.id: [1000] * chips[node.pool] for node in inventory.nodes
        }
        self._held: dict[AttemptId, Held] = {}

    def hold(self, attempt: AttemptId, held: Held) -> None:
        """Note what an attempt holds already."""
        self.give_back(attempt)
        self._held[attempt] = held
        self._add(held, -1)

    def take(
        self, order: AttemptOrder, real: Container[int] = (0,)
    ) -> tuple[Held, list[list[int]]]:
        """Give an attempt its chips: what it holds by node, and each rank's chip numbers.

        `real` are the groups whose chips are devices, 0 for the gang itself. Raises
        `connector.failed` if they are not free, which ends when another attempt does.
        """
        self.give_back(order.attempt)
        free: dict[str, list[int]] = {}
        ranks: list[list[int]] = []
        for share in order.nodes:
            milli = order.needs_of(share).accelerator_milli
            if not milli or share.group not in real:
                ranks += [[]] * share.tasks
                continue
            left = free.setdefault(share.node, list(self._free[share.node]))
            ranks += [_pick(left, milli) for _ in range(share.tasks)]
        held: Held = {
            node: [
                (chip, before - after)
                for chip, (before, after) in enumerate(zip(self._free[node], left, strict=True))
                if after < before
            ]
            for node, left in free.items()
        }
        self.hold(order.attempt, held)
        return held, ranks

    def give_back(self, attempt: AttemptId) -> None:
        """Free what an attempt held, if it held any."""
        self._add(self._held.pop(attempt, {}), 1)

    def _add(self, held: Held, sign: int) -> None:
        for node, chips in held.items():
            for chip, milli in chips:
                if node in self._free and chip < len(self._free[node]):
                    self._free[node][chip] += sign * milli


def _pick(free: list[int], milli: int) -> list[int]:
    """Take one task's chips: whole ones, or the fullest that still has the fraction."""
    if milli % 1000 == 0:
        whole = [chip for chip, left in enumerate(free) if left == 1000][: milli // 1000]
        fits = len(whole) == milli // 1000
    else:
        shared = sorted((left, chip) for chip, left in enumerate(free) if left >= milli)
        whole = [shared[0][1]] if shared else []
        fits = bool(shared) and milli < 1000
    if not fits:
        raise refuse(
            "connector.failed", action="giving it its chips", problem="too few of them are free"
        )
    for chip in whole:
        free[chip] -= min(milli, 1000)
    return whole
