"""Kubernetes Jobs for tests: a plain one, with fields added where a case wants them."""

import copy
from typing import Any

import yaml

from hutong.client.formats import Parsed
from hutong.model.errors import HutongError
from hutong.model.job import JobSpec
from tests.unit.client.formats.support import one, parse, refusal

PLAIN: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "pi"},
    "spec": {
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "main", "command": ["python", "pi.py"]}],
            }
        }
    },
}
WHERE = {
    "job": (),
    "metadata": ("metadata",),
    "spec": ("spec",),
    "template": ("spec", "template"),
    "pod": ("spec", "template", "spec"),
    "container": ("spec", "template", "spec", "containers", 0),
}


def manifest(**parts: dict[str, Any]) -> str:
    """A plain Job with fields added at the places of `WHERE`."""
    job = copy.deepcopy(PLAIN)
    for part, fields in parts.items():
        at: Any = job
        for step in WHERE[part]:
            at = at[step]
        at.update(fields)
    return yaml.safe_dump(job, sort_keys=False, allow_unicode=True)


def read(**parts: dict[str, Any]) -> JobSpec:
    return one(manifest(**parts))


def read_all(**parts: dict[str, Any]) -> Parsed:
    return parse(manifest(**parts))


def refused(**parts: dict[str, Any]) -> HutongError:
    return refusal(manifest(**parts))


def line_of(text: str, words: str) -> int:
    """The last line with these words: what a case adds comes last in its mapping."""
    return max(number for number, line in enumerate(text.split("\n"), 1) if words in line)
