"""Fairness between tenants: who got what, who deserved it, and who would rather have been alone.

**Deserved share.** At each time what jobs held is shared out anew among the tenants, by weight, to
nobody more than its jobs ask for (max-min fairness by progressive filling: Bertsekas and Gallager,
Data Networks, 1992; as in the fair share of Ghodsi et al., NSDI 2011, for the one resource that
counts). A tenant's jobs ask from handing in to their end. The weights of the tree are flattened: a
tenant's is its weight among its siblings times that of each above it; siblings are those with jobs.

**Jain's index** of x = got / deserved over n tenants: (sum x)^2 / (n sum x^2) (Jain, Chiu, Hawe,
DEC TR-301, 1984).

**Finish-time fairness** of a job: its completion here over its completion in its own 1/n of the
machines (Mahajan et al., Themis, NSDI 2020). Against a fair share: the job's best run time, longer
by n times its need over what is ready where that is above 1; n is the average number of jobs that
were there, running or waiting, while it was. Against the isolated run time: the same with the whole
cluster for itself, which nobody can promise. Against being alone: with its completion in a second
run of its tenant alone on what it is entitled to; that one is simulated, not estimated.

Between its first start and its end a job is taken to hold its resources evenly: exact for jobs that
were never stopped.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hutong.sim.outcome import Outcome
from hutong.sim.reports import timeline
from hutong.sim.reports.figures import Floats, Mask, figures, figures_of, grouped, rank
from hutong.sim.reports.groups import GROUPS_AT_MOST, fold
from hutong.sim.reports.jobs import Jobs, Window, jobs_of, window_of
from hutong.sim.reports.values import AgainstAlone, Fairness, Rho, TenantFairness

STEPS = 720
CELLS_AT_MOST = 4_000_000


class Shares(NamedTuple):
    """Parts of all that was held, by tenant, and the part in the wrong hands."""

    got: Floats
    deserved: Floats
    over: Floats
    under: Floats
    error: float
    jain: float


def rate_of(outcome: Outcome, jobs: Jobs) -> Floats:
    """What each job holds on average between its first start and its end, in milli-units of the
    resource that counts."""
    start = outcome.numbers["start_ms"]
    spans = np.where(jobs.began, jobs.until_ms - start, 0).astype(np.float64)
    held = jobs.held_accelerator if jobs.accelerators else jobs.held_cpu
    return np.divide(held, spans, out=np.zeros(len(held)), where=spans > 0)


def fairness_of(
    outcome: Outcome,
    jobs: Jobs,
    window: Window,
    *,
    ready: float,
    weights: Mapping[str, int],
    alone: Mapping[str, Outcome] | None = None,
) -> Fairness:
    """Compute it. `ready` is the mean of what is ready, in units of the resource that counts;
    `alone` has for tenants the outcome of their jobs alone."""
    resource = "accelerator" if jobs.accelerators else "cpu"
    if not len(outcome.names):
        return Fairness(resource=resource)
    folded = fold(outcome.labels["tenant"], most=max(len(outcome.names), 1))
    names = folded.names
    entitled = entitlements(names, weights)
    shares = _shares(outcome, jobs, window, folded.codes, entitled)
    isolated, shared = _isolated(outcome, jobs), _shared(outcome, jobs, ready)
    need = _need(outcome, jobs)
    can_share = jobs.ended & (need > 0) & (outcome.numbers["best_ms"] > 0)
    ranked = rank(shared, can_share)
    by_tenant = grouped(ranked, folded.codes, folded.sizes)
    against = alone_of(outcome, jobs, alone) if alone else {}
    tenants = tuple(
        TenantFairness(
            tenant=name,
            jobs=int(folded.sizes[place]),
            entitled=float(entitled[place]),
            got=float(shares.got[place]),
            deserved=float(shares.deserved[place]),
            over=float(shares.over[place]),
            under=float(shares.under[place]),
            rho=by_tenant[place],
            alone=against[name][0] if name in against else None,
        )
        for place, name in enumerate(names[:GROUPS_AT_MOST])
    )
    empty = Fairness()
    return Fairness(
        resource=resource,
        tenants_in_all=len(names),
        jain=shares.jain,
        share_error=shares.error,
        isolated=_rho(empty.isolated.against, isolated, jobs.ended & (isolated > 0)),
        share=_rho(empty.share.against, shared, can_share),
        alone=_rho_alone(against, len(outcome.names)),
        tenants=tenants,
    )


def entitlements(names: tuple[str, ...], weights: Mapping[str, int]) -> Floats:
    """Each tenant's part of the whole, by weights down the tree; they sum to 1.

    A tenant that has jobs of its own and tenants below it competes with them as one more child,
    of weight 1.
    """
    children: dict[str, dict[str, int]] = {}
    has_jobs = dict.fromkeys(names)
    for name in names:
        parts = name.split("/")
        for depth in range(len(parts)):
            node = "/".join(parts[: depth + 1])
            above = "/".join(parts[:depth])
            children.setdefault(above, {})[node] = max(weights.get(node, 1), 1)
    for node, below in children.items():
        if node in has_jobs:
            below[node] = 1
    found = []
    for name in names:
        parts, part = name.split("/"), 1.0
        chain = [
            ("/".join(parts[:depth]), "/".join(parts[: depth + 1])) for depth in range(len(parts))
        ]
        if name in children:
            chain.append((name, name))
        for above, node in chain:
            part *= children[above][node] / sum(children[above].values())
        found.append(part)
    return np.array(found)


def fill(demands: Floats, weights: Floats, amounts: Floats) -> Floats:
    """Share out `amounts[step]` by weight, to nobody more than `demands[tenant, step]`.

    Progressive filling, every step at once. What nobody asks for stays.
    """
    ratios = demands / weights[:, None]
    order = np.argsort(ratios, axis=0, kind="stable")
    ratio = np.take_along_axis(ratios, order, axis=0)
    weight = weights[order]
    # When the level reaches a tenant's ratio, all before it are full and the rest hold level x
    # weight.
    full = np.cumsum(ratio * weight, axis=0) - ratio * weight
    open_weight = np.cumsum(weight[::-1], axis=0)[::-1]
    reached = full + ratio * open_weight >= amounts
    first = np.where(reached.any(axis=0), reached.argmax(axis=0), -1)
    steps = np.arange(demands.shape[1])
    level = np.where(first >= 0, (amounts - full[first, steps]) / open_weight[first, steps], np.inf)
    filled: Floats = np.minimum(demands, weights[:, None] * level)
    return filled


def jain(values: Floats) -> float:
    """Jain's index; 1 where there is nothing to compare."""
    squares = float((values * values).sum())
    return float(values.sum()) ** 2 / (len(values) * squares) if squares else 1.0


def _shares(
    outcome: Outcome, jobs: Jobs, window: Window, codes: np.ndarray, entitled: Floats
) -> Shares:
    count = len(entitled)
    steps = timeline.edges(
        window.begin_ms, window.end_ms, max(min(STEPS, CELLS_AT_MOST // count), 1)
    )
    submit, start = outcome.numbers["submit_ms"], outcome.numbers["start_ms"]
    need = np.where(jobs.refused, 0.0, _need(outcome, jobs))
    asked = timeline.held(codes, submit, jobs.until_ms, need, steps, of=count)
    begin = np.where(jobs.began, start, jobs.until_ms)
    got = timeline.held(codes, begin, jobs.until_ms, rate_of(outcome, jobs), steps, of=count)
    # A job whose attempts overlapped its stops in one step may seem to hold more than it asks for.
    asked = np.maximum(asked, got)
    amounts = got.sum(axis=0)
    deserved = fill(asked, entitled, amounts)
    total = float(amounts.sum())
    if not total:
        nothing = np.zeros(count)
        return Shares(nothing, nothing, nothing, nothing, 0.0, 1.0)
    wrong = got - deserved
    over = np.maximum(wrong, 0.0).sum(axis=1) / total
    under = np.maximum(-wrong, 0.0).sum(axis=1) / total
    mine, owed = got.sum(axis=1), deserved.sum(axis=1)
    owed_something = owed > total * 1e-9
    equal = jain(mine[owed_something] / owed[owed_something])
    error = float((over.sum() + under.sum()) / 2)
    return Shares(mine / total, owed / total, over, under, error, equal)


def _need(outcome: Outcome, jobs: Jobs) -> Floats:
    column = "accelerator_milli" if jobs.accelerators else "cpu_milli"
    return outcome.numbers[column].astype(np.float64)


def _isolated(outcome: Outcome, jobs: Jobs) -> Floats:
    best = outcome.numbers["best_ms"].astype(np.float64)
    return np.divide(jobs.completion_ms, best, out=np.zeros(len(best)), where=best > 0)


def _shared(outcome: Outcome, jobs: Jobs, ready: float) -> Floats:
    there = timeline.active(outcome.numbers["submit_ms"], np.where(jobs.refused, -1, jobs.until_ms))
    part = _need(outcome, jobs) / 1000 * there / ready if ready > 0 else np.ones(len(there))
    return _isolated(outcome, jobs) / np.maximum(part, 1.0)


def _rho(against: str, values: Floats, counted: Mask) -> Rho:
    ranked = rank(values, counted)
    above = len(ranked.values) - int(np.searchsorted(ranked.values, 1.0, side="right"))
    return Rho(against, figures(ranked), above / len(ranked.values) if len(ranked.values) else 0.0)


def alone_of(
    outcome: Outcome, jobs: Jobs, alone: Mapping[str, Outcome]
) -> dict[str, tuple[AgainstAlone, Floats]]:
    """Hold each tenant's jobs against the same jobs, by name, in its run alone."""
    label = outcome.labels["tenant"]
    found = {}
    for tenant, other in alone.items():
        codes = [code for code, word in enumerate(label.words) if word == tenant]
        mine = np.flatnonzero(jobs.ended & np.isin(label.codes, codes))
        theirs = jobs_of(other, window_of(other))
        rows = {name: row for row, name in enumerate(other.names) if theirs.ended[row]}
        pairs = [(row, rows[outcome.names[row]]) for row in mine if outcome.names[row] in rows]
        if not pairs:
            continue
        here, there = np.array(pairs).T
        ratio = jobs.completion_ms[here] / np.maximum(theirs.completion_ms[there], 1.0)
        waits, waits_alone = jobs.wait_ms[here], theirs.wait_ms[there]
        every = np.ones(len(here), dtype=np.bool_)
        found[tenant] = (
            AgainstAlone(
                jobs=len(here),
                wait_ms=float(waits.mean()),
                wait_alone_ms=float(waits_alone.mean()),
                completion_ms=float(jobs.completion_ms[here].mean()),
                completion_alone_ms=float(theirs.completion_ms[there].mean()),
                wait_p99_ms=figures_of(waits, every).p99,
                wait_alone_p99_ms=figures_of(waits_alone, every).p99,
                rho=figures_of(ratio, every),
            ),
            ratio,
        )
    return found


def _rho_alone(against: dict[str, tuple[AgainstAlone, Floats]], jobs: int) -> Rho | None:
    if not against:
        return None
    values = np.concatenate([ratio for _, ratio in against.values()])
    padded = np.concatenate((values, np.zeros(max(jobs - len(values), 0))))
    counted = np.arange(len(padded)) < len(values)
    return _rho("its tenant alone on what it is entitled to", padded, counted)
