"""The audit: the accounts of the supply and of the tenants, counted again from what runs."""

import numpy as np

from hutong.model.resources import Amount
from hutong.scheduler.columns import PoolColumns
from hutong.scheduler.kernels import layout
from hutong.scheduler.quota import Rule
from hutong.scheduler.shapes import WHOLE_MILLI
from hutong.scheduler.share import Share
from hutong.scheduler.supply import Running, Supply
from hutong.scheduler.tenants import Entity, Line, Tenants


def audit(supply: Supply, tenants: Tenants) -> None:
    """Raise AssertionError with facts unless what is held adds up, by node and by tenant."""
    for columns in supply.order:
        _audit_pool(columns, [*supply.running.values(), *supply.booting.values()])
    _audit_index(supply)
    _audit_conditions(supply)
    _audit_tenants(supply, tenants)


def _audit_pool(columns: PoolColumns, running: list[Running]) -> None:
    name, count = columns.pool.id, len(columns.ids)
    cpu = np.full(count, columns.cpu_total, np.int64)
    mem = np.full(count, columns.mem_total, np.int64)
    chips = np.tile(columns.caps, (count, 1)).astype(np.int64)
    debt = np.zeros(count, np.int64)
    shares = np.zeros(count, np.int64)
    slots = {}
    for attempt in running:
        for share in attempt.shares:
            if share.columns is not columns:
                continue
            row, tasks, need = share.row, share.node.tasks, share.need
            assert columns.ids[row] == share.node.node, (name, share.node.node)
            slots[share.slot] = attempt.attempt.attempt
            cpu[row] -= need.cpu * tasks
            mem[row] -= need.mem * tasks
            shares[row] += 1
            vector = columns.slots.chips[share.slot]
            _audit_slot(columns, share, attempt)
            chips[row] -= vector
            debt[row] += need.milli * tasks - int(vector.sum())
    assert sorted(slots) == columns.slots.live().tolist(), (name, slots)
    for what, kept, counted in (
        ("cpu", columns.free_cpu, cpu), ("memory", columns.free_mem, mem),
        ("chips", columns.chips, chips), ("debt", columns.debt, debt),
        ("shares", columns.shares, shares),
    ):  # fmt: skip
        assert np.array_equal(kept, counted), (name, what, kept.tolist(), counted.tolist())
    whole = np.count_nonzero(chips == WHOLE_MILLI, axis=1)
    assert np.array_equal(columns.whole, whole), (name, "whole chips")
    part = np.where(chips == WHOLE_MILLI, 0, chips).max(axis=1, initial=0)
    assert np.array_equal(columns.node[:, layout.PART], part), (name, "used chips")
    over = ((cpu < 0) | (mem < 0) | (debt > 0)) & ~columns.shrunk
    assert not over.any(), (name, "oversubscribed", [columns.ids[r] for r in np.flatnonzero(over)])


def _audit_slot(columns: PoolColumns, share: Share, running: Running) -> None:
    """What a slot gives back is what its share took."""
    slots, slot, need, tasks = columns.slots, share.slot, share.need, share.node.tasks
    held = slots.chips[slot]
    told = (
        slots.row[slot], slots.attempt[slot], slots.cpu[slot], slots.mem[slot], slots.milli[slot],
        slots.whole[slot], slots.fraction[slot], slots.exclusive[slot], slots.stopping[slot],
    )  # fmt: skip
    whole = np.count_nonzero(held == WHOLE_MILLI) if need.chips else 0
    fraction = need.milli > 0 and not need.chips
    assert told == (
        share.row, running.number, need.cpu * tasks, need.mem * tasks, need.milli * tasks,
        whole, fraction, need.exclusive, running.stopping,
    ), (columns.pool.id, slot, told)  # fmt: skip
    assert not (held < 0).any(), (columns.pool.id, slot, held.tolist())
    assert held.sum() <= need.milli * tasks, (columns.pool.id, slot, held.tolist())


def _audit_index(supply: Supply) -> None:
    placed = {node: (columns.pool.id, row) for node, (columns, row) in supply.nodes.items()}
    listed = {
        node: (columns.pool.id, row)
        for columns in supply.order
        for row, node in enumerate(columns.ids)
    }
    assert placed == listed, "the index of nodes differs from the pools"
    assert len(supply.by_number) == len(supply.running), "numbers of attempts"


def _audit_conditions(supply: Supply) -> None:
    for columns in supply.order:
        ready = int(np.count_nonzero(columns.ready))
        told = (columns.ready_count, columns.ready_count + columns.draining + columns.down)
        assert told == (ready, len(columns.ids)), (columns.pool.id, told, ready)


def _audit_tenants(supply: Supply, tenants: Tenants) -> None:
    own: dict[str, Line] = {}
    tree: dict[str, Line] = {}
    for running in supply.running.values():
        entity = tenants.find(running.attempt.tenant)
        assert entity.running.get(running.attempt.attempt) is running, running.attempt.attempt
        own.setdefault(entity.id, Line()).add(running.held, running.model, 1)
        for above in entity.chain:
            tree.setdefault(above.id, Line()).add(running.held, running.model, 1)
    for entity in tenants.by_id.values():
        _same_line(entity, "own", entity.own, own.get(entity.id, Line()))
        _same_line(entity, "tree", entity.tree, tree.get(entity.id, Line()))
        assert (entity.id in tenants.holding) == bool(entity.tree.jobs), entity.id
        for rule in entity.rules:
            _audit_rule(tenants, rule)


def _same_line(entity: Entity, what: str, kept: Line, counted: Line) -> None:
    one = (Amount(kept.cpu, kept.mem, kept.acc), kept.jobs, kept.models)
    other = (Amount(counted.cpu, counted.mem, counted.acc), counted.jobs, counted.models)
    assert one == other, (entity.id, what, one, other)


def _audit_rule(tenants: Tenants, rule: Rule) -> None:
    counted = tenants.counted(rule)
    if rule.account is None:
        used = sum([rule.amount_of(running) for running in counted])
        assert rule.used == used, (rule.tenant, rule.name, rule.used, used)
    else:
        rule.account.validate({running.number: rule.span_of(running) for running in counted})
