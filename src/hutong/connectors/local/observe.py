"""What an attempt's record says, as an observation."""

from hutong.connectors.local.provider import REVOKED
from hutong.connectors.local.record import Line
from hutong.model.attempt import Observation
from hutong.model.ids import AttemptId
from hutong.model.reasons import (
    CommandNotFound,
    Completed,
    EndedReason,
    ExitCode,
    Fenced,
    ProcessLost,
    Signalled,
    SpotRevoked,
    StartFailed,
    TimeLimit,
)
from hutong.model.states import AttemptState


def observation(attempt: AttemptId, line: Line) -> Observation:
    """See an attempt as its record, or a message of the supervisor, describes it."""
    started_ms = line.get("started_ms", 0)
    saved_ms = line.get("checkpointed_ms", 0)
    if "end" in line:
        ended_ms, reason = line["ended_ms"], _reason(line["end"])
        return Observation(attempt, AttemptState.ENDED, started_ms, ended_ms, reason, saved_ms)
    state = AttemptState.RUNNING if started_ms else AttemptState.STARTING
    return Observation(attempt, state, started_ms, checkpointed_ms=saved_ms)


def _reason(end: Line) -> EndedReason:
    match end["kind"]:
        case "completed":
            return Completed()
        case "exit":
            return ExitCode(end["code"], end["task"])
        case "signal":
            return Signalled(end["signal"], end["task"])
        case "time_limit":
            return TimeLimit(end["limit_ms"])
        case "fenced":
            why = str(end.get("why", ""))
            return SpotRevoked(why[len(REVOKED) :]) if why.startswith(REVOKED) else Fenced()
        case "not_found":
            return CommandNotFound(end["problem"])
        case "start_failed":
            return StartFailed(end["problem"])
        case _:
            return ProcessLost()
