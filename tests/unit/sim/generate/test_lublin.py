from itertools import islice
from math import log2

import numpy as np
import pytest

from hutong.sim.generate.estimates import Padded
from hutong.sim.generate.lublin import (
    BATCH,
    INTERACTIVE,
    WHOLE,
    Lublin,
    Part,
    day_weights,
    draw_runs,
    draw_sizes,
    gamma_cdf,
    lublin,
)
from hutong.sim.generate.streams import stream
from hutong.sim.workload import TraceJob
from tests.unit.sim.generate.laws import Floats, bound, distance

COUNT = 20_000
law = np.vectorize(gamma_cdf)


def jobs(settings: Lublin, seed: int = 1) -> list[TraceJob]:
    return list(lublin(settings, seed).jobs)


def test_the_distribution_function_of_a_gamma_is_right() -> None:
    assert gamma_cdf(3.0, 1.0, 2.0) == pytest.approx(1 - np.exp(-1.5), abs=1e-12)
    assert gamma_cdf(2.0, 2.0, 1.0) == pytest.approx(1 - 3 * np.exp(-2.0), abs=1e-12)
    assert gamma_cdf(0.0, 2.0, 1.0) == 0.0


@pytest.mark.parametrize("part", [WHOLE, BATCH, INTERACTIVE])
def test_shares_of_serial_jobs_and_of_powers_of_two_are_the_models(part: Part) -> None:
    sizes = draw_sizes(part, 8.0, stream(1, "sizes"), 200_000)
    assert np.mean(sizes == 1) == pytest.approx(part.serial, abs=0.03)
    powers = np.mean((sizes > 1) & (sizes & (sizes - 1) == 0))
    assert part.power_of_two - 0.01 < powers < part.power_of_two + 0.12
    assert sizes.max() <= 256


def test_sizes_are_uniform_in_two_stages_of_their_logarithm() -> None:
    part = WHOLE._replace(serial=0.0, power_of_two=0.0)
    logs = np.log2(draw_sizes(part, 20.0, stream(1, "sizes"), 100_000))
    middle = 20.0 - part.middle_below
    assert np.mean(logs <= middle) == pytest.approx(part.lower, abs=0.005)
    low = logs[(logs > 8) & (logs <= middle)]
    assert distance(low, lambda x: (x - 8) / (middle - 8)) < bound(len(low))


@pytest.mark.parametrize(("size", "part"), [(1, WHOLE), (100, WHOLE), (64, BATCH)])
def test_logs_of_run_times_are_of_two_gammas_by_the_size(size: int, part: Part) -> None:
    runs = draw_runs(part, np.full(COUNT, size), stream(1, "runs"))
    short = min(max(part.slope * size + part.base, 0), 1)

    def both(x: Floats) -> Floats:
        mixed: Floats = short * law(x, *part.short) + (1 - short) * law(x, *part.long)
        return mixed / (
            short * gamma_cdf(12, *part.short) + (1 - short) * gamma_cdf(12, *part.long)
        )

    # Seconds are whole, so the law is looked at where rounding makes no difference.
    logs = np.log(runs[runs >= 100] + 0.5)
    least = both(np.array([np.log(100.0)]))[0]
    assert distance(logs, lambda x: (both(x) - least) / (1 - least)) < bound(len(logs)) + 0.003


def test_no_run_is_longer_than_the_model_has_it() -> None:
    runs = draw_runs(WHOLE, np.full(COUNT, 200), stream(1, "runs"))
    assert runs.max() <= np.exp(12)
    assert runs.min() >= 1


def test_larger_jobs_run_longer() -> None:
    small, large = (
        np.median(draw_runs(WHOLE, np.full(COUNT, size), stream(1, "runs"))) for size in (1, 120)
    )
    assert large > 5 * small


def test_the_day_has_its_peak_in_the_afternoon_and_its_ebb_before_dawn() -> None:
    weights = day_weights(WHOLE)
    assert weights.mean() == pytest.approx(1)
    assert 13 <= np.argmax(weights) / 2 <= 17
    assert 3 <= np.argmin(weights) / 2 <= 7


def test_arrivals_follow_the_days_weights() -> None:
    hours = np.array([j.submit_ms for j in jobs(Lublin(jobs_count=200_000))]) // 1_800_000 % 48
    counts = np.bincount(hours, minlength=48) / 200_000
    assert np.abs(counts - day_weights(WHOLE) / 48).max() < 0.004


def test_gaps_in_the_rush_hours_are_the_models_gamma() -> None:
    flat = Lublin(jobs_count=60_000)
    submits = np.array([j.submit_ms for j in jobs(flat)]) / 1_800_000
    # Time is turned back into points, of which a half hour costs its weight.
    cost = np.concatenate(([0.0], np.cumsum(day_weights(WHOLE))))
    points = submits // 48 * 48 + np.interp(submits % 48, np.arange(49), cost)
    logs = np.log(np.diff(points)[:COUNT] * 1_800)
    gaps = logs[logs > 3]
    shape, scale = WHOLE.gap[0] * WHOLE.rush, WHOLE.gap[1]
    low, high = gamma_cdf(3, shape, scale), gamma_cdf(13, shape, scale)
    assert distance(gaps, lambda x: (law(x, shape, scale) - low) / (high - low)) < bound(len(gaps))


def test_batch_and_interactive_jobs_come_side_by_side_in_order() -> None:
    both = jobs(Lublin(jobs_count=20_000, interactive=True))
    submits = [job.submit_ms for job in both]
    assert submits == sorted(submits)
    batch = [job for job in both if job.partition == "batch"]
    assert 0.05 < len(batch) / len(both) < 0.95
    assert {job.partition for job in both} == {"batch", "interactive"}
    mean_ms = sum(job.run_ms for job in batch) / len(batch)
    assert mean_ms > sum(job.run_ms for job in both) / len(both)


def test_one_kind_does_not_change_as_the_gaps_do() -> None:
    slow, fast = jobs(Lublin(jobs_count=500)), jobs(Lublin(jobs_count=500, gap_factor=0.5))
    assert [(j.run_ms, j.tasks) for j in slow] == [(j.run_ms, j.tasks) for j in fast]
    assert fast[-1].submit_ms == pytest.approx(slow[-1].submit_ms / 2, abs=1)


def test_estimates_leave_everything_else_alone() -> None:
    bare = jobs(Lublin(jobs_count=500))
    told = jobs(Lublin(jobs_count=500, estimates=Padded(), estimates_end_jobs=True))
    assert [(j.submit_ms, j.run_ms) for j in bare] == [(j.submit_ms, j.run_ms) for j in told]
    assert all(job.estimate_ms is None for job in bare)
    assert all(job.limit_ms == job.estimate_ms for job in told)


def test_jobs_can_be_gone_through_again_and_are_the_same() -> None:
    made = lublin(Lublin(jobs_count=300), 9)
    assert list(made.jobs) == list(made.jobs)
    assert list(made.jobs) != jobs(Lublin(jobs_count=300), 10)


def test_more_jobs_begin_with_the_same() -> None:
    assert list(islice(lublin(Lublin(jobs_count=30_000), 2).jobs, 100)) == jobs(
        Lublin(jobs_count=100), 2
    )


def test_the_machine_bounds_sizes() -> None:
    sizes = [job.tasks for job in jobs(Lublin(jobs_count=5_000, processors=1000))]
    assert max(sizes) <= 1000
    assert np.mean(np.log2(sizes)) < log2(1000)
