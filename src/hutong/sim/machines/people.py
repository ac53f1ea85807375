"""Users and operators: they ask until they are answered, and want what they wanted last."""

from collections.abc import Callable
from random import Random

import msgspec

from hutong.lifecycle import commands as do
from hutong.lifecycle.admission import Accepted
from hutong.model.errors import HutongError
from hutong.model.ids import JobId
from hutong.model.job import Dependency, DependencyKind, JobSpec
from hutong.sim.machines.hub import Hub, Respond
from hutong.sim.machines.loop import Loop
from hutong.sim.machines.nature import LINE
from hutong.sim.machines.network import Network
from hutong.sim.machines.script import CancelLine, DrainLine, Script, TenantLine
from hutong.sim.machines.violation import must

PATIENCE_MS = (2_000, 15_000)
"""How long somebody waits for an answer before asking again."""
OFFICE = "people"
"""The name of the users' end of the network."""

Ask = Callable[[Respond], None]
Answered = Callable[[object], bool]
"""Takes an answer; says whether it will do."""


class People:
    """Everybody outside. `answers` holds the job of each line, once its answer came."""

    def __init__(
        self, loop: Loop, random: Random, network: Network, hub: Hub, script: Script
    ) -> None:
        self.answers: dict[int, JobId] = {}
        self.refusals: dict[int, HutongError] = {}
        self.open_requests = 0
        self._loop = loop
        self._random = random
        self._network = network
        self._hub = hub
        self._script = script
        self._wanted: dict[str, object] = {}

    def begin(self) -> None:
        """Plan everybody's day."""
        script, start_ms = self._script, self._loop.now_ms
        for tenant in script.tenants:
            self.change_tenant(TenantLine(0, tenant))
        index = 0
        while index < len(script.jobs):
            lines = [index]
            while self._goes_with(lines[0], lines[-1] + 1):
                lines.append(lines[-1] + 1)
            first = script.jobs[index]
            self._loop.at(start_ms + first.at_ms, self._hand_in, tuple(lines))
            for again in range(first.repeats):
                self._loop.at(start_ms + first.at_ms + 40_000 * again, self._hand_in, tuple(lines))
            index = lines[-1] + 1
        for cancel in script.cancels:
            self._loop.at(start_ms + cancel.at_ms, self._cancel, cancel)
        for change in script.tenant_changes:
            self._loop.at(start_ms + change.at_ms, self.change_tenant, change)
        for drain in script.drains:
            self._loop.at(start_ms + drain.at_ms, self.drain, drain)

    def _goes_with(self, first: int, line: int) -> bool:
        """Say whether a line comes in the request that starts with `first`."""
        jobs = self._script.jobs
        if line >= len(jobs) or not jobs[line - 1].bulk:
            return False
        return all(other < first for _, other in jobs[line].after)

    @property
    def has_answers(self) -> bool:
        """Say whether every line was accepted or refused for good."""
        lines = range(len(self._script.jobs))
        return all(line in self.answers or line in self.refusals for line in lines)

    def change_tenant(self, line: TenantLine) -> None:
        """Make a tenant or change it."""
        command = do.PutTenant(line.tenant)
        self._want(f"tenant {line.tenant.id}", command)

    def drain(self, line: DrainLine) -> None:
        """Drain a site or a node, or let work come again."""
        if line.node:
            self._want(f"node {line.node}", do.DrainNode(line.node, line.draining))
        else:
            self._want(f"site {line.site}", do.DrainSite(line.site, line.draining))

    def _want(self, what: str, command: do.PutTenant | do.DrainSite | do.DrainNode) -> None:
        self._wanted[what] = command

        def ask(respond: Respond) -> None:
            self._hub.call(command, respond)

        def still() -> bool:
            return self._wanted.get(what) is command

        self._ask(ask, _was_taken, still)

    def _hand_in(self, lines: tuple[int, ...]) -> None:
        jobs = self._script.jobs
        needed = [other for line in lines for _, other in jobs[line].after]
        if any(other not in self.answers and other not in self.refusals for other in needed):
            self._loop.after(1_000, self._hand_in, lines)
            return
        submissions = tuple(do.Submission(self._spec(line), f"line-{line}") for line in lines)

        def ask(respond: Respond) -> None:
            self._hub.submit(submissions, "somebody", respond)

        def will_do(answer: object) -> bool:
            if not isinstance(answer, list):
                return isinstance(answer, HutongError) and answer.status < 500
            taken = [self._note(lines[at], each) for at, each in enumerate(answer)]
            return all(taken)

        self._ask(ask, will_do)

    def _spec(self, line: int) -> JobSpec:
        job = self._script.jobs[line]
        depends_on = tuple(
            Dependency(DependencyKind(kind), self.answers[other])
            for kind, other in job.after
            if other not in self.refusals
        )
        program = job.spec.program
        env = {**program.env, LINE: str(line)}
        program = msgspec.structs.replace(program, env=env)
        return msgspec.structs.replace(job.spec, depends_on=depends_on, program=program)

    def _note(self, line: int, answer: object) -> bool:
        if isinstance(answer, HutongError):
            if answer.status < 500 and line not in self.answers:
                self.refusals[line] = answer
            return answer.status < 500
        assert isinstance(answer, Accepted), answer
        earlier = self.answers.setdefault(line, answer.job)
        if earlier != answer.job:
            problem = f"one submission was answered with {earlier} and with {answer.job}"
            must(holds=False, promise=1, problem=problem, about=answer.job)
        return True

    def _cancel(self, line: CancelLine) -> None:
        if line.line in self.refusals:
            return
        job = self.answers.get(line.line)
        if job is None:
            self._loop.after(1_000, self._cancel, line)
            return
        command = do.Cancel(job, "somebody", line.element)

        def ask(respond: Respond) -> None:
            self._hub.cancel(command, respond)

        self._ask(ask, _was_taken)

    def _ask(self, ask: Ask, will_do: Answered, still: Callable[[], bool] | None = None) -> None:
        self.open_requests += 1
        request = _Request(ask, will_do, still)
        self._try(request)

    def _try(self, request: "_Request") -> None:
        if request.is_done:
            return
        if request.still is not None and not request.still():
            self._finish(request)
            return

        def answered(answer: object) -> None:
            if request.will_do(answer):
                self._finish(request)

        def respond(answer: object) -> None:
            self._network.send_promptly(f">{OFFICE}", answered, answer)

        # An order that came after a later one would win: operators' ways keep the order.
        send = self._network.send_promptly if request.in_order else self._network.send
        send(f"{OFFICE}>", request.ask, respond)
        self._loop.after(self._random.randint(*PATIENCE_MS), self._try, request)

    def _finish(self, request: "_Request") -> None:
        if not request.is_done:
            request.is_done = True
            self.open_requests -= 1


def _was_taken(answer: object) -> bool:
    """Say whether a hub has decided; what it could not do this time is asked for again."""
    return not (isinstance(answer, HutongError) and answer.status >= 500)


class _Request:
    """Something asked for; `still` says whether it is still wanted, and keeps it in order."""

    def __init__(
        self, ask: Ask, will_do: Answered, still: Callable[[], bool] | None = None
    ) -> None:
        self.ask = ask
        self.will_do = will_do
        self.still = still
        self.in_order = still is not None
        self.is_done = False
