"""The ambient of a cycle: what makes one pool better than another and changes as jobs are placed.

Two things are ambient: the transfers under way, which share links with what would come next, and
the share of the accelerators in use that are domestic, beside the share that the operator aims at.
Most shapes depend on neither. What was matched for one that does is worth what `stamp` was then.

The share counts chips, each as one, of everything that holds capacity. Below the target, domestic
pools get a bonus for jobs that take either kind: nothing at the target, growing in sixteenths to
the whole `domestic_bonus_milli` where no chip in use is domestic.
"""

from hutong.scheduler.option import Option
from hutong.scheduler.profile import Profile
from hutong.scheduler.transfer import Transfers, Underway

LEVELS = 16
"""In how many steps the bonus grows, so that a placement seldom changes it."""


class Ambient:
    """What one cycle sees of it, its own placements included. `level` is 0 to `LEVELS`."""

    __slots__ = (
        "_chips_milli", "_domestic_chips_milli", "_target_milli", "level", "stamp", "underway",
    )  # fmt: skip

    def __init__(
        self, transfers: Transfers, profile: Profile, *, chips_milli: int, domestic_milli: int
    ) -> None:
        self.underway = Underway(transfers)
        self._chips_milli = chips_milli
        self._domestic_chips_milli = domestic_milli
        self._target_milli = profile.domestic_target_milli
        self.level = self._level()
        self.stamp = (self.underway.stamp, self.level)

    @property
    def domestic_milli(self) -> int:
        """The share of the chips in use that are domestic, in thousandths; 0 where none is used."""
        return self._domestic_chips_milli * 1000 // max(self._chips_milli, 1)

    def placed(self, option: Option, chips_milli: int) -> None:
        """Account a placement that holds so many thousandths of chips."""
        self.underway.add(option.haul)
        self.add(chips_milli, chips_milli if option.domestic else 0)

    def add(self, chips_milli: int, domestic_milli: int) -> None:
        """Account chips that work, and how many of them are domestic."""
        self._chips_milli += chips_milli
        self._domestic_chips_milli += domestic_milli
        if self._target_milli > 0:
            self.level = self._level()
        self.stamp = (self.underway.stamp, self.level)

    def _level(self) -> int:
        target = min(self._target_milli, 1000)
        missing = target - self.domestic_milli
        return -(-missing * LEVELS // target) if target > 0 and missing > 0 else 0
