"""The trajectory claim at a small size: its predictions against closed forms, its verdicts against broken ones."""

from dataclasses import replace

import numpy as np
import pytest

from figures.papers.crossing_the_curl import trajectories
from figures.papers.crossing_the_curl.shared_batch import (
    MINIMUM_SCALE,
    Spec,
    critical_mean,
    mean_drift,
    measure,
    rest_point,
    training,
)

LEVEL = 1 - 1e-4  # false-alarm rate of each interval below, at fixed seeds
SPEC = Spec(16, 0.0, 0.02, 4.0)  # e^-8 of the start is left


@pytest.fixture(scope="module")
def shared():
    return measure("shared", SPEC, 4_000, 1, LEVEL)


# -------------------------------------------------------------------- predictions


@pytest.mark.parametrize("size", [2, 4, 16, 256])
def test_rest_point_without_mean(size):
    w2, w1, a, b = rest_point(mean_drift("shared"), 0.0, size)
    assert [w2, w1, b] == pytest.approx([0, 0, 0], abs=1e-8)
    assert a**2 == pytest.approx((size - 0.5) / (size + 2), abs=1e-7)
    assert rest_point(mean_drift("independent"), 0.0, size)[2] == pytest.approx(1, abs=1e-7)


def test_rest_point_with_mean():
    _, _, a, b = rest_point(mean_drift("shared"), 0.5, 16)
    assert b * (1 - 1 / 16) - 4 * b**3 / 16 == pytest.approx(0.5, abs=1e-7)
    assert (1 + 2 / 16) * (a**2 + b**2) == pytest.approx(1 + 0.5**2 - 1 / 32, abs=1e-7)


def test_critical_mean_separates_bias_from_collapse():
    drift, mean = mean_drift("shared"), critical_mean(16)
    assert rest_point(drift, mean - 1e-3, 16)[2] > 0.2
    assert rest_point(drift, mean + 1e-3, 16)[2] == MINIMUM_SCALE
    assert rest_point(mean_drift("independent"), mean + 1e-3, 16)[2] == pytest.approx(1, abs=1e-7)


def test_drift_is_the_mean_of_the_update():
    """Independent of any derivation: the mean of one iteration over many batches drawn with numpy."""
    size, n = 8, 200_000
    w2, w1, a, b = x = np.array([0.3, -0.2, 0.8, 0.4])
    rng = np.random.default_rng(5)
    y, z = rng.normal(0.6, 1, (n, size)), rng.normal(size=(n, size))
    y1, y2, z1, z2 = y.mean(1), (y**2).mean(1), z.mean(1), (z**2).mean(1)
    moments = np.stack([y2 - a**2 * z2 - 2 * a * b * z1 - b**2, y1 - a * z1 - b])  # V = phi . moments
    slopes = -np.array([[2 * a * z2 + 2 * b * z1, 2 * a * z1 + 2 * b], [z1, np.ones(n)]])
    player = np.einsum("ikn,i->kn", slopes, [w2, w1])
    moves = -np.concatenate([np.einsum("ikn,kn->in", slopes, player), np.einsum("ikn,in->kn", slopes, moments)])
    z_scores = (moves.mean(1) - mean_drift("shared")(x, 0.6, size)) / (moves.std(1) / np.sqrt(n))
    assert np.abs(z_scores).max() < 4.5  # false-alarm rate 3e-5
    wrong = (moves.mean(1) - mean_drift("independent")(x, 0.6, size)) / (moves.std(1) / np.sqrt(n))
    assert np.abs(wrong).max() > 10


# -------------------------------------------------------------------- verdicts


def test_shared_batch_has_the_variance_of_its_own_drift_and_of_no_other(shared):
    assert trajectories.variance_check("", shared).passed
    for wrong in (1.0, (16 - 0.5) / 16, 16 / (16 + 2 + 2)):  # no bias; bias without noise of z^2; twice that noise
        assert not trajectories.variance_check("", replace(shared, predicted=wrong)).passed


def test_two_batches_have_no_bias():
    point = measure("independent", SPEC, 4_000, 2, LEVEL)
    assert trajectories.variance_check("", point).passed


def test_collapse_beyond_the_critical_mean_only(shared):
    gone = measure("shared", Spec(16, 1.5, 0.01, 15.0), 500, 3, LEVEL, limit=False)
    assert trajectories.collapse_check(gone).passed
    assert not trajectories.collapse_check(shared).passed
    assert not trajectories.collapse_check(replace(shared, predicted=gone.predicted)).passed
    assert not trajectories.collapse_check(replace(gone, predicted=shared.predicted)).passed


def test_a_diverged_run_fails_the_verdict(shared):
    lost = measure("shared", Spec(4, 0.0, 3.0, 60.0), 200, 4, LEVEL)
    assert np.isnan(lost.measured.value)
    assert not trajectories.variance_check("", lost).passed and not trajectories.collapse_check(lost).passed


def test_growth_of_descent_ascent_and_of_nothing_else():
    assert trajectories.growth_check(LEVEL, 0, starts=16, steps=300).passed
    damped = trajectories.growth_check(LEVEL, 0, starts=16, steps=300, algorithm="crossing-the-curl")
    assert not damped.passed and damped.measured < 0


def test_spread_tells_leaving_from_arriving():
    arriving = trajectories.ensemble("two batches", 100, 0, steps=400)
    assert not trajectories.spread_check(arriving, LEVEL).passed
    leaving = trajectories.ensemble("descent-ascent", 100, 0)
    assert trajectories.spread_check(leaving, LEVEL).passed


def test_noise_floor():
    floor = trajectories.noise_floor()
    late = trajectories.ensemble("two batches", 1_000, 6, steps=1_500)["distance"].values[:, -1] ** 2
    # to first order in lr: one part in ten is what the rate of 0.01 leaves
    assert np.sqrt(late.mean()) == pytest.approx(floor, rel=0.1)
    assert training("sgda", 1.0).game.values["mu"] == 1.0


@pytest.mark.slow
def test_the_whole_claim():
    from figures.registry import Settings

    outcome = trajectories.run(Settings(seed=11))
    assert all(check.passed for check in outcome.checks)
