"""Stability limits against closed forms and enumeration of all batches."""

import itertools
import math

import numpy as np
import pytest

from analysis import linear_stability, mean_square_max_lr, mean_square_radius

FINITE_SUM = np.array(
    [[[a, coupling], [-coupling, c]] for a, coupling, c in [(1.2, 0.9, 0.7), (0.7, 1.7, 1.2), (1.6, 0.5, 0.5)]]
)


def test_quadratic_game():
    a, coupling = 0.3, 2.0
    game = linear_stability([[a, coupling], [-coupling, a]])
    assert math.isclose(game.max_lr, 2 * a / (a**2 + coupling**2), rel_tol=1e-12)
    assert math.isclose(game.spectral_radius(0.05), math.hypot(1 - 0.05 * a, 0.05 * coupling), rel_tol=1e-12)
    assert math.isclose(game.rate, a) and math.isclose(game.monotonicity, a) and game.hurwitz


def test_real_example_of_discretisation():
    # f = -eps x + y, g = -x - eps y at h = 0.2: stable flow, unstable iteration at eps = 0.09, stable at eps = 0.2.
    assert abs(linear_stability([[0.09, -1.0], [1.0, 0.09]]).spectral_radius(0.2) - 1.002160) < 1e-6
    assert abs(linear_stability([[0.2, -1.0], [1.0, 0.2]]).spectral_radius(0.2) - 0.98061) < 1e-5


def test_bilinear_game_is_stable_for_no_rate():
    game = linear_stability([[0.0, 3.0], [-3.0, 0.0]])
    assert game.max_lr == 0.0 and not game.hurwitz
    assert math.isclose(game.spectral_radius(0.1), math.sqrt(1 + 0.09), rel_tol=1e-12)


def test_hurwitz_without_being_monotone():
    game = linear_stability([[1.0, 10.0], [0.0, 1.0]])
    assert game.hurwitz and game.monotonicity < 0


@pytest.mark.parametrize("seed", range(5))
def test_radius_is_one_at_the_limit(seed):
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(5, 5))
    game = linear_stability(raw - raw.T + np.diag(rng.uniform(0.1, 1, 5)) + 0.1 * raw)
    assert math.isclose(game.spectral_radius(game.max_lr), 1.0, rel_tol=1e-12)
    assert game.spectral_radius(0.99 * game.max_lr) < 1 < game.spectral_radius(1.01 * game.max_lr)


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_mean_square_radius_by_enumeration(batch_size):
    lr = 0.4
    total = np.zeros((4, 4))
    batches = list(itertools.product(range(3), repeat=batch_size))
    for batch in batches:
        step = np.eye(2) - lr * FINITE_SUM[list(batch)].mean(axis=0)
        total += np.kron(step, step) / len(batches)
    exact = np.max(np.abs(np.linalg.eigvals(total)))
    assert math.isclose(mean_square_radius(FINITE_SUM, lr, batch_size), exact, rel_tol=1e-12)
    assert not math.isclose(mean_square_radius(FINITE_SUM, lr, batch_size + 1), exact, rel_tol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 4, math.inf])
def test_mean_square_limit(batch_size):
    limit = mean_square_max_lr(FINITE_SUM, batch_size)
    assert math.isclose(mean_square_radius(FINITE_SUM, limit, batch_size), 1.0, rel_tol=1e-10)
    below = [mean_square_radius(FINITE_SUM, f * limit, batch_size) for f in (0.01, 0.3, 0.7, 0.99)]
    assert max(below) < 1 < mean_square_radius(FINITE_SUM, 1.01 * limit, batch_size)


def test_mean_square_limit_closed_forms():
    samples = np.array([0.5, 1.0, 3.0])
    h, v = samples.mean(), samples.var()
    assert math.isclose(mean_square_max_lr(samples[:, None, None], 4), 2 * h / (h**2 + v / 4), rel_tol=1e-12)
    deterministic = linear_stability(FINITE_SUM.mean(axis=0)).max_lr
    assert math.isclose(mean_square_max_lr(FINITE_SUM, math.inf), deterministic, rel_tol=1e-12)
    assert mean_square_max_lr(FINITE_SUM, 1) < deterministic
    assert mean_square_max_lr([[[0.0, 1.0], [-1.0, 0.0]]]) == 0.0


def test_refuses():
    with pytest.raises(ValueError, match=r"^jacobian: expected a square matrix"):
        linear_stability(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"^lr: expected a positive number, got 0"):
        linear_stability(np.eye(2)).spectral_radius(0)
    with pytest.raises(ValueError, match=r"^jacobians: expected shape \(samples, d, d\)"):
        mean_square_radius(np.ones((1, 2, 3)), 0.1)
