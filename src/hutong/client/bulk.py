"""Many jobs in few requests, each line with its idempotency key, so that any request may be sent
again when its answer was lost."""

from collections.abc import Iterable, Iterator

import msgspec

from hutong.client.calls import NDJSON, Caller, new_key, path
from hutong.model.job import JobSpec
from hutong.model.limits import BULK_JOBS_PER_BATCH, MIB
from hutong.wire.api import BulkLine, SubmitRequest

# Small enough that the hub's answers to a request fit in the sockets' buffers while it is still
# being sent, and that little is repeated when a connection breaks; a line may be larger than that.
REQUEST_BYTES = 8 * MIB


def submit_many(caller: Caller, jobs: Iterable[JobSpec | SubmitRequest]) -> Iterator[BulkLine]:
    """Hand in jobs as they come; give one line each, in their order, numbered from 1.

    A line with a `code` was refused and the others stand. Raises when the hub itself fails; what
    was given until then stands.
    """
    start = 0
    for lines in _requests(jobs):
        reply = caller.send("POST", path("jobs", "bulk"), b"".join(lines), media_type=NDJSON)
        answers = [caller.decode(line, BulkLine) for line in reply.body.splitlines() if line]
        if [answer.line for answer in answers] != list(range(1, len(lines) + 1)):
            raise caller.not_understood(f"{len(answers)} answers to {len(lines)} jobs")
        for answer in answers:
            yield msgspec.structs.replace(answer, line=answer.line + start)
        start += len(lines)


def _requests(jobs: Iterable[JobSpec | SubmitRequest]) -> Iterator[list[bytes]]:
    encoder = msgspec.json.Encoder()
    lines: list[bytes] = []
    size = 0
    for job in jobs:
        request = job if isinstance(job, SubmitRequest) else SubmitRequest(job, new_key())
        if not request.key:
            request = msgspec.structs.replace(request, key=new_key())
        line = encoder.encode(request) + b"\n"
        if lines and (len(lines) == BULK_JOBS_PER_BATCH or size + len(line) > REQUEST_BYTES):
            yield lines
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield lines
