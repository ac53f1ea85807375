"""How a user names a job: `j12`, `12`, `j12[5]`, `j12.5`, or by its name when only one has it.

The number behind a job is the position of an element in its array, from 0.
"""

import re
from typing import NamedTuple

from hutong.client.client import Client
from hutong.model.errors import refuse

_REFERENCE = re.compile(r"j?([1-9][0-9]{0,17})(?:\[([0-9]{1,9})\]|\.([0-9]{1,9}))?")


class JobRef(NamedTuple):
    """A job's id, and the element meant, if one is."""

    job: str
    element: int | None = None


def parse(text: str) -> JobRef | None:
    """Read a reference by id; None when the text must be a name."""
    match = _REFERENCE.fullmatch(text)
    if match is None:
        return None
    number, bracket, dotted = match.groups()
    element = bracket or dotted
    return JobRef(f"j{number}", None if element is None else int(element))


def resolve(client: Client, text: str) -> JobRef:
    """Read a reference, asking the hub where it is a name.

    Raises `job.not_found`, or `job.ambiguous` when several jobs have the name.
    """
    found = parse(text)
    if found is not None:
        return found
    named = [job.id for job in client.jobs(name=text, limit=100).jobs if job.name == text]
    if not named:
        raise refuse("job.not_found", job=text)
    if len(named) > 1:
        shown = ", ".join(named[:5]) + (" and others" if len(named) > 5 else "")
        raise refuse("job.ambiguous", count=len(named), name=text, jobs=shown)
    return JobRef(named[0])
