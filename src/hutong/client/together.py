"""Jobs of one submission that wait for each other: handed in wave by wave, each wave in bulk, so
that a name in a dependency can be replaced by the id its job got."""

from collections.abc import Callable, Sequence

import msgspec

from hutong.client.calls import new_key
from hutong.client.client import Client
from hutong.client.formats.links import link_names, with_ids
from hutong.model.errors import ErrorBody, refuse
from hutong.model.ids import JobId
from hutong.model.job import JobSpec
from hutong.wire.api import SubmitRequest


class HandedIn(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of one job of a submission: its id, or why it was refused."""

    name: str
    job: str = ""
    repeated: bool = False
    error: ErrorBody | None = None


def hand_in(
    client: Client,
    specs: Sequence[JobSpec],
    *,
    key: str = "",
    on_answer: Callable[[int, HandedIn], None] | None = None,
) -> tuple[HandedIn, ...]:
    """Hand in jobs together; a dependency may name an earlier one.

    `key` makes the whole repeatable: the same jobs in the same order with the same key are handed
    in once. `on_answer` gets each position and answer as it becomes known. What the hub refuses
    stands in the answers, with the jobs that depend on it; what it accepted stands.
    """
    links = link_names(specs)
    key = key or new_key()
    answers: dict[int, HandedIn] = {}

    def settle(position: int, answer: HandedIn) -> None:
        answers[position] = answer
        if on_answer:
            on_answer(position, answer)

    for wave in _waves(links):
        ready: list[tuple[int, SubmitRequest]] = []
        for position in wave:
            spec, named = specs[position], links[position]
            lost = [name for name, earlier in named.items() if not answers[earlier].job]
            if lost:
                unknown = refuse("job.dependency_unknown", job=lost[0]).body()
                settle(position, HandedIn(spec.name, error=unknown))
                continue
            ids = {name: JobId(answers[earlier].job) for name, earlier in named.items()}
            each = key if len(specs) == 1 else f"{key}-{position + 1}"
            ready.append((position, SubmitRequest(with_ids(spec, ids), each)))
        lines = client.submit_many(request for _, request in ready)
        for (position, request), line in zip(ready, lines, strict=True):
            error = ErrorBody(line.code, line.message, line.hint) if line.code else None
            settle(position, HandedIn(request.spec.name, line.job, line.repeated, error))
    return tuple(answers[position] for position in range(len(specs)))


def _waves(links: Sequence[dict[str, int]]) -> list[list[int]]:
    """Group positions so that each comes in a later wave than those it waits for."""
    depths: list[int] = []
    for named in links:
        depths.append(1 + max((depths[earlier] for earlier in named.values()), default=-1))
    waves: list[list[int]] = [[] for _ in range(1 + max(depths, default=-1))]
    for position, depth in enumerate(depths):
        waves[depth].append(position)
    return waves
