"""Precedence: what comes first within a class where shares do not decide, as one number an entry.

The order `quick` lets short work go first without letting anybody starve. A job's place is when it
was handed in plus a delay that grows with the work it is believed to be, up to `overtake_ms` for
`quick_work_ms` and more. It never moves, so a job is overtaken only by jobs that were handed in
at most `overtake_ms` later, however many of them come; and a queue in this order is the order of
backfill too. Work counts, rather than time, because a gang keeps more from others than one task.
"""

from typing import NamedTuple

from hutong.scheduler.profile import Profile
from hutong.scheduler.shapes import NEVER_MS, WHOLE_MILLI, Shape, held_by_groups

_RUN_MAX_MS = 2**42


class Precedence(NamedTuple):
    """The settings of a profile that the order of a queue depends on."""

    order: str = "fair"
    overtake_ms: int = 0
    quick_work_ms: int = 1

    @classmethod
    def of(cls, profile: Profile) -> "Precedence":
        """Those of a profile."""
        if profile.order != "quick":
            return cls(profile.order)
        return cls(profile.order, profile.overtake_ms, max(profile.quick_work_ms, 1))

    def slack_of(
        self, shape: Shape, *, submitted_ms: int = 0, served_ms: int = 0, believed_ms: int = 0
    ) -> int:
        """What comes before age within a tenant: the latest start that meets the deadline (`fair`),
        the expected run (`sjf`, and `srpt` times the chips), what it was served (`las`, `gittins`,
        in doublings), when it was handed in with a delay (`quick`), nothing (`fifo`).

        `believed_ms` is the run that is believed in where that is not what the shape says, else 0.
        """
        match self.order:
            case "fair":
                return shape.latest_start_ms
            case "sjf":
                return believed_ms or shape.run_ms(WHOLE_MILLI, NEVER_MS)
            case "srpt":
                milli = shape.accelerators[0].count_milli if shape.accelerators else 0
                run_ms = min(shape.run_ms(WHOLE_MILLI, NEVER_MS), _RUN_MAX_MS)
                return run_ms * max(milli * shape.tasks // WHOLE_MILLI, 1)
            case "las" | "gittins":
                return served_ms.bit_length()
            case "quick":
                run_ms = believed_ms or shape.run_ms(WHOLE_MILLI, NEVER_MS)
                return submitted_ms + self._delay_ms(work_ms(shape, run_ms))
            case _:
                return 0

    def _delay_ms(self, work: int) -> int:
        return self.overtake_ms * min(work, self.quick_work_ms) // self.quick_work_ms


def work_ms(shape: Shape, run_ms: int) -> int:
    """The work of a gang that runs so long: chips times ms, or CPUs times ms where it has none."""
    held = held_by_groups(shape)
    chips = shape.accelerators[0].count_milli if shape.accelerators else 0
    milli = chips * shape.tasks + held.accelerator_milli
    milli = milli or shape.cpu_milli * shape.tasks + held.cpu_milli
    return run_ms * max(milli, 1) // WHOLE_MILLI
