"""Bringing the logs of tasks to the hub.

Theory of operation. Every `PERIOD_S` each live attempt's logs are looked at, and once more when it
ended; what grew is sent from where the hub's last receipt said that its copy ends. The hub appends
only what it does not have, so a piece that is sent twice changes nothing. After a start of the
agent nobody knows how far the hub is; an empty piece asks. A few senders work at once; an attempt
is with one of them at a time.
"""

import asyncio
import logging
from collections.abc import Callable

from hutong.agent.hub import HubClient, HubError
from hutong.connectors.contract import Connector
from hutong.model.errors import HutongError
from hutong.model.ids import AttemptId
from hutong.model.limits import LOG_CHUNK_BYTES

PERIOD_S = 0.3
SENDERS = 4
SILENT_ENDS = 5
"""Of so many attempts a period that wrote nothing the hub is told that nothing is to come. It finds
out by itself, only later; for thousands a second that is not worth a request each."""

_log = logging.getLogger(__name__)


class _Logs:
    """How far the logs of one attempt are. `sent` is by rank, None where only the hub knows."""

    def __init__(self, *, is_new: bool) -> None:
        self.is_new = is_new
        self.ended = False
        self.in_hand = False
        self.sent: dict[int, int] = {}
        self.closed: dict[int, None] = {}
        self.then: list[Callable[[], None]] = []


class LogSender:
    """Sends the logs of one site's attempts. `run` does it; the other methods only take note."""

    def __init__(self, connector: Connector, hub: HubClient) -> None:
        self._connector = connector
        self._hub = hub
        self._logs: dict[AttemptId, _Logs] = {}
        self._due: dict[AttemptId, None] = {}
        self._any_due = asyncio.Event()
        self._silent_ends = 0

    def began(self, attempt: AttemptId, *, is_new: bool) -> None:
        """An attempt runs here; `is_new` says that the hub cannot have anything of it."""
        self._logs.setdefault(attempt, _Logs(is_new=is_new))

    def ended(self, attempt: AttemptId) -> None:
        """An attempt has written all that it will."""
        self.began(attempt, is_new=False)
        self._logs[attempt].ended = True
        self._make_due(attempt)

    def when_sent(self, attempt: AttemptId, then: Callable[[], None]) -> None:
        """Call `then` once an ended attempt's logs are with the hub, at once if they are."""
        logs = self._logs.get(attempt)
        if logs is None:
            then()
        else:
            logs.then.append(then)

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(self._send())
            while True:
                await asyncio.sleep(PERIOD_S)
                self._silent_ends = 0
                for attempt in self._logs:
                    self._make_due(attempt)

    def _make_due(self, attempt: AttemptId) -> None:
        self._due[attempt] = None
        self._any_due.set()

    async def _send(self) -> None:
        while True:
            await self._any_due.wait()
            attempt = next(iter(self._due), None)
            if attempt is None:
                self._any_due.clear()
                continue
            del self._due[attempt]
            logs = self._logs.get(attempt)
            if logs is None or logs.in_hand:
                continue
            logs.in_hand = True
            try:
                ended = logs.ended
                if await self._send_all(attempt, logs) and ended:
                    self._done(attempt)
            finally:
                logs.in_hand = False
                if logs.ended and not ended:
                    self._make_due(attempt)

    def _done(self, attempt: AttemptId) -> None:
        logs = self._logs.pop(attempt)
        for then in logs.then:
            then()

    async def _send_all(self, attempt: AttemptId, logs: _Logs) -> bool:
        """Send what the hub lacks of each task; say whether it lacks no more."""
        ended = logs.ended
        sizes: tuple[int, ...] = ()
        try:
            sizes = await self._connector.log_sizes(attempt)
            for task, size in enumerate(sizes or (0,) * ended):
                if task in logs.closed or (size <= logs.sent.get(task, 0) and not ended):
                    continue
                if not await self._send_one(attempt, logs, task, ended=ended):
                    return False
        except HutongError as problem:
            _log.warning("the log of %s cannot be read: %s", attempt, problem)
            return False
        except HubError as problem:
            if not problem.is_about_this:
                return False  # the syncs say what is wrong; the next period tries again
            _log.warning("the hub does not take the log of %s: %s", attempt, problem)
            logs.closed |= dict.fromkeys(range(len(sizes) or 1))
        return True

    async def _send_one(self, attempt: AttemptId, logs: _Logs, task: int, *, ended: bool) -> bool:
        if task not in logs.sent:
            logs.sent[task] = 0 if logs.is_new else await self._ask(attempt, task)
        while True:
            offset = logs.sent[task]
            data = await self._connector.read_log(attempt, task, offset, LOG_CHUNK_BYTES)
            last = ended and len(data) < LOG_CHUNK_BYTES
            if not data and not (last and self._is_worth_telling(offset)):
                return True
            receipt = await self._hub.send_log(attempt, task, offset, data, complete=last)
            logs.sent[task] = receipt.size_bytes
            if receipt.full or (last and receipt.size_bytes == offset + len(data)):
                logs.closed[task] = None
                return True
            if receipt.size_bytes <= offset:
                return False  # it keeps nothing now, or less than it did

    def _is_worth_telling(self, size: int) -> bool:
        self._silent_ends += not size
        return bool(size) or self._silent_ends <= SILENT_ENDS

    async def _ask(self, attempt: AttemptId, task: int) -> int:
        receipt = await self._hub.send_log(attempt, task, 0, b"", complete=False)
        return receipt.size_bytes
