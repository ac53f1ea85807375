"""Outcomes to report on: by hand, row by row, and of a plain queue that serves in order."""

import heapq
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hutong.sim.outcome import LABELS, NUMBERS, SAMPLES, Ending, Facts, Label, OfferUse, Outcome

DEFAULTS: dict[str, Any] = {
    "submit_ms": 0, "start_ms": -1, "end_ms": -1, "run_ms": 0, "best_ms": 0, "believed_ms": -1,
    "held_ms": 0, "tasks": 1, "cpu_milli": 0, "memory_mib": 0, "accelerator_milli": 0,
    "attempts": 0, "preemptions": 0, "lost_accelerator_milli_ms": 0, "cost_microcny": 0,
    "energy_mwh": 0, "carbon_mg": 0, "deadline_ms": 0, "ending": Ending.SUCCEEDED,
    "tenant": "default", "priority": "normal",
}  # fmt: skip


def ran(submit_ms: int, start_ms: int, end_ms: int, **more: Any) -> dict[str, Any]:
    """A job that ran once, on one chip unless told otherwise."""
    run_ms = end_ms - start_ms
    row = {
        "submit_ms": submit_ms, "start_ms": start_ms, "end_ms": end_ms, "run_ms": run_ms,
        "best_ms": run_ms, "held_ms": run_ms, "attempts": 1, "accelerator_milli": 1000,
    }  # fmt: skip
    return row | more


def outcome(
    rows: Sequence[Mapping[str, Any]] = (),
    *,
    samples: Sequence[Mapping[str, int]] = (),
    offers: Sequence[OfferUse] = (),
    **facts: Any,
) -> Outcome:
    """An outcome with these rows; what a row does not say is as in `DEFAULTS`."""
    full = [DEFAULTS | {"name": f"job-{place}"} | dict(row) for place, row in enumerate(rows)]
    told = {"scenario": "by hand", "workload": "w", "profile": "fair", "mode": "oracle", "seed": 1}
    return Outcome(
        facts=Facts(**(told | {"jobs": len(full)} | facts)),
        names=tuple(row["name"] for row in full),
        numbers={
            name: np.array([row.get(name, 0) for row in full], dtype=np.int64) for name in NUMBERS
        },
        labels={name: label([row.get(name, "") for row in full]) for name in LABELS},
        samples={
            name: np.array([sample.get(name, 0) for sample in samples], dtype=np.int64)
            for name in SAMPLES
        },
        offers=tuple(offers),
    )


def label(words: Sequence[str]) -> Label:
    """A text column."""
    table: dict[str, int] = {}
    codes = [table.setdefault(word, len(table)) for word in words]
    return Label(np.array(codes, dtype=np.int32), tuple(table))


def fifo(
    *,
    jobs: int = 300,
    chips: int = 16,
    seed: int = 1,
    speed: float = 1.0,
    tenants: Sequence[str] = ("acme/vision", "acme/speech", "lab"),
    **facts: Any,
) -> Outcome:
    """A queue that serves whole gangs strictly in order on so many chips of two pools.

    The jobs are drawn from the seed alone; `speed` makes them run faster without changing them.
    """
    draw = np.random.default_rng(seed)
    submit = np.cumsum(draw.exponential(60_000, jobs)).astype(np.int64)
    need = draw.choice([1, 1, 1, 2, 4, 8], jobs)
    run = np.maximum(draw.lognormal(12, 1.2, jobs) / speed, 1).astype(np.int64)
    classes = draw.choice(["high", "normal", "normal", "low"], jobs)
    who = draw.choice(
        list(tenants), jobs, p=np.arange(len(tenants), 0, -1) / sum(range(len(tenants) + 1))
    )
    believed = (run * draw.lognormal(0, 0.5, jobs)).astype(np.int64)
    free, now, ends, rows = chips, 0, [], []
    for at in range(jobs):
        now = max(now, int(submit[at]))
        while ends and (ends[0][0] <= now or free < need[at]):
            end, back = heapq.heappop(ends)
            now, free = max(now, end), free + back
        heapq.heappush(ends, (now + int(run[at]), int(need[at])))
        free -= int(need[at])
        site = "north" if at % 3 else "south"
        rows.append(
            ran(
                int(submit[at]), now, now + int(run[at]), name=f"train-{at}",
                accelerator_milli=int(need[at]) * 1000, cpu_milli=int(need[at]) * 8000,
                tasks=int(need[at]), tenant=str(who[at]), priority=str(classes[at]),
                user=f"user-{at % 7}", kind="bert" if at % 2 else "resnet",
                site=site, pool=f"{site}/{'a100' if at % 2 else 'h100'}",
                accelerator="nvidia-a100" if at % 2 else "nvidia-h100",
                believed_ms=int(believed[at]),
                cost_microcny=int(run[at]) * int(need[at]) * 3, energy_mwh=int(run[at]) * 111,
                carbon_mg=int(run[at]) * 60,
                deadline_ms=now + int(run[at] * 1.1) if at % 5 == 0 else 0,
            )
        )  # fmt: skip
    told = {"seed": seed, "workload": f"fifo {jobs}", "scenario": "two sites", "cpu_ms": 900}
    told |= {"cycles": 3 * jobs, "decide_us": (400, 900, 2_100, 7_400), "mode": "estimate"}
    return outcome(rows, samples=levels(rows, chips), **(told | facts))


def levels(rows: Sequence[Mapping[str, Any]], chips: int) -> list[dict[str, int]]:
    """The samples at every instant at which a job came, began or ended."""
    moves: dict[int, list[int]] = {0: [0, 0, 0, 0]}
    for row in rows:
        need = row["accelerator_milli"]
        for when, change in (
            (row["submit_ms"], (1, 0, need, 0)),
            (row["start_ms"], (-1, 1, -need, need)),
            (row["end_ms"], (0, -1, 0, -need)),
        ):
            held = moves.setdefault(when, [0, 0, 0, 0])
            for place, by in enumerate(change):
                held[place] += by
    now, found = [0, 0, 0, 0], []
    for when in sorted(moves):
        now = [level + by for level, by in zip(now, moves[when], strict=True)]
        found.append(
            {
                "time_ms": when, "waiting_jobs": now[0], "running_jobs": now[1],
                "waiting_accelerator_milli": now[2], "used_accelerator_milli": now[3],
                "ready_accelerator_milli": chips * 1000, "used_cpu_milli": now[3] * 8,
                "ready_cpu_milli": chips * 10_000,
                "stranded_accelerator_milli": (chips * 1000 - now[3]) // 4,
            }
        )  # fmt: skip
    return found
