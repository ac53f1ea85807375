"""What a Kubernetes Job may not say about its neighbours, and what a spread without pods is."""

from typing import Any

import pytest

from tests.unit.client.formats.manifests import read_all, refused
from tests.unit.client.formats.support import warned

DEMANDED = "requiredDuringSchedulingIgnoredDuringExecution"
WISHED = "preferredDuringSchedulingIgnoredDuringExecution"


def beside(key: str) -> dict[str, Any]:
    """A term that means pods with the label `app: train`, in places that a key tells apart."""
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": "train"}}}


def demanded(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"affinity": {"podAffinity": {DEMANDED: list(terms)}}}


NEIGHBOURS: list[tuple[dict[str, Any], str]] = [
    (demanded({"topologyKey": "kubernetes.io/hostname"}), "it has no `labelSelector`"),
    (demanded({"labelSelector": {"matchLabels": {"a": "b"}}}), "it has no `topologyKey`"),
    (demanded(beside("topology.kubernetes.io/region")), "places are not told apart"),
    (demanded({**beside("kubernetes.io/hostname"), "namespaces": ["a"]}), "by their labels alone"),
    (demanded({"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}), "no labels"),
    (
        demanded({"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchExpressions": [
            {"key": "a", "operator": "NotIn", "values": ["b"]}]}}),
        "labels are compared with one value",
    ),
    ({"affinity": {"nodeAffinity": {}}}, "nodes are not chosen by label"),
    ({"affinity": {"podAffinity": {WISHED: [{"weight": 1}]}}}, "it has no `podAffinityTerm`"),
    (
        {"topologySpreadConstraints": [
            {"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule",
             **beside("kubernetes.io/hostname")}]},
        "pods are not counted by domain",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("pod", "problem"), NEIGHBOURS, ids=lambda part: str(part)[-30:])
def test_neighbours_that_cannot_be_honoured_are_refused(pod: dict[str, Any], problem: str) -> None:
    error = refused(pod=pod)
    assert problem in error.message
    assert error.hint


def test_a_spread_without_a_selector_spreads_nothing() -> None:
    spread = {"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "topologyKey": "x"}
    parsed = read_all(pod={"topologySpreadConstraints": [spread]})
    assert parsed.jobs[0].affinity == ()
    assert [word.rpartition(".")[2] for _, word in warned(parsed)] == [
        "topologySpreadConstraints[0]"
    ]
