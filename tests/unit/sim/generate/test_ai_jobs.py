from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from hutong.model.errors import HutongError
from hutong.sim.generate.ai_jobs import AiJobs, Gang, Models, ai_jobs
from hutong.sim.generate.arrivals import Poisson
from hutong.sim.generate.durations import Fixed
from hutong.sim.generate.estimates import Padded, Unsaid
from hutong.sim.predict import Score, make_predictor
from hutong.sim.workload import TraceJob


def jobs(seed: int = 1, **settings: Any) -> list[TraceJob]:
    return list(ai_jobs(AiJobs(**{"jobs_count": 5_000} | settings), seed).jobs)


def shares(words: list[str]) -> dict[str, float]:
    return {word: count / len(words) for word, count in Counter(words).items()}


def test_jobs_come_in_order_and_as_many_as_asked() -> None:
    made = jobs()
    assert len(made) == 5_000
    assert all(a.submit_ms <= b.submit_ms for a, b in pairwise(made))
    assert len({job.name for job in made}) == 5_000


def test_gangs_come_in_their_shares() -> None:
    gangs = (Gang(share=1, accelerator_milli=250), Gang(share=3, tasks=4, accelerator_milli=8000))
    made = jobs(gangs=gangs)
    assert np.mean([job.tasks == 4 for job in made]) == pytest.approx(0.75, abs=0.02)
    assert {job.accelerators[0].count_milli for job in made} == {250, 8000}


def test_several_models_would_do() -> None:
    models = (Models(names=("A100-80GB", "910B3"), speeds_milli=(1000, 0)),)
    needs = jobs(jobs_count=10, models=models)[0].accelerators
    assert [(need.model, need.speed_milli) for need in needs] == [
        ("A100-80GB", 1000), ("Ascend910B3", None),
    ]  # fmt: skip


def test_a_job_without_chips_names_none() -> None:
    assert jobs(jobs_count=1, gangs=(Gang(accelerator_milli=0),))[0].accelerators == ()


def test_tenants_hand_in_by_their_rank() -> None:
    found = shares([job.tenant for job in jobs(tenants_count=4, tenant_zipf=1.0)])
    weights = np.array([1, 1 / 2, 1 / 3, 1 / 4])
    expected = weights / weights.sum()
    for number in range(4):
        assert found[f"t{number}"] == pytest.approx(expected[number], abs=0.025)


def test_users_belong_to_one_tenant() -> None:
    assert all(job.user.startswith(f"{job.tenant}.") for job in jobs(jobs_count=500))


def test_classes_and_deadlines_come_in_their_shares() -> None:
    made = jobs(classes={"urgent": 1, "normal": 3}, deadline_share=0.4, slack_least=2, slack_most=3)
    assert shares([job.priority for job in made])["urgent"] == pytest.approx(0.25, abs=0.02)
    slack = [(job.deadline_ms - job.submit_ms) / job.run_ms for job in made if job.deadline_ms]
    assert len(slack) / len(made) == pytest.approx(0.4, abs=0.02)
    assert min(slack) >= 1.99
    assert max(slack) <= 3.01


def test_runs_have_the_spread_of_kinds_and_runs_together() -> None:
    made = jobs(
        jobs_count=50_000, runs=Fixed(run_ms=1e7), kind_sigma=1.0, size_power=0, tenants_count=200,
        tenant_zipf=0, user_zipf=0,
    )  # fmt: skip
    assert np.std(np.log([job.run_ms for job in made])) == pytest.approx(1.0, abs=0.05)


def test_larger_gangs_run_longer_by_their_power() -> None:
    made = jobs(
        runs=Fixed(run_ms=1_000), kind_sigma=0, size_power=0.5,
        gangs=(Gang(), Gang(tasks=4, accelerator_milli=4000)),
    )  # fmt: skip
    assert {(job.tasks, job.run_ms) for job in made} == {(1, 1_000), (4, 4_000)}


def test_a_predictor_finds_what_users_repeat() -> None:
    score, history = Score("history"), make_predictor("history")
    guess, seen_ms = Score("mean"), 1
    for count, job in enumerate(jobs(estimates=Unsaid(), kind_sigma=2.0), start=1):
        score.add(history.predict(job), job.run_ms)
        guess.add(seen_ms // count, job.run_ms)
        history.learn(job, job.run_ms)
        seen_ms += job.run_ms
    assert score.belief().within_2x_milli > 1.5 * guess.belief().within_2x_milli


def test_what_is_drawn_for_one_thing_leaves_the_others_alone() -> None:
    bare = jobs(jobs_count=300)
    other = jobs(jobs_count=300, estimates=Padded(), deadline_share=1.0, checkpoint_ms=5)
    slower = jobs(jobs_count=300, arrivals=Poisson(gap_ms=1), models=(Models(names=("H800",)),))
    for job, told, slow in zip(bare, other, slower, strict=True):
        assert (job.submit_ms, job.run_ms, job.user) == (told.submit_ms, told.run_ms, told.user)
        assert (job.run_ms, job.user, job.tasks) == (slow.run_ms, slow.user, slow.tasks)


def test_jobs_can_be_gone_through_again_and_are_the_same() -> None:
    made = ai_jobs(AiJobs(jobs_count=200), 4)
    assert list(made.jobs) == list(made.jobs)
    assert list(made.jobs) != jobs(5, jobs_count=200)


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"slack_most": 1.0}, "slack_most"),
        ({"gangs": ()}, "gangs"),
        ({"classes": {"12": 1.0}}, "classes"),
        ({"classes": {}}, "classes"),
        ({"tenants_count": 100_000, "users_count": 10_000}, "kinds_count"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], setting: str) -> None:
    with pytest.raises(HutongError) as caught:
        AiJobs(**settings)
    assert caught.value.facts["setting"] == setting


def test_a_chip_that_nobody_knows_is_refused_with_those_like_it() -> None:
    with pytest.raises(HutongError, match="A100-40GB") as caught:
        jobs(models=(Models(names=("A100x",)),))
    assert caught.value.code == "generate.setting"


def test_parts_of_more_than_one_chip_are_refused() -> None:
    with pytest.raises(HutongError, match="whole chips"):
        Gang(accelerator_milli=1500)
