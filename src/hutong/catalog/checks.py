"""What must hold between the rows of a catalogue, beyond the types of their fields."""

from collections.abc import Callable, Iterable, Iterator

from hutong.catalog.loader import Rows
from hutong.catalog.lookup import normal, spellings
from hutong.model.catalogue import Accelerator, Region

# No chip of the catalogue goes beyond either; sparse figures taken for dense ones mostly do.
MAX_DENSE_GFLOPS = 2_600_000
MAX_GFLOPS_PER_WATT = 2_500
MAX_GFLOP_PER_GB = 450


def problems(rows: Rows) -> list[str]:
    """Say what is wrong with the rows, a sentence each; empty when they are sound."""
    return [problem for check in CHECKS for problem in check(rows)]


def _names_are_unique(rows: Rows) -> Iterator[str]:
    yield from _twice("accelerator", (spellings(row) for row in rows.accelerators))
    yield from _twice("stack", ((row.id,) for row in rows.stacks))
    yield from _twice("region", (_region_names(row) for row in rows.regions))
    for stack in rows.stacks:
        yield from _twice(f"version of {stack.id}", ((row.version,) for row in stack.versions))
    yield from _twice("link", ((" to ".join(sorted((row.a, row.b))),) for row in rows.links))


def _references_resolve(rows: Rows) -> Iterator[str]:
    stacks = [row.id for row in rows.stacks]
    regions = [row.id for row in rows.regions]
    for chip in rows.accelerators:
        if chip.stack not in stacks:
            yield f"{chip.name} names the stack {chip.stack}, which does not exist"
    for link in rows.links:
        for end in (link.a, link.b):
            if end not in regions:
                yield f"a link names the region {end}, which does not exist"
        if link.a == link.b:
            yield f"{link.a} has a link to itself"


def _a_family_word_means_one_of_the_family(rows: Rows) -> Iterator[str]:
    names = {normal(name): row for row in rows.accelerators for name in spellings(row)}
    for chip in rows.accelerators:
        meant = names.get(normal(chip.family))
        if meant is None or meant.family != chip.family:
            yield f"the family word {chip.family} of {chip.name} names no chip of that family"


def _figures_are_possible(rows: Rows) -> Iterator[str]:
    for chip in rows.accelerators:
        peaks = (chip.bf16_gflops, chip.fp16_gflops)
        vector = (chip.fp64_gflops, chip.fp32_gflops)
        others = (chip.memory_gb_per_s, chip.interconnect_gb_per_s, chip.tdp_watt)
        if min(*peaks, *vector, *others) < 0:
            yield f"{chip.name} has a figure below zero"
        elif excess := _excess(chip, max(peaks)):
            yield f"{chip.name}: {max(peaks)} GFLOP/s {excess}; is that the sparse figure?"
        if max(peaks) and max(vector) >= max(peaks):
            yield f"{chip.name}: a vector peak is above the matrix peak; is it the matrix figure?"
        if chip.fp64_gflops > chip.fp32_gflops:
            yield f"{chip.name} is given more FP64 than FP32"
        if chip.memory_mib <= 0:
            yield f"{chip.name} has no memory"


def _excess(chip: Accelerator, gflops: int) -> str:
    if gflops > MAX_DENSE_GFLOPS:
        return "is more than any chip does dense"
    if chip.tdp_watt and gflops > MAX_GFLOPS_PER_WATT * chip.tdp_watt:
        return f"is too much for {chip.tdp_watt} W"
    if chip.memory_gb_per_s and gflops > MAX_GFLOP_PER_GB * chip.memory_gb_per_s:
        return f"is too much for {chip.memory_gb_per_s} GB/s"
    return ""


def _everything_has_a_source(rows: Rows) -> Iterator[str]:
    named = [
        *((row.name, row.source) for row in rows.accelerators),
        *(
            (f"{stack.id} {row.version}", row.source)
            for stack in rows.stacks
            for row in stack.versions
        ),
        *((row.id, row.source) for row in rows.regions),
        *((f"{row.a} to {row.b}", row.source) for row in rows.links),
    ]
    for name, source in named:
        if not source.strip():
            yield f"{name} has no source"


def _twice(what: str, named: Iterable[tuple[str, ...]]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for names in named:
        for name in dict.fromkeys(normal(name) for name in names):
            if name in seen:
                yield f"{what} {name}: both {seen[name]} and {names[0]} have that name"
            seen[name] = names[0]


def _region_names(row: Region) -> tuple[str, ...]:
    return (row.id, row.name_en, row.name_zh, *row.aliases)


CHECKS: tuple[Callable[[Rows], Iterator[str]], ...] = (
    _names_are_unique,
    _references_resolve,
    _a_family_word_means_one_of_the_family,
    _figures_are_possible,
    _everything_has_a_source,
)
