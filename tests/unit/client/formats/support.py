"""Short ways to read a file and to look at what came of it."""

from collections.abc import Callable

import pytest

from hutong.client.formats import Parsed, read_jobs
from hutong.model.errors import HutongError
from hutong.model.job import JobSpec

# 2026-11-22T08:00:00Z
NOW_MS = 1_795_334_400_000


def parse(
    text: str, format: str | None = None, attach: Callable[[str], bytes] | None = None
) -> Parsed:
    """Read a file called `job`."""
    return read_jobs(text, "job", format=format, attach=attach, now_ms=NOW_MS)


def one(text: str, format: str | None = None) -> JobSpec:
    """Read a file of one job."""
    (job,) = parse(text, format).jobs
    return job


def refusal(
    text: str, format: str | None = None, attach: Callable[[str], bytes] | None = None
) -> HutongError:
    """Read a file that must be refused, and give the error."""
    with pytest.raises(HutongError) as caught:
        parse(text, format, attach)
    return caught.value


def said(error: HutongError) -> tuple[str, int, str]:
    """What an error is about: its code, the line, and the key or word."""
    facts = error.facts
    return error.code, int(facts["line"]), str(facts.get("key") or facts.get("word") or "")


def hutong(*lines: str) -> str:
    """A hutong YAML with a name and something to run before the lines of the case."""
    return "\n".join(["name: train", "run: python train.py", *lines]) + "\n"


def script(*lines: str, body: str = "true") -> str:
    """A batch script whose `#SBATCH` lines begin in line 2."""
    return "\n".join(["#!/bin/bash", *(f"#SBATCH {line}" for line in lines), body]) + "\n"


def warned(parsed: Parsed) -> list[tuple[int, str]]:
    """Lines and words of the warnings."""
    return [(warning.line, warning.word) for warning in parsed.warnings]
