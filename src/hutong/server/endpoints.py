"""The table of all endpoints: what drives routing, rights, OpenAPI and the reference.

Nothing is open by default. A new row says who may call it.
"""

from hutong.lifecycle.sync import SyncReply, SyncRequest
from hutong.model.limits import BULK_BODY_BYTES, LOG_CHUNK_BYTES, MIB
from hutong.scheduler.profile import Profile
from hutong.server import (
    api_agent,
    api_bookings,
    api_elements,
    api_events,
    api_health,
    api_jobs,
    api_logs,
    api_plan,
    api_submit,
    api_supply,
    api_tenants,
    api_tokens,
    queries,
)
from hutong.server.endpoint import BYTES, JSON, NDJSON, PROMETHEUS, SSE, Endpoint
from hutong.server.tokens import Scope
from hutong.wire import api

SYNC_BODY_BYTES = 32 * MIB
"""A whole inventory of 100,000 nodes fits, and so do 20,000 observations."""

_ANYBODY = (Scope.ANYBODY,)
_ADMIN = (Scope.ADMIN,)
_MEMBERS = (Scope.ADMIN, Scope.MEMBER)
_OPERATORS = (Scope.ADMIN, Scope.OPERATOR)
_PEOPLE = (Scope.ADMIN, Scope.OPERATOR, Scope.MEMBER)
_AGENTS = (Scope.ADMIN, Scope.AGENT)
_JOB = ("job.not_found",)

HEALTH = (
    Endpoint(
        method="GET", path="/healthz", name="live", scopes=_ANYBODY,
        summary="Tell that the hub's process answers.",
        handler=api_health.is_alive, reply=api.HealthReply,
    ),
    Endpoint(
        method="GET", path="/readyz", name="ready", scopes=_ANYBODY,
        summary="Tell whether the hub can take jobs in.",
        handler=api_health.is_ready, reply=api.HealthReply,
        errors=("hub.starting", "store.unavailable", "store.damaged"),
    ),
    Endpoint(
        method="GET", path="/metrics", name="metrics", scopes=_ANYBODY,
        summary="Give the hub's metrics in Prometheus' text format.",
        handler=api_health.show_metrics, reply_media=PROMETHEUS,
    ),
    Endpoint(
        method="GET", path="/v1/openapi.json", name="openapi", scopes=_ANYBODY,
        summary="Describe this API in OpenAPI 3.1.",
        handler=api_health.show_openapi, reply=dict,
    ),
    Endpoint(
        method="GET", path="/v1/health", name="health", scopes=_PEOPLE,
        summary="Tell whether the hub serves, and where its journal stands.",
        handler=api_health.show_health, reply=api.HealthReply,
    ),
    Endpoint(
        method="GET", path="/v1/whoami", name="whoami", scopes=_PEOPLE,
        summary="Tell what the token may do.",
        handler=api_health.who_am_i, reply=api.WhoReply,
    ),
)  # fmt: skip

JOBS = (
    Endpoint(
        method="POST", path="/v1/jobs", name="jobs.submit", scopes=_MEMBERS,
        summary="Hand in a job.",
        handler=api_submit.submit_job, request=api.SubmitRequest, reply=api.SubmitReply,
        status=201, repeated_status=200,
        errors=(
            "job.invalid", "job.key_conflict", "job.dependency_unknown", "quota.exceeded",
            "limit.reached",
        ),
    ),
    Endpoint(
        method="POST", path="/v1/jobs/bulk", name="jobs.bulk", scopes=_MEMBERS,
        summary="Hand in many jobs, one a line.",
        handler=api_submit.submit_bulk, request_media=NDJSON, body_limit_bytes=BULK_BODY_BYTES,
        reply=api.BulkLine, reply_media=NDJSON,
    ),
    Endpoint(
        method="GET", path="/v1/jobs", name="jobs.list", scopes=_MEMBERS,
        summary="List jobs, newest first.",
        handler=api_jobs.list_jobs, query=queries.JobsQuery, reply=api.JobPage,
        errors=("tenant.not_found",),
    ),
    Endpoint(
        method="GET", path="/v1/jobs/{job}", name="jobs.show", scopes=_MEMBERS,
        summary="Show a job whole.",
        handler=api_jobs.show_job, reply=api.JobDetail, errors=_JOB,
    ),
    Endpoint(
        method="POST", path="/v1/jobs/{job}/cancel", name="jobs.cancel", scopes=_MEMBERS,
        summary="Ask for a job, or one element of an array, to end.",
        handler=api_jobs.cancel_job, request=api.CancelRequest, reply=api.JobView, status=202,
        errors=(*_JOB, "job.finished"),
    ),
    Endpoint(
        method="GET", path="/v1/jobs/{job}/explain", name="jobs.explain", scopes=_MEMBERS,
        summary="Say why a job waits, or why it is where it is.",
        handler=api_jobs.explain_job, query=queries.ElementQuery, reply=api.ExplainReply,
        errors=_JOB,
    ),
    Endpoint(
        method="GET", path="/v1/jobs/{job}/attempts", name="jobs.attempts", scopes=_MEMBERS,
        summary="List the attempts of a job or element, in the order they were placed.",
        handler=api_jobs.list_attempts, query=queries.AttemptsQuery,
        reply=list[api.AttemptView], errors=(*_JOB, "attempt.not_found"),
    ),
    Endpoint(
        method="GET", path="/v1/jobs/{job}/elements", name="jobs.elements", scopes=_MEMBERS,
        summary="List the elements of an array.",
        handler=api_elements.list_elements, query=queries.ElementsQuery,
        reply=list[api.ElementView], errors=_JOB,
    ),
    Endpoint(
        method="GET", path="/v1/jobs/{job}/logs", name="jobs.logs", scopes=_MEMBERS,
        summary="Give a task's log, and what comes.",
        handler=api_logs.read_log, query=queries.LogQuery, reply_media=BYTES,
        errors=(*_JOB, "attempt.not_found", "log.not_found", "log.unavailable"),
    ),
    Endpoint(
        method="POST", path="/v1/plan", name="plan", scopes=_MEMBERS,
        summary="Say what would happen to jobs, without handing them in.",
        handler=api_plan.plan_jobs, request=api.PlanRequest, reply=api.PlanReply,
        errors=("job.invalid", "limit.reached"),
    ),
)  # fmt: skip

SUPPLY = (
    Endpoint(
        method="GET", path="/v1/sites", name="sites.list", scopes=_PEOPLE,
        summary="List the sites that joined.",
        handler=api_supply.list_sites, reply=list[api.SiteView],
    ),
    Endpoint(
        method="GET", path="/v1/pools", name="pools.list", scopes=_PEOPLE,
        summary="List the pools of all sites or one.",
        handler=api_supply.list_pools, query=queries.SiteQuery, reply=list[api.PoolView],
        errors=("site.not_found",),
    ),
    Endpoint(
        method="GET", path="/v1/nodes", name="nodes.list", scopes=_PEOPLE,
        summary="List the nodes of all sites, one site or one pool.",
        handler=api_supply.list_nodes, query=queries.NodesQuery, reply=list[api.NodeView],
        errors=("site.not_found", "pool.not_found"),
    ),
    Endpoint(
        method="POST", path="/v1/sites/{site}/drain", name="sites.drain", scopes=_OPERATORS,
        summary="Keep new work away from a site, or let it come again.",
        handler=api_supply.drain_site, request=api.DrainRequest, reply=api.SiteView,
        errors=("site.not_found",),
    ),
    Endpoint(
        method="POST", path="/v1/nodes/{site}/{node}/drain", name="nodes.drain",
        scopes=_OPERATORS,
        summary="Keep new work away from a node, or let it come again.",
        handler=api_supply.drain_node, request=api.DrainRequest, reply=api.NodeView,
        errors=("node.not_found",),
    ),
)  # fmt: skip

CALENDAR = (
    Endpoint(
        method="GET", path="/v1/bookings", name="bookings.list", scopes=_PEOPLE,
        summary="List the bookings that are not over.",
        handler=api_bookings.list_bookings, reply=list[api.BookingView],
    ),
    Endpoint(
        method="GET", path="/v1/bookings/{booking}", name="bookings.show", scopes=_PEOPLE,
        summary="Show a booking.",
        handler=api_bookings.show_booking, reply=api.BookingView, errors=("booking.not_found",),
    ),
    Endpoint(
        method="PUT", path="/v1/bookings/{booking}", name="bookings.set", scopes=_OPERATORS,
        summary="Keep nodes for tenants, or out of use, for a time.",
        handler=api_bookings.put_booking, request=api.BookingRequest, reply=api.BookingView,
        errors=(
            "booking.invalid", "booking.conflict", "site.not_found", "pool.not_found",
            "node.not_found", "limit.reached",
        ),
    ),
    Endpoint(
        method="DELETE", path="/v1/bookings/{booking}", name="bookings.remove", scopes=_OPERATORS,
        summary="Take a booking back.",
        handler=api_bookings.remove_booking, reply=api.BookingView, errors=("booking.not_found",),
    ),
)  # fmt: skip

TENANTS = (
    Endpoint(
        method="GET", path="/v1/tenants", name="tenants.list", scopes=_MEMBERS,
        summary="List the tenants that the caller sees.",
        handler=api_tenants.list_tenants, reply=list[api.TenantView],
    ),
    Endpoint(
        method="GET", path="/v1/tenants/{tenant:path}", name="tenants.show", scopes=_MEMBERS,
        summary="Show a tenant.",
        handler=api_tenants.show_tenant, reply=api.TenantView, errors=("tenant.not_found",),
    ),
    Endpoint(
        method="PUT", path="/v1/tenants/{tenant:path}", name="tenants.set", scopes=_ADMIN,
        summary="Set a tenant's weight and quota.",
        handler=api_tenants.put_tenant, request=api.TenantRequest, reply=api.TenantView,
        errors=("tenant.not_found", "tenant.invalid", "limit.reached"),
    ),
    Endpoint(
        method="GET", path="/v1/usage", name="usage", scopes=_MEMBERS,
        summary="Give usage by tenant, site and chip.",
        handler=api_tenants.show_usage, query=queries.UsageParameters, reply=api.UsageReply,
        errors=("tenant.not_found",),
    ),
    Endpoint(
        method="GET", path="/v1/events", name="events", scopes=_MEMBERS,
        summary="Stream the journal's events from a position on.",
        handler=api_events.stream_events, query=queries.EventsQuery, reply=api.EventView,
        reply_media=SSE,
    ),
    Endpoint(
        method="GET", path="/v1/tokens", name="tokens.list", scopes=_ADMIN,
        summary="List the tokens, without their secrets.",
        handler=api_tokens.list_tokens, reply=list[api.TokenView],
    ),
    Endpoint(
        method="POST", path="/v1/tokens", name="tokens.make", scopes=_ADMIN,
        summary="Make a token; its secret is in this answer and nowhere else.",
        handler=api_tokens.make_token, request=api.TokenRequest, reply=api.TokenView, status=201,
        errors=("token.invalid",),
    ),
    Endpoint(
        method="POST", path="/v1/tokens/{token}/revoke", name="tokens.revoke", scopes=_ADMIN,
        summary="End a token.",
        handler=api_tokens.revoke_token, reply=api.TokenView, errors=("token.not_found",),
    ),
    Endpoint(
        method="GET", path="/v1/profile", name="profile", scopes=_MEMBERS,
        summary="Give the scheduler's profile that is in force.",
        handler=api_plan.show_profile, reply=Profile,
    ),
)  # fmt: skip

AGENTS = (
    Endpoint(
        method="POST", path="/v1/agent/sync", name="agent.sync", scopes=_AGENTS,
        summary="Report what a site sees; the answer says what should be true there.",
        handler=api_agent.sync, request=SyncRequest, skips_unknown=True,
        body_limit_bytes=SYNC_BODY_BYTES, reply=SyncReply,
        errors=("site.not_yours", "site.invalid", "limit.reached"),
    ),
    Endpoint(
        method="GET", path="/v1/agent/stream", name="agent.stream", scopes=_AGENTS,
        summary="Stream a line each time the site's agent should sync at once.",
        handler=api_agent.stream_pokes, query=queries.AgentQuery, reply_media=SSE,
        errors=("site.not_yours", "site.not_found"),
    ),
    Endpoint(
        method="POST", path="/v1/agent/logs/{attempt}/{task}", name="agent.logs", scopes=_AGENTS,
        summary="Keep a piece of a task's log.",
        handler=api_agent.take_log, query=queries.LogOffset, request_media=BYTES,
        body_limit_bytes=LOG_CHUNK_BYTES, reply=api.LogReceipt, reply_media=JSON,
        errors=("site.not_yours", "attempt.not_found", "log.not_found", "log.unavailable"),
    ),
)  # fmt: skip

ENDPOINTS: tuple[Endpoint, ...] = (
    *HEALTH, *JOBS, *SUPPLY, *CALENDAR, *TENANTS, *AGENTS,
)  # fmt: skip
"""Every endpoint, in the order of the reference."""
