"""Accelerators, stacks, regions and links, from the packaged catalogue."""

from collections.abc import Iterable

from hutong.catalog.loader import load_catalog
from hutong.model.catalogue import Accelerator, Link, Stack
from scripts.reference.text import code, listed, page, table


def _by_vendor(rows: Iterable[Accelerator]) -> dict[str, list[Accelerator]]:
    vendors: dict[str, list[Accelerator]] = {}
    for row in rows:
        vendors.setdefault(row.vendor, []).append(row)
    return vendors


def accelerators_page() -> str:
    parts = []
    vendors = _by_vendor(load_catalog().accelerators.values())
    for vendor, rows in vendors.items():
        stacks = list(dict.fromkeys(row.stack for row in rows))
        home = "domestic, " if rows[0].domestic else ""
        parts.append(f"## {vendor}\n\n{home}{_count(len(rows), 'model')}, stack {listed(stacks)}")
        parts.append(_vendor_table(rows))
        parts.append("\n".join(_notes(row) for row in rows))
    return page(
        "Accelerators",
        f"The {sum(map(len, vendors.values()))} chip models that the catalogue knows. A job file "
        "names one by its name, by another spelling of it in any case, or by a word for several "
        "variants. BF16 and FP16 TFLOP/s are dense matrix peaks without structured sparsity, FP64 "
        "and FP32 those of the vector units; a dash is a figure that is not published or does not "
        "apply.",
        "**declared** means that the performance figures are the word of the vendor or its "
        "partners alone: no independent public document bears them out. The scheduler uses these "
        "figures only where a job does not say its own `speed`.",
        *parts,
    )


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _vendor_table(rows: list[Accelerator]) -> str:
    return table(
        (
            "name", "memory GiB", "GB/s", "BF16 TFLOP/s", "FP16 TFLOP/s", "FP64", "FP32",
            "interconnect", "GB/s", "W", "figures",
        ),
        (
            (
                code(row.name),
                _figure(row.memory_mib / 1024),
                _figure(row.memory_gb_per_s),
                _figure(row.bf16_gflops / 1000),
                _figure(row.fp16_gflops / 1000),
                _figure(row.fp64_gflops / 1000),
                _figure(row.fp32_gflops / 1000),
                row.interconnect or "-",
                _figure(row.interconnect_gb_per_s),
                _figure(row.tdp_watt),
                "declared" if row.declared else "borne out",
            )
            for row in rows
        ),
    )  # fmt: skip


def _figure(value: float) -> str:
    return f"{value:,.6g}" if value else "-"


def _notes(row: Accelerator) -> str:
    words = f" Also {listed(row.aliases)}." if row.aliases else ""
    note = f" {row.note}" if row.note else ""
    return f"- {code(row.name)}:{words} Source: {row.source.rstrip('.')}.{note}"


def stacks_page() -> str:
    return page(
        "Software stacks",
        "The software between a framework and a vendor's chips, and which versions of the "
        "frameworks each version of a stack carries. A job that demands a framework "
        "(`frameworks` in a job file) goes only to pools that say they carry it; the catalogue "
        "tells which pools could.",
        *(_stack(stack) for stack in load_catalog().stacks.values()),
    )


def _stack(stack: Stack) -> str:
    rows = []
    for version in stack.versions:
        carried = [
            f"{name} {', '.join(support.versions)}"
            + (f" by {code(support.adapter)}" if support.adapter else "")
            for name, support in version.frameworks.items()
        ]
        row = (version.version, version.released or "-", "; ".join(carried), version.source)
        rows.append(row)
    chips = [row.name for row in load_catalog().accelerators.values() if row.stack == stack.id]
    head = f"## {code(stack.id)}\n\n{stack.name}, by {stack.vendor}. Chips: {listed(chips)}."
    shown = table(("version", "released", "frameworks", "source"), rows)
    return f"{head}\n\n{shown if rows else 'No version is listed.'}"


def regions_page() -> str:
    catalog = load_catalog()
    return page(
        "Regions and links",
        "## Regions",
        "A site names its region. The jurisdiction is the ISO 3166-2 code whose rules hold there; "
        "a hub node is one of the eight of the national computing network, a cluster one of its "
        "data-centre clusters. Carbon is grams of CO2 for a kilowatt-hour of grid electricity.",
        table(
            ("id", "name", "", "jurisdiction", "hub node", "cluster", "g CO2/kWh", "also"),
            (
                (
                    code(row.id),
                    row.name_en,
                    row.name_zh,
                    code(row.jurisdiction),
                    row.hub_node.value or "-",
                    row.cluster or "-",
                    row.grid_carbon_g_per_kwh,
                    listed(row.aliases),
                )
                for row in catalog.regions.values()
            ),
        ),
        "Sources:",
        "\n".join(f"- {code(row.id)}: {row.source}" for row in catalog.regions.values()),
        "## Links",
        "What moves data between two regions, the same in both directions. **declared** marks "
        "bandwidth and price that are planning values or a provider's word; **derived** marks a "
        "latency (one way) that was computed from the distance. A pair that is not listed is "
        "derived whole. Nothing in the scheduler weighs links yet.",
        table(
            ("between", "and", "Mbit/s", "latency us", "CNY/GB", "figures"),
            (_link(row) for row in catalog.links),
        ),
        "Sources:",
        "\n".join(f"- {source}" for source in dict.fromkeys(row.source for row in catalog.links)),
    )


def _link(row: Link) -> tuple[object, ...]:
    marks = [name for name in ("declared", "derived") if getattr(row, name)]
    return (
        code(row.a),
        code(row.b),
        f"{row.bandwidth_mbit_per_s:,}",
        f"{row.latency_us:,}",
        f"{row.price_microcny_per_gb / 1_000_000:g}",
        ", ".join(marks) or "measured",
    )
