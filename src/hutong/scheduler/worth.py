"""When the compiled kernels are worth what they cost: a tenth of a gigabyte and half a second."""

from hutong.scheduler import kernels
from hutong.scheduler.state import SchedulerState
from hutong.scheduler.warm import warm

NODES = 256
"""With so many nodes the compiled kernels are worth their memory."""

QUEUED_JOBS = 2_000
"""With so many waiting jobs as well."""


def is_large(state: SchedulerState) -> bool:
    """Whether nodes or waiting jobs are so many."""
    return state.nodes_count() >= NODES or state.queued_count() >= QUEUED_JOBS


def take_up() -> None:
    """Use them from now on, without one being compiled later."""
    kernels.load()
    warm()
