"""The story of a search: what each filter asked, what the pools have, and who came nearest.

It is told only where no pool can run a job, so nothing is worked out before it is asked for.
"""

from collections.abc import Callable, Sequence

import numpy as np

from hutong.model.job import Level
from hutong.scheduler.columns import Ints, need_of
from hutong.scheduler.facts import PoolFacts
from hutong.scheduler.filters import FILTERS, PASSED
from hutong.scheduler.shapes import WHOLE_MILLI, Shape

_NAMED_MAX = 4
"""How many names a sentence gives before it only counts the others."""


class Story:
    """Why a shape's pools fell out. `fell` is by pool, as in `Match`."""

    __slots__ = ("_details", "_facts", "_fell", "_shape")

    def __init__(self, shape: Shape, facts: PoolFacts, fell: Ints) -> None:
        self._shape = shape
        self._facts = facts
        self._fell = fell
        self._details: dict[str, str] | None = None

    def details(self) -> dict[str, str]:
        """For each filter at which pools fell what was asked and what those pools have."""
        if self._details is None:
            self._details = {}
            for position, (name, _) in enumerate(FILTERS):
                rows = np.flatnonzero(self._fell == position).tolist()
                if rows:
                    self._details[name] = TELLERS[name](self._shape, self._facts, rows)
        return self._details

    def nearest(self) -> tuple[str, str]:
        """The pool that got furthest and the filter it fell to; empty where there is none."""
        if not len(self._fell):
            return "", ""
        row = int(np.argmax(self._fell))
        position = int(self._fell[row])
        return self._facts.order[row].pool.id, FILTERS[position][0] if position < PASSED else ""


Teller = Callable[[Shape, PoolFacts, list[int]], str]


def _accelerator(shape: Shape, facts: PoolFacts, rows: list[int]) -> str:
    asked = " or ".join(dict.fromkeys(need.model for need in shape.accelerators))
    return f"{asked} asked, {_have([facts.models[row] or 'no chips' for row in rows])}"


def _domestic(shape: Shape, facts: PoolFacts, rows: list[int]) -> str:
    return f"domestic chips asked, {_have([facts.models[row] for row in rows])}"


def _software(shape: Shape, facts: PoolFacts, rows: list[int]) -> str:
    """For each framework that a pool lacks the version asked and those found."""
    parts = []
    for need in shape.frameworks:
        carried = facts.carries(need.name, need.at_least)
        if all(carried[row] for row in rows):
            continue
        versions = facts.versions(need.name, [row for row in rows if not carried[row]])
        asked = f"{need.name} {need.at_least}" if need.at_least else need.name
        if not versions:
            parts.append(f"{asked} asked, no pool has it")
        elif len(versions) == 1:
            parts.append(f"{asked} asked, pools have {versions[0]}")
        else:
            parts.append(f"{asked} asked, pools have {versions[0]} to {versions[-1]}")
    return "; ".join(parts)


def _region(shape: Shape, facts: PoolFacts, rows: list[int]) -> str:
    regions = [facts.region_of(facts.order[row]) for row in rows]
    return f"{_list(shape.constraints.regions)} asked, {_have(regions)}"


def _jurisdiction(shape: Shape, facts: PoolFacts, rows: list[int]) -> str:
    found = [facts.jurisdictions[row] for row in rows]
    return f"{_list(shape.constraints.jurisdictions)} asked, {_have(found)}"


def _owner(shape: Shape, facts: PoolFacts, rows: list[int]) -> str:
    found = [facts.owners[row] for row in rows]
    return f"{_list(shape.constraints.owners)} asked, {_have(found)}"


def _site(shape: Shape, facts: PoolFacts, rows: list[int]) -> str:
    where, found = shape.constraints, _have([facts.sites[row] for row in rows])
    if where.sites:
        return f"{_list(where.sites)} asked, {found}"
    return f"not {_list(where.exclude_sites)} asked, {found}"


def _pool(shape: Shape, facts: PoolFacts, rows: list[int]) -> str:
    found = [facts.order[row].pool.id for row in rows]
    return f"{_list(shape.constraints.pools)} asked, {_have(found)}"


def _terms(shape: Shape, facts: PoolFacts, rows: list[int]) -> str:
    offers = [facts.order[row].offer for row in rows]
    found = _have([offer.terms.value for offer in offers if offer is not None])
    if not shape.commercial.allowed:
        return f"no commercial capacity asked, {found}"
    return f"{_list(tuple(terms.value for terms in shape.commercial.terms))} asked, {found}"


def _node_size(shape: Shape, facts: PoolFacts, rows: list[int]) -> str:
    """Every resource that no node of these pools has enough of, else the task as a whole."""
    parts = []
    wanted = min([need.count_milli for need in shape.accelerators], default=0)
    chips = max(len(facts.order[row].caps) and int(facts.order[row].caps.sum()) for row in rows)
    if wanted > chips:
        parts.append(f"{_count(wanted)} chips a task asked, nodes have up to {_count(chips)}")
    cpu, mem = max(int(facts.cpu[row]) for row in rows), max(int(facts.mem[row]) for row in rows)
    if shape.cpu_milli > cpu:
        parts.append(f"{_count(shape.cpu_milli)} CPU a task asked, nodes have up to {_count(cpu)}")
    if shape.memory_mib > mem:
        parts.append(f"{shape.memory_mib} MiB a task asked, nodes have up to {mem} MiB")
    return "; ".join(parts) or "no node has all that a task asks at once"


def _gang_size(shape: Shape, facts: PoolFacts, rows: list[int]) -> str:
    """How many tasks the largest pool, or the largest place the gang may span, has room for."""
    tasks = shape.elastic.tasks_min if shape.elastic is not None else shape.tasks
    nodes, most = facts.nodes_within(shape.within), 0
    for milli in [need.count_milli for need in shape.accelerators] or [0]:
        need = need_of(shape.cpu_milli, shape.memory_mib, milli, exclusive=shape.exclusive)
        per_node = facts.tasks_per_node(need).clip(max=shape.tasks)
        most = max(most, *[int(per_node[row] * nodes[row]) for row in rows])
    place = "pool" if shape.within is Level.SITE else shape.within.value
    return f"{tasks} tasks in one {place} asked, the largest holds {most}"


def _link(shape: Shape, facts: PoolFacts, rows: list[int]) -> str:
    names = _list(tuple(dict.fromkeys(item.name for item in shape.inputs)))
    sites = _list(tuple(dict.fromkeys(facts.sites[row] for row in rows)))
    return f"no link brings {names} to {sites}"


def _budget(shape: Shape, facts: PoolFacts, rows: list[int]) -> str:
    return f"{shape.budget_microcny / 1_000_000:g} CNY a run at most, all cost more"


TELLERS: dict[str, Teller] = {
    "accelerator": _accelerator,
    "domestic": _domestic,
    "software": _software,
    "region": _region,
    "jurisdiction": _jurisdiction,
    "owner": _owner,
    "site": _site,
    "pool": _pool,
    "terms": _terms,
    "node_size": _node_size,
    "gang_size": _gang_size,
    "link": _link,
    "budget": _budget,
}


def _have(names: Sequence[str]) -> str:
    return f"pools have {_list(tuple(dict.fromkeys(names)))}"


def _list(names: tuple[str, ...]) -> str:
    shown = ", ".join(name or "none" for name in names[:_NAMED_MAX])
    left = len(names) - _NAMED_MAX
    return f"{shown} and {left} more" if left > 0 else shown


def _count(milli: int) -> str:
    return f"{milli / WHOLE_MILLI:g}"
