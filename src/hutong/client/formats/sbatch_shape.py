"""How many nodes an sbatch script takes, and what each holds: one Hutong task a node.

Slurm counts tasks, CPUs a task, chips a node or a task or a job, memory a node or a CPU or a chip.
All of it becomes what one node holds, exactly or not at all: what does not divide evenly is
refused, because Slurm would choose then and Hutong would choose something else.
"""

import re
from fractions import Fraction
from typing import NamedTuple

from hutong.client.formats import chips
from hutong.client.formats.draft import Draft, Place
from hutong.client.formats.sbatch_lines import Said
from hutong.client.formats.source import Source
from hutong.client.formats.words import BadWord, mib_of_bytes, whole
from hutong.model import limits
from hutong.model.errors import refuse
from hutong.model.job import Elastic
from hutong.model.resources import AcceleratorNeed, FrameworkNeed

_MEMORY = re.compile(r"([0-9]{1,12})([KkMmGgTt]?)(?:[Bb])?")
_MEMORY_KIB = {"k": 1, "m": 2**10, "": 2**10, "g": 2**20, "t": 2**30}
_MOST_CPUS = limits.TASK_CPU_MILLI // 1000
_MOST_CHIPS = limits.TASK_ACCELERATOR_MILLI // 1000
_CHIP_OPTIONS = ("gres", "gpus-per-node", "gpus", "gpus-per-task")
_MEMORY_OPTIONS = ("mem", "mem-per-cpu", "mem-per-gpu")


class Nodes(NamedTuple):
    """How many nodes, and how many of the script's own tasks on each.

    With `least` it may be fewer nodes, down to that many.
    """

    number: int
    tasks_each: int
    least: int = 0


class Chips(NamedTuple):
    """Chips of one kind on each node."""

    gres: str
    model: str
    number: int
    option: Said


def read_shape(source: Source, draft: Draft, said: dict[str, Said]) -> None:
    """Work out gang size and needs of a task from the options."""
    shape = _Shape(source, said)
    nodes = shape.nodes()
    for name in ("nodes", "ntasks", "ntasks-per-node"):
        if name in said:
            draft.put("tasks", nodes.number, said[name].place)
            break
    if nodes.least:
        draft.put("elastic", Elastic(nodes.least), said["nodes"].place)
    if nodes.number > 1 and (option := said.get("nodes") or said.get("ntasks")):
        draft.warn(
            option.line,
            option.word,
            f"Slurm would start the script once; Hutong starts it on each of "
            f"{_count(nodes)} nodes, which `torchrun` and the like want.",
        )
    found = shape.chips(nodes)
    cpus, cpu_place = shape.cpus(nodes, found)
    if cpu_place is not None:
        draft.put("needs.cpu_milli", cpus * 1000, cpu_place)
    memory = shape.memory_mib(cpus, found)
    if memory is not None:
        draft.put("needs.memory_mib", memory[0], memory[1])
    if found is not None:
        _put_chips(source, draft, found)
    if nodes.tasks_each > 1 or (nodes.number > 1 and not nodes.least):
        _put_environment(draft, said, nodes)


def _count(nodes: Nodes) -> str:
    return f"{nodes.least} to {nodes.number}" if nodes.least else str(nodes.number)


def _put_chips(source: Source, draft: Draft, found: Chips) -> None:
    place = found.option.place
    count = found.number * 1000
    if found.model:
        try:
            needs = chips.alternatives(source.catalog, found.model, count)
        except BadWord as error:
            raise refuse(
                "file.unsupported",
                file=source.file,
                line=place.line,
                word=found.model,
                problem=error.problem,
                advice=error.advice,
            ) from None
        draft.put("needs.accelerators", needs, place)
        return
    stack = chips.STACK_OF_GRES[found.gres]
    draft.put("needs.accelerators", (AcceleratorNeed(chips.ANY, count),), place)
    draft.add_framework(FrameworkNeed(stack), place)
    draft.warn(
        place.line,
        found.option.word,
        f"It names no model, so that any chip will do whose nodes carry {stack}; name one, such "
        "as `gpu:a100:2` or `npu:910b3:8`, to be sure.",
    )


def _put_environment(draft: Draft, said: dict[str, Said], nodes: Nodes) -> None:
    """Give a launcher in the script the numbers that Slurm would give it.

    A site counts one task a node, and may put two of them on one large machine.
    """
    each = str(nodes.tasks_each)
    total = str(nodes.number * nodes.tasks_each)
    env = {
        "SLURM_NNODES": str(nodes.number),
        "SLURM_JOB_NUM_NODES": str(nodes.number),
        "SLURM_NTASKS": total,
        "SLURM_NPROCS": total,
        "SLURM_NTASKS_PER_NODE": each,
        "SLURM_TASKS_PER_NODE": f"{each}(x{nodes.number})" if nodes.number > 1 else each,
    }
    if "cpus-per-task" in said and nodes.tasks_each > 1:
        env["SLURM_CPUS_PER_TASK"] = said["cpus-per-task"].value
    option = next(said[name] for name in ("nodes", "ntasks-per-node", "ntasks") if name in said)
    draft.put("program.env", env, option.place)


class _Shape:
    def __init__(self, source: Source, said: dict[str, Said]) -> None:
        self._source = source
        self._said = said

    def nodes(self) -> Nodes:
        """How many nodes the job takes. Tasks without a number of nodes share one."""
        first, dash, last = self._value("nodes").partition("-")
        if dash and first != last:
            return self._range_of_nodes(first, last)
        ntasks = self._number("ntasks", limits.GANG_TASKS * _MOST_CPUS)
        each = self._number("ntasks-per-node", _MOST_CPUS)
        count = self._node_count()
        if count is None:
            if ntasks is None:
                return Nodes(1, each or 1)
            if each is None or ntasks <= each:
                return Nodes(1, ntasks)
            if ntasks % each:
                raise self._bad("ntasks", f"it is no multiple of --ntasks-per-node={each}")
            count = ntasks // each
        elif ntasks is None:
            return Nodes(count, each or 1)
        elif ntasks < count:
            raise self._bad("ntasks", f"it is less than the {count} nodes")
        elif ntasks % count:
            raise self._bad("ntasks", f"it does not divide evenly over {count} nodes")
        elif each is not None and ntasks // count > each:
            raise self._bad("ntasks", f"it is more than --ntasks-per-node={each} allows")
        if count > limits.GANG_TASKS:
            raise self._bad("ntasks", f"it makes {count} nodes; the limit is {limits.GANG_TASKS}")
        return Nodes(count, ntasks // count)

    def _node_count(self) -> int | None:
        if "nodes" not in self._said:
            return None
        return self._number("nodes", limits.GANG_TASKS, self._value("nodes").partition("-")[0])

    def _range_of_nodes(self, first: str, last: str) -> Nodes:
        """A job that takes what it gets between two numbers, one task a node."""
        least = self._number("nodes", limits.GANG_TASKS, first) or 1
        most = self._number("nodes", limits.GANG_TASKS, last) or 1
        if least > most:
            raise self._bad("nodes", "the range runs backwards", "Write the smaller number first.")
        for name in ("ntasks", "ntasks-per-node", "gpus"):
            if name in self._said and (name != "ntasks-per-node" or self._value(name) != "1"):
                raise self._bad(
                    name, f"--nodes={first}-{last} leaves open how many nodes share it",
                    "Say one number of nodes, or what each node gets.",
                )  # fmt: skip
        return Nodes(most, 1, least)

    def _value(self, name: str) -> str:
        return self._said[name].value if name in self._said else ""

    def chips(self, nodes: Nodes) -> Chips | None:
        """The chips of each node. Two options may say the same thing, but not two things."""
        found: Chips | None = None
        for name in _CHIP_OPTIONS:
            if name not in self._said:
                continue
            option = self._said[name]
            chip = self._gres(option) if name == "gres" else self._gpus(option)
            if name == "gpus-per-task":
                chip = chip._replace(number=chip.number * nodes.tasks_each)
            elif name == "gpus" and chip.number % nodes.number:
                raise self._bad(name, f"it does not divide evenly over {nodes.number} nodes")
            elif name == "gpus":
                chip = chip._replace(number=chip.number // nodes.number)
            if found is not None and found[:3] != chip[:3]:
                raise self._bad(
                    name,
                    f"`{found.option.word}` in line {found.option.line} says something else",
                    "Say the chips once.",
                )
            found = found or chip
        if found is not None and not 1 <= found.number <= _MOST_CHIPS:
            raise self._bad(
                found.option.name,
                f"it makes {found.number} chips a node; the limit is {_MOST_CHIPS}",
            )
        return found

    def _gres(self, option: Said) -> Chips:
        """Read `gpu`, `gpu:2`, `gpu:a100`, `gpu:a100:2`, with `gres/` before it or not."""
        if "," in option.value:
            raise self._bad(
                option.name, "a task takes one kind of chip", "Ask for one, or hand in two jobs."
            )
        name, *rest = option.value.removeprefix("gres/").removeprefix("gres:").split(":")
        if name.lower() not in chips.STACK_OF_GRES:
            raise refuse(
                "file.unsupported",
                file=self._source.file,
                line=option.line,
                word=option.value,
                problem=f"`{name}` is no kind of chip that the hub counts",
                advice=f"It counts {', '.join(chips.STACK_OF_GRES)}; shares of a chip are asked "
                "for in hutong YAML.",
            )
        return self._chip(option, name.lower(), rest)

    def _gpus(self, option: Said) -> Chips:
        """Read `2` or `a100:2`."""
        if "," in option.value:
            raise self._bad(
                option.name, "a task takes one kind of chip", "Ask for one, or hand in two jobs."
            )
        return self._chip(option, "gpu", option.value.split(":"))

    def _chip(self, option: Said, gres: str, parts: list[str]) -> Chips:
        count, model = 1, ""
        if parts and re.fullmatch(r"[0-9]+", parts[-1]) and len(parts) < 3:
            count = self._number(option.name, _MOST_CHIPS * limits.GANG_TASKS, parts[-1]) or 1
            parts = parts[:-1]
        if parts:
            model = parts[0]
        if len(parts) > 1 or (parts and not model):
            raise self._bad(option.name, "it is not a kind, a model and a number")
        return Chips(gres, model, count, option)

    def cpus(self, nodes: Nodes, found: Chips | None) -> tuple[int, Place | None]:
        """The CPUs of each node, and where they are said."""
        each = self._number("cpus-per-task", _MOST_CPUS)
        a_chip = self._number("cpus-per-gpu", _MOST_CPUS)
        least = self._number("mincpus", _MOST_CPUS)
        cpus = nodes.tasks_each * (each or 1)
        said = ["cpus-per-task"] if each else []
        if a_chip is not None:
            if each is not None:
                raise self._bad("cpus-per-gpu", "`--cpus-per-task` is said as well")
            if found is None:
                raise self._bad("cpus-per-gpu", "no chips are asked for")
            cpus = a_chip * found.number
            said = ["cpus-per-gpu"]
        if least is not None:
            cpus = max(cpus, least)
            said.append("mincpus")
        if nodes.tasks_each > 1:
            said += [name for name in ("ntasks-per-node", "ntasks") if name in self._said]
        if cpus > _MOST_CPUS:
            raise self._bad(said[0], f"it makes {cpus} CPUs a node; the limit is {_MOST_CPUS}")
        return cpus, self._said[said[0]].place if said else None

    def memory_mib(self, cpus: int, found: Chips | None) -> tuple[int, Place] | None:
        """The memory of each node, and where it is said."""
        names = [name for name in _MEMORY_OPTIONS if name in self._said]
        if not names:
            return None
        name = names[0]
        if len(names) > 1:
            raise self._bad(names[1], f"`--{name}` is said as well", "Say the memory once.")
        kib = self._memory_kib(name)
        if kib == 0:
            if "exclusive" in self._said:
                return None
            raise self._bad(
                name,
                "all memory of a node is no amount, because nodes differ",
                "Say how much the job needs, or take whole nodes by `--exclusive`.",
            )
        if name == "mem-per-cpu":
            kib *= cpus
        elif name == "mem-per-gpu":
            if found is None:
                raise self._bad(name, "no chips are asked for")
            kib *= found.number
        try:
            mib = mib_of_bytes(Fraction(kib * 1024), "an amount such as 16G")
        except BadWord as error:
            raise self._bad(name, error.problem, error.advice) from None
        return mib, self._said[name].place

    def _memory_kib(self, name: str) -> int:
        match = _MEMORY.fullmatch(self._said[name].value)
        if match is None:
            raise self._bad(name, "it is not an amount of memory", "Write for example `16G`.")
        return int(match[1]) * _MEMORY_KIB[match[2].lower()]

    def _number(self, name: str, high: int, word: str | None = None) -> int | None:
        if name not in self._said:
            return None
        try:
            return whole(self._said[name].value if word is None else word, low=1, high=high)
        except BadWord as error:
            raise self._bad(name, error.problem, error.advice) from None

    def _bad(self, name: str, problem: str, advice: str = "Say numbers that agree.") -> Exception:
        option = self._said[name]
        return refuse(
            "file.bad_value",
            file=self._source.file,
            line=option.line,
            key=f"--{name}",
            value=option.value,
            problem=problem,
            advice=advice,
        )
