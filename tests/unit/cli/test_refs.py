"""How a user names a job."""

import pytest

from hutong.cli.refs import JobRef, parse
from hutong.wire import api
from tests.unit.cli import world
from tests.unit.cli.conftest import Cli
from tests.unit.client.fakehub import FakeHub


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("j12", JobRef("j12")), ("12", JobRef("j12")), ("j12[5]", JobRef("j12", 5)),
        ("j12.5", JobRef("j12", 5)), ("12[0]", JobRef("j12", 0)), ("12.0", JobRef("j12", 0)),
        ("train", None), ("j0", None), ("j12[", None), ("j12[-1]", None), ("", None),
        ("j12.5.6", None), ("j12[5].6", None), ("../j12", None), ("j１２", None),
    ],
)  # fmt: skip
def test_ids_and_elements_are_told_from_names(text: str, found: JobRef | None) -> None:
    assert parse(text) == found


def named(*names: str) -> api.JobPage:
    return api.JobPage(
        tuple(
            api.JobView(f"j{number}", name, "t", "queued", "normal", 1, 1, 1)
            for number, name in enumerate(names, start=1)
        )
    )


def test_a_name_stands_for_the_one_job_that_has_it(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/jobs", named("training", "train"))
    hub.on("GET", "/v1/jobs/j2", world.detail())
    assert cli("job", "train").code == 0
    assert hub.seen[0].query["name"] == "train"


def test_a_name_of_several_jobs_is_refused_with_their_ids(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/jobs", named(*["train"] * 7))
    ran = cli("job", "train")
    assert ran.code == 1
    assert "error[job.ambiguous]" in ran.err
    assert "7 jobs" in ran.err
    assert "j1, j2, j3, j4, j5 and others" in ran.err


def test_a_name_of_no_job_is_not_found(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/jobs", named("training"))
    ran = cli("cancel", "train")
    assert ran.code == 1
    assert "error[job.not_found]: There is no job train." in ran.err
