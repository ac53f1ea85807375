import numpy as np

from hutong.sim.generate.streams import pick, stream, zipf_weights


def test_a_stream_begins_anew_each_time_it_is_asked_for() -> None:
    assert stream(7, "runs").random(5).tolist() == stream(7, "runs").random(5).tolist()


def test_streams_of_other_names_and_seeds_differ() -> None:
    first = {
        float(stream(seed, name).random())
        for seed in (-7, 7, 8)
        for name in ("runs", "sizes", "snur")
    }
    assert len(first) == 9


def test_streams_of_neighbouring_seeds_are_not_alike() -> None:
    one, other = stream(1, "runs").random(20_000), stream(2, "runs").random(20_000)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03


def test_picks_come_in_the_ratio_of_their_weights() -> None:
    counts = np.bincount(pick(stream(1, "x"), np.array([1.0, 0.0, 3.0]), 40_000), minlength=3)
    assert counts[1] == 0
    assert abs(counts[2] / 40_000 - 0.75) < 0.01


def test_zipf_weights_fall_with_the_rank() -> None:
    assert zipf_weights(3, 1.0).tolist() == [1.0, 0.5, 1 / 3]
    assert zipf_weights(2, 0.0).tolist() == [1.0, 1.0]
