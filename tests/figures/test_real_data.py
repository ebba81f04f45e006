"""Training on real data at a small size: the parts against closed forms, and a biased method that must fail.

Intervals are at 99.9 %, seeds are fixed.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import gan_sde as gs
from figures.measurements import load_measurements
from figures.papers.crossing_the_curl import data_training
from figures.papers.crossing_the_curl.data_training import (
    Problem,
    baseline,
    distance_ratio,
    predicted_ratio,
    schedule,
    train,
)
from figures.papers.crossing_the_curl.real_data import LARGEST_RATIO, Trained, checks_of, largest_change

VALUES = load_measurements()[0]
STEPS, REPLICATES = 1024, 16


def finish(problem: Problem, **size) -> Trained:
    run = train(problem, seed=1, **(size or {"steps": STEPS, "replicates": REPLICATES}))
    draws = [baseline(problem, int(k) * problem.rows_an_iteration, replicates=100, seed=2) for k in run.k[1:]]
    return Trained(problem, run, predicted_ratio(problem, seed=3), np.array(draws))


@pytest.fixture(scope="module")
def closed() -> Trained:
    return finish(Problem(VALUES, False, 64))


@pytest.mark.parametrize("sampled", [False, True])
def test_equilibrium_and_start(sampled):
    problem = Problem(VALUES, sampled, 64)
    assert problem.distance(problem.equilibrium()[None])[0] < 1e-12
    start = problem.start()
    mean, covariance = problem.law(start)
    np.testing.assert_array_equal(mean, 1.0)
    np.testing.assert_array_equal(covariance, np.eye(4) / 4)


def test_schedule_is_stable_by_the_bound_alone():
    bound = 8 * 4 + 1
    rates = schedule(4, STEPS)
    assert rates.shape == (STEPS,) and rates[0] == pytest.approx(1 / bound) and np.all(np.diff(rates) < 0)
    assert np.linalg.norm(Problem(VALUES, False, 64).moment_slope(), 2) ** 2 < bound


def test_second_batch_contains_no_data():
    """Data rows of J's batch cannot matter: J of a payoff linear in the discriminator is free of data."""
    game, rng = Problem(VALUES, True, 8).arrays, np.random.default_rng(0)
    normals = rng.standard_normal((3, 8, 4))
    one, other = (game.batch(normals, rng.integers(442, size=(3, 8))) for _ in range(2))
    x, v = rng.standard_normal((2, 3, game.dim))
    assert not np.allclose(one.data_mean, other.data_mean)
    np.testing.assert_array_equal(game.jvp(x, v, one), game.jvp(x, v, other))
    np.testing.assert_array_equal(game.vjp(x, v, one), game.vjp(x, v, other))


def test_closed_form_is_the_expectation_of_the_sampled_field():
    rng = np.random.default_rng(0)
    rows, x = rng.integers(442, size=(1, 2000)), np.tile(Problem(VALUES, True, 1).start(), (400, 1))
    closed_, sampled = Problem(VALUES, False, 1).arrays, Problem(VALUES, True, 1).arrays
    exact = closed_.F(x[:1], closed_.batch(np.empty((1, 2000, 0)), rows))[0]
    drawn = sampled.F(x, sampled.batch(rng.standard_normal((400, 2000, 4)), np.repeat(rows, 400, axis=0)))
    noise = drawn.std(axis=0, ddof=1) / 20
    z = (drawn.mean(axis=0) - exact)[noise > 1e-12] / noise[noise > 1e-12]
    assert np.abs(z).max() < 4.5  # 28 entries: false alarm below 1e-3


def test_baseline_is_the_sampling_error_of_moments():
    """One column: the mean errs by 1/n, the standard deviation by (kurtosis - 1) / (4 n)."""
    values = VALUES[:, 2:3]
    squares = baseline(Problem(values, False, 1), 5000, replicates=4000, seed=0) ** 2
    exact = (1 + (np.mean(values**4) - 1) / 4) / 5000
    assert abs(squares.mean() - exact) < 4 * squares.std() / np.sqrt(4000)


def test_small_run_recovers_the_moments(closed):
    assert all(check.passed for check in checks_of(closed))
    last = closed.ratio(len(closed.run.k) - 1)
    assert last.interval[0] < closed.limit * 1.3
    assert predicted_ratio(Problem(VALUES, True, 64), seed=0) > 2 * closed.limit


def test_distances_that_stop_falling_are_detected(closed):
    frozen = closed.run.averaged.copy()
    frozen[:, -1] = frozen[:, -3]
    assert largest_change(closed.run)[1]
    assert not largest_change(replace(closed.run, averaged=frozen))[1]


def test_other_data_are_detected(closed):
    """Columns shuffled against each other keep means and variances; the lost correlations must show."""
    rng = np.random.default_rng(0)
    shuffled = Problem(np.column_stack([rng.permutation(c) for c in VALUES.T]), False, 64)
    distances = shuffled.distance(closed.run.states)
    assert distance_ratio(distances, closed.baselines[-1], 0.999).interval[0] > LARGEST_RATIO


@dataclass(frozen=True, eq=False)
class SharedBatch(Problem):
    """F and J of a sampled generator on one batch: biased by O(1/B)."""

    def training(self) -> gs.Training:
        return replace(super().training(), algorithm=gs.algorithms.get("crossing-the-curl", batches="shared"))


def test_biased_method_fails_where_the_unbiased_one_passes():
    unbiased, biased = (
        finish(kind(VALUES, True, 64), steps=2048, replicates=REPLICATES) for kind in (Problem, SharedBatch)
    )
    assert checks_of(unbiased)[1].passed
    assert unbiased.ratio(7).interval[0] < unbiased.limit < unbiased.ratio(7).interval[1]
    assert not checks_of(biased)[1].passed


def test_divergence_is_named(monkeypatch):
    monkeypatch.setattr(data_training, "schedule", lambda columns, steps: np.ones(steps))
    with pytest.raises(ValueError, match=r"data: expected .* 4 of 4 runs diverged"):
        train(Problem(VALUES, False, 8), steps=64, replicates=4, seed=0)
