"""Typed identifiers. Each is a short string that is safe in a file name, a label and a URL."""

import re
from typing import NewType

HubId = NewType("HubId", str)
"""Six lower-case letters and digits, drawn once when a hub's store is made."""

JobId = NewType("JobId", str)
"""`j` and a number that only grows at one hub: `j42`."""

AttemptId = NewType("AttemptId", str)
"""`<hub>-<job>-<number>` or, for an array's element, `<hub>-<job>-<element>-<number>`.

Of a gang that is split over sites, parts after the first end in `.<part>`.
"""

SiteId = NewType("SiteId", str)
PoolId = NewType("PoolId", str)
"""`<site>/<pool>`."""

NodeId = NewType("NodeId", str)
"""`<site>/<node>`; a node's name is unique within its site."""

TenantId = NewType("TenantId", str)
"""A path in the tenant tree, such as `acme/vision/ocr`."""

RegionId = NewType("RegionId", str)

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
_JOB = re.compile(r"j[1-9][0-9]{0,17}")


def is_name(text: str) -> bool:
    """Say whether `text` may name a site, a pool, a node or one level of a tenant path.

    Lower-case letters, digits, `-` and `.` inside, at most 63 characters: what a DNS label, a
    Kubernetes label and a file name all take.
    """
    return _NAME.fullmatch(text) is not None and ".." not in text


def is_tenant(text: str) -> bool:
    """Say whether `text` is a tenant path: one to eight names joined by `/`."""
    levels = text.split("/")
    return len(levels) <= 8 and all(is_name(level) for level in levels)


def is_job(text: str) -> bool:
    """Say whether `text` has the form of a job id (`j42`)."""
    return _JOB.fullmatch(text) is not None


def job_id(number: int) -> JobId:
    """Name the hub's `number`-th job."""
    return JobId(f"j{number}")


def job_number(job: JobId) -> int:
    """Give back the number inside a job id."""
    return int(job[1:])


def attempt_id(
    hub: HubId, job: JobId, element: int | None, number: int, part: int = 0
) -> AttemptId:
    """Name the `number`-th attempt (from 1) of a job, or of one `element` of an array."""
    last = f"{number}.{part}" if part else f"{number}"
    if element is None:
        return AttemptId(f"{hub}-{job}-{last}")
    return AttemptId(f"{hub}-{job}-{element}-{last}")


def split_attempt(attempt: AttemptId) -> tuple[str, int, int]:
    """Split an attempt's id into what it is an attempt of, its number and its part.

    A number that is none counts as 0.
    """
    of, _, last = attempt.rpartition("-")
    number, _, part = last.partition(".")
    return of, _plain_number(number), _plain_number(part)


def _plain_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def split_node(node: NodeId) -> tuple[SiteId, str]:
    """Split a node id into its site and the name the site knows it by."""
    site, _, name = node.partition("/")
    return SiteId(site), name
