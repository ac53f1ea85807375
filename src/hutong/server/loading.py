"""A machine from a store: the newest snapshot, and the journal's entries behind it."""

from collections.abc import Callable

import msgspec

from hutong.lifecycle.hub import HubMachine
from hutong.model.errors import refuse
from hutong.server.log import LOG
from hutong.store.contract import Store


def load_machine(store: Store, fresh: Callable[[], HubMachine]) -> tuple[HubMachine, int, int]:
    """Give the machine, the position of the snapshot it rests on, and the time (Unix ms) of the
    last entry. Raises what the store raises, and `store.damaged` where the journal has a gap."""
    machine, started_at = _from_snapshot(store, fresh)
    last_ms = 0
    for entry in store.tail(started_at):
        if entry.position != machine.state.position + 1:
            raise refuse(
                "store.damaged",
                path="the journal",
                problem=f"entry {entry.position} follows {machine.state.position}",
            )
        machine.replay(entry)
        last_ms = entry.at_ms
    position = store.position()
    if machine.state.position != position:
        problem = f"the state ends at {machine.state.position}, the journal at {position}"
        raise refuse("store.damaged", path="the journal", problem=problem)
    if not last_ms and position:
        last_ms = store.entries(position - 1, 1)[-1].at_ms
    return machine, started_at, last_ms


def _from_snapshot(store: Store, fresh: Callable[[], HubMachine]) -> tuple[HubMachine, int]:
    snapshot = store.load_snapshot()
    machine = fresh()
    if snapshot is None:
        return machine, 0
    position, body = snapshot
    try:
        machine.load(body)
    except msgspec.DecodeError as problem:
        LOG.warning("the snapshot at %d is of another version: %s", position, problem)
        return fresh(), 0
    if machine.state.position != position:
        LOG.warning("the snapshot at %d holds position %d", position, machine.state.position)
        return fresh(), 0
    return machine, position
