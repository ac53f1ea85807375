"""The SDK: one hub, one token, every endpoint a method.

Values are those of `hutong.wire.api` and `hutong.model`. Every method raises `HutongError`
(`hutong.model.errors`) with the hub's code, sentence and hint, or `hub.unreachable` when none
answers. A client may be used from several threads.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from hutong.client.bulk import submit_many
from hutong.client.calls import Caller, Patience, new_key, path, with_query
from hutong.client.config import find_hub
from hutong.client.follow import LogPiece, LogPlace, follow_events, follow_log, read_log
from hutong.client.transport import Transport
from hutong.client.wait import views_of, wait_for
from hutong.model.job import JobSpec
from hutong.scheduler.profile import Profile
from hutong.wire.api import (
    AttemptView,
    BookingRequest,
    BookingView,
    BulkLine,
    CancelRequest,
    DrainRequest,
    ElementView,
    EventView,
    ExplainReply,
    HealthReply,
    JobDetail,
    JobPage,
    JobView,
    NodeView,
    PlanReply,
    PlanRequest,
    PoolView,
    SiteView,
    SubmitReply,
    SubmitRequest,
    TenantRequest,
    TenantView,
    TokenRequest,
    TokenView,
    UsageReply,
    WhoReply,
)


class Client:
    """A hub, found as `hutong.client.config` says unless `url` and `token` name it.

    `timeout_ms` bounds the silence within one answer. Use it with `with`, or call `close()`.
    """

    def __init__(
        self,
        url: str = "",
        token: str = "",
        *,
        timeout_ms: int = 30_000,
        patience: Patience | None = None,
    ) -> None:
        self.address = find_hub(url, token)
        self._transport = Transport(self.address.url)
        self._caller = Caller(
            self._transport,
            self.address.token,
            timeout_ms=timeout_ms,
            patience=patience or Patience(),
        )

    @property
    def url(self) -> str:
        """The hub's address."""
        return self._transport.url

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def close(self) -> None:
        """Close the connections that are kept for the next request."""
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Jobs

    def submit(self, spec: JobSpec, *, key: str = "") -> SubmitReply:
        """Hand in a job. Once this returns the hub never loses it.

        `key` is the idempotency key: the same key and job give the same answer, however often they
        are sent. Without one a key is drawn, so that a lost answer does not make a second job.
        """
        request = SubmitRequest(spec, key or new_key())
        return self._caller.call("POST", path("jobs"), SubmitReply, body=request)

    def submit_many(self, jobs: Iterable[JobSpec | SubmitRequest]) -> Iterator[BulkLine]:
        """Hand in many jobs; give a line for each, in order. A refused one has a `code`."""
        return submit_many(self._caller, jobs)

    def jobs(
        self,
        *,
        tenant: str = "",
        states: Sequence[str] = (),
        name: str = "",
        site: str = "",
        before: int | None = None,
        limit: int | None = None,
    ) -> JobPage:
        """Give one page of jobs, newest first. `before` is the `next` of the page before."""
        query = {
            "tenant": tenant,
            "state": ",".join(states),
            "name": name,
            "site": site,
            "before": before,
            "limit": limit,
        }
        return self._caller.call("GET", with_query(path("jobs"), query), JobPage)

    def job(self, job: str) -> JobDetail:
        """Give a job whole: what was handed in, its attempts, its story."""
        return self._caller.call("GET", path("jobs", job), JobDetail)

    def views(self, jobs: Iterable[str]) -> dict[str, JobView]:
        """Give the listing's rows of jobs named by id, in as few requests as their ids allow."""
        return views_of(self._caller, jobs)

    def cancel(self, job: str, *, element: int | None = None) -> JobView:
        """Ask for a job, or one element of an array (position from 0), to end."""
        body = CancelRequest(element)
        return self._caller.call("POST", path("jobs", job, "cancel"), JobView, body=body)

    def explain(self, job: str, *, element: int | None = None) -> ExplainReply:
        """Say why a job waits, or why it is where it is."""
        target = with_query(path("jobs", job, "explain"), {"element": element})
        return self._caller.call("GET", target, ExplainReply)

    def elements(self, job: str, *, after: int = -1, limit: int | None = None) -> list[ElementView]:
        """Give elements of an array behind position `after`, those that wait included."""
        query = {"after": after, "limit": limit}
        target = with_query(path("jobs", job, "elements"), query)
        return self._caller.call("GET", target, list[ElementView])

    def attempts(
        self, job: str, *, element: int | None = None, after: str = "", limit: int | None = None
    ) -> list[AttemptView]:
        """Give attempts of a job or element behind the attempt `after` (its id), oldest first."""
        query = {"element": element, "after": after, "limit": limit}
        target = with_query(path("jobs", job, "attempts"), query)
        return self._caller.call("GET", target, list[AttemptView])

    def wait(
        self,
        job: str,
        *,
        timeout_ms: int = 0,
        on_change: Callable[[JobView], None] | None = None,
    ) -> JobView:
        """Wait until a job has ended and give its view. See `wait_all`."""
        return self.wait_all([job], timeout_ms=timeout_ms, on_change=on_change)[job]

    def wait_all(
        self,
        jobs: Sequence[str],
        *,
        timeout_ms: int = 0,
        on_change: Callable[[JobView], None] | None = None,
    ) -> dict[str, JobView]:
        """Wait until all jobs have ended, through restarts of the hub.

        Raises `TimeoutError` after `timeout_ms` (0: never). `on_change` gets each new state.
        """
        return wait_for(self._caller, jobs, timeout_ms=timeout_ms, on_change=on_change)

    def log(
        self,
        job: str,
        *,
        element: int | None = None,
        task: int = 0,
        attempt: int = 0,
        offset: int = 0,
        tail: int | None = None,
    ) -> LogPiece:
        """Give what there is of a task's log: from byte `offset` on, or its last `tail` bytes.

        `attempt` counts from 1; 0 is the last.
        """
        place = LogPlace(job, element, task, str(attempt) if attempt else "")
        return read_log(self._caller, place, offset=offset, tail=tail)

    def follow_log(
        self,
        job: str,
        *,
        element: int | None = None,
        task: int = 0,
        attempt: int = 0,
        offset: int = 0,
    ) -> Iterator[LogPiece]:
        """Give a task's log as it grows until the job has ended; reconnects where it broke off.

        Without an `attempt` it goes on to the log of the next one when the job is retried.
        """
        place = LogPlace(job, element, task, str(attempt) if attempt else "")
        return follow_log(self._caller, place, offset=offset)

    def plan(self, specs: Sequence[JobSpec]) -> PlanReply:
        """Say what would happen to jobs, without handing them in."""
        return self._caller.call("POST", path("plan"), PlanReply, body=PlanRequest(tuple(specs)))

    # Supply

    def sites(self) -> list[SiteView]:
        """Give the sites that joined."""
        return self._caller.call("GET", path("sites"), list[SiteView])

    def pools(self, *, site: str = "") -> list[PoolView]:
        """Give the pools of all sites or one."""
        return self._caller.call("GET", with_query(path("pools"), {"site": site}), list[PoolView])

    def nodes(self, *, site: str = "", pool: str = "") -> list[NodeView]:
        """Give the nodes of all sites, one site or one pool (`SITE/POOL`)."""
        target = with_query(path("nodes"), {"site": site, "pool": pool})
        return self._caller.call("GET", target, list[NodeView])

    def drain_site(self, site: str, *, draining: bool = True) -> SiteView:
        """Keep new work away from a site, or let it come again."""
        body = DrainRequest(draining)
        return self._caller.call("POST", path("sites", site, "drain"), SiteView, body=body)

    def drain_node(self, node: str, *, draining: bool = True) -> NodeView:
        """Keep new work away from a node (`SITE/NODE`), or let it come again."""
        site, _, name = node.partition("/")
        body = DrainRequest(draining)
        return self._caller.call("POST", path("nodes", site, name, "drain"), NodeView, body=body)

    # Bookings

    def bookings(self) -> list[BookingView]:
        """Give the bookings that are not over."""
        return self._caller.call("GET", path("bookings"), list[BookingView])

    def booking(self, name: str) -> BookingView:
        """Give one booking."""
        return self._caller.call("GET", path("bookings", name), BookingView)

    def book(self, name: str, request: BookingRequest) -> BookingView:
        """Book nodes for tenants or for maintenance, or change a booking."""
        return self._caller.call("PUT", path("bookings", name), BookingView, body=request)

    def unbook(self, name: str) -> BookingView:
        """Take a booking back."""
        return self._caller.call("DELETE", path("bookings", name), BookingView)

    # Tenants, usage, tokens

    def tenants(self) -> list[TenantView]:
        """Give the tenants that the token may see."""
        return self._caller.call("GET", path("tenants"), list[TenantView])

    def tenant(self, tenant: str) -> TenantView:
        """Give one tenant."""
        return self._caller.call("GET", path("tenants", *tenant.split("/")), TenantView)

    def set_tenant(self, tenant: str, request: TenantRequest) -> TenantView:
        """Set a tenant's weight and quota; makes the tenant when there is none."""
        target = path("tenants", *tenant.split("/"))
        return self._caller.call("PUT", target, TenantView, body=request)

    def usage(
        self, *, tenant: str = "", since_ms: int | None = None, until_ms: int | None = None
    ) -> UsageReply:
        """Give usage by tenant, site and chip."""
        query = {"tenant": tenant, "since_ms": since_ms, "until_ms": until_ms}
        return self._caller.call("GET", with_query(path("usage"), query), UsageReply)

    def tokens(self) -> list[TokenView]:
        """Give the tokens, without their secrets."""
        return self._caller.call("GET", path("tokens"), list[TokenView])

    def create_token(self, request: TokenRequest) -> TokenView:
        """Make a token. Its secret is in this answer and nowhere else."""
        return self._caller.call("POST", path("tokens"), TokenView, body=request, repeatable=False)

    def revoke_token(self, token: str) -> TokenView:
        """End a token, named by its id."""
        return self._caller.call("POST", path("tokens", token, "revoke"), TokenView)

    # The hub

    def events(
        self, *, after: int = 0, kind: str = "", follow: bool = False, limit: int = 0
    ) -> Iterator[EventView]:
        """Give the journal's events behind position `after`, at most `limit` (0: all).

        With `follow` it goes on with those to come, and resumes where a connection broke off.
        """
        return follow_events(self._caller, after=after, kind=kind, follow=follow, limit=limit)

    def alive(self) -> HealthReply:
        """Say whether a hub answers at all; needs no token."""
        return self._caller.call("GET", "/healthz", HealthReply)

    def health(self) -> HealthReply:
        """Say whether the hub serves, and where its journal stands."""
        return self._caller.call("GET", path("health"), HealthReply)

    def whoami(self) -> WhoReply:
        """Say what the token may do."""
        return self._caller.call("GET", path("whoami"), WhoReply)

    def profile(self) -> Profile:
        """Give the scheduler's profile that is in force."""
        return self._caller.call("GET", path("profile"), Profile)

    def metrics(self) -> str:
        """Give the hub's metrics in Prometheus' text format."""
        return self._caller.send("GET", "/metrics").body.decode()

    def openapi(self) -> dict[str, Any]:
        """Give the description of the API (OpenAPI 3.1)."""
        reply = self._caller.send("GET", path("openapi.json"))
        return self._caller.decode(reply.body, dict[str, Any])

    def clock_skew_ms(self) -> int | None:
        """By how much the hub's clock is ahead of this machine's, to a second; None if untold."""
        from hutong.client.skew import measure

        return measure(self._caller)
