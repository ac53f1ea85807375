"""Profiles: the named settings of a cycle, as data."""

import msgspec

from hutong.model.classes import DEFAULT_CLASSES, ClassRule
from hutong.model.limits import PLAN_PLACEMENTS

HOUR_MS = 3_600_000
ROUND_MS = 5 * 60_000


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a cycle weighs and bounds. Weights are in thousandths.

    `order` is `fair` (priority class, weighted dominant-resource fairness, deadline slack, age),
    `fifo` (priority class, age), `sjf` (priority class, shortest run, age) or `quick`: priority
    class, then age, where a job of `quick_work_ms` (chips times ms, CPUs times ms without chips) or
    more stands as if it had come `overtake_ms` later, and one of less in proportion. What a tenant
    used counts half as much after `share_half_life_ms`; 0 counts only what it holds.
    `backfill` is `none`, `easy` or `conservative`; `fit` is `tightest` or `fragmentation`.
    `reservations_count` bounds the blocked jobs that hold a reservation. On a pool that is kept for
    one already the next gets one only if it starts within `reservation_horizon_ms` (0: whenever).
    `default_run_ms` stands in where a job has neither an estimate nor a time limit.

    `cost_weight_milli` is the weight of cost against time for the objective `balanced`,
    `hour_value_microcny` what an hour of a job's time is worth when the two are compared. A job
    waits for a better pool than one that is free for at most `better_wait_ms`. A gang that may be
    resized runs for `grow_after_ms` at least before it grows.
    `preferred_bonus_milli` and `domestic_bonus_milli` are taken off the score of what a job
    prefers; `domestic_target_milli` is the share of accelerator work that domestic chips should do.
    `energy_weight_milli` of what a site's power costs, and `carbon_microcny_per_kg`, count as cost.

    The orders `srpt`, `las` and `gittins` are those of rounds, which with `round_ms` above 0 choose
    anew who runs: whoever ran so long may be stopped for another. He is worth more than one who
    waits by `round_gain_milli`, and going on elsewhere takes him `restart_ms` longer.

    `reclaim` takes back what was lent when its owner asks. Commercial capacity is started by
    `commercial_rule`: `after`, once the expected wait passes `commercial_after_ms`, or `worth`,
    once it is worth as much as buying costs more; it goes back after `commercial_idle_ms`.
    With `spot_retry_ms` above 0 an offer on spot terms that refused a node, or took one back, is
    not asked again for so long, and jobs with deadlines move between offers (see `spot_zones`).
    With `cleaner_mean_wait_ms` above 0 jobs begin where and when power causes least carbon, and
    wait for it no longer than that on average (see `cleaner`).
    """

    name: str = "fair"
    classes: tuple[ClassRule, ...] = DEFAULT_CLASSES
    order: str = "fair"
    quick_work_ms: int = 600_000
    overtake_ms: int = 400 * HOUR_MS
    share_half_life_ms: int = 7 * 24 * HOUR_MS
    backfill: str = "easy"
    fit: str = "tightest"
    preemption: bool = True
    reclaim: bool = True
    reservations_count: int = 16
    reservation_horizon_ms: int = 0
    placements_count: int = PLAN_PLACEMENTS
    candidates_count: int = 5
    default_run_ms: int = HOUR_MS
    better_wait_ms: int = HOUR_MS
    cost_weight_milli: int = 500
    hour_value_microcny: int = 20_000_000
    preferred_bonus_milli: int = 200
    domestic_bonus_milli: int = 200
    domestic_target_milli: int = 0
    energy_weight_milli: int = 0
    carbon_microcny_per_kg: int = 0
    commercial_rule: str = "after"
    commercial_after_ms: int = 15 * 60_000
    commercial_idle_ms: int = 10 * 60_000
    round_ms: int = 0
    round_gain_milli: int = 200
    restart_ms: int = 30_000
    grow_after_ms: int = 10 * 60_000
    spot_retry_ms: int = 0
    cleaner_mean_wait_ms: int = 0


PROFILES = {
    "fair": Profile(),
    "fifo": Profile(
        name="fifo", order="fifo", backfill="none", preemption=False, reclaim=False,
        better_wait_ms=0,
    ),
    "easy": Profile(
        name="easy", order="fifo", backfill="easy", preemption=False, reclaim=False,
        better_wait_ms=0,
    ),
    "conservative": Profile(
        name="conservative", order="fifo", backfill="conservative", preemption=False, reclaim=False,
        reservations_count=1_000, better_wait_ms=0,
    ),
    "fragmentation": Profile(
        name="fragmentation", order="fifo", backfill="easy", fit="fragmentation", preemption=False,
        reclaim=False, reservations_count=0, better_wait_ms=0,
    ),
    "sjf": Profile(
        name="sjf", order="sjf", backfill="easy", preemption=False, reclaim=False,
        better_wait_ms=0,
    ),
    "quick": Profile(
        name="quick", order="quick", backfill="easy", preemption=False, reclaim=False,
        reservation_horizon_ms=HOUR_MS, better_wait_ms=0,
    ),
    "srpt": Profile(
        name="srpt", order="srpt", reclaim=False, better_wait_ms=0, round_ms=ROUND_MS,
    ),
    "las": Profile(
        name="las", order="las", reclaim=False, better_wait_ms=0, round_ms=ROUND_MS,
    ),
    "gittins": Profile(
        name="gittins", order="gittins", reclaim=False, better_wait_ms=0, round_ms=ROUND_MS,
    ),
}  # fmt: skip
