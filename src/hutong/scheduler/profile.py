"""Profiles: the named settings of a cycle, as data."""

import msgspec

from hutong.model.limits import PLAN_PLACEMENTS


class Profile(msgspec.Struct, frozen=True):
    """What a cycle weighs and bounds. Weights are in thousandths.

    `order` is `fair` (priority class, weighted dominant-resource fairness, deadline slack, age) or
    `fifo` (priority class, age). `backfill` is `none`, `easy` or `conservative`.
    `reservations_count` bounds the blocked jobs that hold a reservation; `default_run_ms` stands in
    where a job has neither an estimate nor a time limit. `cost_weight_milli` is the weight of cost
    against time for the objective `balanced`, `hour_value_microcny` what an hour of a job's time
    is worth when the two are compared.
    """

    name: str = "fair"
    order: str = "fair"
    backfill: str = "easy"
    preemption: bool = True
    reservations_count: int = 16
    placements_count: int = PLAN_PLACEMENTS
    candidates_count: int = 5
    default_run_ms: int = 3_600_000
    cost_weight_milli: int = 500
    hour_value_microcny: int = 20_000_000
    domestic_bonus_milli: int = 200


PROFILES = {
    "fair": Profile(),
    "fifo": Profile(name="fifo", order="fifo", backfill="none", preemption=False),
    "easy": Profile(name="easy", order="fifo", backfill="easy", preemption=False),
}
