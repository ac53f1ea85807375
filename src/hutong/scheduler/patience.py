"""Patience: how long a job waits for a pool that is there before capacity is bought for it.

Under the rule `after` it is a time. Under `worth` it is the wait that is worth as much as buying
costs more, by the operator's value of an hour of a job's time. Counted from when the job was handed
in this is the rule for renting skis: who buys at the moment when he has paid as much for renting
never pays more than twice what he would have with foresight (Karlin et al., "Competitive Snoopy
Caching", Algorithmica 3, 1988); and it is bought earlier, at once even, where the wait is expected
to become longer than that. So what is small or short is bought soon, for it costs little, and
leaves what is there to those that are dear to buy and for which one wait spares most.
"""

from hutong.model.supply import MS_PER_HOUR
from hutong.scheduler.option import Option
from hutong.scheduler.profile import Profile
from hutong.scheduler.shapes import NEVER_MS
from hutong.scheduler.yard import start_of


def worth_ms(bought_microcny: int, waits: Option, profile: Profile) -> int:
    """The wait for `waits` that is worth as much as what buying costs more than that."""
    more = max(bought_microcny - waits.cost(), 0)
    return min(more * MS_PER_HOUR // max(profile.hour_value_microcny, 1), NEVER_MS)


def hired_ms(hired: Option, waits: Option, tasks: int, profile: Profile) -> int:
    """The same for nodes of an offer that are there, of which a gang takes its part."""
    _start_ms, nodes, cost = start_of(hired, 0)
    shared_by = max(hired.tasks_per_node // tasks, 1) if nodes == 1 else 1
    return worth_ms(cost // shared_by, waits, profile)
