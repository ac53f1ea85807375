"""The supervisor of one site folder: it starts processes, outlives the agent, records every end.

Theory of operation. One small process per site folder, in a session of its own, started by the
agent without site packages: what it imports is the standard library and a few neighbours that do
the same. A lock makes it the only one. The agent talks to it over `supervisor.sock`, in lines of
JSON; when the agent goes it stays until the last attempt has ended.

Each task of an attempt is a child in its own session and process group, its output appended to
`task-N.log`. The record (see `record`) is the claim, so no attempt is ever started twice, and keeps
what became of it. Nothing is synced to disk: a process may die at any time, a power cut is a loss.

An attempt is ended, each with its cause, when a task fails, when the tasks of the gang itself are
done and those of other groups go on, by its time limit, by a stop, and when
the lease is over that the agent last gave: SIGTERM to the groups, SIGKILL after the grace. What
left its group comes to the supervisor, which is the subreaper, and is known by its environment or
working directory. An end is recorded when no process is left.

The agent's lines have a `do`: `start` (see `Supervisor.start`), `stop` (attempt, grace_ms, why) or
`lease` (until_ms and grace_ms, boot time). The answers: `hello` at first, then under `attempt` each
change as it is recorded, and again whatever is known when a start or stop is repeated.
"""

import contextlib
import heapq
import json
import os
import select
import signal
import socket
import struct
import sys

from hutong.connectors.local import record
from hutong.connectors.local.live import Attempt, Json, Task
from hutong.connectors.local.processes import (
    IGNORED,
    Unrunnable,
    adopt_orphans,
    boot_ms,
    cut_back,
    owner,
    signal_group,
    signal_one,
    spawn,
    wall_ms,
)

PROTOCOL = 1
TICK_MS = 1_000
"""Logs and strays are looked after this often, and the lock file shows that somebody is alive."""
LINGER_MS = 10_000
"""A supervisor that no agent has spoken to yet waits this long for one."""
GONE_CHECK_MS = 20
CHECKPOINT_GAP_MS = 65_000
"""Of each attempt a checkpoint is told of this often at most: a little less often than the hub
takes it down, so that none comes too early there."""


def listen(root: str) -> socket.socket:
    """Let agents connect from now on.

    The path is given by its open folder, since a socket's own has room for 107 characters only.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    with contextlib.suppress(FileNotFoundError):
        os.unlink("supervisor.sock", dir_fd=folder)
    listener.bind(f"/proc/self/fd/{folder}/supervisor.sock")
    os.close(folder)
    listener.listen(8)
    listener.settimeout(0)
    return listener


class Supervisor:
    """Holds what lives; the rest is on disk."""

    def __init__(self, root: str, listener: socket.socket) -> None:
        self.root = root
        self.listener = listener
        self.folders = os.path.join(root, "attempts")
        self.attempts: dict[str, Attempt] = {}
        self.task_of: dict[int, tuple[Attempt, Task]] = {}
        self.timers: list[tuple[int, str]] = []
        self.lease_until_ms = self.lease_grace_ms = 0
        self.going_down = False
        self.had_agent = False
        self.born_ms = self.ticked_ms = boot_ms()
        self.agent: socket.socket | None = None
        self.inbox = b""
        self.outbox = bytearray()
        self.children = adopt_orphans()
        self.wake, wake = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._go_down)
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        self.poll = select.poll()
        self.poll.register(self.wake, select.POLLIN)
        self.poll.register(self.listener, select.POLLIN)

    # The loop

    def run(self) -> None:
        """Serve until nothing runs and nobody is there to ask for more."""
        while not self.is_done():
            for number, _ in self.poll.poll(self.patience_ms()):
                if number == self.wake:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self.wake, 65_536)
                elif number == self.listener.fileno():
                    self.accept()
                elif self.agent is not None and number == self.agent.fileno():
                    self.hear()
            if self.going_down:
                for attempt in list(self.attempts.values()):
                    self.end(attempt, {"kind": "lost"}, attempt.grace_ms)
            self.reap()
            self.keep_time()
            self.flush()

    def is_done(self) -> bool:
        """Say whether to leave."""
        if self.attempts or (self.agent is not None and not self.going_down):
            return False
        return self.going_down or self.had_agent or boot_ms() >= self.born_ms + LINGER_MS

    def patience_ms(self) -> int | None:
        """How long to wait for something to happen; None for as long as it takes."""
        if not self.attempts:
            return None if self.agent is not None else LINGER_MS
        due_ms = min(self.ticked_ms + TICK_MS, self.next_fence_ms())
        if self.timers:
            due_ms = min(due_ms, self.timers[0][0])
        return max(0, due_ms - boot_ms())

    def next_fence_ms(self) -> int:
        """When the next attempt has to be ended if the lease stays as it is."""
        from_ms = self.lease_until_ms - self.lease_grace_ms
        if boot_ms() < from_ms:
            return from_ms
        waiting = [a.grace_ms for a in self.attempts.values() if a.kill_at_ms is None]
        return self.lease_until_ms - max(waiting, default=0)

    def keep_time(self) -> None:
        """Do what is due."""
        now_ms = boot_ms()
        while self.timers and self.timers[0][0] <= now_ms:
            attempt = self.attempts.get(heapq.heappop(self.timers)[1])
            if attempt is not None:
                self.look_at(attempt)
        if self.attempts and now_ms >= self.lease_until_ms - self.lease_grace_ms:
            self.fence(now_ms)
        if now_ms >= self.ticked_ms + TICK_MS:
            self.ticked_ms = now_ms
            self.tick()

    def tick(self) -> None:
        """Show life, cut logs that grew too long, end strays of attempts that are over."""
        os.utime(os.path.join(self.root, "supervisor.lock"))
        for attempt in list(self.attempts.values()):
            for task in attempt.tasks:
                cut_back(attempt.log(task), attempt.order["log_bytes"])
            if attempt.left:
                self.prune_groups(attempt)
                self.look_for_checkpoint(attempt)
            else:
                self.look_at(attempt)
        for pid in self.strays():
            attempt_id = owner(pid, self.folders)
            if attempt_id and attempt_id not in self.attempts:
                signal_one(pid, signal.SIGKILL)

    def look_for_checkpoint(self, attempt: Attempt) -> None:
        """Tell when the job says that it wrote down its state: by the time on a file it touches."""
        if self.ticked_ms < attempt.checkpoint_from_ms:
            return
        try:
            touched_ms = min(os.stat(attempt.checkpoint).st_mtime_ns // 1_000_000, wall_ms())
        except OSError:
            return
        if touched_ms > attempt.checkpointed_ms:
            attempt.checkpointed_ms = touched_ms
            attempt.checkpoint_from_ms = self.ticked_ms + CHECKPOINT_GAP_MS
            known = {"started_ms": attempt.started_ms, "checkpointed_ms": touched_ms}
            record.append(attempt.record, {"checkpointed_ms": touched_ms})
            self.tell({"attempt": attempt.id, **known})

    def _go_down(self, *_: object) -> None:
        """Note a SIGTERM: the machine is going, so what runs is lost to it and not at fault."""
        self.going_down = True

    # The agent

    def accept(self) -> None:
        """Take a new agent, which replaces the one before."""
        agent, _ = self.listener.accept()
        credentials = agent.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if struct.unpack("3i", credentials)[1] not in (0, os.getuid()):
            agent.close()
            return
        while self.agent is not None and self.hear():  # what it still said counts
            pass
        self.drop_agent()
        agent.settimeout(0)
        self.agent, self.had_agent = agent, True
        self.poll.register(agent, select.POLLIN)
        lease = [self.lease_until_ms, self.lease_grace_ms]
        self.tell({"hello": PROTOCOL, "lease": lease, "pid": os.getpid(), "groups": True})

    def drop_agent(self) -> None:
        """Forget the agent, and what it was saying."""
        if self.agent is not None:
            self.poll.unregister(self.agent)
            self.agent.close()
        self.agent, self.inbox = None, b""
        self.outbox.clear()

    def hear(self) -> bool:
        """Read what the agent wrote and obey every whole line of it; say whether it wrote any."""
        assert self.agent is not None
        try:
            data = self.agent.recv(1 << 20)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.drop_agent()
            return False
        *lines, self.inbox = (self.inbox + data).split(b"\n")
        for line in lines:
            try:
                self.obey(json.loads(line))
            except Exception:  # whatever it is, the other attempts must not pay for it
                sys.excepthook(*sys.exc_info())  # to supervisor.log
        return True

    def obey(self, command: Json) -> None:
        """Do what the agent asks."""
        match command["do"]:
            case "start":
                self.start(command)
            case "stop":
                self.stop(command["attempt"], command["grace_ms"], command["why"])
            case "lease":
                self.lease_until_ms, self.lease_grace_ms = command["lease"]
            case _:
                pass  # an agent that knows more than this supervisor

    def tell(self, message: Json) -> None:
        """Have the agent know, if there is one; else it will read the record."""
        if self.agent is not None:
            self.outbox += json.dumps(message, separators=(",", ":")).encode() + b"\n"

    def flush(self) -> None:
        """Send what the agent takes; the rest goes when it has read on."""
        if self.agent is None:
            return
        if self.outbox:
            try:
                del self.outbox[: self.agent.send(self.outbox)]
            except BlockingIOError:
                pass
            except OSError:
                self.outbox.clear()  # it is gone, and what it said last is still to be read
        self.poll.modify(self.agent, select.POLLIN | (select.POLLOUT if self.outbox else 0))

    # Starting

    def start(self, order: Json) -> None:
        """Start an attempt that nobody has claimed; tell again what is known of any other.

        The order has `attempt`, `cwd`, `run` and `setup` (argv; empty is none), `env`, `tasks`
        (what each rank has beyond `env`), `time_limit_ms`, `grace_ms` and `log_bytes`. Where tasks
        are of unlike groups `group_of` gives that of each rank: 0 runs what is said above, N the
        `cwd`, `run` and `setup` of the N-th of `groups`. The attempt's folder exists.
        """
        attempt = self.claim(order)
        if attempt is None:
            return
        now_ms = boot_ms()
        if self.going_down or now_ms >= self.lease_until_ms:
            attempt.cause = {"kind": "fenced", "why": "no lease was held"}
            self.settle(attempt)
            return
        attempt.started_boot_ms, attempt.started_ms = now_ms, wall_ms()
        kinds = [order, *order.get("groups", ())]
        group_of = order.get("group_of") or [0] * len(order["tasks"])
        attempt.tasks = [
            Task(rank, env, kinds[group_of[rank]]) for rank, env in enumerate(order["tasks"])
        ]
        try:
            for task in attempt.tasks:
                task.in_setup = bool(task.kind["setup"])
                self.spawn(attempt, task)
        except Unrunnable as problem:
            attempt.started_ms = 0
            self.end(attempt, problem.end, 0)
            self.settle(attempt)
            return
        if order["time_limit_ms"]:
            attempt.limit_at_ms = now_ms + order["time_limit_ms"]
            heapq.heappush(self.timers, (attempt.limit_at_ms, attempt.id))
        pids = [task.pid for task in attempt.tasks]
        record.append(attempt.record, {"started_ms": attempt.started_ms, "pids": pids})
        self.tell({"attempt": attempt.id, "started_ms": attempt.started_ms})

    def claim(self, order: Json) -> Attempt | None:
        """Claim an attempt; None, and what is known told again, if that cannot be."""
        attempt_id = order["attempt"]
        folder = os.path.join(self.folders, attempt_id)
        try:
            attempt = Attempt(order, folder, record.claim(folder))
        except FileExistsError:
            known = record.read(folder) or {}
            self.tell({"attempt": attempt_id, "started_ms": 0, **known})
        except OSError as problem:
            self.tell({"attempt": attempt_id, "failed": os.strerror(problem.errno or 0)})
        else:
            self.attempts[attempt_id] = attempt
            return attempt
        return None

    def spawn(self, attempt: Attempt, task: Task) -> None:
        """Start a task's next process. Raises Unrunnable."""
        kind = task.kind
        argv = kind["setup"] if task.in_setup else kind["run"]
        env = {**attempt.order["env"], **task.env}
        task.pid = task.group = spawn(argv, env, kind["cwd"], attempt.log(task))
        os.chdir(self.root)
        attempt.left += 1
        self.task_of[task.pid] = (attempt, task)

    # Ending

    def stop(self, attempt_id: str, grace_ms: int, why: str) -> None:
        """End an attempt on order; one that nobody has claimed is claimed by its end."""
        cause = {"kind": "fenced", "why": why}
        attempt = self.attempts.get(attempt_id)
        if attempt is not None:
            self.end(attempt, cause, grace_ms)
            return
        with contextlib.suppress(OSError):
            os.mkdir(os.path.join(self.folders, attempt_id), 0o700)
        attempt = self.claim({"attempt": attempt_id, "grace_ms": 0, "log_bytes": 0})
        if attempt is not None:
            attempt.cause = cause
            self.settle(attempt)

    def fence(self, now_ms: int) -> None:
        """The lease is nearly over: end what could not end in time otherwise."""
        left_ms = max(0, self.lease_until_ms - now_ms)
        for attempt in list(self.attempts.values()):
            lead_ms = min(attempt.grace_ms, self.lease_grace_ms)
            if left_ms <= lead_ms:
                self.end(attempt, {"kind": "fenced", "why": "its lease ran out"}, left_ms)

    def end(self, attempt: Attempt, cause: Json, grace_ms: int) -> None:
        """Ask the processes to end, have them killed later. The first cause and less time stay."""
        kill_at_ms = boot_ms() + grace_ms
        attempt.cause = attempt.cause or cause
        before_ms, attempt.kill_at_ms = attempt.kill_at_ms, kill_at_ms
        if before_ms is not None and before_ms <= kill_at_ms:
            attempt.kill_at_ms = before_ms
            return
        heapq.heappush(self.timers, (kill_at_ms, attempt.id))
        if grace_ms <= 0:
            self.signal(attempt, signal.SIGKILL)
        elif before_ms is None:
            self.signal(attempt, signal.SIGTERM)
            self.signal(attempt, signal.SIGCONT)

    def signal(self, attempt: Attempt, number: int) -> None:
        for task in attempt.tasks:
            signal_group(task.group, number)

    def look_at(self, attempt: Attempt) -> None:
        """See whether its time is up, or whether it is over."""
        now_ms = boot_ms()
        if attempt.limit_at_ms is not None and now_ms >= attempt.limit_at_ms:
            attempt.limit_at_ms = None
            limit_ms = attempt.order["time_limit_ms"]
            self.end(attempt, {"kind": "time_limit", "limit_ms": limit_ms}, attempt.grace_ms)
        if attempt.kill_at_ms is not None and now_ms >= attempt.kill_at_ms:
            self.signal(attempt, signal.SIGKILL)
        self.settle(attempt)

    def reap(self) -> None:
        """Take in every process that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            known = self.task_of.pop(pid, None)
            if known is not None:
                self.task_ended(*known, os.waitstatus_to_exitcode(status))

    def task_ended(self, attempt: Attempt, task: Task, code: int) -> None:
        """A task's process ended: go from set-up to run, or note its code."""
        task.pid = 0
        attempt.left -= 1
        if attempt.cause is None:
            # Nobody waits for what a task leaves in its group when it ends by itself.
            signal_group(task.group, signal.SIGKILL)
            if code == 0 and task.in_setup:
                task.in_setup = False
                try:
                    self.spawn(attempt, task)
                except Unrunnable as problem:
                    self.end(attempt, problem.end, attempt.grace_ms)
            elif code > 0:
                cause = {"kind": "exit", "code": code, "task": task.rank}
                self.end(attempt, cause, attempt.grace_ms)
            elif code < 0:
                cause = {"kind": "signal", "signal": -code, "task": task.rank}
                self.end(attempt, cause, attempt.grace_ms)
        if not task.pid:
            task.code = code
        if attempt.cause is None and attempt.is_done():
            self.end(attempt, {"kind": "completed"}, attempt.grace_ms)
        self.settle(attempt)

    def settle(self, attempt: Attempt) -> None:
        """Record the end of an attempt of which nothing is left; look again soon otherwise."""
        if attempt.left:
            return
        attempt.cause = attempt.cause or {"kind": "completed"}
        if self.is_anything_left(attempt):
            heapq.heappush(self.timers, (boot_ms() + GONE_CHECK_MS, attempt.id))
            return
        ended_ms = wall_ms()
        if attempt.started_ms:  # by the clock that nobody sets
            ended_ms = attempt.started_ms + boot_ms() - attempt.started_boot_ms
        end = {
            "started_ms": attempt.started_ms,
            "ended_ms": ended_ms,
            "end": attempt.cause,
            "codes": [task.code for task in attempt.tasks],
        }
        if record.append(attempt.record, end):  # else, on a full disk, `tick` tries again
            os.close(attempt.record)
            del self.attempts[attempt.id]
            self.tell({"attempt": attempt.id, **end})

    def is_anything_left(self, attempt: Attempt) -> bool:
        """Say whether a process still runs of an attempt whose leaders are gone, and press it."""
        overdue = attempt.kill_at_ms is None or boot_ms() >= attempt.kill_at_ms
        left = self.prune_groups(attempt, signal.SIGKILL if overdue else 0)
        for pid in self.strays():
            if owner(pid, self.folders) == attempt.id:
                left = True
                if overdue or pid not in attempt.warned:
                    attempt.warned[pid] = None
                    signal_one(pid, signal.SIGKILL if overdue else signal.SIGTERM)
        return left

    def prune_groups(self, attempt: Attempt, number: int = 0) -> bool:
        """Signal the groups of tasks that ended; let go of those that are empty. Is one not?

        The number of an empty group may one day be somebody else's.
        """
        left = False
        for task in attempt.tasks:
            if task.group and not task.pid:
                if signal_group(task.group, number):
                    left = True
                else:
                    task.group = 0
        return left

    def strays(self) -> list[int]:
        """Children that were not started here: what tasks left behind."""
        if self.children is None:
            return []
        children = os.pread(self.children, 1 << 20, 0).split()
        if len(children) <= len(self.task_of):
            return []
        return [pid for pid in map(int, children) if pid not in self.task_of]
