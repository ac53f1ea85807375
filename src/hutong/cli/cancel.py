"""`hutong cancel`."""

from typing import Annotated

import msgspec
from cyclopts import Parameter

from hutong.cli import output
from hutong.cli.main import show_error
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.refs import JobRef, resolve
from hutong.client.client import Client
from hutong.client.follow import TERMINAL
from hutong.model.errors import ErrorBody, HutongError, refuse
from hutong.wire.api import JobView


class Cancelled(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of one of the names on the command line; `what` is the id that it stood for."""

    asked: str
    what: str = ""
    job: JobView | None = None
    error: ErrorBody | None = None


def cancel(
    *jobs: str,
    element: Annotated[int | None, Parameter()] = None,
    json: Json = False,
    hub: Hub = ANY_HUB,
) -> int:
    """End jobs, or one element of an array.

    Running tasks get SIGTERM, and SIGKILL after the job's grace period.

    Parameters
    ----------
    jobs
        Ids (`j12` or `12`), elements of arrays (`j12[5]`), or names that only one job has.
    element
        Which element of the one array named (its position from 0).
    """
    if not jobs:
        raise refuse("cli.usage", problem="no job is named", command="cancel")
    if element is not None and len(jobs) > 1:
        problem = "--element goes with one job; write j12[5] to name elements of several"
        raise refuse("cli.usage", problem=problem, command="cancel")
    with hub.connect() as client:
        outcomes = [_cancel(client, text, element) for text in jobs]
    if json:
        output.document(outcomes)
    else:
        for outcome in outcomes:
            if outcome.job is not None:
                _show(outcome)
    return int(any(outcome.error for outcome in outcomes))


def _cancel(client: Client, text: str, element: int | None) -> Cancelled:
    """Cancel one; what the hub refuses does not keep the others."""
    try:
        found = resolve(client, text)
        wanted = JobRef(found.job, found.element if element is None else element)
        what = wanted.job if wanted.element is None else f"{wanted.job}[{wanted.element}]"
        return Cancelled(text, what, client.cancel(wanted.job, element=wanted.element))
    except HutongError as error:
        if error.code in ("hub.unreachable", "hub.answer") or error.status == 401:
            raise
        show_error(error)
        return Cancelled(text, error=error.body())


def _show(outcome: Cancelled) -> None:
    view = outcome.job
    assert view is not None
    done = view.state if view.state in TERMINAL else "is being ended"
    output.line(f"{output.paint(outcome.what, 'bold')}  {done}")
