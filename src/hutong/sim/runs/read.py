"""Scenario files for replays: a workload, a world, what is told of run times, and a grid.

Every key is checked; what is wrong is refused with its line. Paths are relative to the scenario's
own folder. docs/guides/simulate.md describes the form.
"""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from hutong.catalog import load_catalog
from hutong.client.formats import read_text
from hutong.client.formats.nodes import Keys, Node, documents
from hutong.client.formats.profiles import load_profile
from hutong.client.formats.source import Source
from hutong.client.formats.tenants import read_tenant
from hutong.client.formats.times import duration_ms, duration_or_zero_ms
from hutong.client.formats.words import BadWord, exact, money_microcny
from hutong.connectors.local.sitefile import parse_site_file
from hutong.model import limits
from hutong.model.supply import Inventory, Site
from hutong.scheduler.profile import PROFILES, Profile
from hutong.sim.generate import MISHAPS, WORKLOADS, WORLDS
from hutong.sim.predict import PREDICTORS
from hutong.sim.runs.order import (
    Made,
    PoolChange,
    RunOrder,
    Scenario,
    WorkloadOrder,
    WorldOrder,
)
from hutong.sim.setup import Mode
from hutong.sim.trace import FORMATS, TraceOptions
from hutong.sim.world import Costs

SEEDS_MOST = 10_000
RUNS_MOST = 100_000
NODES_MOST = 1_000_000

FILE_KEYS = Keys(
    (
        "scenario", "workload", "world", "profile", "mode", "predictor", "seeds", "cycle", "sample",
        "until", "grid",
    ),
    meant={"seed": "`seeds`", "faults": "`faults` of `world`", "jobs": "`workload`"},
)  # fmt: skip
WORKLOAD_KEYS = Keys(
    ("trace", "format", "skip_bad", "jobs", "load", "options", "generate", "with"),
    meant={"file": "`trace`", "kind": "`generate`"},
)
WORLD_KEYS = Keys(
    (
        "generate", "with", "machines", "pooled", "sites", "without", "pools", "tenants", "costs",
        "faults",
    )
)  # fmt: skip
POOL_KEYS = Keys(("pool", "nodes", "price"))
COST_KEYS = Keys(("start", "restart", "grace", "keeps_work"))
MADE_KEYS = Keys(("generate", "with"))
OPTION_KEYS = Keys(
    tuple(field.name for field in msgspec.structs.fields(TraceOptions) if field.name != "most_jobs")
)
GRID_KEYS = Keys(("profile", "mode", "predictor", "cycle", "jobs", "load", "pools", "with"))


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file whole, with the site files it names. Raises `file.*` with the line."""
    source = Source(text=read_text(path), file=str(path), catalog=load_catalog())
    root, *more = documents(source)
    if more:
        raise source.syntax(more[0].line, "it has a second document", "Keep one scenario a file.")
    fields = root.fields(FILE_KEYS)
    if "workload" not in fields:
        raise source.syntax(root.line, "there is no `workload`", "Give it `workload:`.")
    reader = _Reader(path.parent)
    name = fields["scenario"].text() if "scenario" in fields else path.stem
    order = RunOrder(
        scenario=name,
        workload=reader.workload(fields["workload"]),
        world=reader.world(fields["world"]) if "world" in fields else WorldOrder(),
    )
    for key, change in reader.changes.items():
        if key in fields and key in {"profile", "mode", "predictor", "cycle"}:
            order = change(order, fields[key])
    times = {
        f"{key}_ms": fields[key].read(duration_ms) for key in ("sample", "until") if key in fields
    }
    order = msgspec.structs.replace(order, **times)
    orders = [order]
    if "grid" in fields:
        orders = reader.grid(order, fields["grid"])
    seeds = _seeds(fields["seeds"]) if "seeds" in fields else (1,)
    if len(orders) * len(seeds) > RUNS_MOST:
        problem = f"it makes {len(orders) * len(seeds)} runs, more than {RUNS_MOST}"
        raise fields["grid"].bad(problem, "Leave something out.")
    return Scenario(
        name,
        tuple(
            msgspec.structs.replace(each, seed=seed)
            for each, seed in itertools.product(orders, seeds)
        ),
    )


def _seeds(node: Node) -> tuple[int, ...]:
    """A count of seeds from 1 on, or a list of them."""
    if node.is_list:
        seeds = tuple(item.whole(0, 2**31) for item in node.items())
        if len(set(seeds)) < len(seeds) or not seeds:
            raise node.bad("it is empty or has one twice", "Name each seed once.")
        return seeds
    return tuple(range(1, node.whole(1, SEEDS_MOST) + 1))


class _Reader:
    """Reads the parts of one file. `changes` are what a grid may change, by key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.changes: dict[str, Callable[[RunOrder, Node], RunOrder]] = {
            "profile": lambda order, node: _replaced(order, profile=self._profile(node)),
            "mode": lambda order, node: _replaced(order, mode=Mode(node.choice(tuple(Mode)))),
            "predictor": lambda order, node: _replaced(
                order, predictor=node.choice(tuple(PREDICTORS))
            ),
            "cycle": lambda order, node: _replaced(order, cycle_ms=node.read(duration_or_zero_ms)),
            "jobs": _with_jobs,
            "load": lambda order, node: _replaced(
                order, workload=_replaced(order.workload, load_milli=node.read(load_milli))
            ),
            "pools": lambda order, node: _replaced(
                order,
                world=_replaced(order.world, pools=(*order.world.pools, *map(_pool, node.items()))),
            ),
            "with": _with_settings,
        }

    def workload(self, node: Node) -> WorkloadOrder:
        """A trace with how it is read, or a generator with its settings."""
        fields = node.fields(WORKLOAD_KEYS)
        if ("trace" in fields) == ("generate" in fields):
            raise node.bad(
                "it names not exactly one of `trace` and `generate`", "Name the one it comes from."
            )
        load = fields["load"].read(load_milli) if "load" in fields else 1000
        if "generate" in fields:
            for key in ("format", "skip_bad", "jobs", "options"):
                if key in fields:
                    raise fields[key].bad("it belongs to a trace", "Drop it.")
            return WorkloadOrder(made=_made(fields, tuple(WORKLOADS)), load_milli=load)
        raw = plain(fields["options"]) if "options" in fields else {}
        if "options" in fields:
            fields["options"].fields(OPTION_KEYS)
        if "jobs" in fields:
            raw["most_jobs"] = fields["jobs"].whole(1, limits.QUEUED_JOBS)
        if raw.get("companion"):
            raw["companion"] = str(self._folder / raw["companion"])
        try:
            options = msgspec.convert(raw, TraceOptions)
        except msgspec.ValidationError as wrong:
            raise fields["options"].bad(str(wrong), "See the guide on traces.") from None
        return WorkloadOrder(
            trace=str(self._folder / fields["trace"].text()),
            format=fields["format"].choice(("auto", *FORMATS)) if "format" in fields else "auto",
            options=options,
            skip_bad=fields["skip_bad"].flag() if "skip_bad" in fields else False,
            load_milli=load,
        )

    def world(self, node: Node) -> WorldOrder:
        """The machines, and what is changed of them."""
        fields = node.fields(WORLD_KEYS)
        machines = fields["machines"].text() if "machines" in fields else ""
        return WorldOrder(
            made=_made(fields, tuple(WORLDS)) if "generate" in fields else None,
            machines=str(self._folder / machines) if machines else "",
            pooled=fields["pooled"].flag() if "pooled" in fields else False,
            sites=tuple(map(self._site, _items(fields, "sites"))),
            without=tuple(item.text() for item in _items(fields, "without")),
            pools=tuple(map(_pool, _items(fields, "pools"))),
            tenants=tuple(map(read_tenant, _items(fields, "tenants"))),
            costs=_costs(fields["costs"]) if "costs" in fields else None,
            mishaps=tuple(
                _made(item.fields(MADE_KEYS), tuple(MISHAPS)) for item in _items(fields, "faults")
            ),
        )

    def grid(self, order: RunOrder, node: Node) -> list[RunOrder]:
        """Every combination of what the grid's keys list."""
        fields = node.fields(GRID_KEYS)
        axes = [[(key, item) for item in items.items()] for key, items in fields.items()]
        orders = []
        for point in itertools.product(*axes):
            changed = order
            for key, item in point:
                changed = self.changes[key](changed, item)
            label = "+".join(_label(key, item) for key, item in point)
            orders.append(_replaced(changed, label=label))
        labels = [each.label for each in orders]
        for label in labels:
            if labels.count(label) > 1:
                raise node.bad(f"two of its points are `{label}`", "Name each value once.")
        return orders

    def _profile(self, node: Node) -> Profile:
        name = node.text()
        return load_profile(name if name in PROFILES else str(self._folder / name))

    def _site(self, node: Node) -> tuple[Site, Inventory]:
        path = self._folder / node.text()
        try:
            data = path.read_bytes()
        except OSError as problem:
            raise node.bad(f"it cannot be read ({problem.strerror})", "Name a site file.") from None
        file = parse_site_file(data, str(path))
        return file.site, file.inventory


def load_milli(word: str) -> int:
    """Read a factor such as `1.3` as thousandths, from a hundredth to a hundred."""
    found = exact(word, "a factor such as 1.3") * 1000
    if found.denominator != 1 or not 10 <= found <= 100_000:
        raise BadWord("it is not a factor from 0.01 to 100 in thousandths", "Write 1.3.")
    return int(found)


def plain(node: Node) -> Any:
    """A value as generators take it. Keys that end in `_ms` take durations such as `30s` too."""
    if node.is_list:
        return [plain(item) for item in node.items()]
    if node.is_mapping:
        return {
            key: _duration(item) if key.endswith("_ms") else plain(item)
            for key, item in node.entries().items()
        }
    word = node.word()
    if node.is_quoted:
        return word
    if word in {"true", "false"}:
        return word == "true"
    for read in (int, float):
        try:
            return read(word)
        except ValueError:
            continue
    return word


def _duration(node: Node) -> Any:
    if node.is_list or node.is_mapping:
        return plain(node)
    try:
        return int(node.word())
    except ValueError:
        return node.read(duration_or_zero_ms)


def _replaced(what: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(what, **changes)


def _with_jobs(order: RunOrder, node: Node) -> RunOrder:
    options = _replaced(order.workload.options, most_jobs=node.whole(1, limits.QUEUED_JOBS))
    changed: RunOrder = _replaced(order, workload=_replaced(order.workload, options=options))
    return changed


def _with_settings(order: RunOrder, node: Node) -> RunOrder:
    """Further settings of the generator of jobs."""
    made = order.workload.made
    if made is None:
        raise node.bad("the workload has no generator", "Drop it, or `generate` the workload.")
    made = Made(made.name, {**made.settings, **plain(node)})
    changed: RunOrder = _replaced(order, workload=_replaced(order.workload, made=made))
    return changed


def _items(fields: dict[str, Node], name: str) -> list[Node]:
    return fields[name].items() if name in fields else []


def _made(fields: dict[str, Node], names: tuple[str, ...]) -> Made:
    return Made(fields["generate"].choice(names), plain(fields["with"]) if "with" in fields else {})


def _pool(node: Node) -> PoolChange:
    fields = node.fields(POOL_KEYS)
    if "pool" not in fields:
        raise node.bad("there is no `pool`", "Give it a `pool:`.")
    return PoolChange(
        fields["pool"].text(),
        fields["nodes"].whole(0, NODES_MOST) if "nodes" in fields else None,
        fields["price"].read(money_microcny) if "price" in fields else None,
    )


def _costs(node: Node) -> Costs:
    fields = node.fields(COST_KEYS)
    times = {
        f"{key}_ms": fields[key].read(duration_or_zero_ms)
        for key in ("start", "restart", "grace")
        if key in fields
    }
    return Costs(
        **times, keeps_work=fields["keeps_work"].flag() if "keeps_work" in fields else False
    )


def _label(key: str, node: Node) -> str:
    """A point's name in folders and tables: letters, digits, dots and dashes only."""
    if node.is_list or node.is_mapping:
        words = "-".join(f"{name}-{value}" for name, value in _leaves(plain(node)))
    else:
        words = node.word()
    clean = "".join(sign if sign.isalnum() or sign in ".-" else "-" for sign in f"{key}-{words}")
    return clean.strip("-.")[:80]


def _leaves(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list):
        return [pair for item in value for pair in _leaves(item)]
    if isinstance(value, dict):
        return [(key, item) for key, item in value.items() if not isinstance(item, (list, dict))]
    return [("", value)]
