"""The tides of day and week: how many more jobs come at ten on a Tuesday than on Sunday at night.

Arrivals of another process are thinned: of those in an hour a part stays that is as large as the
hour's weight beside the heaviest (Lewis and Shedler, Naval Research Logistics 26, 1979). The
process runs faster beforehand by as much as is lost, so that the mean gap stays what it was.
"""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from hutong.sim.generate.settings import Ranges, Settings
from hutong.sim.generate.streams import Floats, Stream

HOUR_MS = 3_600_000
WEEK_HOURS = 7 * 24

OFFICE_HOURS = (
    0.45, 0.35, 0.30, 0.25, 0.25, 0.30, 0.40, 0.60, 0.95, 1.35, 1.60, 1.60,
    1.25, 1.35, 1.65, 1.70, 1.65, 1.55, 1.25, 1.15, 1.15, 1.10, 0.95, 0.70,
)  # fmt: skip
WORKING_WEEK = (1.15, 1.2, 1.2, 1.2, 1.1, 0.6, 0.55)


class Tides(Settings, frozen=True, tag="tides"):
    """Weights of the 24 hours of a day and of the 7 days of a week from Monday on.

    Only their ratios count. `begin_hour` is the hour of the week at which the workload begins.
    """

    hours: tuple[float, ...] = OFFICE_HOURS
    days: tuple[float, ...] = WORKING_WEEK
    begin_hour: int = 0

    RANGES: ClassVar[Ranges] = {
        "hours": (0, 1e6),
        "days": (0, 1e6),
        "begin_hour": (0, WEEK_HOURS - 1),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        need_weights(self, "hours", 24)
        need_weights(self, "days", 7)

    def week(self) -> Floats:
        """The weights of the 168 hours from the workload's begin on, with a mean of 1."""
        table = np.outer(np.array(self.days), np.array(self.hours)).ravel()
        mean: Floats = np.roll(table, -self.begin_hour) / table.mean()
        return mean


def need_weights(settings: Settings, setting: str, wanted: int) -> None:
    """Raises `HutongError` `generate.setting` unless there are so many weights, not all 0."""
    weights = getattr(settings, setting)
    if len(weights) != wanted:
        raise settings.refusal(setting, f"there are {len(weights)} weights, not {wanted}")
    if not sum(weights):
        raise settings.refusal(setting, "all weights are 0")


def tidal(blocks: Iterator[Floats], tides: Tides | None, source: Stream) -> Iterator[Floats]:
    """Arrivals with the tides over them; without tides as they are."""
    if tides is None:
        yield from blocks
        return
    week = tides.week()
    most = week.max()
    chances = week / most
    for times in blocks:
        faster = times / most
        hours = (faster // HOUR_MS).astype(np.int64) % WEEK_HOURS
        kept = faster[source.random(len(faster)) < chances[hours]]
        if len(kept):
            yield kept
