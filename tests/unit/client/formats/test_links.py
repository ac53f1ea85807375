import pytest

from hutong.client.formats import link_names, with_ids
from hutong.model.errors import HutongError
from hutong.model.ids import JobId
from hutong.model.job import Dependency, DependencyKind
from tests.unit.client.formats.support import parse

CHAIN = """\
name: prep
run: a
---
name: train
run: b
depends_on: [prep, j7]
---
name: report
run: c
depends_on: {afterany: [train], afternotok: [prep]}
"""


def test_names_of_earlier_jobs_become_their_ids() -> None:
    jobs = parse(CHAIN).jobs
    links = link_names(jobs)
    assert links == ({}, {"prep": 0}, {"train": 1, "prep": 0})
    ids = [JobId("j101"), JobId("j102")]
    names = {name: ids[position] for name, position in links[2].items()}
    assert with_ids(jobs[2], names).depends_on == (
        Dependency(DependencyKind.AFTER_ANY, JobId("j102")),
        Dependency(DependencyKind.AFTER_NOT_OK, JobId("j101")),
    )


def test_job_ids_are_left_as_they_are() -> None:
    jobs = parse(CHAIN).jobs
    train = with_ids(jobs[1], {"prep": JobId("j101")})
    assert [wait.job for wait in train.depends_on] == ["j101", "j7"]
    assert with_ids(train, {}) is train


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: a\nrun: x\ndepends_on: [b]\n---\nname: b\nrun: y\n", "that job comes later"),
        ("name: a\nrun: x\ndepends_on: [b]\n", "neither a job id nor the name"),
        (
            "name: a\nrun: x\n---\nname: a\nrun: y\n---\nname: c\nrun: z\ndepends_on: [a]\n",
            "two earlier jobs",
        ),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(text: str, problem: str) -> None:
    with pytest.raises(HutongError) as caught:
        link_names(parse(text).jobs)
    assert caught.value.code == "job.invalid"
    assert problem in caught.value.message


def test_a_job_cannot_wait_for_itself() -> None:
    with pytest.raises(HutongError) as caught:
        parse("name: a\nrun: x\ndepends_on: [a]\n")
    assert caught.value.facts["line"] == 3
    assert "cannot wait for itself" in caught.value.message
