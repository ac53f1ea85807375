import pytest

from hutong.client.formats import FORMATS, detect_format, read_jobs
from hutong.model.errors import HutongError


@pytest.mark.parametrize(
    ("text", "file", "format"),
    [
        ("#!/bin/bash\necho\n", "job", "sbatch"),
        ("#!/usr/bin/env python\nprint()\n", "job.py", "sbatch"),
        ("echo\n", "job.sh", "sbatch"),
        ("echo\n", "JOB.SLURM", "sbatch"),
        ("#SBATCH -n 1\necho\n", "job", "sbatch"),
        ("name: a\nrun: b\n", "job.yaml", "hutong"),
        ("run: b\n", "job.yaml", "hutong"),
        ("# comment\n\nname: a\ncommand: [b]\n", "-", "hutong"),
        ("name: a\nrun: b\nresources:\n  cpus: 4\n  memory: 8GiB\n", "job.yaml", "hutong"),
        ("name: a\nrun: b\nresources: {cpus: 4}\ntasks: 2\n", "job.yaml", "hutong"),
        ("name: a\nnum_nodes: 2\nrun: b\n", "job.yaml", "skypilot"),
        ("name: a\nenvs: {A: b}\nrun: b\n", "job.yaml", "skypilot"),
        ("run: b\nresources:\n  cpus: 4+\n", "job.yaml", "skypilot"),
        ("run: b\nresources: {infra: k8s}\n", "job.yaml", "skypilot"),
        ("run: b\nresources:\n  any_of:\n    - accelerators: A100\n", "job.yaml", "skypilot"),
        ("name: pipeline\n---\nrun: a\n---\nnum_nodes: 2\nrun: b\n", "job.yaml", "skypilot"),
        ("apiVersion: batch/v1\nkind: Job\n", "job.yaml", "kubernetes"),
        ("kind: Job\n", "job.yaml", "kubernetes"),
        ('{"apiVersion": "batch/v1", "kind": "Job"}', "job.json", "kubernetes"),
        ('{\n  "kind": "Job", "apiVersion": "batch/v1"}', "job.json", "kubernetes"),
        ("--- \nname: a\n", "job.yaml", "hutong"),
    ],
)
def test_a_format_shows_in_the_content_or_the_name(text: str, file: str, format: str) -> None:
    assert detect_format(text, file) == format


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "name: a\ntasks: 2\nenvs: {A: b}\nrun: c\n",
            "`envs` in line 3 is a key of SkyPilot's and `tasks` in line 2 one of Hutong's own",
        ),
        (
            "version: 3\nservices:\n  a: b\n",
            "line 1 begins with `version:`, which is a key of none",
        ),
        ("hello world\n", "neither a `#!` line nor a key"),
        ("<html>\n", "neither a `#!` line nor a key"),
    ],
)
def test_a_file_of_no_format_or_of_two_is_refused(text: str, problem: str) -> None:
    with pytest.raises(HutongError) as caught:
        detect_format(text, "job")
    assert caught.value.code == "file.unknown_format"
    assert problem in caught.value.message


def test_a_format_that_is_none_is_answered_with_the_nearest() -> None:
    with pytest.raises(HutongError) as caught:
        read_jobs("name: a\nrun: b\n", "job", format="skypilt")
    assert caught.value.code == "file.unknown_format"
    assert "did you mean `skypilot`" in caught.value.message


def test_a_format_that_is_named_is_taken() -> None:
    parsed = read_jobs("name: a\nrun: b\n", "job", format="skypilot")
    assert (parsed.format, parsed.jobs[0].source) == ("skypilot", "skypilot")
    assert FORMATS == ("hutong", "sbatch", "skypilot", "kubernetes")
