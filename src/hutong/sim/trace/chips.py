"""What traces call their chips, and what the catalogue calls them.

`MEANT` is the table: names that are no alias of the catalogue, because they mean something in one
trace only. `UNDISCLOSED` are chips whose maker or owner keeps the model to itself. They stay apart
from every known chip, since jobs that ask for one by name may not run on another; their figures are
those of the chip that studies of the trace take for them, and hold for energy and speed only.
"""

from functools import cache

import msgspec

from hutong.catalog import Catalog, load_catalog
from hutong.catalog.loader import packaged_rows
from hutong.catalog.lookup import normal
from hutong.model.catalogue import Accelerator
from hutong.model.resources import AcceleratorNeed

ANY = "any"
SAME_SPEED_MILLI = 1000
"""A trace's run times hold for every chip that its job may run on, where it says no more."""

MEANT = {
    "v100m16": "V100-16GB",
    "v100m32": "V100-32GB",
    "v100s": "V100-32GB-PCIe",
    "1080": "GTX-1080Ti",
    "2080": "RTX-2080Ti",
    "g1": "Undisclosed-G1",
    "g2": "Undisclosed-G2",
    "g3": "Undisclosed-G3",
    "misc": "Undisclosed-MISC",
    "a100-sxm": "A100-80GB",
    "gpu": ANY,
}
"""Names in the form in which the catalogue compares them, and the models they mean."""

GRES = ("gpu", "npu", "mlu", "dcu", "xpu", "gcu")
"""What Slurm clusters call the chips of any vendor."""

_LIKE = {
    "Undisclosed-G1": ("T4", "G1 of the openb trace; taken for a T4."),
    "Undisclosed-G2": ("A10", "G2 of the openb trace; 96 CPUs and 8 chips a node, like an A10's."),
    "Undisclosed-G3": ("A100-80GB", "G3 of the openb trace; 128 CPUs, 768 GiB, 8 chips a node."),
    "Undisclosed-MISC": ("K80", "The chips of the PAI trace older than its P100."),
}


@cache
def undisclosed() -> tuple[Accelerator, ...]:
    """Rows for the chips that no catalogue can know."""
    known = load_catalog().accelerators
    return tuple(
        msgspec.structs.replace(
            known[like], name=name, family=name, vendor="undisclosed", declared=True, aliases=(),
            note=f"{note} Figures are those of the {like}.",
        )
        for name, (like, note) in _LIKE.items()
    )  # fmt: skip


@cache
def trace_catalog() -> Catalog:
    """The packaged catalogue and the undisclosed chips."""
    rows = packaged_rows()
    return Catalog(
        accelerators=(*rows.accelerators, *undisclosed()),
        stacks=rows.stacks,
        regions=rows.regions,
        links=rows.links,
    )


@cache
def model_of(name: str) -> str | None:
    """The model that a trace's name means; None where the catalogue knows no such chip.

    A word for several variants means the first, as `Catalog.find_accelerator` has it.
    """
    found = trace_catalog().find_accelerator(MEANT.get(normal(name), name))
    if found is None:
        return ANY if MEANT.get(normal(name), normal(name)) == ANY else None
    return found.name


@cache
def models_of(name: str) -> tuple[str, ...]:
    """Every model that a name allows: a family's word (`a100`) all its variants.

    For logs of clusters whose operators named their chips with such a word. Empty for a name that
    nobody knows.
    """
    model = model_of(name)
    if model is None or model == ANY:
        return () if model is None else (ANY,)
    if normal(name) in MEANT:
        return (model,)
    return tuple(row.name for row in trace_catalog().find_accelerators(name))


@cache
def need(model: str, count_milli: int, speed_milli: int = SAME_SPEED_MILLI) -> AcceleratorNeed:
    """Chips of one model for one task; equal ones are one value."""
    return AcceleratorNeed(model, count_milli, speed_milli)


@cache
def needs(model: str, count_milli: int) -> tuple[AcceleratorNeed, ...]:
    """Chips of one model for one task as a job has them; nothing for none."""
    return any_of((model,), count_milli)


@cache
def any_of(models: tuple[str, ...], count_milli: int) -> tuple[AcceleratorNeed, ...]:
    """Chips of any of some models for one task; nothing for none."""
    return tuple(need(model, count_milli) for model in models) if count_milli else ()


@cache
def gang(chips: int, per_node: int = 8) -> tuple[int, int]:
    """Tasks, and chips of each, for a job of so many chips on nodes of `per_node`.

    What fits one node is one task; the rest is spread evenly over as few tasks as it can be.
    """
    if chips <= per_node:
        return 1, chips
    each = next(each for each in range(per_node, 0, -1) if chips % each == 0)
    return chips // each, each


def advice(name: str) -> str:
    """What to say of a name that nobody knows."""
    like = load_catalog().nearest_accelerator(name)
    meant = f"Is it {' or '.join(like)}? " if like else ""
    return f"{meant}`--skip-bad` counts such rows and goes on."
