"""Accelerators, regions and frameworks as people write them, made the catalogue's."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hutong.catalog import Catalog
from hutong.client.formats.words import BadWord, listed, milli, nearest
from hutong.model import limits
from hutong.model.catalogue import Accelerator
from hutong.model.resources import AcceleratorNeed, FrameworkNeed

ANY = "any"
_WANTED = "a number of chips such as 8, or a share of one such as 0.25"
_MOST = limits.TASK_ACCELERATOR_MILLI // 1000

STACK_OF_GRES = {
    "gpu": "cuda", "npu": "cann", "mlu": "neuware", "dcu": "dtk", "xpu": "xpu", "gcu": "topsrider",
}  # fmt: skip
"""What Slurm clusters call the chips of a vendor, and the stack that its programs need."""


class ChipWish(NamedTuple):
    """Alternatives for a task, and the stack that goes with them where no model is named."""

    needs: tuple[AcceleratorNeed, ...]
    stack: FrameworkNeed | None = None


def count_milli(word: str) -> int:
    """Read a number of chips in thousandths: whole chips, or a share of one."""
    count = milli(word, wanted=_WANTED, limit=_MOST)
    if count > 1000 and count % 1000:
        raise BadWord("only a share of one chip may be a fraction", f"Write {_WANTED}.")
    return count


def speed_milli(word: str) -> int:
    """Read a relative speed in thousandths."""
    wanted = "a relative speed such as 1, 0.8 or 2.5"
    return milli(word, wanted=wanted, limit=limits.SPEED_MILLI // 1000)


def models(catalog: Catalog, name: str) -> tuple[str, ...]:
    """Give the catalogue's models that a name allows, or refuse it with the nearest ones.

    The name of a family (`A100`) allows all its variants, the name of a variant only that one.
    """
    if name.lower() == ANY:
        return (ANY,)
    if name in catalog.accelerators:
        return (name,)
    found = tuple(row.name for row in catalog.find_accelerators(name))
    if not found:
        like = catalog.nearest_accelerator(name)
        advice = f"Did you mean {listed(like)}?" if like else "`any` takes any chip at all."
        raise BadWord("the catalogue knows no such accelerator", advice)
    return found


def alternatives(
    catalog: Catalog, name: str, milli_count: int, speed: int | None = None
) -> tuple[AcceleratorNeed, ...]:
    """Give the alternatives that a name allows, each with the same count and speed."""
    return tuple(AcceleratorNeed(model, milli_count, speed) for model in models(catalog, name))


def named_with_count(catalog: Catalog, word: str) -> tuple[AcceleratorNeed, ...]:
    """Read `NAME` or `NAME:COUNT`."""
    name, colon, count = word.partition(":")
    if not name.strip():
        raise BadWord("the name of the chip is missing", "Write for example `A100-80GB:8`.")
    return alternatives(catalog, name.strip(), count_milli(count.strip()) if colon else 1000)


def joined(groups: Iterable[tuple[AcceleratorNeed, ...]]) -> tuple[AcceleratorNeed, ...]:
    """Join alternatives in the order of preference; one that comes again is dropped."""
    needs: dict[tuple[str, int], AcceleratorNeed] = {}
    for group in groups:
        for need in group:
            needs.setdefault((need.model, need.count_milli), need)
    return tuple(needs.values())


def of_stack(stack: str, milli_count: int) -> ChipWish:
    """Ask for any chip whose nodes carry a vendor's stack."""
    return ChipWish((AcceleratorNeed(ANY, milli_count),), FrameworkNeed(stack))


def of_rows(rows: Sequence[Accelerator], milli_count: int) -> ChipWish:
    """Ask for the chips that a resource of Kubernetes stands for.

    Of more models than a job may list (`nvidia.com/gpu`) it is any chip with their stack.
    """
    if len(rows) > limits.ALTERNATIVES:
        return of_stack(rows[0].stack, milli_count)
    return ChipWish(tuple(AcceleratorNeed(row.name, milli_count) for row in rows))


def region(catalog: Catalog, name: str) -> str:
    """Give a region's id for any of its names, or refuse a name that the catalogue lacks."""
    found = catalog.find_region(name)
    if found is None:
        like = catalog.nearest_region(name)
        raise BadWord(
            "the catalogue knows no such region",
            f"Did you mean {listed(like)}?" if like else "`cn-beijing` is one of its regions.",
        )
    return found.id


def doubt_about_framework(catalog: Catalog, name: str) -> str:
    """Say what is odd about the name of a framework or stack; empty where it is known."""
    known = dict.fromkeys(catalog.stacks)
    for stack in catalog.stacks.values():
        for version in stack.versions:
            known.update(dict.fromkeys(version.frameworks))
    if name in known:
        return ""
    like = nearest(name, known)
    hint = f"Did you mean `{like}`? " if like else ""
    return f"The catalogue knows no such framework. {hint}Only pools that name it can run the job."
