"""What was answered survives `kill -9` of the hub at any moment."""

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hutong.wire.api import BulkLine, EventView, SubmitRequest, TokenRequest
from tests.e2e.hub_process import HubProcess, job

JOBS = 6_000


def line(number: int) -> bytes:
    return msgspec.json.encode(SubmitRequest(job(f"n{number}"), f"k{number}")) + b"\n"


class Bulk:
    """A bulk submission whose answers are read while it is being sent."""

    def __init__(self, hub: HubProcess) -> None:
        self.answers: dict[int, str] = {}
        self.enough = threading.Event()
        self._hub = hub
        self._connection = hub.connect()

    def send(self, pieces: Iterator[bytes], enough: int) -> None:
        """Send until the hub dies; sets `enough` once so many lines were answered."""
        headers = {
            "Authorization": f"Bearer {self._hub.token}",
            "Content-Type": "application/x-ndjson",
        }
        reader: threading.Thread | None = None
        connection = self._connection
        connection.putrequest("POST", "/v1/jobs/bulk")
        for name, value in {**headers, "Transfer-Encoding": "chunked"}.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            for piece in pieces:
                connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
                if reader is None:
                    reader = threading.Thread(target=self._read, args=(enough,))
                    reader.start()
            connection.send(b"0\r\n\r\n")
        except OSError:
            pass  # it died, as it should
        if reader is not None:
            reader.join(60)
        connection.close()

    def _read(self, enough: int) -> None:
        rest = b""
        try:
            answer = self._connection.getresponse()
            while piece := answer.read1(65_536):
                *lines, rest = (rest + piece).split(b"\n")
                for text in lines:
                    found = msgspec.json.decode(text, type=BulkLine)
                    assert found.job, found
                    self.answers[found.line] = found.job
                if len(self.answers) >= enough:
                    self.enough.set()
        except (OSError, http.client.HTTPException):
            pass
        finally:
            self.enough.set()


@pytest.mark.parametrize("enough", [1, 2_000, 4_000])
def test_every_job_that_was_answered_is_there_after_a_kill(tmp_path: Path, enough: int) -> None:
    hub = HubProcess(tmp_path / "data").start()
    try:
        bulk = Bulk(hub)
        killer = threading.Thread(target=lambda: (bulk.enough.wait(60), hub.kill()))
        killer.start()
        pieces = (b"".join(line(n) for n in range(at, at + 20)) for at in range(0, JOBS, 20))
        bulk.send(pieces, enough)
        killer.join(60)
        assert len(bulk.answers) >= enough
        hub.start()
        with hub.client() as client:
            again = {
                answer.line: answer
                for answer in client.submit_many(
                    SubmitRequest(job(f"n{number}"), f"k{number}") for number in range(JOBS)
                )
            }
            lost = {
                number: name for number, name in bulk.answers.items() if again[number].job != name
            }
            assert lost == {}
            assert all(again[number].repeated for number in bulk.answers)
            assert len({answer.job for answer in again.values()}) == JOBS
            events = [event.kind for event in client.events(kind="JobAccepted")]
            assert len(events) == JOBS
        positions = [event.position for event in _all_events(hub)]
        assert positions == list(range(1, len(positions) + 1))
    finally:
        hub.stop()


def _all_events(hub: HubProcess) -> list[EventView]:
    with hub.client() as client:
        return list(client.events())


def test_a_hub_killed_while_idle_loses_nothing(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path / "data").start()
    try:
        with hub.client() as client:
            name = client.submit(job("one"), key="k").job
            secret = client.create_token(TokenRequest("x", "admin")).secret
        hub.kill()
        hub.start()
        headers = {"Authorization": f"Bearer {secret}"}
        answer = hub.request("GET", f"/v1/jobs/{name}", headers=headers)
        assert (answer.status, answer.json()["job"]["state"]) == (200, "queued")
    finally:
        hub.stop()
