"""What the agent's machine is told and what it asks for: its events and its effects."""

import msgspec

from hutong.lifecycle.sync import SyncReply, SyncRequest
from hutong.model.attempt import AttemptOrder, Observation
from hutong.model.ids import AttemptId, NodeId, PoolId
from hutong.model.reasons import EndedReason
from hutong.model.supply import Inventory


class Started(msgspec.Struct, frozen=True):
    """The driver is up; `observations` is all that the connector found at the site.

    `lease_until_ms` and `lease_grace_ms` are what the connector was last told to hold, 0 for none.
    """

    observations: tuple[Observation, ...] = ()
    lease_until_ms: int = 0
    lease_grace_ms: int = 0


class SyncAnswered(msgspec.Struct, frozen=True):
    """The hub answered the sync with this number."""

    number: int
    reply: SyncReply


class SyncFailed(msgspec.Struct, frozen=True):
    """No answer to the sync with this number. The next one waits `wait_ms` at least."""

    number: int
    wait_ms: int = 0


class Poked(msgspec.Struct, frozen=True):
    """The hub said that it has something to say."""


class Seen(msgspec.Struct, frozen=True):
    """The connector sees these attempts so."""

    observations: tuple[Observation, ...]


class StartRefused(msgspec.Struct, frozen=True):
    """The connector cannot start this attempt. `at_ms` is the wall clock."""

    attempt: AttemptId
    reason: EndedReason
    at_ms: int = 0


class InventoryChanged(msgspec.Struct, frozen=True):
    """The site has something else to offer than before."""

    inventory: Inventory


class Tick(msgspec.Struct, frozen=True):
    """Time has passed; due at `AgentMachine.wake_at_ms`."""


AgentEvent = (
    Started | SyncAnswered | SyncFailed | Poked | Seen | StartRefused | InventoryChanged | Tick
)


class SendSync(msgspec.Struct, frozen=True):
    """Send this to the hub and tell what came of it under `number`. The driver sets `sent_ms`."""

    number: int
    request: SyncRequest


class Start(msgspec.Struct, frozen=True):
    """Have the connector start it."""

    order: AttemptOrder


class Stop(msgspec.Struct, frozen=True):
    """Have the connector end it: SIGTERM, and SIGKILL after `grace_ms`."""

    attempt: AttemptId
    grace_ms: int
    why: str


class Forget(msgspec.Struct, frozen=True):
    """The hub has its end in the journal: have the connector remove what it keeps of it."""

    attempt: AttemptId


class HoldLease(msgspec.Struct, frozen=True):
    """Tell the connector that nothing may run beyond `until_ms` (boot time) unless it hears more.

    What runs is to be asked to end `grace_ms` before, or its own grace if that is shorter.
    """

    until_ms: int
    grace_ms: int


class Scale(msgspec.Struct, frozen=True):
    """Have exactly these nodes of offers exist, by pool. A later one takes the place of this."""

    wanted: dict[PoolId, tuple[NodeId, ...]]


AgentEffect = SendSync | Start | Stop | Forget | HoldLease | Scale
