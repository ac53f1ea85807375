"""An array of a million elements: accepted, and listed."""

import time

import msgspec

from benchmarks.figure import Figure, Report
from benchmarks.world import fleet, true_job
from hutong.model.job import ArraySpec

ELEMENTS = 1_000_000


def run(report: Report) -> None:
    with fleet() as made, made.client() as client:
        client.health()
        spec = msgspec.structs.replace(true_job(), array=ArraySpec(ELEMENTS))
        began = time.perf_counter()
        job = client.submit(spec).job
        accepted_s = time.perf_counter() - began
        began = time.perf_counter()
        page = client.jobs()
        detail = client.job(job)
        listed_s = time.perf_counter() - began
        assert page.jobs[0].elements == detail.job.elements == ELEMENTS
    report.add(Figure("array of 1,000,000: accept and list", accepted_s + listed_s, "s", 1))
    report.add(Figure("of which accept", accepted_s, "s"))
