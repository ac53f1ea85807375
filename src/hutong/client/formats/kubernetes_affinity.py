"""Beside which other pods a pod of a Kubernetes Job goes, and from which it keeps apart."""

from hutong.client.formats.draft import Draft
from hutong.client.formats.kubernetes_keys import (
    AFFINITY,
    AFFINITY_TERM,
    LABEL_EXPRESSION,
    LABEL_SELECTOR,
    POD_AFFINITY,
    SPREAD,
    TOPOLOGY_LEVELS,
    WEIGHTED_TERM,
)
from hutong.client.formats.nodes import Node
from hutong.model.job import Affinity, Level

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
MAX_WEIGHT = 100
MAX_SKEW = 2**31 - 1


def read_affinity(node: Node, draft: Draft) -> None:
    """Read `podAffinity` and `podAntiAffinity`; what is said about nodes is refused."""
    fields = node.fields(AFFINITY, draft)
    for key, apart in (("podAffinity", False), ("podAntiAffinity", True)):
        if key not in fields:
            continue
        rules = fields[key].fields(POD_AFFINITY, draft)
        for term in rules[REQUIRED].items() if REQUIRED in rules else []:
            _add(_term(term, draft, apart=apart, required=True), term, draft)
        for item in rules[PREFERRED].items() if PREFERRED in rules else []:
            weighted = item.fields(WEIGHTED_TERM, draft)
            if "podAffinityTerm" not in weighted:
                raise item.bad("it has no `podAffinityTerm`", "Say which pods are meant.")
            if "weight" in weighted:
                weighted["weight"].whole(1, MAX_WEIGHT)
            term = weighted["podAffinityTerm"]
            _add(_term(term, draft, apart=apart, required=False), term, draft)


def read_spread(node: Node, draft: Draft) -> None:
    """Read how pods are spread: a wish to keep apart from those that a selector names."""
    for item in node.items():
        fields = item.fields(SPREAD, draft)
        if "maxSkew" in fields:
            fields["maxSkew"].whole(1, MAX_SKEW)
        when = fields.get("whenUnsatisfiable")
        if when is None or when.choice(("DoNotSchedule", "ScheduleAnyway")) == "DoNotSchedule":
            raise (when or item).unsupported(
                "whenUnsatisfiable: DoNotSchedule", "pods are not counted by domain",
                "Say `ScheduleAnyway` for a wish, or `podAntiAffinity` for a demand.",
            )  # fmt: skip
        if "labelSelector" not in fields:
            draft.warn(item.line, item.path, "It selects no pods, so that it spreads nothing.")
            continue
        _add(_neighbours(item, fields, draft, apart=True, required=False), item, draft)


def _add(entry: Affinity, node: Node, draft: Draft) -> None:
    known: tuple[Affinity, ...] = draft.value("affinity", ())
    draft.put("affinity", (*known, entry), node.place)


def _term(node: Node, draft: Draft, *, apart: bool, required: bool) -> Affinity:
    fields = node.fields(AFFINITY_TERM, draft)
    return _neighbours(node, fields, draft, apart=apart, required=required)


def _neighbours(
    node: Node, fields: dict[str, Node], draft: Draft, *, apart: bool, required: bool
) -> Affinity:
    for key in ("labelSelector", "topologyKey"):
        if key not in fields:
            raise node.bad(f"it has no `{key}`", "Give it one.")
    labels = _labels(fields["labelSelector"], draft)
    return Affinity(labels, _level(fields["topologyKey"]), apart=apart, required=required)


def _level(node: Node) -> Level:
    key = node.quoted_text()
    level = TOPOLOGY_LEVELS.get(key)
    if level is None:
        raise node.unsupported(
            f"topologyKey: {key}", "places are not told apart by this label",
            f"Known here: {', '.join(TOPOLOGY_LEVELS)}.",
        )  # fmt: skip
    return level


def _labels(node: Node, draft: Draft) -> tuple[tuple[str, str], ...]:
    fields = node.fields(LABEL_SELECTOR, draft)
    labels: dict[str, str] = {}
    if "matchLabels" in fields:
        for name, value in fields["matchLabels"].entries().items():
            labels[name] = value.quoted_text(empty=True)
    for item in fields["matchExpressions"].items() if "matchExpressions" in fields else []:
        parts = item.fields(LABEL_EXPRESSION, draft)
        values = parts["values"].items() if "values" in parts else []
        operator = parts["operator"].quoted_text() if "operator" in parts else ""
        if operator != "In" or len(values) != 1 or "key" not in parts:
            raise item.unsupported(
                f"operator: {operator or 'none'}", "labels are compared with one value each",
                "Say `matchLabels`.",
            )  # fmt: skip
        labels[parts["key"].quoted_text()] = values[0].quoted_text(empty=True)
    if not labels:
        raise node.bad("it selects no labels", "Say `matchLabels`.")
    return tuple(labels.items())
