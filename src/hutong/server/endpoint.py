"""What an endpoint is: one row of the table that drives routing, rights, OpenAPI and reference."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hutong.model.limits import REQUEST_BODY_BYTES
from hutong.server.streams import StreamHandle
from hutong.server.tokens import Principal, Scope

if TYPE_CHECKING:
    from hutong.server.body import Body
    from hutong.server.hub import Hub

JSON = "application/json"
NDJSON = "application/x-ndjson"
SSE = "text/event-stream"
BYTES = "application/octet-stream"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

Headers = tuple[tuple[bytes, bytes], ...]


class Call(msgspec.Struct):
    """One request on its way through an endpoint.

    `params` are the parts of the path, `query` is of the endpoint's query type and `body` of its
    request type; `stream` reads the body of an endpoint that takes it as bytes.
    """

    hub: "Hub"
    principal: Principal
    cause: str
    params: dict[str, str]
    headers: dict[bytes, bytes]
    query: Any
    body: Any
    stream: "Body"


class Answer(NamedTuple):
    """A whole answer. `body` is a value of the endpoint's reply type, or bytes as they are."""

    body: object
    status: int = 0
    headers: Headers = ()


class Streamed(NamedTuple):
    """An answer that is sent as it comes. A `handle` is closed when the client leaves."""

    chunks: AsyncIterator[bytes]
    headers: Headers = ()
    handle: StreamHandle | None = None


Handler = Callable[[Call], Awaitable[Answer | Streamed]]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path.

    Only the `scopes` named may call; `Scope.ANYBODY` needs no token. `skips_unknown` lets a request
    have fields that this version does not know, and bounds its integers more tightly. `status` is
    that of success, `repeated_status` of a success that changed nothing new. `errors` are codes of
    the catalogue that are the endpoint's own, beside those every endpoint may answer.
    """

    method: str
    path: str
    name: str
    summary: str
    scopes: tuple[Scope, ...]
    handler: Handler
    request: Any = None
    request_media: str = JSON
    skips_unknown: bool = False
    body_limit_bytes: int = REQUEST_BODY_BYTES
    query: type[msgspec.Struct] | None = None
    reply: Any = None
    reply_media: str = JSON
    status: int = 200
    repeated_status: int = 0
    errors: tuple[str, ...] = ()
