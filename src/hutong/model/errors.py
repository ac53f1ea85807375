"""The one error catalogue: a stable dotted code, a sentence made of facts, a hint, an HTTP status.

A code is never reused for another meaning. Raise with `refuse("job.not_found", job=job)`; the
facts fill the sentence and travel beside it, so that a program can read them.
"""

from typing import NamedTuple

import msgspec


class ErrorKind(NamedTuple):
    """One row of the catalogue. `sentence` and `hint` are format strings over the facts."""

    status: int
    sentence: str
    hint: str


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as it travels: what the API answers and the CLI shows."""

    code: str
    message: str
    hint: str = ""
    facts: dict[str, str | int] = {}


class HutongError(Exception):
    """A refusal with a code of the catalogue. `facts` are short strings and integers."""

    def __init__(self, code: str, facts: dict[str, str | int]) -> None:
        kind = CATALOGUE[code]
        self.code = code
        self.facts = facts
        self.status = kind.status
        self.message = kind.sentence.format_map(facts)
        self.hint = kind.hint.format_map(facts)
        super().__init__(f"{code}: {self.message}")

    def body(self) -> ErrorBody:
        """The error as a value."""
        return ErrorBody(self.code, self.message, self.hint, self.facts)


def refuse(code: str, **facts: str | int) -> HutongError:
    """Make the error for a code of the catalogue; facts longer than 200 characters are cut."""
    return HutongError(code, {name: _shown(fact) for name, fact in facts.items()})


def _shown(fact: str | int) -> str | int:
    if isinstance(fact, int):
        return fact
    clean = "".join(char if char.isprintable() else "?" for char in fact)
    return clean if len(clean) <= 200 else clean[:197] + "..."


_K = ErrorKind
CATALOGUE: dict[str, ErrorKind] = {
    # Requests
    "request.malformed": _K(
        400, "The request body is not what this endpoint takes: {problem}.",
        "The reference of the API shows the body's form.",
    ),
    "request.too_large": _K(
        413, "The request body is larger than {limit_bytes} bytes.",
        "Send large data by a data set, many jobs as NDJSON in several requests.",
    ),
    "request.not_found": _K(404, "There is nothing at {path}.", "`/v1/openapi.json` lists all."),
    "request.method": _K(405, "{path} does not take {method}.", "`/v1/openapi.json` lists all."),
    "request.parameter": _K(
        400, "The parameter {name} cannot be {value}: {problem}.",
        "The reference of the API shows its form.",
    ),
    "request.media_type": _K(
        415, "The body's content type is {media_type}, not {wanted}.", "Send {wanted}.",
    ),
    "request.unknown_field": _K(
        400, "There is no field {field}.", "{advice}",
    ),
    "request.timeout": _K(
        408, "The request body did not come whole within {limit_ms} ms.", "Send it again.",
    ),
    "request.too_many_streams": _K(
        503, "{count} streams are open, which is the limit.", "Close one, or follow less at once.",
    ),
    # Who is it
    "auth.missing": _K(
        401, "The request carries no token.",
        "Send `Authorization: Bearer TOKEN`; `hutong doctor` shows where the CLI looks for it.",
    ),
    "auth.unknown": _K(
        401, "The token is unknown or has been revoked.",
        "Ask the hub's operator for a new one.",
    ),
    "auth.forbidden": _K(
        403, "A token with the scope {scope} may not {action}.",
        "Use a token with the scope {wanted}.",
    ),
    "token.not_found": _K(404, "There is no token {token}.", "`GET /v1/tokens` lists them."),
    "token.invalid": _K(422, "The token is refused: {problem}.", "{advice}"),
    # Jobs
    "job.not_found": _K(404, "There is no job {job}.", "`hutong jobs --all` lists yours."),
    "job.invalid": _K(
        422, "The job's {field} cannot be {value}: {problem}.", "{advice}",
    ),
    "job.finished": _K(
        409, "Job {job} is {state} and stays so.", "Hand in a new job to run it again.",
    ),
    "job.key_conflict": _K(
        409, "The idempotency key {key} was used for job {job}, which is not the same job.",
        "Use a new key for a new job.",
    ),
    "job.dependency_unknown": _K(
        422, "The job depends on {job}, which does not exist.", "Hand in that job first.",
    ),
    "job.ambiguous": _K(
        409, "{count} jobs are named {name}: {jobs}.", "Name one of them by its id.",
    ),
    "attempt.not_found": _K(404, "There is no attempt {attempt}.", "`hutong job JOB` lists them."),
    "log.not_found": _K(
        404, "There is no log of {what} yet.", "`hutong job JOB` shows whether it has started.",
    ),
    "log.unavailable": _K(
        503, "The hub cannot keep the log: {problem}.", "Send the same bytes again later.",
    ),
    # Files handed in
    "file.unreadable": _K(400, "{file} cannot be read: {problem}.", "Check the path."),
    "file.unknown_format": _K(
        400, "{file} is none of the formats that Hutong reads: {problem}.",
        "A hutong YAML starts with `name:`, an sbatch script with `#!`, a Kubernetes Job has "
        "`kind: Job`; `--format` names one.",
    ),
    "file.syntax": _K(400, "{file}, line {line}: {problem}.", "{advice}"),
    "file.unknown_key": _K(400, "{file}, line {line}: unknown key `{key}`.", "{advice}"),
    "file.bad_value": _K(
        400, "{file}, line {line}: `{key}` cannot be `{value}`: {problem}.", "{advice}",
    ),
    "file.unsupported": _K(
        400, "{file}, line {line}: `{word}` cannot be honoured: {problem}.", "{advice}",
    ),
    # Quota and limits
    "quota.exceeded": _K(
        403, "{tenant} may hold {limit} of {resource} and this would make {wanted}.",
        "Ask the operator to raise the quota, or wait until other jobs end.",
    ),
    "limit.reached": _K(
        503, "{what} has reached its limit of {limit}.", "Try again when some have finished.",
    ),
    "tenant.not_found": _K(
        404, "There is no tenant {tenant}.", "`GET /v1/tenants` lists them.",
    ),
    "tenant.invalid": _K(422, "The tenant {tenant} is refused: {problem}.", "{advice}"),
    # Sites
    "site.not_found": _K(404, "There is no site {site}.", "`hutong sites` lists them."),
    "site.invalid": _K(422, "The site {site} is refused: {problem}.", "{advice}"),
    "node.not_found": _K(404, "There is no node {node}.", "`hutong nodes` lists them."),
    "pool.not_found": _K(404, "There is no pool {pool}.", "`hutong nodes` lists them."),
    "site.not_yours": _K(
        403, "The token belongs to an agent of {mine} and the report speaks of {theirs}.",
        "An agent reports its own site only.",
    ),
    # The store and the hub
    "store.unavailable": _K(
        503, "The hub cannot write its journal: {problem}.",
        "Nothing was accepted; try again with the same idempotency key.",
    ),
    "store.damaged": _K(
        500, "The store at {path} is damaged: {problem}.", "Restore it from a copy.",
    ),
    "store.too_new": _K(
        500, "The store has schema {found} and this Hutong knows up to {known}.",
        "Start the newer version.",
    ),
    "store.in_use": _K(
        500, "Another hub writes to the store at {path}.", "Stop it first, or use another folder.",
    ),
    "hub.unreachable": _K(
        503, "No hub answers at {address}: {problem}.",
        "`hutong up` starts one; `hutong doctor` shows which address is used and why.",
    ),
    "hub.config": _K(
        400, "The hub cannot start with this {setting}: {problem}.",
        "`python -m hutong.server --help` lists the settings.",
    ),
    "hub.starting": _K(503, "The hub is starting.", "Try again in a moment."),
    "hub.internal": _K(
        500, "The hub failed at this request; its log has the story under {cause}.",
        "Nothing was half done. Report it with that word.",
    ),
    "lifecycle.invalid_transition": _K(
        500, "{what} cannot go from {before} to {after}.", "Its story: {story}",
    ),
    # Bookings
    "booking.not_found": _K(
        404, "There is no booking {booking}.", "`hutong bookings` lists those that are not over.",
    ),
    "booking.invalid": _K(422, "The booking {booking} is refused: {problem}.", "{advice}"),
    "booking.conflict": _K(
        409, "The booking {booking} wants {wanted} node(s) of {place}, and {other} has "
        "some of them in that time: {free} are left.",
        "`hutong bookings` lists them all; take another time, or fewer nodes.",
    ),
    # Agents and connectors
    "connector.refused": _K(422, "The site cannot run this: {problem}.", "{advice}"),
    "connector.failed": _K(502, "The site failed at {action}: {problem}.", "It will be retried."),
    # Client and command line
    "hub.unknown": _K(
        400, "No hub is named anywhere that this program looks.",
        "`hutong up` starts one; `HUTONG_URL` and `HUTONG_TOKEN` name one; `hutong doctor` lists "
        "the places.",
    ),
    "hub.answer": _K(
        502, "What answers at {address} is not understood: {problem}.",
        "`hutong doctor` shows whether it is a hub, and compares its version with this one.",
    ),
    "config.invalid": _K(
        400, "{file} does not name a hub: {problem}.", "It holds a `url` and a `token`, as JSON.",
    ),
    "cli.internal": _K(
        500, "This program failed: {problem}.", "Run it again with HUTONG_DEBUG=1 and report it.",
    ),
    "cli.usage": _K(400, "{problem}.", "`hutong {command} --help` shows how."),
    # Traces
    "trace.bad_value": _K(
        400, "{file}, line {line}: the column {column} cannot be `{value}`: {problem}.",
        "Mend the row, or read with `--skip-bad`, which counts such rows and goes on.",
    ),
    "trace.columns": _K(
        400, "{file} has no column {columns}, which its format {format} needs.",
        "The guide to traces lists the columns of each format; `--format` names another.",
    ),
    "trace.backwards": _K(
        400, "{file}, line {line}: the column {column} is `{value}`, before the line above it, and "
        "rows of this format are in order of time.",
        "The trace's option `sort` reads all rows first and sorts them; `--skip-bad` counts them.",
    ),
    "trace.cut": _K(
        400, "{file} ends behind line {line} without being whole: {problem}.",
        "Fetch it again, or read what is there with `--skip-bad`.",
    ),
    "trace.encoding": _K(
        400, "{file}, line {line}, byte {column}: {byte} is no UTF-8.",
        "`iconv -t utf-8` turns it; `--skip-bad` counts such rows and goes on.",
    ),
    "trace.empty": _K(
        400, "{file} holds no job; {skipped} row(s) of it give none.",
        "`--format` names its format, where that was not told right.",
    ),
    "trace.unknown_chip": _K(
        400, "{file}, line {line}: the catalogue knows no chip {chip}.", "{advice}",
    ),
    "trace.unknown_format": _K(
        400, "{file} is in none of the formats that can be told by their content.",
        "`--format` names one of: {formats}.",
    ),
    "trace.companion": _K(
        400, "{file} says only a part: {what} is wanted beside it.", "{advice}",
    ),
    "trace.malformed": _K(400, "{file} is not what its format {format} takes: {problem}.",
        "`--format` names another format.",
    ),
    "trace.no_world": _K(
        400, "{file} does not tell the machines that it was taken from.",
        "A scenario file says in which world to replay it.",
    ),
    "trace.option": _K(
        400, "The option {option} of a trace cannot be {value}: {problem}.", "Take {wanted}.",
    ),
    "simulation.violation": _K(
        500, "Seed {seed}, step {step}: {promise} is broken: {problem}.", "Repeat with: {command}",
    ),
    "predictor.unknown": _K(
        400, "There is no predictor {name}.", "There are: {names}.",
    ),
    "generate.unknown": _K(
        400, "There is no generator {name}.", "There are: {names}.",
    ),
    "generate.setting": _K(
        400, "The generator {generator} refuses its setting {setting}: {problem}.",
        "The guide to generated workloads has all settings with their ranges.",
    ),
    # Reports of simulated runs
    "report.unwritable": _K(
        500, "{path} cannot be written: {problem}.",
        "The files that had room are kept. Make room or take another folder; a report is made "
        "again from run.json, jobs.parquet and samples.parquet.",
    ),
    "report.unreadable": _K(
        400, "{path} cannot be read as part of a result: {problem}.",
        "A result is a folder that a simulation wrote, with run.json, jobs.parquet and "
        "samples.parquet in it.",
    ),
    "report.no_runs": _K(
        400, "The side {side} of the comparison has no run.", "Name at least one result a side.",
    ),
    # Runs of scenarios
    "scenario.unknown": _K(
        400, "The world has no {what} `{name}`; there is {names}.", "Name one of these.",
    ),
    "scenario.checkpoint": _K(
        400, "{path} is not where this run could go on: {problem}.",
        "Remove the file, and the run begins anew.",
    ),
    "scenario.ray": _K(
        503, "The Ray cluster at {address} cannot be used: {problem}.",
        "`pip install ray` in the version of the cluster, and name the address of its head; "
        "without `--ray` the runs are played here.",
    ),
    "scenario.other_result": _K(
        409, "{path} holds the result of another run.",
        "Take another folder, or remove this one.",
    ),
}  # fmt: skip
