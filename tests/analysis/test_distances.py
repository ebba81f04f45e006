"""Bures-Wasserstein distance against scipy's matrix square root and closed forms."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from analysis import bures


def random_law(seed, d):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(d, d))
    return rng.normal(size=d), root @ root.T + 0.1 * np.eye(d)


def textbook(mean1, covariance1, mean2, covariance2):
    root = sqrtm(covariance1)
    cross = sqrtm(root @ covariance2 @ root)
    return np.sqrt(np.sum((mean1 - mean2) ** 2) + np.trace(covariance1 + covariance2 - 2 * cross.real))


@pytest.mark.parametrize("d", [1, 2, 5, 10])
def test_against_the_matrix_square_root(d):
    first, second = random_law(d, d), random_law(d + 100, d)
    assert np.isclose(bures(*first, *second), textbook(*first, *second), rtol=1e-9)
    assert np.isclose(bures(*first, *second), bures(*second, *first), rtol=1e-12)
    # The Frobenius distance of the covariances' own roots is larger unless they commute: a common slip.
    if d > 1:
        roots = np.linalg.norm(sqrtm(first[1]) - sqrtm(second[1]))
        slip = np.hypot(roots, np.linalg.norm(first[0] - second[0]))
        assert slip > bures(*first, *second) * (1 + 1e-4)


def test_commuting_singular_laws():
    first, second = np.diag([4.0, 0.0, 1.0]), np.diag([1.0, 9.0, 0.0])
    assert np.isclose(bures(np.zeros(3), first, [1.0, 0, 0], second), np.sqrt(1 + 1 + 9 + 1), rtol=1e-14)


def test_degenerate_laws_in_different_directions():
    # On lines at angle t the optimal coupling is comonotone: W^2 = 2 - 2 |cos t|.
    t = 0.7
    u, v = np.array([1.0, 0.0]), np.array([np.cos(t), np.sin(t)])
    exact = np.sqrt(2 - 2 * np.cos(t))
    assert np.isclose(bures(np.zeros(2), np.outer(u, u), np.zeros(2), np.outer(v, v)), exact, rtol=1e-7)


@pytest.mark.parametrize("epsilon", [0.0, 1e-12, 1e-8, 1e-3])
def test_nearly_equal_laws_do_not_cancel(epsilon):
    d = 4
    exact = np.sqrt(d) * (np.sqrt(1 + epsilon) - 1)
    computed = bures(np.zeros(d), np.eye(d), np.zeros(d), (1 + epsilon) * np.eye(d))
    assert abs(computed - exact) < 1e-14


def test_scaling_and_rotation():
    (m1, c1), (m2, c2) = random_law(1, 3), random_law(2, 3)
    base = bures(m1, c1, m2, c2)
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    assert np.isclose(bures(q @ m1, q @ c1 @ q.T, q @ m2, q @ c2 @ q.T), base, rtol=1e-10)
    assert np.isclose(bures(1e-6 * m1, 1e-12 * c1, 1e-6 * m2, 1e-12 * c2), 1e-6 * base, rtol=1e-10)


def test_batched_over_leading_axes():
    laws = [random_law(i, 3) for i in range(4)]
    means, covariances = np.array([law[0] for law in laws]), np.array([law[1] for law in laws])
    batch = bures(means, covariances, *laws[0])
    assert batch.shape == (4,)
    assert np.allclose(batch, [bures(*law, *laws[0]) for law in laws], atol=1e-12) and batch[0] < 1e-12
    grid = bures(means[:, None], covariances[:, None], means, covariances)
    assert grid.shape == (4, 4) and np.allclose(grid, grid.T, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0], [[1.0]], [0.0, 0.0], np.eye(2)), "mean2: expected dimension 1 like mean1, got 2"),
        (([0.0], [[-1.0]], [0.0], [[1.0]]), "covariance1: expected a positive semidefinite matrix"),
        (([0.0], [[1.0]], [0.0], np.eye(2)), r"covariance2: expected .* \(1, 1\), got shape \(2, 2\)"),
        ((0.0, [[1.0]], [0.0], [[1.0]]), r"mean1: expected shape \(..., d\), got a number"),
        ((np.zeros((2, 1)), [[1.0]], np.zeros((3, 1)), [[1.0]]), "mean1: expected leading axes that broadcast"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match="^" + message):
        bures(*arguments)
