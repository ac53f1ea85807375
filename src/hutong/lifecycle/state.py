"""The hub's state: what the fold of the journal keeps, in one value that can be written down."""

import msgspec

from hutong.lifecycle.records import Attempt, Job, SiteRecord
from hutong.model.calendar import Booking
from hutong.model.ids import AttemptId, HubId, JobId, SiteId, TenantId
from hutong.model.tenant import Tenant, Usage, WindowSums
from hutong.scheduler.profile import PROFILES, Profile
from hutong.scheduler.use import Use

SNAPSHOT_VERSION = 1


class HubState(msgspec.Struct):
    """All that survives a restart. `position` is that of the last entry folded in, `started_at`
    that of the last start of a hub.

    `jobs` holds those that are not over or not settled; `dependents` the jobs that wait for a job;
    `keys` the idempotency keys of jobs held here; `open_jobs` how many jobs of a tenant and all
    below it are not over; `tenants_changed` the token that was next when a tenant last changed;
    `meter` the sums over intervals that ended; `replicas` the sites where an input was staged.
    `windows` are the sums of the meter by day and month, `use` the averages of what tenants held;
    `profile` is the one in force.
    """

    version: int = SNAPSHOT_VERSION
    hub: HubId = HubId("")
    position: int = 0
    started_at: int = 0
    next_job: int = 1
    next_token: int = 1
    cycle: int = 0
    tenants: dict[TenantId, Tenant] = {}
    tenants_changed: dict[TenantId, int] = {}
    sites: dict[SiteId, SiteRecord] = {}
    jobs: dict[JobId, Job] = {}
    attempts: dict[AttemptId, Attempt] = {}
    dependents: dict[JobId, list[JobId]] = {}
    keys: dict[TenantId, dict[str, JobId]] = {}
    open_jobs: dict[TenantId, int] = {}
    meter: dict[TenantId, Usage] = {}
    windows: dict[TenantId, WindowSums] = {}
    use: dict[TenantId, Use] = {}
    profile: Profile = PROFILES["fair"]
    replicas: dict[str, dict[SiteId, bool]] = {}
    bookings: dict[str, Booking] = {}


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(HubState)


def encode_state(state: HubState) -> bytes:
    """Write a state down (MessagePack)."""
    return _ENCODER.encode(state)


def decode_state(body: bytes) -> HubState:
    """Read a state. Raises `msgspec.DecodeError` where it is not whole."""
    return _DECODER.decode(body)
