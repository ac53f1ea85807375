"""The parameters that each endpoint takes in its address, with their bounds."""

from typing import Annotated

import msgspec
from msgspec import Meta

from hutong.model.limits import LIST_ROWS, NAME_CHARS
from hutong.model.states import JobState

_Text = Annotated[str, Meta(max_length=NAME_CHARS * 8)]
_Limit = Annotated[int, Meta(ge=1, le=LIST_ROWS)]
_Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
_Element = Annotated[int, Meta(ge=0, le=1_000_000)]


class JobsQuery(msgspec.Struct, frozen=True):
    """Which jobs: of a tenant and all below it, in any of these states (comma-separated), of
    exactly this name, last placed at this site. `before` is the `next` of the page before."""

    tenant: _Text = ""
    state: tuple[JobState, ...] = ()
    name: _Text = ""
    site: _Text = ""
    before: Annotated[int, Meta(ge=1, le=2**53 - 1)] | None = None
    limit: _Limit = 100


class ElementQuery(msgspec.Struct, frozen=True):
    """Which element of an array, by its position from 0."""

    element: _Element | None = None


class AttemptsQuery(msgspec.Struct, frozen=True):
    """Which attempts: of one element, behind one attempt (its id, or its number where the job is
    no array or `element` is given)."""

    element: _Element | None = None
    after: _Text = ""
    limit: _Limit = 100


class ElementsQuery(msgspec.Struct, frozen=True):
    """Which elements: those behind position `after`."""

    after: Annotated[int, Meta(ge=-1, le=1_000_000)] = -1
    limit: _Limit = 100


class LogQuery(msgspec.Struct, frozen=True):
    """Which log, and which part of it.

    `attempt` is an attempt's number or id; without one it is the newest. `offset` is the first
    byte; `tail` instead asks for the last so many bytes. `follow` sends on what comes until the
    attempt has ended and its log is whole.
    """

    element: _Element | None = None
    task: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    attempt: _Text = ""
    offset: _Count = 0
    tail: _Count | None = None
    follow: bool = False


class SiteQuery(msgspec.Struct, frozen=True):
    """Of one site, or all."""

    site: _Text = ""


class NodesQuery(msgspec.Struct, frozen=True):
    """Of one site, or one pool (`SITE/POOL`), or all."""

    site: _Text = ""
    pool: _Text = ""


class UsageParameters(msgspec.Struct, frozen=True):
    """Of a tenant and all below it; attempts that ended from `since_ms` until before `until_ms`.
    What runs now counts as ending now."""

    tenant: _Text = ""
    since_ms: _Count = 0
    until_ms: _Count | None = None


class EventsQuery(msgspec.Struct, frozen=True):
    """Events behind journal position `after` (a `Last-Event-ID` header does the same), at most
    `limit` (0: all there are), of these kinds (comma-separated); with `follow` also those to come.
    """

    after: _Count = 0
    limit: _Count = 0
    follow: bool = False
    kind: tuple[str, ...] = ()


class AgentQuery(msgspec.Struct, frozen=True):
    """The site whose agent listens; an agent's token names it already."""

    site: _Text = ""


class LogOffset(msgspec.Struct, frozen=True):
    """Where the bytes go in the task's log. `complete` says that they are the last."""

    offset: _Count = 0
    complete: bool = False
