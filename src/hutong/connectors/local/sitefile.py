"""The site file: what a site of local processes says of itself, as YAML.

docs/internals/agent.md shows one. Every key is checked: one that is unknown is refused with its
line and the nearest known key, a value that cannot be with what it should be.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec
import yaml

from hutong.catalog import load_catalog
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import NodeId, PoolId, RegionId, SiteId, is_name
from hutong.model.job import Terms
from hutong.model.limits import (
    SITE_NODES,
    SITE_POOLS,
    TASK_ACCELERATOR_MILLI,
    TASK_CPU_MILLI,
    TASK_MEMORY_MIB,
)
from hutong.model.resources import Amount
from hutong.model.supply import (
    Energy,
    Inventory,
    Node,
    NodeCondition,
    Offer,
    Pool,
    PriceBook,
    Site,
    SoftwareVersion,
)

FILE_BYTES = 4 * 1024 * 1024
VALUES = 1_000_000
KEEP_WORK_HOURS = 72
WATTS = 1_000_000


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of what the file may hold."""


class _Price(_Strict, frozen=True):
    accelerator_cny_per_hour: Decimal = Decimal(0)
    cpu_cny_per_hour: Decimal = Decimal(0)
    memory_gib_cny_per_hour: Decimal = Decimal(0)


class _Energy(_Strict, frozen=True):
    price_cny_per_kwh: Decimal = Decimal(0)
    carbon_g_per_kwh: int = 0
    pue: Decimal = Decimal(1)


class _Node(_Strict, frozen=True):
    name: str
    domains: tuple[str, ...] = ()
    condition: NodeCondition = NodeCondition.READY


class _Pool(_Strict, frozen=True):
    name: str
    nodes: int | list[str | _Node]
    cpus: Decimal
    memory: str
    accelerator: str = ""
    count: int = 0
    interconnect: str = ""
    software: dict[str, str] = {}
    price: _Price = _Price()
    declared: bool = False
    domains: tuple[str, ...] = ()
    boot_s: int = 0
    accelerator_watt: int = 0
    node_watt: int = 0


class _Offer(_Strict, frozen=True):
    name: str
    nodes_max: int
    cpus: Decimal
    memory: str
    accelerator: str = ""
    count: int = 0
    interconnect: str = ""
    software: dict[str, str] = {}
    price: _Price = _Price()
    accelerator_watt: int = 0
    node_watt: int = 0
    terms: Terms = Terms.ON_DEMAND
    boot_s: Decimal = Decimal(0)
    revoked_per_hour: Decimal = Decimal(0)
    seed: int = 0


class _File(_Strict, frozen=True):
    site: str
    owner: str
    region: str
    jurisdiction: str
    pools: list[_Pool]
    kind: str = "local"
    keep_work_hours: int = KEEP_WORK_HOURS
    offers: list[_Offer] = []
    energy: _Energy | None = None


class SiteFile(msgspec.Struct, frozen=True):
    """A site as its file describes it. `keep_work_hours`: see `workfolder`; `seeds`: `provider`."""

    site: Site
    inventory: Inventory
    keep_work_hours: int = KEEP_WORK_HOURS
    seeds: dict[PoolId, int] = {}


def read_site_file(path: Path) -> SiteFile:
    """Read a site file. Raises `file.*` with the line of what is wrong."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except OSError as problem:
        raise refuse(
            "file.unreadable", file=str(path), problem=problem.strerror or "no reason given"
        ) from None
    if len(data) > FILE_BYTES:
        raise refuse(
            "file.unreadable", file=str(path), problem=f"it is larger than {FILE_BYTES} bytes"
        )
    return parse_site_file(data, str(path))


def parse_site_file(data: bytes, name: str) -> SiteFile:
    """Read a site file's content; `name` is for the errors. Raises `file.*`."""
    page = _Page(name)
    content = page.load(data)
    try:
        file = msgspec.convert(content, _File, dec_hook=_decimal)
    except msgspec.ValidationError as problem:
        raise page.explain(str(problem)) from None
    for path in _endless(file, "$"):
        raise page.bad(path, "it is no number", "Write digits, such as 8 or 0.5.")
    return _Reader(page, file).site_file()


def _endless(value: object, path: str) -> Iterator[str]:
    """Where the words stand that a decimal takes and that are no number: NaN, Infinity."""
    if isinstance(value, Decimal) and not value.is_finite():
        yield path
    elif isinstance(value, msgspec.Struct):
        for key in value.__struct_fields__:
            yield from _endless(getattr(value, key), f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _endless(item, f"{path}[{index}]")


def _decimal(kind: type, value: Any) -> Any:
    raise msgspec.ValidationError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


class _Page:
    """A YAML text as plain values, with the line of every one of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[str, int] = {}
        self.values: dict[str, Any] = {}

    def load(self, data: bytes) -> Any:
        """The values. Raises `file.syntax`, also for a key given twice."""
        try:
            text = data.decode()
            loader = yaml.SafeLoader(text)
            try:
                root = loader.get_single_node()
                return self._value(loader, root, "$") if root is not None else None
            finally:
                loader.dispose()
        except UnicodeDecodeError as problem:
            line = data[: problem.start].count(b"\n") + 1
            raise self._syntax(line, "it is not UTF-8") from None
        except yaml.MarkedYAMLError as problem:
            mark = problem.problem_mark or problem.context_mark
            line = mark.line + 1 if mark else 1
            raise self._syntax(line, problem.problem or "it is not YAML") from None
        except yaml.YAMLError:
            raise self._syntax(1, "it holds a character that YAML forbids") from None
        except (RecursionError, ValueError):
            raise self._syntax(1, "it is no plain YAML") from None

    def _syntax(self, line: int, problem: str) -> HutongError:
        return refuse(
            "file.syntax", file=self.name, line=line, problem=problem, advice="Mend that line."
        )

    def _value(self, loader: yaml.SafeLoader, node: yaml.Node, path: str) -> Any:
        if len(self.lines) > VALUES:  # anchors can make much of a little
            raise self._syntax(node.start_mark.line + 1, f"there are more than {VALUES} values")
        self.lines[path] = node.start_mark.line + 1
        value: Any
        if isinstance(node, yaml.MappingNode):
            value = {}
            for key_node, child in node.value:
                key = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
                line = key_node.start_mark.line + 1
                if key in value or not key:
                    raise self._syntax(line, f"the key `{key}` is there twice or empty")
                self.lines[f"{path}.{key}"] = line
                value[key] = self._value(loader, child, f"{path}.{key}")
                self.lines[f"{path}.{key}"] = line
        elif isinstance(node, yaml.SequenceNode):
            value = [
                self._value(loader, child, f"{path}[{index}]")
                for index, child in enumerate(node.value)
            ]
        else:
            value = loader.construct_object(node)
            if isinstance(value, float):
                value = node.value  # as written, so that 0.1 stays what it is
        self.values[path] = value
        return value

    def bad(self, path: str, problem: str, advice: str) -> HutongError:
        """The refusal of a value."""
        return refuse(
            "file.bad_value",
            file=self.name,
            line=self.lines.get(path, 1),
            key=path.rpartition(".")[2],
            value=str(self.values.get(path, "")),
            problem=problem,
            advice=advice,
        )

    def explain(self, message: str) -> HutongError:
        """Turn what msgspec says into an error of the catalogue."""
        text, _, path = message.partition(" - at `")
        path = path.removesuffix("`") or "$"
        unknown = re.search(r"unknown field `(.*)`", text)
        if unknown:
            key = unknown.group(1)
            known = _keys_at(path)
            nearest = get_close_matches(key.lower(), known, n=1)
            advice = f"Did you mean `{nearest[0]}`?" if nearest else f"Known: {', '.join(known)}."
            line = self.lines.get(f"{path}.{key}", 1)
            return refuse("file.unknown_key", file=self.name, line=line, key=key, advice=advice)
        missing = re.search(r"missing required field `(.*)`", text)
        if missing:
            path = f"{path}.{missing.group(1)}"
            self.lines[path] = self.lines.get(path.rpartition(".")[0], 1)
            text = "it has to be there"
        return self.bad(
            path, text[:1].lower() + text[1:], "docs/internals/agent.md shows the form."
        )


def _keys_at(path: str) -> list[str]:
    shape: type[msgspec.Struct] = _File
    if ".nodes[" in path:
        shape = _Node
    elif path.endswith(".price"):
        shape = _Price
    elif path == "$.energy":
        shape = _Energy
    elif path.startswith("$.pools["):
        shape = _Pool
    elif path.startswith("$.offers["):
        shape = _Offer
    return list(shape.__struct_fields__)


def _slot(offer: _Offer) -> _Pool:
    """The pool of an offer, whose nodes are further counted slots of this machine."""
    shared = {name: getattr(offer, name) for name in _SHARED}
    return _Pool(nodes=0, declared=True, **shared)


_SHARED = (
    "name", "cpus", "memory", "accelerator", "count", "interconnect", "software", "price",
    "accelerator_watt", "node_watt",
)  # fmt: skip


class _Reader:
    """Turns a file that has the right form into a site, checking what the form does not say."""

    def __init__(self, page: _Page, file: _File) -> None:
        self.page = page
        self.file = file
        self.names: dict[str, None] = {}

    def site_file(self) -> SiteFile:
        file, page = self.file, self.page
        if not is_name(file.site):
            raise page.bad("$.site", "it is no name", "Lower-case letters, digits, `-` and `.`.")
        if file.kind != "local":
            raise page.bad("$.kind", "this agent runs local processes", "Leave it out.")
        for key in ("owner", "region", "jurisdiction"):
            if not getattr(file, key).strip():
                raise page.bad(f"$.{key}", "it is empty", "Every site says whose and where it is.")
        if not 1 <= len(file.pools) + len(file.offers) <= SITE_POOLS:
            raise page.bad("$.pools", f"there are {len(file.pools)}", f"1 to {SITE_POOLS}.")
        if not 0 <= file.keep_work_hours <= 24 * 366:
            raise page.bad("$.keep_work_hours", "it is out of range", "0 to 8784.")
        region = load_catalog().find_region(file.region)
        site = Site(
            SiteId(file.site),
            file.owner,
            RegionId(region.id if region else file.region),
            file.jurisdiction,
            file.kind,
            self.energy(file.energy) if file.energy is not None else None,
        )
        pools: list[Pool] = []
        nodes: list[Node] = []
        for index, entry in enumerate(file.pools):
            path = f"$.pools[{index}]"
            pool = self.pool(entry, path)
            if any(pool.id == other.id for other in pools):
                raise page.bad(f"{path}.name", "another pool has that name", "Rename one.")
            pools.append(pool)
            nodes.extend(self.nodes(entry, pool, path))
        offers, seeds = [], {}
        for index, entry_of in enumerate(file.offers):
            path = f"$.offers[{index}]"
            pool = self.pool(_slot(entry_of), path)
            if any(pool.id == other.id for other in pools):
                raise page.bad(f"{path}.name", "another pool has that name", "Rename one.")
            pools.append(pool)
            offers.append(self.offer(entry_of, pool, path))
            seeds[pool.id] = entry_of.seed
        inventory = Inventory(tuple(pools), tuple(nodes), tuple(offers))
        return SiteFile(site, inventory, file.keep_work_hours, seeds)

    def offer(self, entry: _Offer, pool: Pool, path: str) -> Offer:
        bad = self.page.bad
        if not 1 <= entry.nodes_max <= SITE_NODES:
            raise bad(f"{path}.nodes_max", "it is out of range", f"1 to {SITE_NODES}.")
        if not 0 <= entry.boot_s <= 24 * 3600:
            raise bad(f"{path}.boot_s", "it is out of range", "Seconds, up to a day.")
        if not 0 <= entry.revoked_per_hour <= 3600:
            raise bad(f"{path}.revoked_per_hour", "it is out of range", "Times an hour, to 3600.")
        if entry.revoked_per_hour and entry.terms is not Terms.SPOT:
            raise bad(f"{path}.revoked_per_hour", "only spot nodes are", "Set `terms: spot`.")
        return Offer(
            pool.id, entry.terms, entry.nodes_max, round(entry.boot_s * 1000), pool.price,
            round(entry.revoked_per_hour * 1000),
        )  # fmt: skip

    def pool(self, entry: _Pool, path: str) -> Pool:
        bad = self.page.bad
        if not is_name(entry.name):
            raise bad(f"{path}.name", "it is no name", "Lower-case letters, digits, `-` and `.`.")
        cpu_milli = entry.cpus * 1000
        if cpu_milli != int(cpu_milli) or not 0 < cpu_milli <= TASK_CPU_MILLI:
            raise bad(f"{path}.cpus", "it is out of range", "CPUs of one node, such as 8 or 0.5.")
        if not 0 <= entry.count * 1000 <= TASK_ACCELERATOR_MILLI:
            raise bad(f"{path}.count", "it is out of range", "Accelerators of one node.")
        if bool(entry.count) is not bool(entry.accelerator):
            advice = "`accelerator` names the chip, `count` says how many a node has."
            raise bad(f"{path}.name", "it has one of `accelerator` and `count` only", advice)
        if entry.boot_s < 0:
            raise bad(f"{path}.boot_s", "it is below zero", "Seconds.")
        for key in ("accelerator_watt", "node_watt"):
            if not 0 <= getattr(entry, key) <= WATTS:
                raise bad(f"{path}.{key}", "it is out of range", f"Watts under load, to {WATTS}.")
        return Pool(
            PoolId(f"{self.file.site}/{entry.name}"),
            SiteId(self.file.site),
            Amount(int(cpu_milli), self.memory_mib(entry, path), entry.count * 1000),
            self.accelerator(entry, path),
            entry.interconnect,
            tuple(SoftwareVersion(name, version) for name, version in entry.software.items()),
            self.price(entry.price, f"{path}.price"),
            entry.declared,
            entry.boot_s * 1000,
            entry.accelerator_watt,
            entry.node_watt,
        )

    def energy(self, entry: _Energy) -> Energy:
        bad = self.page.bad
        price, pue = entry.price_cny_per_kwh * 1_000_000, entry.pue * 1000
        if price != int(price) or not 0 <= price <= 100_000_000:
            advice = "Yuan a kilowatt hour, to six places at most, up to 100."
            raise bad("$.energy.price_cny_per_kwh", "it is no price", advice)
        if not 0 <= entry.carbon_g_per_kwh <= 10_000:
            advice = "Grams of CO2 a kilowatt hour, up to 10000."
            raise bad("$.energy.carbon_g_per_kwh", "it is out of range", advice)
        if not 1000 <= pue <= 10_000:
            advice = "What the building draws for 1 of the machines, such as 1.2."
            raise bad("$.energy.pue", "it is out of range", advice)
        return Energy(int(price), entry.carbon_g_per_kwh, round(pue))

    def memory_mib(self, entry: _Pool, path: str) -> int:
        match = re.fullmatch(r"([0-9]{1,9}) ?(M|Mi|MiB|G|Gi|GiB|T|Ti|TiB)", entry.memory)
        factors = {"M": 1, "G": 1024, "T": 1024 * 1024}
        memory_mib = int(match.group(1)) * factors[match.group(2)[0]] if match else 0
        if not 0 < memory_mib <= TASK_MEMORY_MIB:
            advice = "Memory of one node, such as 256GiB or 4096MiB."
            raise self.page.bad(f"{path}.memory", "it is no amount of memory", advice)
        return memory_mib

    def accelerator(self, entry: _Pool, path: str) -> str:
        if not entry.accelerator:
            return ""
        catalog = load_catalog()
        found = catalog.find_accelerator(entry.accelerator)
        if found is None:
            nearest = " or ".join(
                f"`{name}`" for name in catalog.nearest_accelerator(entry.accelerator)
            )
            advice = f"Did you mean {nearest}?" if nearest else "The catalogue lists the chips."
            raise self.page.bad(f"{path}.accelerator", "the catalogue has no such chip", advice)
        return found.name

    def price(self, price: _Price, path: str) -> PriceBook:
        rates = []
        for key in price.__struct_fields__:
            rate = getattr(price, key) * 1_000_000
            if rate != int(rate) or not 0 <= rate <= 10**10:
                advice = "Yuan an hour, to six places at most, up to 10000."
                raise self.page.bad(f"{path}.{key}", "it is no price", advice)
            rates.append(int(rate))
        return PriceBook(*rates)

    def nodes(self, entry: _Pool, pool: Pool, path: str) -> list[Node]:
        where = f"{path}.nodes"
        if isinstance(entry.nodes, int):
            if not 1 <= entry.nodes <= SITE_NODES:
                raise self.page.bad(where, "it is out of range", f"1 to {SITE_NODES}, or a list.")
            rows = [_Node(f"{entry.name}-{number}") for number in range(1, entry.nodes + 1)]
        else:
            rows = [row if isinstance(row, _Node) else _Node(row) for row in entry.nodes]
        if not rows:
            raise self.page.bad(where, "it is empty", "Say how many there are, or their names.")
        for row in rows:
            if not is_name(row.name):
                advice = "Lower-case letters, digits, `-` and `.`, at most 63."
                raise self.page.bad(where, f"{row.name!a} is no name", advice)
            if row.name in self.names:
                raise self.page.bad(where, f"two nodes are named {row.name}", "Rename one.")
            self.names[row.name] = None
        return [
            Node(
                NodeId(f"{self.file.site}/{row.name}"),
                pool.id,
                row.domains or entry.domains,
                row.condition,
            )
            for row in rows
        ]
