"""Kinds: shapes that ask for the same sort of place, whatever their amounts, times and budget.

What decides about the sort of place (chips, software, where, on which terms) is filtered once for
all shapes of a kind, over the columns of all pools. A new shape of a known kind is then tried only
on the berths that are left.
"""

import numpy as np

from hutong.scheduler.berth import Berth
from hutong.scheduler.columns import Ints, need_of
from hutong.scheduler.facts import PoolFacts
from hutong.scheduler.filters import FILTERS, KIND_FILTERS, PASSED, Ask, first_failed
from hutong.scheduler.profile import Profile
from hutong.scheduler.shapes import Shape


class Kind:
    """The berths of a kind by alternative, each in the order of the pools.

    `fell` and `filtered` are as in `Match`, for the filters of kinds alone.
    """

    __slots__ = ("alternatives", "facts", "fell", "filtered")

    def __init__(self, shape: Shape, facts: PoolFacts, profile: Profile) -> None:
        self.facts = facts
        self.fell: Ints = np.zeros(len(facts), np.int64)
        self.alternatives: list[list[Berth]] = []
        bonus_milli = max(profile.preferred_bonus_milli, 0)
        preferred = [
            bonus_milli * part // 1000 for part in facts.preferred_milli(shape.preferences)
        ]
        tariffs: dict[tuple[int, int], int] = {}
        for alternative in range(max(len(shape.accelerators), 1)):
            ask = Ask(shape, alternative, facts)
            fell = first_failed(ask, facts)
            self.fell = np.maximum(self.fell, fell)
            berths: list[Berth] = []
            self.alternatives.append(berths)
            if not (fell == PASSED).any():
                continue
            milli = max(ask.chosen.count_milli, 1) if ask.chosen else 0
            chip_tasks = facts.tasks_per_node(need_of(0, 0, milli, exclusive=False)).tolist()
            for row in np.flatnonzero(fell == PASSED).tolist():
                speed_milli = ask.speed_milli(facts.order[row])
                terms = facts.price_codes[row], speed_milli
                berths.append(
                    Berth(
                        facts, row, alternative, ask.chosen, chip_tasks=chip_tasks[row],
                        speed_milli=speed_milli, tariff=tariffs.setdefault(terms, len(tariffs)),
                        preferred_milli=preferred[row],
                    )
                )  # fmt: skip
        self.filtered: dict[str, int] = {}
        for position in range(len(KIND_FILTERS)):
            nodes = int(facts.nodes[self.fell == position].sum())
            if nodes:
                self.filtered[FILTERS[position][0]] = nodes


def kind_key(shape: Shape) -> tuple[object, ...]:
    """What shapes of one kind have alike: all that the berths of a kind are made from."""
    return (
        shape.accelerators, shape.frameworks, shape.constraints, shape.commercial, shape.workload,
        shape.preferences,
    )  # fmt: skip
