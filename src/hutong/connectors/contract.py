"""What a connector is: the code by which an agent drives one kind of site.

To write one, implement `Connector` and run `tests/conformance/test_connector.py` against it; the
in-memory twin, `hutong.testing.connector.MemoryConnector`, passes the same suite and shows the
smallest thing that does. The rules that matter:

- The site's own records are the truth, the connector's memory is not. `scan` after a crash of
  connector and agent finds every attempt that was started and not forgotten, with its end if it
  ended meanwhile. So an attempt's id travels into the site's own engine (a folder's name, a job's
  name, a label), and is looked for before anything is submitted.
- An attempt is run at most once, whatever is called how often, and by however many connectors.
- Observations are levels. Repeating one is harmless, leaving out an intermediate one too; an end
  must never be left out for good and never changes once it was told.
- What has ended has no process left. An end is told after the last of them is gone.
- Nothing runs beyond the lease that was last held, also when the agent is dead. A site whose engine
  can only be told a time limit in advance uses that, and says so by `Ability.LEASE_ALONE`.
- What cannot be done is refused with `connector.refused`; what went wrong this time and may go well
  the next is `connector.failed`. Nothing else is raised.
"""

from collections.abc import AsyncIterator, Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from hutong.model.attempt import AttemptOrder, Observation
from hutong.model.ids import AttemptId, NodeId, PoolId
from hutong.model.supply import Inventory


class Ability(StrEnum):
    """What a connector may or may not be able to do."""

    LOGS_WHILE_RUNNING = "logs-while-running"
    """`read_log` gives the output of an attempt that has not ended."""
    GANG_OVER_NODES = "gang-over-nodes"
    """An attempt may have tasks on several nodes."""
    LEASE_ALONE = "lease-alone"
    """The lease is enforced by the site while no agent is there."""
    CPU_ENFORCED = "cpu-enforced"
    """A task cannot use more CPU than its order says."""
    MEMORY_ENFORCED = "memory-enforced"
    """A task cannot use more memory than its order says."""
    DEVICES_ASSIGNED = "devices-assigned"
    """Tasks are told which accelerators are theirs."""
    SCALES = "scales"
    """It starts nodes at a provider and gives them back: it is a `Scaler`."""


class Lease(msgspec.Struct, frozen=True):
    """The right to run attempts, up to a boot time. `grace_ms` before, they are asked to end."""

    until_ms: int = 0
    grace_ms: int = 0


class Connector(Protocol):
    """Drives one site. All calls come from one event loop; several may be under way at once.

    `open` comes first, `close` last; closing leaves running attempts running.
    """

    kind: str
    """The kind of site, as in `hutong.model.supply.Site.kind`."""

    def abilities(self) -> Mapping[Ability, str]:
        """Say for every ability: empty if it can, else why it cannot, as a sentence."""

    async def open(self) -> None:
        """Get ready. Raises `connector.refused` if this machine or account can never do it."""

    async def close(self) -> None:
        """Let go of everything but the attempts. Ends `changes`."""

    async def inventory(self) -> Inventory:
        """Everything the site has at the moment, down nodes included."""

    async def scan(self) -> tuple[Observation, ...]:
        """Every attempt that was started here and not forgotten, as it is now."""

    async def start(self, order: AttemptOrder) -> None:
        """Run an attempt, unless it is known already. The gang starts whole or ends at once.

        It ends when a task fails, or when the tasks of the gang itself are done: then whatever its
        other groups still run is asked to end as by a stop, and the attempt has completed.

        Returns when the site has taken it for good or will, whatever happens to this connector;
        what becomes of it is told by `changes`. A command that does not exist is an end with
        `CommandNotFound`, not an error. Raises `connector.refused` for what can never run here,
        `connector.failed` otherwise; it may be running then, until `stop` says it is not.
        """

    async def stop(self, attempt: AttemptId, grace_ms: int, why: str) -> None:
        """Ask its processes to end, and end them after `grace_ms`. Later calls only shorten that.

        Returns once that is arranged; the end is told by `changes`. An attempt that ended by this
        ends with `Fenced`, whatever its exit code. One that is not known is told as ended with
        `Fenced` and is not started by a call of `start` that was under way. Raises
        `connector.failed`.
        """

    def changes(self) -> AsyncIterator[tuple[Observation, ...]]:
        """What changed, in batches, as it changes; every attempt's end at least. One reader."""

    async def log_sizes(self, attempt: AttemptId) -> tuple[int, ...]:
        """Bytes of output of each task so far, by rank; empty if nothing is kept of it."""

    async def read_log(self, attempt: AttemptId, task: int, offset: int, limit: int) -> bytes:
        """Output of one task (stdout and stderr as they came): at most `limit` bytes from `offset`.

        Empty at the end. Bytes that were read once never change.
        """

    async def forget(self, attempt: AttemptId) -> None:
        """Remove everything kept of an ended attempt. One that is unknown is no error."""

    async def hold_lease(self, lease: Lease) -> None:
        """Let nothing run beyond `lease`. Comes before the first `start`; then again and again."""

    async def held_lease(self) -> Lease:
        """The lease that was last held and still guards what runs, by whichever connector."""


class Scaler(Connector, Protocol):
    """A connector with `Ability.SCALES`, whose inventory may have offers.

    A node's name travels to the provider (a tag, a client token) and is looked for there before
    anything is started, so that a name never stands for two nodes, whoever asks how often. A node
    that the provider took back, or that failed to start, is in the inventory as down for as long as
    its name is wanted, and is not started again.
    """

    async def scale(self, wanted: Mapping[PoolId, tuple[NodeId, ...]]) -> None:
        """Have exactly these nodes of offers exist, by pool; a pool that is left out has none.

        Returns when it is arranged for good. What runs on a node that goes is ended. More nodes
        than an offer's `nodes_max` are not started. Raises `connector.failed`.
        """

    def inventories(self) -> AsyncIterator[Inventory]:
        """The inventory whenever a provider changed it: a node that was asked for, became ready,
        is gone. One reader."""
