"""`hutong submit`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from hutong.cli import output, plan, why
from hutong.cli.gather import NO_CHANGES, NO_COMMAND, Changes, Command, gather
from hutong.cli.main import show_error
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.progress import progress
from hutong.cli.table import printable
from hutong.client.calls import RemoteError
from hutong.client.client import Client
from hutong.client.follow import TERMINAL
from hutong.client.together import HandedIn, hand_in
from hutong.model.job import JobSpec
from hutong.model.states import JobState
from hutong.wire.api import JobView

# Up to so many jobs, --wait tells of each state; beyond, only of ends that are no success.
TOLD_JOBS = 20


class Waited(msgspec.Struct, frozen=True, omit_defaults=True):
    """What --json prints of each job: the answer to the submission, and how it ended."""

    answer: HandedIn
    ended: JobView | None = None


def submit(
    *files: Path,
    wait: Annotated[bool, Parameter(name=("--wait", "-w"))] = False,
    key: str = "",
    dry_run: bool = False,
    json: Json = False,
    changes: Changes = NO_CHANGES,
    program: Command = NO_COMMAND,
    hub: Hub = ANY_HUB,
) -> int:
    """Hand in job files, or a command.

    Takes hutong YAML, sbatch scripts, SkyPilot tasks and Kubernetes Jobs; `-` reads standard
    input. `hutong submit -- PROGRAM WORD...` hands in a program. Prints the jobs' ids in the order
    of the files, one a line. Jobs of one call may depend on each other by name.

    Parameters
    ----------
    files
        Job files.
    wait
        Wait until all have ended, and exit with 1 unless all succeeded.
    key
        Idempotency key: the same call with the same key hands in nothing twice.
    dry_run
        Show the plan and hand in nothing, as `hutong plan` does.
    """
    specs = gather("submit", files, changes, program)
    with hub.connect() as client:
        if dry_run:
            return plan.show(client.plan(specs), json=json)
        answers = _hand_in(client, specs, key)
        refused = any(answer.error for answer in answers)
        try:
            if not json:
                for answer in answers:
                    if answer.job:
                        output.line(answer.job)
                sys.stdout.flush()
            jobs = [answer.job for answer in answers if answer.job]
            ended = _wait(client, jobs) if wait else {}
        except KeyboardInterrupt:
            output.note("The jobs go on; `hutong cancel` ends them.")
            raise
        if json:
            rows = [Waited(answer, ended.get(answer.job)) for answer in answers]
            output.document(rows)
        failed = any(view.state != JobState.SUCCEEDED for view in ended.values())
        return int(refused or failed)


def _hand_in(client: Client, specs: Sequence[JobSpec], key: str) -> tuple[HandedIn, ...]:
    """Hand in, saying of each refused job why. What was accepted is told even if the hub then
    fails: those jobs stand."""
    known: dict[int, HandedIn] = {}
    with progress("Handing in", len(specs)) as step:

        def on_answer(position: int, answer: HandedIn) -> None:
            known[position] = answer
            step()

        try:
            answers = hand_in(client, specs, key=key, on_answer=on_answer)
        except BaseException:
            for position in sorted(known):
                if known[position].job:
                    output.line(known[position].job)
            raise
    for answer in answers:
        if answer.error is not None:
            if len(specs) > 1:
                output.note(f"{printable(answer.name)} was refused:")
            show_error(RemoteError(answer.error, 400))
        elif answer.repeated:
            output.note(f"{answer.job} was handed in before with this key.")
    return answers


def _wait(client: Client, jobs: Sequence[str]) -> dict[str, JobView]:
    with progress("Ended", len(jobs), least=TOLD_JOBS + 1) as step:

        def on_change(view: JobView) -> None:
            over = view.state in TERMINAL
            if len(jobs) <= TOLD_JOBS or (over and view.state != JobState.SUCCEEDED):
                output.note(_told(view))
            if over:
                step()

        return client.wait_all(jobs, on_change=on_change)


def _told(view: JobView) -> str:
    place = f" at {view.site}" if view.site and view.state not in TERMINAL else ""
    reason = why.of_job(view)
    text = f"{view.id}  {view.name}  {view.state}{place}{f': {reason}' if reason else ''}"
    return printable(text)
