"""What is due in a replay, and in which order at one instant."""

from enum import IntEnum
from typing import NamedTuple

from hutong.model.ids import NodeId, PoolId, SiteId
from hutong.scheduler.transfer import Pair
from hutong.sim.world import Mishap


class Due(IntEnum):
    """What comes first of all that is due at one instant."""

    END = 0
    WORLD = 1
    BEGIN = 2
    CORRECT = 3
    HAND_IN = 4
    DEADLINE = 5
    LOOK = 6


class MishapBegins(NamedTuple):
    """Something befalls the machines."""

    mishap: Mishap


class MishapEnds(NamedTuple):
    """It is over."""

    mishap: Mishap


class CurveTurns(NamedTuple):
    """A price, the power's price or its carbon changes at a site."""

    site: SiteId


class SpotTurns(NamedTuple):
    """A provider runs more or fewer spot nodes of a pool from now on."""

    pool: PoolId


class NodeBooted(NamedTuple):
    """A node of an offer is ready, or its provider has none."""

    site: SiteId
    node: NodeId
    given: bool


class BookingTurns(NamedTuple):
    """A booking begins or ends."""


class FlowArrives(NamedTuple):
    """An input has come over a link, unless the link's load has changed since (`stamp`)."""

    pair: Pair
    stamp: int


Happening = (
    MishapBegins | MishapEnds | CurveTurns | SpotTurns | NodeBooted | BookingTurns | FlowArrives
)
