"""Why an attempt or a job ended."""

from typing import ClassVar

from hutong.model.reasons.base import Reason
from hutong.model.states import FailureClass


class EndReason(Reason, frozen=True):
    """Base of the reasons of an end; `failure` decides whether and how it is retried."""

    failure: ClassVar[FailureClass] = FailureClass.NONE


class Completed(EndReason, frozen=True, tag="ended.completed"):
    """Every task left with exit code 0."""

    def sentence(self) -> str:
        return "Every task ended with exit code 0."


class ExitCode(EndReason, frozen=True, tag="user.exit_code"):
    """A task left with an exit code that is not 0."""

    failure: ClassVar[FailureClass] = FailureClass.USER
    exit_code: int
    task: int = 0

    def sentence(self) -> str:
        return f"Task {self.task} ended with exit code {self.exit_code}."


class Signalled(EndReason, frozen=True, tag="user.signal"):
    """A task was ended by a signal that Hutong did not send."""

    failure: ClassVar[FailureClass] = FailureClass.USER
    signal: int
    task: int = 0

    def sentence(self) -> str:
        return f"Task {self.task} was ended by signal {self.signal}."


class TimeLimit(EndReason, frozen=True, tag="user.time_limit"):
    """The attempt ran into the job's time limit."""

    failure: ClassVar[FailureClass] = FailureClass.USER
    limit_ms: int

    def sentence(self) -> str:
        return f"It reached its time limit of {self.limit_ms / 1000:g} s."


class CancelledByUser(EndReason, frozen=True, tag="user.cancelled"):
    """Somebody with the right to do so cancelled it."""

    failure: ClassVar[FailureClass] = FailureClass.CANCELLED
    by: str

    def sentence(self) -> str:
        return f"Cancelled by {self.by}."


class DependencyFailed(EndReason, frozen=True, tag="user.dependency"):
    """A job it depends on ended in a way that can never satisfy the dependency."""

    failure: ClassVar[FailureClass] = FailureClass.CANCELLED
    job: str
    kind: str
    state: str

    def sentence(self) -> str:
        return f"It needs {self.kind}:{self.job}, and {self.job} {self.state}."


class DeadlinePassed(EndReason, frozen=True, tag="user.deadline"):
    """The deadline passed before it could start."""

    failure: ClassVar[FailureClass] = FailureClass.CANCELLED
    deadline_ms: int

    def sentence(self) -> str:
        return "Its deadline passed before it could start."


class Preempted(EndReason, frozen=True, tag="preempted.for"):
    """Stopped so that a job that comes first could start."""

    failure: ClassVar[FailureClass] = FailureClass.PREEMPTED
    by: str

    def sentence(self) -> str:
        return f"Stopped so that job {self.by} could start; it keeps its place in the queue."


class Reclaimed(EndReason, frozen=True, tag="preempted.reclaimed"):
    """Stopped because a tenant asked back, for a job of its own, what it had lent."""

    failure: ClassVar[FailureClass] = FailureClass.PREEMPTED
    by: str
    tenant: str

    def sentence(self) -> str:
        return (
            f"Stopped so that job {self.by} could start with what {self.tenant} is guaranteed and "
            "had lent; it keeps its place in the queue."
        )


class StartFailed(EndReason, frozen=True, tag="machine.start_failed"):
    """The site could not start it."""

    failure: ClassVar[FailureClass] = FailureClass.MACHINE
    problem: str

    def sentence(self) -> str:
        return f"The site could not start it: {self.problem}."


class CommandNotFound(EndReason, frozen=True, tag="user.start_failed"):
    """What the job asked to run does not exist or cannot be run there."""

    failure: ClassVar[FailureClass] = FailureClass.USER
    problem: str

    def sentence(self) -> str:
        return f"Its command could not be run: {self.problem}."


class ProcessLost(EndReason, frozen=True, tag="machine.lost"):
    """The processes vanished without an exit status (a reboot, a killed supervisor)."""

    failure: ClassVar[FailureClass] = FailureClass.MACHINE

    def sentence(self) -> str:
        return "Its processes vanished without an exit status."


class NodeGone(EndReason, frozen=True, tag="machine.node_gone"):
    """The node is no longer there."""

    failure: ClassVar[FailureClass] = FailureClass.MACHINE
    node: str

    def sentence(self) -> str:
        return f"Node {self.node} is no longer there."


class LeaseExpired(EndReason, frozen=True, tag="site.lease_expired"):
    """The site was silent until the lease ran out, so the attempt counts as lost."""

    failure: ClassVar[FailureClass] = FailureClass.SITE
    site: str

    def sentence(self) -> str:
        return f"Site {self.site} was silent until the lease ran out."


class SpotRevoked(EndReason, frozen=True, tag="preempted.spot"):
    """The provider took a spot node back. It costs no retry, and the job keeps its place."""

    failure: ClassVar[FailureClass] = FailureClass.PREEMPTED
    node: str

    def sentence(self) -> str:
        return f"The provider took spot node {self.node} back; it keeps its place in the queue."


class Fenced(EndReason, frozen=True, tag="site.fenced"):
    """The attempt ended itself because its lease had run out or a newer token exists."""

    failure: ClassVar[FailureClass] = FailureClass.SITE

    def sentence(self) -> str:
        return "It ended itself: its lease had run out."


class Resized(EndReason, frozen=True, tag="preempted.resized"):
    """An elastic gang was stopped so that it starts again at another size."""

    failure: ClassVar[FailureClass] = FailureClass.PREEMPTED
    tasks_before: int
    tasks_after: int
    by: str = ""

    def sentence(self) -> str:
        why = f" so that job {self.by} could start" if self.by else ""
        return (
            f"Stopped at {self.tasks_before} task(s){why}, to go on with {self.tasks_after} "
            "before anybody else."
        )


class PartEnded(EndReason, frozen=True, tag="preempted.part_ended"):
    """Another part of a gang that is split over sites did not succeed, so all of it stopped."""

    failure: ClassVar[FailureClass] = FailureClass.PREEMPTED
    attempt: str

    def sentence(self) -> str:
        return f"Stopped because {self.attempt}, another part of the gang, did not succeed."


EndedReason = (
    Completed
    | ExitCode
    | Signalled
    | TimeLimit
    | CancelledByUser
    | DependencyFailed
    | DeadlinePassed
    | Preempted
    | Reclaimed
    | StartFailed
    | CommandNotFound
    | ProcessLost
    | NodeGone
    | LeaseExpired
    | Fenced
    | SpotRevoked
    | Resized
    | PartEnded
)
