"""Hub and agent are killed at random moments, again and again, while 200 jobs go through.

Each job writes a line when it begins and one when it ends, with the time, into a file that all of
them share; so a job that was run twice, or not at all, shows.
"""

import random
import time
from pathlib import Path

import pytest

from hutong.model.job import JobSpec, Program
from hutong.model.resources import TaskNeeds
from hutong.model.supply import cost_microcny
from hutong.testing.fleet import Fleet
from hutong.wire.api import AttemptView

JOBS = 200
KILLS = 20
AT_ONCE = 60
SITE = f"""
site: local
owner: test
region: cn-beijing
jurisdiction: CN-BJ
pools:
  - name: cpu
    nodes: 1
    cpus: {AT_ONCE}
    memory: 64GiB
    declared: true
    price: {{cpu_cny_per_hour: 3600}}
"""
SCRIPT = """
echo "begin $HUTONG_JOB_ID $(date +%s%3N)" >> "$TOKENS"
sleep "$SECONDS_TO_RUN"
echo "end $HUTONG_JOB_ID $(date +%s%3N)" >> "$TOKENS"
"""


def job(number: int, tokens: Path, seconds: float) -> JobSpec:
    env = {"TOKENS": str(tokens), "SECONDS_TO_RUN": f"{seconds:.2f}"}
    return JobSpec(
        name=f"job-{number}",
        program=Program(script=SCRIPT, env=env),
        needs=TaskNeeds(cpu_milli=1000, memory_mib=16),
    )


@pytest.mark.timeout(300)
def test_every_command_runs_once_and_the_meter_is_exact_through_twenty_kills(
    tmp_path: Path,
) -> None:
    chance = random.Random(20)
    tokens = tmp_path / "tokens"
    with Fleet(tmp_path) as fleet:
        fleet.start_hub()
        fleet.add_site("local", SITE)
        fleet.start_agent("local")
        specs = [job(number, tokens, chance.uniform(0.5, 6)) for number in range(JOBS)]
        with fleet.client() as client:
            ids = [line.job for line in client.submit_many(specs)]
        assert len(ids) == JOBS
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.2, 1.0))
            kill_and_restart(fleet, chance.choice(("hub", "agent", "both")))
        with fleet.client() as client:
            views = client.wait_all(ids, timeout_ms=180_000)
            attempts = {name: client.attempts(name) for name in ids}
            usage = client.usage()
    assert {view.state for view in views.values()} == {"succeeded"}
    assert {name: len(made) for name, made in attempts.items()} == dict.fromkeys(ids, 1)
    check_each_ran_once(tokens, attempts)
    total = sum(cost_of(made[0]) for made in attempts.values())
    assert usage.total_cost_microcny == total
    assert sum(row.attempts for row in usage.rows) == JOBS


def kill_and_restart(fleet: Fleet, victim: str) -> None:
    if victim in ("agent", "both"):
        fleet.kill_agent("local")
    if victim in ("hub", "both"):
        fleet.kill_hub()
        fleet.start_hub()
    if victim in ("agent", "both"):
        fleet.spawn_agent("local")


def check_each_ran_once(tokens: Path, attempts: dict[str, list[AttemptView]]) -> None:
    """Each job wrote one beginning and one end, within the interval that its attempt is billed."""
    began: dict[str, int] = {}
    ended: dict[str, int] = {}
    for line in tokens.read_text().splitlines():
        what, name, at_ms = line.split()
        seen = began if what == "begin" else ended
        assert name not in seen, f"{name} wrote its {what} twice"
        seen[name] = int(at_ms)
    assert began.keys() == ended.keys() == attempts.keys()
    for name, (attempt,) in attempts.items():
        assert attempt.started_ms <= began[name], name
        # The start and the duration are each cut to a whole millisecond.
        assert ended[name] <= attempt.ended_ms + 1, name


def cost_of(attempt: AttemptView) -> int:
    cost = cost_microcny(attempt.rate_microcny_per_hour, attempt.ended_ms - attempt.started_ms)
    assert attempt.cost_microcny == cost
    return cost
