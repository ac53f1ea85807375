"""Stimuli of the hub's machine: what people, agents and the clock ask of it.

A stimulus is checked first and refused whole, or leads to events. None of them is stored.
"""

import msgspec

from hutong.lifecycle.events import Entry
from hutong.lifecycle.sync import SyncRequest
from hutong.model.calendar import Booking
from hutong.model.ids import HubId, JobId, NodeId, SiteId
from hutong.model.job import JobSpec
from hutong.model.states import JobState
from hutong.model.tenant import Tenant


class Start(msgspec.Struct, frozen=True):
    """A hub takes over: the first stimulus after loading. `hub` names a new hub's store."""

    hub: HubId


class Submission(msgspec.Struct, frozen=True):
    """One job of a submission, checked by `hutong.model.validate`."""

    spec: JobSpec
    key: str = ""


class Submit(msgspec.Struct, frozen=True):
    """Jobs to accept in order. Each stands on its own: the answer holds a job id or an error a
    submission.

    `known` tells the terminal states of jobs the machine no longer holds, for dependencies;
    `keys` the jobs that were accepted under the submissions' keys, by position, with their specs.
    """

    submissions: tuple[Submission, ...]
    by: str
    known: dict[JobId, JobState] = {}
    keys: dict[int, tuple[JobId, JobSpec]] = {}


class Cancel(msgspec.Struct, frozen=True):
    """End a job, or one element of an array."""

    job: JobId
    by: str
    element: int | None = None


class PutTenant(msgspec.Struct, frozen=True):
    """Make a tenant or change it."""

    tenant: Tenant


class DrainSite(msgspec.Struct, frozen=True):
    """Keep new work away from a site, or let it come again."""

    site: SiteId
    draining: bool


class DrainNode(msgspec.Struct, frozen=True):
    """Keep new work away from a node, or let it come again."""

    node: NodeId
    draining: bool


class PutBooking(msgspec.Struct, frozen=True):
    """Keep nodes for tenants, or out of use, for a time; replaces the booking of its name."""

    booking: Booking
    by: str = ""


class RemoveBooking(msgspec.Struct, frozen=True):
    """Take a booking back."""

    booking: str
    by: str = ""


class Report(msgspec.Struct, frozen=True):
    """An agent's sync. The driver has checked that the agent speaks for this site."""

    request: SyncRequest


class RunCycle(msgspec.Struct, frozen=True):
    """Run one scheduling cycle and carry its plan out."""


class Tick(msgspec.Struct, frozen=True):
    """Time passed: silent sites, leases, deadlines, earliest starts."""


Stimulus = (
    Start
    | Submit
    | Cancel
    | PutTenant
    | DrainSite
    | DrainNode
    | PutBooking
    | RemoveBooking
    | Report
    | RunCycle
    | Tick
)


class Poke(msgspec.Struct, frozen=True):
    """Tell a site's agent to sync now. Losing it costs a heartbeat, nothing else."""

    site: SiteId


class WantCycle(msgspec.Struct, frozen=True):
    """A cycle could decide something new."""


Effect = Poke | WantCycle


class Step(msgspec.Struct):
    """What a stimulus led to. The effects and the answer may leave once `entries` are durable."""

    entries: list[Entry]
    effects: list[Effect]
    answer: object = None
