"""What is wrong, or odd, with a profile that an operator wrote.

Pure: `hutong doctor`, the reader of profile files and the hub say the same about the same profile.
"""

from collections.abc import Iterator

import msgspec

from hutong.model import limits
from hutong.model.classes import NORMAL, ClassRule, is_class, weaker_from
from hutong.scheduler.profile import Profile
from hutong.scheduler.rounds.index import INDEXES

ORDERS = ("fair", "fifo", "sjf", "quick", *INDEXES)
BACKFILLS = ("none", "easy", "conservative")
FITS = ("tightest", "fragmentation")
COMMERCIAL_RULES = ("after", "worth")
WORDS = {
    "order": ORDERS, "backfill": BACKFILLS, "fit": FITS, "commercial_rule": COMMERCIAL_RULES,
}  # fmt: skip

RANGES = {
    "quick_work_ms": (1, limits.DURATION_MS),
    "overtake_ms": (0, limits.DURATION_MS),
    "share_half_life_ms": (0, limits.DURATION_MS),
    "reservations_count": (0, limits.PROFILE_COUNT),
    "reservation_horizon_ms": (0, limits.DURATION_MS),
    "placements_count": (1, limits.PLAN_PLACEMENTS),
    "candidates_count": (0, limits.PROFILE_COUNT),
    "default_run_ms": (1, limits.DURATION_MS),
    "better_wait_ms": (0, limits.DURATION_MS),
    "cost_weight_milli": (0, 1000),
    "hour_value_microcny": (0, limits.MONEY_MICROCNY),
    "preferred_bonus_milli": (0, 1000),
    "domestic_bonus_milli": (0, 1000),
    "domestic_target_milli": (0, 1000),
    "energy_weight_milli": (0, 1000),
    "carbon_microcny_per_kg": (0, limits.MONEY_MICROCNY),
    "commercial_after_ms": (0, limits.DURATION_MS),
    "commercial_idle_ms": (0, limits.DURATION_MS),
    "round_ms": (0, limits.DURATION_MS),
    "round_gain_milli": (0, 9_000),
    "restart_ms": (0, limits.DURATION_MS),
    "grow_after_ms": (0, limits.DURATION_MS),
    "spot_retry_ms": (0, limits.DURATION_MS),
    "cleaner_mean_wait_ms": (0, limits.DURATION_MS),
}
"""The least and the most of each setting that is a number."""

MINUTE_MS = 60_000


class ProfileFinding(msgspec.Struct, frozen=True):
    """One thing about a profile. `fails` says that it cannot be used; else it is merely odd."""

    setting: str
    problem: str
    advice: str
    fails: bool = False


def check_profile(profile: Profile) -> tuple[ProfileFinding, ...]:
    """Give what is wrong with a profile, then what is odd about it; empty for a sound one."""
    wrong = (*_words(profile), *_ranges(profile), *_classes(profile.classes))
    return wrong or (*_odd_classes(profile), *_odd_order(profile), *_odd_supply(profile))


def fails(findings: tuple[ProfileFinding, ...]) -> bool:
    """Say whether a profile with these findings cannot be used."""
    return any(finding.fails for finding in findings)


# What is wrong


def _wrong(setting: str, problem: str, advice: str) -> ProfileFinding:
    return ProfileFinding(setting, problem, advice, fails=True)


def _words(profile: Profile) -> Iterator[ProfileFinding]:
    for setting, words in WORDS.items():
        word = getattr(profile, setting)
        if word not in words:
            yield _wrong(setting, f"there is no `{word}`", f"It is one of {', '.join(words)}.")


def _ranges(profile: Profile) -> Iterator[ProfileFinding]:
    for setting, (low, high) in RANGES.items():
        value = getattr(profile, setting)
        if value < low:
            problem = f"it is less than {low}" if low else "it is negative"
            yield _wrong(setting, problem, f"The least is {low}.")
        elif value > high:
            yield _wrong(setting, f"the limit is {high}", f"The most is {high}.")


def _classes(classes: tuple[ClassRule, ...]) -> Iterator[ProfileFinding]:
    if not classes:
        yield _wrong("classes", "there is no class", "Give at least one, such as `normal`.")
    if len(classes) > limits.CLASSES:
        yield _wrong("classes", f"{limits.CLASSES} classes are the limit", "Name fewer.")
    seen: dict[str, None] = {}
    later = {rule.name: rank for rank, rule in enumerate(classes)}
    for rank, rule in enumerate(classes):
        if not is_class(rule.name):
            yield _wrong(
                "classes", f"`{rule.name}` is not the name of a class",
                "Use lower-case letters, digits, `-` and `.`, and not digits alone.",
            )  # fmt: skip
        elif rule.name in seen:
            yield _wrong("classes", f"`{rule.name}` is named twice", "Name it once.")
        seen[rule.name] = None
        if rule.evicts_from and later.get(rule.evicts_from, -1) <= rank:
            yield _wrong(
                "classes",
                f"`{rule.name}` evicts from `{rule.evicts_from}`, which is no class after it",
                "A class may stop jobs of classes that come later in the list.",
            )
        if not 0 <= rule.bound_ms <= limits.DURATION_MS:
            yield _wrong(
                "classes", f"the bound of `{rule.name}` is out of range",
                "It is a duration of at most 366 days.",
            )  # fmt: skip


# What is odd


def _odd_classes(profile: Profile) -> Iterator[ProfileFinding]:
    names = [rule.name for rule in profile.classes]
    if NORMAL not in names:
        yield ProfileFinding(
            "classes", f"there is no class `{NORMAL}`, which jobs have that name none",
            "Every job file then has to say its priority.",
        )  # fmt: skip
    for rule in profile.classes:
        evicts = weaker_from(rule.name, profile.classes) is not None
        if rule.bound_ms and not (evicts and profile.preemption):
            why = "preemption is off" if evicts else "it may stop nobody"
            yield ProfileFinding(
                "classes", f"`{rule.name}` has a bound of {rule.bound_ms // 1000} s, and {why}",
                "On a full cluster it will be told why not, and never placed in time.",
            )  # fmt: skip
        elif evicts and not profile.preemption:
            yield ProfileFinding(
                "preemption", f"it is off, and `{rule.name}` says whom it would stop",
                "Turn it on, or leave `evicts_from` away.",
            )  # fmt: skip


def _odd_order(profile: Profile) -> Iterator[ProfileFinding]:
    if profile.order == "fair" and not profile.share_half_life_ms:
        yield ProfileFinding(
            "share_half_life_ms", "it is 0: only what a tenant holds now counts",
            "Who used a whole cluster all night comes first again in the morning; 7 days is usual.",
        )  # fmt: skip
    if profile.backfill != "none" and not profile.reservations_count:
        yield ProfileFinding(
            "reservations_count", f"it is 0, and backfill is `{profile.backfill}`",
            "Nothing holds room for a large job: small ones overtake it for ever.",
        )  # fmt: skip
    if profile.order == "sjf" and profile.backfill == "none":
        yield ProfileFinding(
            "order", "the shortest job comes first, and nothing is kept for a long one",
            "Long jobs wait for ever while short ones come; use `fair` for people.",
        )  # fmt: skip
    if profile.order == "quick" and not profile.overtake_ms:
        yield ProfileFinding(
            "overtake_ms", "it is 0, and the order is `quick`",
            "Nobody is set back then, which is the order `fifo`; some days are usual.",
        )  # fmt: skip
    if profile.reservation_horizon_ms and profile.backfill != "easy":
        yield ProfileFinding(
            "reservation_horizon_ms", f"it is set, and backfill is `{profile.backfill}`",
            "It bounds what `easy` reserves; `conservative` promises all a start, `none` nobody.",
        )  # fmt: skip
    if profile.round_ms and profile.order not in INDEXES:
        yield ProfileFinding(
            "round_ms", f"it is set, and the order is `{profile.order}`",
            f"Rounds need one of {', '.join(INDEXES)}; with others nobody is stopped for them.",
        )  # fmt: skip
    if profile.order in INDEXES and not profile.round_ms:
        yield ProfileFinding(
            "order", f"it is `{profile.order}`, and there are no rounds",
            "Who runs runs to his end; give `round` some minutes.",
        )  # fmt: skip
    if not profile.candidates_count:
        yield ProfileFinding(
            "candidates_count", "it is 0: explanations name no candidates",
            "Nobody can see why a job is where it is; 5 is usual.",
        )  # fmt: skip


def _odd_supply(profile: Profile) -> Iterator[ProfileFinding]:
    if profile.domestic_target_milli and not profile.domestic_bonus_milli:
        yield ProfileFinding(
            "domestic_target_milli", "there is a target and no bonus",
            "Nothing draws work to domestic chips; give `domestic_bonus` some percent.",
        )  # fmt: skip
    if profile.commercial_idle_ms < MINUTE_MS:
        yield ProfileFinding(
            "commercial_idle_ms", "nodes go back as soon as they are idle",
            "The next job boots them again and pays for it; 10 minutes are usual.",
        )  # fmt: skip
    if profile.commercial_rule == "worth" and not profile.hour_value_microcny:
        yield ProfileFinding(
            "commercial_rule", "it is `worth`, and an hour is worth nothing",
            "Nothing that costs more than waiting is ever bought; give `hour_value` some CNY.",
        )  # fmt: skip
    if profile.commercial_rule == "worth" and not profile.better_wait_ms:
        yield ProfileFinding(
            "commercial_rule", "it is `worth`, and nobody waits for a better pool",
            "Jobs that should wait take nodes that were bought for others; `better_wait` of days "
            "lets them wait for as long as it is worth it.",
        )  # fmt: skip
    if profile.reclaim and profile.order != "fair":
        yield ProfileFinding(
            "reclaim", f"it is on, and the order is `{profile.order}`",
            "What is lent by shares is known to the order `fair` alone.",
        )  # fmt: skip
