"""What tasks with chips want together, as sums from which it is told what is typical."""

from collections.abc import Sequence
from typing import TypeVar

from hutong.model.resources import AcceleratorNeed
from hutong.scheduler.columns import Need, need_of
from hutong.scheduler.shapes import Shape

ANY_MODEL = "any"

Key = TypeVar("Key")


class Wanted:
    """Sums over tasks with chips. Counting a task -1 times undoes counting it once."""

    __slots__ = ("bound", "cpu", "mem", "milli", "several", "sizes")

    def __init__(self) -> None:
        self.cpu = 0
        self.mem = 0
        self.milli = 0
        self.sizes: dict[int, int] = {}
        """Tasks by the fraction of a chip, in thousandths."""
        self.several: dict[Need, int] = {}
        """Tasks by their need, where that is more than one chip."""
        self.bound: dict[tuple[str, ...], int] = {}
        """Thousandths of chips by the models that they must be of."""

    def copy(self) -> "Wanted":
        """The same sums, which change on their own."""
        other = Wanted()
        other.cpu, other.mem, other.milli = self.cpu, self.mem, self.milli
        other.sizes, other.several = dict(self.sizes), dict(self.several)
        other.bound = dict(self.bound)
        return other

    def count(self, need: Need, tasks: int, models: tuple[str, ...]) -> None:
        """Count some tasks that take chips of `models`, of any where it is empty."""
        if not need.milli:
            return
        self.cpu += need.cpu * tasks
        self.mem += need.mem * tasks
        self.milli += need.milli * tasks
        if not need.chips:
            _add(self.sizes, need.milli, tasks)
        elif need.chips > 1:
            _add(self.several, need, tasks)
        if models:
            _add(self.bound, models, need.milli * tasks)

    def count_shape(self, shape: Shape, jobs: int) -> None:
        """Count the tasks of jobs, each on the first chips that it names."""
        wanted = [(shape.tasks, shape.cpu_milli, shape.memory_mib, shape.accelerators)]
        for group in shape.groups:
            needs = group.needs
            wanted.append((group.tasks, needs.cpu_milli, needs.memory_mib, needs.accelerators))
        for tasks, cpu, mem, chips in wanted:
            if chips:
                need = need_of(cpu, mem, chips[0].count_milli, exclusive=shape.exclusive)
                self.count(need, tasks * jobs, models_of(chips))


def models_of(chips: Sequence[AcceleratorNeed]) -> tuple[str, ...]:
    """The models that a task may run on, in the order of their names; nothing for any."""
    models = sorted({need.model for need in chips})
    return () if ANY_MODEL in models else tuple(models)


def _add(counts: dict[Key, int], key: Key, count: int) -> None:
    left = counts.get(key, 0) + count
    if left:
        counts[key] = left
    else:
        counts.pop(key, None)
