"""What each task of a job of hutong YAML needs, and the numbers of its array."""

import re
from typing import Any

from hutong.client.formats import chips, words
from hutong.client.formats.draft import Draft
from hutong.client.formats.nodes import Keys, Node
from hutong.client.formats.ranges import array_of_word
from hutong.model import limits
from hutong.model.job import ArraySpec
from hutong.model.resources import AcceleratorNeed, TaskNeeds

RESOURCES_KEYS = Keys(
    ("cpus", "memory", "accelerators"),
    meant={"cpu": "`cpus`", "mem": "`memory`", "gpus": "`accelerators`", "gpu": "`accelerators`"},
)
ACCELERATOR_KEYS = Keys(("model", "count", "speed"))
ARRAY_KEYS = Keys(("count", "first", "step", "range", "max_parallel"))


def read_resources(node: Node, draft: Draft) -> None:
    """Read what each task gets."""
    fields = node.fields(RESOURCES_KEYS, draft)
    for key, field in _FIELDS.items():
        if key in fields:
            draft.put(f"needs.{field}", _need(key, fields[key], draft), fields[key].place)


def needs_of_group(node: Node, draft: Draft) -> TaskNeeds:
    """Give what each task of a group gets."""
    fields = node.fields(RESOURCES_KEYS, draft)
    said = {_FIELDS[key]: _need(key, value, draft) for key, value in fields.items()}
    return TaskNeeds(**said)


_FIELDS = {"cpus": "cpu_milli", "memory": "memory_mib", "accelerators": "accelerators"}


def _need(key: str, node: Node, draft: Draft) -> Any:
    if key == "cpus":
        return node.read(words.cpu_milli)
    return node.read(words.memory_mib) if key == "memory" else _accelerators(node, draft)


def _accelerators(node: Node, draft: Draft) -> tuple[AcceleratorNeed, ...]:
    if node.is_list:
        return _some(node, chips.joined(_accelerator(item, draft) for item in node.items()))
    if not node.is_mapping:
        return _accelerator(node, draft)
    entries = node.entries()
    if "model" in entries:
        return _accelerator(node, draft)
    return _some(
        node, chips.joined(_counted(name, value, draft) for name, value in entries.items())
    )


def _some(node: Node, needs: tuple[AcceleratorNeed, ...]) -> tuple[AcceleratorNeed, ...]:
    if not needs:
        raise node.bad("it is empty", "Leave the key away for a job without accelerators.")
    return needs


def _accelerator(node: Node, draft: Draft) -> tuple[AcceleratorNeed, ...]:
    catalog = draft.source.catalog
    if not node.is_mapping:
        return node.read(lambda word: chips.named_with_count(catalog, word))
    fields = node.fields(ACCELERATOR_KEYS, draft)
    if "model" not in fields:
        raise node.bad("it names no `model`", "Write `{model: A100-80GB, count: 8}`.")
    return fields["model"].read(
        lambda word: chips.alternatives(catalog, word, *_count_and_speed(fields))
    )


def _counted(name: str, value: Node, draft: Draft) -> tuple[AcceleratorNeed, ...]:
    count, speed = 1000, None
    if value.is_mapping:
        count, speed = _count_and_speed(value.fields(Keys(("count", "speed")), draft))
    elif not value.is_null:
        count = value.read(chips.count_milli)
    try:
        return chips.alternatives(draft.source.catalog, name, count, speed)
    except words.BadWord as error:
        raise value.unsupported(name, error.problem, error.advice) from None


def _count_and_speed(fields: dict[str, Node]) -> tuple[int, int | None]:
    count = fields["count"].read(chips.count_milli) if "count" in fields else 1000
    speed = fields["speed"].read(chips.speed_milli) if "speed" in fields else None
    return count, speed


def read_array(node: Node, draft: Draft) -> None:
    """Read an array: a count, a range, or both in detail."""
    draft.put("array", _array(node, draft), node.place)


def _array(node: Node, draft: Draft) -> ArraySpec:
    if not node.is_mapping:
        if not node.is_quoted and re.fullmatch(r"[0-9]+", node.written):
            return ArraySpec(node.whole(1, limits.ARRAY_ELEMENTS))
        return node.read(array_of_word)
    fields = node.fields(ARRAY_KEYS, draft)
    if ("range" in fields) == ("count" in fields):
        raise node.bad("an array has either a `count` or a `range`", "Give it one of the two.")
    most = 0
    if "max_parallel" in fields:
        most = fields["max_parallel"].whole(1, limits.ARRAY_ELEMENTS)
    if "range" in fields:
        for key in ("first", "step"):
            if key in fields:
                raise fields[key].bad("the `range` says it already", "Write `range: 0-98:2`.")
        array = fields["range"].read(array_of_word)
        if array.max_parallel and most:
            raise fields["max_parallel"].bad("the `range` says it already", "Keep one of the two.")
        return ArraySpec(array.count, array.first, array.step, most or array.max_parallel)
    return ArraySpec(
        fields["count"].whole(1, limits.ARRAY_ELEMENTS),
        fields["first"].whole(0, limits.ARRAY_NUMBER) if "first" in fields else 0,
        fields["step"].whole(1, limits.ARRAY_NUMBER) if "step" in fields else 1,
        most,
    )
