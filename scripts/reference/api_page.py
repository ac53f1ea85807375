"""The HTTP API, from the table of endpoints and the types it names."""

import functools
import re
import typing
from collections.abc import Iterator

import msgspec

from hutong.model.reasons import Reason
from hutong.server.endpoint import BYTES, JSON, NDJSON, PROMETHEUS, SSE, Endpoint
from hutong.server.endpoints import AGENTS, CALENDAR, HEALTH, JOBS, SUPPLY, TENANTS
from scripts.reference.text import code, doc, link, listed, page, quantity, slug, table, type_name

GROUPS = {
    "Health and the API itself": HEALTH,
    "Jobs": JOBS,
    "Sites, pools and nodes": SUPPLY,
    "Bookings": CALENDAR,
    "Tenants, usage, events and tokens": TENANTS,
    "For agents": AGENTS,
}
MEDIA = {
    NDJSON: "NDJSON, a line each",
    SSE: "an event stream",
    BYTES: "bytes",
    PROMETHEUS: "Prometheus' text format",
}


def api_page() -> str:
    parts = []
    for group, endpoints in GROUPS.items():
        parts.append(f"## {group}")
        parts += [_endpoint(endpoint) for endpoint in endpoints]
    return page(
        "HTTP API",
        "Version 1. Bodies are JSON, times are Unix milliseconds, money is in millionths of a yuan "
        "(micro-CNY). A field is never renamed or given another meaning within a version; fields "
        "and endpoints are added. `/v1/openapi.json` describes the same to programs.",
        "Send `Authorization: Bearer TOKEN`; [security](../concepts/security.md) says what the "
        "scopes mean. An [error](errors.md) is answered as JSON with its HTTP status; the header "
        "`X-Hutong-Cause` names the request, and the events it led to carry the same name.",
        _index(),
        *parts,
        "## Types",
        "A field without a default has to be there.",
        *(_type(kind) for kind in api_types()),
    )


def _index() -> str:
    rows = (
        (link(_title(endpoint), f"#{slug(_title(endpoint))}"), endpoint.summary)
        for endpoints in GROUPS.values()
        for endpoint in endpoints
    )
    return table(("endpoint", "what it does"), rows)


def _title(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {re.sub(r':[a-z]+}', '}', endpoint.path)}"


def _endpoint(endpoint: Endpoint) -> str:
    parts = [f"### {code(_title(endpoint))}", endpoint.summary, _facts(endpoint)]
    if endpoint.query is not None:
        parts += [_in_json(doc(endpoint.query)), _fields(endpoint.query, "parameter")]
    own = [link(error, f"errors.md#{slug(error)}") for error in endpoint.errors]
    if own:
        parts.append(f"*Errors of its own:* {', '.join(own)}")
    return "\n\n".join(parts)


def _facts(endpoint: Endpoint) -> str:
    who = "anybody, without a token" if "anybody" in endpoint.scopes else listed(endpoint.scopes)
    lines = [f"- Who: {who}"]
    if endpoint.request is not None or endpoint.request_media != JSON:
        limit = quantity("BYTES", endpoint.body_limit_bytes)
        taken = type_name(endpoint.request, named_in_api) if endpoint.request is not None else ""
        if endpoint.name == "jobs.bulk":
            taken = "[SubmitRequest](api.md#submitrequest)"
        media = MEDIA.get(endpoint.request_media, "")
        lines.append(f"- Takes: {_joined(taken, media)}, at most {limit}")
    given = type_name(endpoint.reply, named_in_api) if endpoint.reply is not None else ""
    media = MEDIA.get(endpoint.reply_media, "")
    status = str(endpoint.status)
    if endpoint.repeated_status:
        status += f", or {endpoint.repeated_status} if it was repeated"
    lines.append(f"- Answers: {status}: {_joined(given, media)}")
    return "\n".join(lines)


def _joined(kind: str, media: str) -> str:
    return f"{kind} ({media})" if kind and media else kind or media


def _fields(kind: type[msgspec.Struct], head: str) -> str:
    hints = typing.get_type_hints(kind)
    rows = [
        (code(field.encode_name), type_name(hints[field.name], named_in_api), _default(field))
        for field in msgspec.structs.fields(kind)
    ]
    return table((head, "type", "default"), rows)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return ""
    if field.default is msgspec.NODEFAULT:
        return "empty"
    value = field.default
    if isinstance(value, msgspec.Struct):
        return "its defaults"
    if value is None:
        return "null"
    if value in ("", (), {}):
        return "empty"
    return code(str(value).lower() if isinstance(value, bool) else str(value))


def _type(kind: type[msgspec.Struct]) -> str:
    shown = _fields(kind, "field") if msgspec.structs.fields(kind) else "It has no fields."
    return f"### {kind.__name__}\n\n{_in_json(doc(kind))}\n\n{shown}"


def _in_json(text: str) -> str:
    """A docstring in the words of JSON."""
    return re.sub(r"\bNone\b", "null", text)


@functools.cache
def api_types() -> tuple[type[msgspec.Struct], ...]:
    """Every structure that a request or reply holds, each before what it refers to."""
    endpoints = [endpoint for group in GROUPS.values() for endpoint in group]
    waiting = [kind for each in endpoints for kind in (each.request, each.reply)]
    found: dict[type[msgspec.Struct], None] = {}
    for kind in waiting:
        for struct in _structs_in(kind):
            if struct not in found:
                found[struct] = None
                waiting.extend(typing.get_type_hints(struct).values())
    return tuple(sorted(found, key=lambda struct: struct.__name__))


def _structs_in(annotation: object) -> Iterator[type[msgspec.Struct]]:
    for part in typing.get_args(annotation):
        yield from _structs_in(part)
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield from () if issubclass(annotation, Reason) else (annotation,)


def named_in_api(kind: type) -> str:
    """A structure's name, as a link where the page of the API has it."""
    if kind in api_types():
        return f"[{kind.__name__}](api.md#{kind.__name__.lower()})"
    return kind.__name__
