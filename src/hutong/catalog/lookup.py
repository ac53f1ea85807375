"""Finding things in the catalogue: names as users write them, variants, speeds and links."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

import msgspec

from hutong.catalog.distance import derived_link, fibre_latency_us, local_link
from hutong.model.catalogue import Accelerator, Link, Region, Stack
from hutong.model.job import Workload

# Below this likeness a suggestion confuses more than it helps.
LIKENESS = 0.5


def normal(name: str) -> str:
    """The form in which names are compared: without case, `_` and blanks as `-`."""
    return "-".join(name.casefold().replace("_", " ").split())


class Catalog:
    """All rows by their canonical names, in the order of the data files, and the look-ups.

    Nothing in it changes once it is made; the mappings are read-only.
    """

    __slots__ = (
        "_accelerator_names",
        "_families",
        "_links",
        "_region_names",
        "accelerators",
        "regions",
        "stacks",
    )

    accelerators: Mapping[str, Accelerator]
    stacks: Mapping[str, Stack]
    regions: Mapping[str, Region]

    def __init__(
        self,
        *,
        accelerators: Iterable[Accelerator],
        stacks: Iterable[Stack],
        regions: Iterable[Region],
        links: Iterable[Link],
    ) -> None:
        self.accelerators = MappingProxyType({row.name: row for row in accelerators})
        self.stacks = MappingProxyType({row.id: row for row in stacks})
        self.regions = MappingProxyType({row.id: row for row in regions})
        self._accelerator_names = {
            normal(name): row for row in self.accelerators.values() for name in spellings(row)
        }
        families: dict[str, list[Accelerator]] = {}
        for row in self.accelerators.values():
            families.setdefault(normal(row.family), []).append(row)
        self._families = {name: tuple(rows) for name, rows in families.items()}
        self._region_names = {
            normal(name): region
            for region in self.regions.values()
            for name in (region.id, region.name_en, region.name_zh, *region.aliases)
        }
        self._links = {_pair(link.a, link.b): self._with_latency(link) for link in links}

    @property
    def links(self) -> tuple[Link, ...]:
        """The links that the data files describe; any other pair is derived by `link`."""
        return tuple(self._links.values())

    def find_accelerator(self, name: str) -> Accelerator | None:
        """Find the one chip model a name means, canonical or alias, in any case.

        A word for several variants means the one that lists it among its aliases (`A100` is the
        40 GB one, as in SkyPilot). None where nothing has that name.
        """
        return self._accelerator_names.get(normal(name))

    def find_accelerators(self, name: str) -> tuple[Accelerator, ...]:
        """Find every chip model that a name allows, what `find_accelerator` gives first.

        A family's word allows all its variants (`A100`: 40 GB and 80 GB, SXM and PCIe); the name
        of one variant allows that one. Empty where nothing has that name.
        """
        found = self.find_accelerator(name)
        variants = self._families.get(normal(name), ())
        if found is None:
            return variants
        return (found, *(row for row in variants if row is not found))

    def accelerators_of_resource(self, k8s_resource: str) -> tuple[Accelerator, ...]:
        """Find the chip models that a Kubernetes resource such as `nvidia.com/gpu` may stand for.

        A resource of one model (`huawei.com/Ascend910B3`) gives that model alone.
        """
        named = self.find_accelerator(k8s_resource)
        if named is not None:
            return (named,)
        return tuple(row for row in self.accelerators.values() if row.k8s_resource == k8s_resource)

    def nearest_accelerator(self, name: str, count: int = 3) -> list[str]:
        """Suggest up to `count` canonical names that look like a name nobody knows, best first."""
        matches = get_close_matches(
            normal(name), self._accelerator_names, n=4 * count, cutoff=LIKENESS
        )
        names = dict.fromkeys(self._accelerator_names[match].name for match in matches)
        return list(names)[:count]

    def find_region(self, name: str) -> Region | None:
        """Find a region by its id, its name in English or Chinese, or an alias, in any case."""
        return self._region_names.get(normal(name))

    def nearest_region(self, name: str, count: int = 3) -> list[str]:
        """Suggest up to `count` region ids that look like a name nobody knows, best first."""
        matches = get_close_matches(normal(name), self._region_names, n=4 * count, cutoff=LIKENESS)
        ids = dict.fromkeys(self._region_names[match].id for match in matches)
        return list(ids)[:count]

    def link(self, a: str, b: str) -> Link:
        """The link between two regions, by id; `link(a, b)` and `link(b, a)` are the same.

        A region's link to itself is its machines' own network, at no price. A pair that no data
        file describes is derived from the distance, or from the bound between hub nodes where the
        catalogue does not know a region: a site may lie in a region of the operator's own.
        """
        if a == b:
            return local_link(a)
        pair = _pair(a, b)
        described = self._links.get(pair)
        return described or derived_link(*pair, latency_us=self._latency_us(*pair))

    def relative_speed_milli(
        self, model: str, reference: str, workload: Workload = Workload.TRAINING
    ) -> int | None:
        """How fast `model` is beside `reference`, in thousandths (2000 is twice as fast).

        Training compares dense BF16 (FP16 where BF16 is 0), inference memory bandwidth, science
        FP64, else FP32: upper bounds by the published peaks, for want of a measurement. Where a
        figure is not published for both, the dense peaks stand in. At least 1. None where a name
        is unknown or the dense peaks are not published either.
        """
        one, other = self.find_accelerator(model), self.find_accelerator(reference)
        if one is None or other is None:
            return None
        if one is other:
            return 1000
        for figure, base in zip(_figures(one, workload), _figures(other, workload), strict=True):
            if figure and base:
                return max(1, (figure * 1000 + base // 2) // base)
        return None

    def framework_versions(
        self, stack: str, stack_version: str, framework: str
    ) -> tuple[str, ...] | None:
        """The versions of a framework that a stack's version carries, oldest first.

        None where the catalogue does not know that stack or version, which is no refusal; empty
        where it knows it and lists no such framework.
        """
        versions = self.stacks[stack].versions if stack in self.stacks else ()
        for row in versions:
            if row.version == stack_version:
                support = row.frameworks.get(framework)
                return support.versions if support else ()
        return None

    def _with_latency(self, link: Link) -> Link:
        if link.latency_us or not link.derived:
            return link
        latency_us = self._latency_us(link.a, link.b)
        if latency_us is None:
            raise ValueError(f"links.jsonl: {link.a} or {link.b} is no region of regions.jsonl")
        return msgspec.structs.replace(link, latency_us=latency_us)

    def _latency_us(self, a: str, b: str) -> int | None:
        if a not in self.regions or b not in self.regions:
            return None
        return fibre_latency_us(self.regions[a], self.regions[b])


def spellings(row: Accelerator) -> tuple[str, ...]:
    """Every name of a chip model, the canonical one first."""
    return (row.name, *row.aliases)


def _pair(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a <= b else (b, a)


def _figures(row: Accelerator, workload: Workload) -> tuple[int, ...]:
    """What the speed of a workload goes by, the best measure first."""
    match workload:
        case Workload.TRAINING:
            return (row.dense_gflops,)
        case Workload.INFERENCE:
            return row.memory_gb_per_s, row.dense_gflops
        case Workload.SCIENCE:
            return row.fp64_gflops, row.fp32_gflops, row.dense_gflops
