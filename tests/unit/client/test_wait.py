"""Waiting for jobs to end."""

import pytest

from hutong.client import wait
from hutong.client.client import Client
from hutong.model.errors import HutongError
from hutong.wire.api import JobPage, JobView
from tests.unit.client.fakehub import Answer, FakeHub, error


def view(number: int, state: str) -> JobView:
    return JobView(f"j{number}", "a", "default", state, "normal", 1, 1, 1)


def page(*views: JobView, more: int | None = None) -> JobPage:
    return JobPage(views, more)


def test_states_are_told_as_they_change(hub: FakeHub, client: Client) -> None:
    hub.on(
        "GET", "/v1/jobs",
        *(page(view(3, state)) for state in ("queued", "queued", "running", "succeeded")),
    )  # fmt: skip
    told: list[str] = []
    assert client.wait("j3", on_change=lambda job: told.append(job.state)).state == "succeeded"
    assert told == ["queued", "running", "succeeded"]


def test_one_page_tells_of_neighbouring_jobs(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/jobs", page(*(view(n, "failed") for n in (7, 6, 5))))
    assert list(client.wait_all(["j5", "j7"])) == ["j5", "j7"]
    assert len(hub.seen) == 1
    assert hub.seen[0].query == {"before": "8", "limit": "3"}


def test_jobs_far_apart_take_several_pages(
    hub: FakeHub, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "LIST_ROWS", 2)
    hub.on(
        "GET", "/v1/jobs",
        page(view(9, "failed"), view(8, "failed"), more=8), page(view(2, "failed"), more=2),
    )  # fmt: skip
    assert list(client.views(["j2", "j9"])) == ["j2", "j9"]
    assert [seen.query["before"] for seen in hub.seen] == ["10", "3"]


@pytest.mark.parametrize("answer", [page(), page(view(4, "failed")), page(view(2, "failed"))])
def test_a_job_that_is_not_shown_does_not_exist(
    hub: FakeHub, client: Client, answer: JobPage
) -> None:
    hub.on("GET", "/v1/jobs", answer)
    with pytest.raises(HutongError) as caught:
        client.wait("j3")
    assert caught.value.code == "job.not_found"


@pytest.mark.parametrize("job", ["", "3", "j0", "../j1", "J1"])
def test_what_is_no_id_is_no_job(client: Client, job: str) -> None:
    with pytest.raises(HutongError) as caught:
        client.wait(job)
    assert caught.value.code == "job.not_found"


def test_waiting_outlives_a_hub_that_starts_again(hub: FakeHub, client: Client) -> None:
    hub.on(
        "GET", "/v1/jobs",
        page(view(1, "running")), *[Answer(drop=True)] * 5, error(503, "hub.starting"),
        page(view(1, "succeeded")),
    )  # fmt: skip
    assert client.wait("j1").state == "succeeded"


def test_waiting_ends_when_its_time_is_over(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/jobs", page(view(1, "running")))
    with pytest.raises(TimeoutError, match="j1"):
        client.wait("j1", timeout_ms=1)


def test_waiting_for_nothing_is_over_at_once(hub: FakeHub, client: Client) -> None:
    assert client.wait_all([]) == {}
    assert hub.seen == []
