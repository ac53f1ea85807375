"""How long similar jobs ran, as a sorted sample, and what a policy reads off it.

An index of Gittins needs nothing but such a sample: Gittins, Glazebrook and Weber, "Multi-Armed
Bandit Allocation Indices", 2011; for queues Aalto, Ayesta and Righter, QUESTA 63, 2009.
"""

from bisect import bisect_right
from itertools import accumulate

import msgspec


class RunTimes(msgspec.Struct, frozen=True):
    """Run times of jobs alike in `level`, in ms, sorted; at least one."""

    runs_ms: tuple[int, ...]
    level: str

    def quantile_ms(self, share_milli: int) -> int:
        """The run time that `share_milli` thousandths of them do not pass."""
        last = len(self.runs_ms) - 1
        return self.runs_ms[min(max(-(-share_milli * (last + 1) // 1000) - 1, 0), last)]

    def mean_left_ms(self, ran_ms: int) -> int | None:
        """What a job that has run for `ran_ms` has left on average; None where none ran longer."""
        left = self.runs_ms[bisect_right(self.runs_ms, ran_ms) :]
        return sum(left) // len(left) - ran_ms if left else None

    def work_to_finish_ms(self, ran_ms: int) -> int | None:
        """The inverse of the Gittins index: the least work for one expected finish, in ms.

        It is the least over all horizons d of E[min(X - a, d)] / P(X - a <= d) for a run X that
        has passed a = `ran_ms`. The job where it is least goes first. None where none ran longer.
        """
        left = self.runs_ms[bisect_right(self.runs_ms, ran_ms) :]
        if not left:
            return None
        count = len(left)
        return min(
            (done_ms + (count - ended) * run_ms - count * ran_ms) // ended
            for ended, (run_ms, done_ms) in enumerate(
                zip(left, accumulate(left), strict=True), start=1
            )
        )
