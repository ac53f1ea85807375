"""The gang of a job of hutong YAML: its size, groups, and how its tasks lie."""

from typing import Any

from hutong.client.formats import words
from hutong.client.formats.draft import Draft
from hutong.client.formats.hutong_needs import needs_of_group
from hutong.client.formats.hutong_program import program_of_group
from hutong.client.formats.nodes import Keys, Node
from hutong.model import limits
from hutong.model.ids import is_name
from hutong.model.job import Affinity, Elastic, Layout, Level, TaskGroup
from hutong.model.resources import TaskNeeds

GROUP_KEYS = Keys(
    ("tasks", "resources", "run", "command", "setup", "env", "files", "workdir"),
    meant={
        "cpus": "`resources: {cpus: ...}`", "memory": "`resources: {memory: ...}`",
        "accelerators": "`resources: {accelerators: ...}`", "replicas": "`tasks`",
        "count": "`tasks`",
    },
)  # fmt: skip
LAYOUTS = tuple(layout.value for layout in Layout)
LEVELS = tuple(level.value for level in Level)


def read_tasks(node: Node, draft: Draft) -> None:
    """Read the size of a gang: `16`, or `4..16` where it may be smaller."""
    low, dots, high = node.word().partition("..")
    if not dots:
        draft.put("tasks", node.whole(1, limits.GANG_TASKS), node.place)
        return
    least, most = node.read(lambda _: _range(low.strip(), high.strip()))
    draft.put("tasks", most, node.place)
    draft.put("elastic", Elastic(least), node.place)


def _range(low: str, high: str) -> tuple[int, int]:
    least = words.whole(low, low=1, high=limits.GANG_TASKS)
    most = words.whole(high, low=1, high=limits.GANG_TASKS)
    if least > most:
        raise words.BadWord("the range runs backwards", "Write the smaller number first.")
    return least, most


def read_resize(node: Node, draft: Draft) -> None:
    """Read whether a running gang may be started again at another size."""
    resize = node.flag()
    elastic: Elastic | None = draft.value("elastic")
    if elastic is None:
        if resize:
            raise node.bad("the job has one size", "Give `tasks` a range, such as `4..16`.")
        return
    place = draft.place("elastic") or node.place
    draft.put("elastic", Elastic(elastic.tasks_min, resize), place)


def read_groups(node: Node, draft: Draft) -> None:
    """Read further tasks of the gang that are unlike the others, by the names of their groups."""
    groups = []
    for name, value in node.entries().items():
        if not is_name(name):
            raise value.bad(
                f"`{name}` cannot be its name", "Use lower-case letters, digits and `-`."
            )
        groups.append(_group(name, value, draft))
        draft.mark(f"groups.{name}", value.place)
    draft.put("groups", tuple(groups), node.place)


def _group(name: str, node: Node, draft: Draft) -> TaskGroup:
    fields = node.fields(GROUP_KEYS, draft)
    tasks = fields["tasks"].whole(1, limits.GANG_TASKS) if "tasks" in fields else 1
    needs = needs_of_group(fields["resources"], draft) if "resources" in fields else TaskNeeds()
    return TaskGroup(name, tasks, needs, program_of_group(fields, draft))


def read_near(node: Node, draft: Draft) -> None:
    """Read beside which jobs a job goes."""
    _add_affinity(node, draft, apart=False)


def read_apart(node: Node, draft: Draft) -> None:
    """Read from which jobs a job keeps apart."""
    _add_affinity(node, draft, apart=True)


def _add_affinity(node: Node, draft: Draft, *, apart: bool) -> None:
    entries = [_affinity(item, apart=apart) for item in node.items_or_one()]
    known: tuple[Affinity, ...] = draft.value("affinity", ())
    draft.put("affinity", (*known, *entries), node.place)


def _affinity(node: Node, *, apart: bool) -> Affinity:
    entries = node.entries()
    labels = {
        name: value.text(empty=True)
        for name, value in entries.items()
        if name not in words.NEIGHBOUR_SETTINGS
    }
    if "labels" in entries:
        inner = entries["labels"].entries()
        labels |= {name: value.text(empty=True) for name, value in inner.items()}
    if not labels:
        raise node.bad("it names no labels", "Write for example `{app: train}`.")
    settings: dict[str, Any] = {"apart": apart}
    if "level" in entries:
        settings["level"] = Level(entries["level"].choice(LEVELS))
    if "required" in entries:
        settings["required"] = entries["required"].flag()
    return Affinity(tuple(labels.items()), **settings)
