"""A journal is enough: replayed in a fresh machine it gives the state of the hub that wrote it."""

from pathlib import Path

import pytest

from hutong.catalog import load_catalog
from hutong.lifecycle import commands as do
from hutong.lifecycle.events import Entry
from hutong.lifecycle.hub import HubMachine
from hutong.lifecycle.state import HubState, decode_state, encode_state
from hutong.model.ids import HubId
from hutong.model.job import JobSpec, Program
from hutong.sim.machines.chaos import make_script
from hutong.sim.machines.simulation import Simulation
from hutong.store.sqlite import SqliteStore
from hutong.testing.fleet import Fleet

SITE = """
site: local
owner: test
region: cn-beijing
jurisdiction: CN-BJ
pools:
  - {name: cpu, nodes: 1, cpus: 4, memory: 8GiB, declared: true}
"""


def replayed(entries: list[Entry]) -> HubMachine:
    machine = HubMachine(load_catalog())
    for entry in entries:
        machine.replay(entry)
    machine.validate()
    return machine


def journaled(state: HubState) -> bytes:
    """A state without what syncs alone tell of sites, which is not in the journal."""
    copy = decode_state(encode_state(state))
    for record in copy.sites.values():
        record.heard_ms = record.lease_until_ms = record.number = 0
        record.session = ""
    return encode_state(copy)


@pytest.mark.parametrize("seed", [2, 11])
def test_journal_of_a_simulated_run_replays_to_the_state_of_its_hub(seed: int) -> None:
    simulation = Simulation(make_script(seed))
    simulation.run()
    machine = simulation.hub.machine
    assert machine is not None
    entries = simulation.hub.disk.entries(0)
    assert len(entries) >= 50
    assert journaled(replayed(entries).state) == journaled(machine.state)


@pytest.fixture
def served(tmp_path: Path) -> list[Entry]:
    """The journal of a real hub that ran jobs at a real site, was killed and ran more."""
    with Fleet(tmp_path) as fleet:
        fleet.start_hub()
        fleet.add_site("local", SITE)
        fleet.start_agent("local")
        for names in (("one", "two"), ("three",)):
            specs = [JobSpec(name=name, program=Program(argv=("true",))) for name in names]
            with fleet.client() as client:
                ids = [line.job for line in client.submit_many(specs)]
                client.wait_all(ids, timeout_ms=60_000)
            fleet.kill_hub()
            fleet.start_hub()
        path = fleet.data / "hub.db"
        fleet.kill_hub()
        store = SqliteStore(path)
        store.open()
        entries = list(store.tail(0))
        store.close()
    return entries


def test_journal_of_a_real_hub_replays_and_a_new_hub_goes_on_from_it(served: list[Entry]) -> None:
    machine = replayed(served)
    assert machine.state.position == len(served)
    assert machine.state.jobs == {}
    assert sum(used.attempts_count for used in machine.state.meter.values()) <= 3
    again = replayed(served)
    assert again.dump() == machine.dump()
    at_ms = served[-1].at_ms + 1
    machine.handle(do.Start(HubId("unused")), at_ms)
    (answer,) = machine.handle(
        do.Submit((do.Submission(JobSpec(name="four", program=Program(argv=("true",)))),), "test"),
        at_ms,
    ).answer  # type: ignore[misc]
    assert answer.job == "j4"
