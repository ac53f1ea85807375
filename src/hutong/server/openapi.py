"""The API described in OpenAPI 3.1, made from the table of endpoints and the wire's types."""

import functools
import re
from typing import Any

import msgspec

from hutong import __version__
from hutong.model.errors import CATALOGUE, ErrorBody
from hutong.server.endpoint import BYTES, JSON, SSE, Endpoint
from hutong.server.endpoints import ENDPOINTS
from hutong.server.strict import LARGEST_INTEGER, LARGEST_REPORTED
from hutong.server.tokens import Scope

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"
_PARAM = re.compile(r"{(\w+)(?::\w+)?}")
_EVERYBODY = ("hub.internal", "hub.starting", "store.unavailable", "store.damaged")
_WITH_TOKEN = ("auth.missing", "auth.unknown", "auth.forbidden", "request.parameter")
_WITH_BODY = (
    "request.malformed", "request.media_type", "request.too_large", "request.timeout",
)  # fmt: skip


@functools.cache
def openapi_json() -> bytes:
    """The document as bytes; it never changes while a hub runs."""
    return msgspec.json.encode(openapi())


def openapi() -> Json:
    """The document."""
    kinds = [kind for each in ENDPOINTS for kind in (each.request, each.reply, each.query)]
    wanted = [kind for kind in kinds if kind not in (None, dict)]
    schemas, components = msgspec.json.schema_components([*wanted, ErrorBody], ref_template=_REF)
    by_kind = dict(zip(map(str, [*wanted, ErrorBody]), schemas, strict=True))
    for endpoint in ENDPOINTS:
        if endpoint.request is not None:
            largest = LARGEST_REPORTED if endpoint.skips_unknown else LARGEST_INTEGER
            _tighten(by_kind[str(endpoint.request)], components, endpoint, largest, {})
    paths: Json = {}
    for endpoint in ENDPOINTS:
        plain = _PARAM.sub(r"{\1}", endpoint.path)
        operation = _operation(endpoint, by_kind, components)
        paths.setdefault(plain, {})[endpoint.method.lower()] = operation
    for endpoint in ENDPOINTS:  # their fields are parameters, not bodies
        if endpoint.query is not None:
            components.pop(endpoint.query.__name__, None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hutong",
            "version": __version__,
            "description": "One fair queue over many computing sites. Times are Unix ms, money is "
            "in millionths of a yuan, resources are whole units named in each field.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def codes_of(endpoint: Endpoint) -> tuple[str, ...]:
    """Every error code that an endpoint may answer, its own first."""
    codes = [*endpoint.errors]
    takes_body = endpoint.request is not None or endpoint.request_media != JSON
    if takes_body:
        codes += _WITH_BODY
    if endpoint.request is not None and not endpoint.skips_unknown:
        codes.append("request.unknown_field")
    if Scope.ANYBODY not in endpoint.scopes:
        codes += _WITH_TOKEN
    if endpoint.reply_media != JSON:
        codes.append("request.too_many_streams")
    return tuple(dict.fromkeys([*codes, *_EVERYBODY]))


def _operation(endpoint: Endpoint, by_kind: Json, components: Json) -> Json:
    operation: Json = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": _who(endpoint),
        "tags": [endpoint.name.partition(".")[0]],
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint, components)],
        "responses": _responses(endpoint, by_kind),
        "security": [] if Scope.ANYBODY in endpoint.scopes else [{"token": []}],
    }
    if endpoint.name == "jobs.submit":
        key = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"}
        operation["parameters"].append({"name": "Idempotency-Key", "in": "header", "schema": key})
    if endpoint.request is not None:
        content = {JSON: {"schema": by_kind[str(endpoint.request)]}}
        operation["requestBody"] = {"required": True, "content": content}
    elif endpoint.request_media != JSON:
        content = {endpoint.request_media: {"schema": _bytes()}}
        operation["requestBody"] = {"required": False, "content": content}
    return operation


def _who(endpoint: Endpoint) -> str:
    if Scope.ANYBODY in endpoint.scopes:
        return "Needs no token."
    return f"Scopes: {', '.join(endpoint.scopes)}."


def _path_parameters(endpoint: Endpoint) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _PARAM.findall(endpoint.path)
    ]


def _query_parameters(endpoint: Endpoint, components: Json) -> list[Json]:
    if endpoint.query is None:
        return []
    properties = components[endpoint.query.__name__]["properties"]
    return [
        {"name": name, "in": "query", "schema": schema, "explode": False}
        for name, schema in properties.items()
    ]


def _responses(endpoint: Endpoint, by_kind: Json) -> Json:
    headers = {"x-hutong-cause": {"schema": {"type": "string"}}}
    good: Json = {"description": "Success.", "headers": headers}
    if endpoint.reply is dict:
        good["content"] = {JSON: {"schema": {"type": "object"}}}
    elif endpoint.reply is not None and endpoint.reply_media == JSON:
        good["content"] = {JSON: {"schema": by_kind[str(endpoint.reply)]}}
    else:
        media = endpoint.reply_media.partition(";")[0]
        good["content"] = {media: {"schema": _streamed(endpoint, media, by_kind)}}
    responses: Json = {str(endpoint.status): good}
    if endpoint.repeated_status:
        responses[str(endpoint.repeated_status)] = {**good, "description": "Known already."}
    by_status: dict[int, list[str]] = {}
    for code in codes_of(endpoint):
        by_status.setdefault(CATALOGUE[code].status, []).append(code)
    for status, codes in sorted(by_status.items()):
        content = {JSON: {"schema": by_kind[str(ErrorBody)]}}
        listed = ", ".join(f"`{code}`" for code in codes)
        responses[str(status)] = {"description": listed, "headers": headers, "content": content}
    return responses


def _streamed(endpoint: Endpoint, media: str, by_kind: Json) -> Json:
    """What comes in pieces: bytes, text, or server-sent events whose data is JSON."""
    if media == BYTES:
        return _bytes()
    if media != SSE:
        return {"type": "string"}
    data: Json = {"type": "string", "contentMediaType": JSON}
    if endpoint.reply is not None:
        data["contentSchema"] = by_kind[str(endpoint.reply)]
    text = {"type": "string"}
    return {"type": "object", "properties": {"id": text, "event": text, "data": data}}


def _bytes() -> Json:
    return {"type": "string", "format": "binary"}


def _tighten(
    schema: Any, components: Json, endpoint: Endpoint, largest: int, seen: dict[str, bool]
) -> None:
    """Say of a request's types what reading it strictly refuses."""
    if isinstance(schema, list):
        for each in schema:
            _tighten(each, components, endpoint, largest, seen)
        return
    if not isinstance(schema, dict):
        return
    reference = schema.get("$ref")
    if reference is not None:
        name = reference.rpartition("/")[2]
        if name not in seen:
            seen[name] = True
            _tighten(components[name], components, endpoint, largest, seen)
        return
    if schema.get("type") == "integer":
        schema.setdefault("minimum", -largest)
        schema.setdefault("maximum", largest)
    if "properties" in schema and not endpoint.skips_unknown:
        schema["additionalProperties"] = False
    for key in ("properties", "items", "anyOf", "additionalProperties", "prefixItems"):
        inner = schema.get(key)
        values = list(inner.values()) if key == "properties" and inner else inner
        _tighten(values, components, endpoint, largest, seen)
