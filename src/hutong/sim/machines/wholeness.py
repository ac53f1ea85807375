"""Whether what a plan placed is whole: every group, every part, within one place."""

from hutong.lifecycle import events as ev
from hutong.lifecycle.hub import HubMachine
from hutong.model.attempt import NodeShare
from hutong.model.ids import NodeId
from hutong.model.job import JobSpec, Level
from hutong.model.supply import Inventory
from hutong.sim.machines.violation import Violation


def gangs_are_whole(machine: HubMachine, plan: ev.PlanDecided) -> None:
    """Every gang of a plan starts whole, all parts of it together, where it may be."""
    at = 0
    while at < len(plan.placements):
        first = plan.placements[at]
        parts = plan.placements[at : at + first.parts]
        _parts_belong_together(machine, parts)
        for placed in parts:
            _groups_are_whole(machine, placed)
            if not machine.state.sites[placed.site].is_ready:
                raise Violation(6, f"{placed.site} takes no new work", placed.attempt)
        at += len(parts)


def _parts_belong_together(machine: HubMachine, parts: tuple[ev.AttemptPlaced, ...]) -> None:
    first = parts[0]
    spec = machine.state.jobs[first.job].spec
    numbers = [placed.part for placed in parts]
    same = [
        (placed.job, placed.element, placed.number, placed.token, placed.parts) for placed in parts
    ]
    if numbers != list(range(first.parts)) or same != same[:1] * len(same):
        raise Violation(
            4, f"{first.attempt} has the parts {numbers} of {first.parts}", first.attempt
        )
    sites = [placed.site for placed in parts]
    if len(dict.fromkeys(sites)) < len(sites) or (len(sites) > 1 and not spec.split):
        raise Violation(4, f"{first.attempt} is split over {', '.join(sites)}", first.attempt)
    tasks = sum(_tasks(placed.nodes, 0) for placed in parts)
    least = spec.elastic.tasks_min if spec.elastic is not None else spec.tasks
    if not least <= tasks <= spec.tasks:
        problem = f"{tasks} of {least} to {spec.tasks} tasks of {first.job} were placed"
        raise Violation(4, problem, first.attempt)
    rank = 0
    for placed in parts:
        if first.parts > 1 and (placed.rank_first, placed.tasks_total) != (rank, tasks):
            problem = f"{placed.attempt} begins with rank {placed.rank_first}, not {rank}"
            raise Violation(4, problem, placed.attempt)
        rank += sum(share.tasks for share in placed.nodes)


def _groups_are_whole(machine: HubMachine, placed: ev.AttemptPlaced) -> None:
    spec = machine.state.jobs[placed.job].spec
    inventory = machine.state.sites[placed.site].inventory
    homes = {node.id: node.pool for node in inventory.nodes}
    wanted = [placed.pool, *(group.pool for group in placed.groups)]
    if len(placed.groups) != len(spec.groups):
        raise Violation(4, f"{placed.attempt} lacks one of its groups", placed.attempt)
    for number, group in enumerate(spec.groups, 1):
        tasks = _tasks(placed.nodes, number)
        if tasks != group.tasks:
            problem = f"{tasks} of {group.tasks} tasks of group {group.name} were placed"
            raise Violation(4, problem, placed.attempt)
    for number, pool in enumerate(wanted):
        names = [share.node for share in placed.nodes if share.group == number]
        stray = [name for name in names if homes.get(name) != pool]
        if stray or len(dict.fromkeys(names)) < len(names):
            problem = f"nodes {', '.join(names)} are not distinct nodes of {pool}"
            raise Violation(4, problem, placed.attempt)
    _is_in_one_place(spec, placed, inventory)


def _is_in_one_place(spec: JobSpec, placed: ev.AttemptPlaced, inventory: Inventory) -> None:
    """The gang itself lies within the place that its job names."""
    if spec.within is Level.SITE:
        return
    depth = max(len(node.domains) for node in inventory.nodes if node.pool == placed.pool)
    paths: dict[NodeId, tuple[str, ...]] = {}
    for node in inventory.nodes:
        named = node.domains if len(node.domains) == depth else (*node.domains, "", node.id)
        match spec.within:
            case Level.SPINE if depth:
                paths[node.id] = named[: max(depth - 1, 1)]
            case Level.RACK if depth:
                paths[node.id] = named[:depth]
            case _:
                paths[node.id] = (node.id,)
    places = {paths[share.node]: True for share in placed.nodes if not share.group}
    if len(places) > 1:
        problem = f"{placed.attempt} lies in {len(places)} places, not within one {spec.within}"
        raise Violation(4, problem, placed.attempt)


def _tasks(nodes: tuple[NodeShare, ...], group: int) -> int:
    return sum(share.tasks for share in nodes if share.group == group)
