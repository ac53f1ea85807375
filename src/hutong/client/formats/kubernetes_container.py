"""The one container of a Kubernetes Job: what it runs and what it asks for."""

import re
from fractions import Fraction

from hutong.client.formats import chips, words
from hutong.client.formats.draft import Draft
from hutong.client.formats.kubernetes_keys import CONTAINER, ENV, RESOURCES, UNCOUNTED
from hutong.client.formats.nodes import Node
from hutong.model import limits
from hutong.model.check_program import is_env_name

INDEX = "JOB_COMPLETION_INDEX"
"""The variable in which Kubernetes, and Hutong, tell an element of an indexed Job its number."""

_QUANTITY = re.compile(
    r"\+?([0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,2}))?"
)
_SUFFIX: dict[str, Fraction | int] = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 10**3),
    "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60,
}  # fmt: skip
_REFERENCE = re.compile(r"\$\$|\$\(([^)\s]*)\)")
_MOST_CPUS = limits.TASK_CPU_MILLI // 1000
_MOST_CHIPS = limits.TASK_ACCELERATOR_MILLI // 1000


def read_container(node: Node, draft: Draft, *, indexed: bool) -> None:
    """Read the container; `indexed` says that elements have a number of their own."""
    fields = node.fields(CONTAINER, draft)
    if "name" in fields:
        fields["name"].quoted_text()
    if "command" not in fields or fields["command"].is_null:
        raise node.bad(
            "without a `command` the image's own would run, which only the image knows",
            "Say the `command`.",
        )
    env = _env(fields["env"], draft) if "env" in fields and not fields["env"].is_null else {}
    argv: list[str] = []
    for key in ("command", "args"):
        if key in fields and not fields[key].is_null:
            argv += [_expanded(item, env, indexed=indexed) for item in fields[key].items()]
    if not argv:
        raise fields["command"].bad("it is empty", "Say what to run.")
    draft.put("program.argv", tuple(argv), fields["command"].place)
    if env:
        draft.put("program.env", env, fields["env"].place)
    if "workingDir" in fields:
        draft.put("program.workdir", fields["workingDir"].quoted_text(), fields["workingDir"].place)
    if "image" in fields:
        draft.keep_image(fields["image"].quoted_text(), fields["image"].place)
    if "resources" in fields and not fields["resources"].is_null:
        _read_resources(fields["resources"], draft)


def _env(node: Node, draft: Draft) -> dict[str, str]:
    """Read the variables; a value may refer to the ones before it by `$(NAME)`."""
    env: dict[str, str] = {}
    for item in node.items():
        fields = item.fields(ENV, draft)
        if "name" not in fields:
            raise item.bad("it has no `name`", "Write `- name: A` and `value: b`.")
        name = fields["name"].quoted_text()
        if not is_env_name(name):
            raise fields["name"].bad(
                "a shell takes no such variable", "Use letters, digits and `_`, and no digit first."
            )
        value = ""
        if "value" in fields and not fields["value"].is_null:
            value = _expand(fields["value"].quoted_text(empty=True), env)
        draft.mark(f"program.env.{name}", (fields.get("value") or fields["name"]).place)
        env[name] = value
    return env


def _expanded(item: Node, env: dict[str, str], *, indexed: bool) -> str:
    text = item.quoted_text(empty=True)
    if indexed and INDEX not in env and any(
        found[1] == INDEX for found in _REFERENCE.finditer(text)
    ):  # fmt: skip
        raise item.unsupported(
            f"$({INDEX})", "it differs from element to element and is known when one starts",
            f"Let a shell read it: `sh -c '... ${INDEX}'`.",
        )  # fmt: skip
    return _expand(text, env)


def _expand(text: str, env: dict[str, str]) -> str:
    """Put in variables as Kubernetes does: `$(NAME)` if known, `$$` for a dollar sign."""

    def known(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return env.get(found[1], found[0])

    return _REFERENCE.sub(known, text)


# Resources


def _read_resources(node: Node, draft: Draft) -> None:
    fields = node.fields(RESOURCES, draft)
    asked: dict[str, Node] = {}
    for key in ("requests", "limits"):
        if key not in fields or fields[key].is_null:
            continue
        for resource, value in fields[key].entries().items():
            asked[resource] = _needed(resource, asked.get(resource), value, draft)
    chip: Node | None = None
    for resource, value in asked.items():
        if resource == "cpu":
            draft.put("needs.cpu_milli", value.read(_cpu_milli), value.place)
        elif resource == "memory":
            draft.put("needs.memory_mib", value.read(_memory_mib), value.place)
        elif resource in UNCOUNTED:
            draft.warn(value.line, resource, "The hub does not count disks.")
        elif chip is not None:
            raise value.unsupported(
                resource, f"`{chip.path}` is asked for as well, and a task takes one kind of chip",
                "Ask for one of them.",
            )  # fmt: skip
        elif _read_chips(resource, value, draft):
            chip = value


def _needed(resource: str, request: Node | None, limit: Node, draft: Draft) -> Node:
    """Choose between a request and a larger limit.

    A task that gets less CPU than its limit is slow, one that gets less memory dies.
    """
    if request is None:
        return limit
    asked, most = request.read(_quantity), limit.read(_quantity)
    if asked > most:
        raise request.bad(f"its limit is only {limit.written}", "Ask for no more than the limit.")
    chosen, other = (request, limit) if resource == "cpu" else (limit, request)
    if asked < most:
        kind = "limit" if other is limit else "request"
        draft.warn(
            chosen.line, resource,
            f"Each task gets {chosen.written}; its {kind} of {other.written} plays no part.",
        )  # fmt: skip
    return chosen


def _read_chips(resource: str, node: Node, draft: Draft) -> bool:
    """Ask for the chips that a resource stands for; none of them is no need at all."""
    rows = draft.source.catalog.accelerators_of_resource(resource)
    if not rows:
        known = {row.k8s_resource: None for row in draft.source.catalog.accelerators.values()}
        like = words.nearest(resource, known)
        advice = f"Did you mean `{like}`?" if like else f"Known here: {', '.join(known)}."
        raise node.unsupported(resource, "the hub counts no such resource", advice)
    number = node.read(_quantity)
    if number.denominator != 1 or number > _MOST_CHIPS:
        raise node.bad(f"it is not a whole number up to {_MOST_CHIPS}", "Ask for whole chips.")
    if number == 0:
        return False
    wish = chips.of_rows(rows, int(number) * 1000)
    draft.put("needs.accelerators", wish.needs, node.place)
    if wish.stack is not None:
        draft.add_framework(wish.stack, node.place)
        draft.warn(
            node.line, resource,
            f"It names no model, so that any chip will do whose nodes carry {wish.stack.name}.",
        )  # fmt: skip
    return True


def _quantity(word: str) -> Fraction:
    """Read a quantity of Kubernetes: `100m`, `1.5`, `1Gi`, `1e3`."""
    wanted = "Write for example `2`, `500m` or `4Gi`."
    match = _QUANTITY.fullmatch(word)
    if match is None:
        if word.startswith("-"):
            raise words.BadWord("it is negative", wanted)
        raise words.BadWord("it is not a quantity of Kubernetes", wanted)
    number = Fraction(f"0{match[1]}" if match[1].startswith(".") else match[1].rstrip("."))
    if match[2]:
        number *= _SUFFIX[match[2]]
    elif match[3]:
        number *= Fraction(10) ** int(match[3])
    return number


def _cpu_milli(word: str) -> int:
    """Read CPUs in thousandths, a part of one rounded up as Kubernetes does."""
    wanted = "Write for example `2` or `500m`."
    thousandths = -(-(_quantity(word) * 1000) // 1)
    if thousandths <= 0:
        raise words.BadWord("it is zero", wanted)
    if thousandths > limits.TASK_CPU_MILLI:
        raise words.BadWord(f"the limit is {_MOST_CPUS}", wanted)
    return int(thousandths)


def _memory_mib(word: str) -> int:
    return words.mib_of_bytes(_quantity(word), "for example `4Gi`")
