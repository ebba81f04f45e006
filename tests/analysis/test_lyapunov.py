"""Covariances against closed forms, Kronecker algebra, quadrature and plain iteration."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from analysis import (
    discrete_stationary_covariance,
    discrete_transient_covariance,
    stationary_covariance,
    transient_covariance,
)

TOLERANCE = 1e-11


def kronecker_stationary(jacobian, noise):
    d = len(jacobian)
    operator = np.kron(jacobian, np.eye(d)) + np.kron(np.eye(d), jacobian)
    return np.linalg.solve(operator, noise.ravel()).reshape(d, d)


def kronecker_discrete(jacobian, noise, lr):
    d = len(jacobian)
    step = np.eye(d) - lr * jacobian
    return np.linalg.solve(np.eye(d * d) - np.kron(step, step), (lr**2 * noise).ravel()).reshape(d, d)


def random_game(seed, d):
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(d, d))
    root = rng.normal(size=(d, d))
    return raw - raw.T + np.diag(rng.uniform(0.3, 2, d)), root @ root.T


def quadratic_game(a, c, coupling, s1, s2, beta):
    """Invariant covariance of Phi = a theta^2/2 + coupling theta omega - c omega^2/2, noise variances s1, s2."""
    bottom = beta * (a + c) * (a * c + coupling**2)
    return (
        np.array(
            [
                [s1 * (a * c + c**2 + coupling**2) + coupling**2 * s2, coupling * (c * s1 - a * s2)],
                [coupling * (c * s1 - a * s2), s2 * (a**2 + a * c + coupling**2) + coupling**2 * s1],
            ]
        )
        / bottom
    )


@pytest.mark.parametrize("seed", range(5))
def test_quadratic_game_closed_form(seed):
    a, c, coupling, s1, s2 = np.random.default_rng(seed).uniform(0.2, 2, 5)
    lr, batch = 0.1, 8
    jacobian = np.array([[a, coupling], [-coupling, c]])
    exact = quadratic_game(a, c, coupling, s1, s2, 2 * batch / lr)
    assert np.allclose(stationary_covariance(jacobian, np.diag([s1, s2]), lr, batch), exact, rtol=TOLERANCE, atol=0)
    # The transpose is the game with the players' coupling reversed: the sign of the covariance must tell.
    wrong = stationary_covariance(jacobian.T, np.diag([s1, s2]), lr, batch)
    assert not np.allclose(wrong, exact, rtol=1e-3, atol=0)


def test_equal_players_are_isotropic_whatever_the_coupling():
    for coupling in (0.0, 1.0, 30.0):
        jacobian = [[0.5, coupling], [-coupling, 0.5]]
        assert np.allclose(stationary_covariance(jacobian, 3 * np.eye(2), 0.2, 4), 0.15 * np.eye(2), atol=1e-13)


@pytest.mark.parametrize("lr", [1.5, 0.1, 1e-6, 1e-12])
def test_one_dimension_discrete(lr):
    h, s2, batch = 1.2, 2.0, 5
    exact = (lr * s2 / batch) / (h * (2 - lr * h))
    computed = discrete_stationary_covariance([[h]], [[s2]], lr, batch)[0, 0]
    assert abs(computed / exact - 1) < 1e-13
    gap = computed / stationary_covariance([[h]], [[s2]], lr, batch)[0, 0] - 1
    assert abs(gap - lr * h / (2 - lr * h)) < 1e-13


@pytest.mark.parametrize("d", [1, 2, 4, 9])
def test_against_kronecker_algebra(d):
    jacobian, sigma = random_game(d, d)
    lr, batch = 0.02, 3
    assert np.allclose(
        stationary_covariance(jacobian, sigma, lr, batch),
        kronecker_stationary(jacobian, lr / batch * sigma),
        rtol=TOLERANCE,
        atol=TOLERANCE * lr,
    )
    assert np.allclose(
        discrete_stationary_covariance(jacobian, sigma, lr, batch),
        kronecker_discrete(jacobian, sigma / batch, lr),
        rtol=TOLERANCE,
        atol=TOLERANCE * lr,
    )


def test_degenerate_noise_of_the_linear_gan():
    # The generator has no noise of its own; the law is isotropic all the same.
    c, s2, lr, batch = 0.7, 3.0, 0.05, 4
    covariance = stationary_covariance([[c, 1.0], [-1.0, 0.0]], np.diag([s2, 0.0]), lr, batch)
    assert np.allclose(covariance, lr * s2 / (2 * batch * c) * np.eye(2), atol=1e-15)


def test_infinite_batch_has_no_spread():
    assert not stationary_covariance(np.eye(2), np.eye(2), 0.1, math.inf).any()


@pytest.mark.parametrize("time", [0.0, 1e-6, 0.3, 5.0, 1000.0])
def test_transient_one_dimension(time):
    h, s2, start = 0.8, 2.0, 0.5
    exact = start * np.exp(-2 * h * time) + s2 * -np.expm1(-2 * h * time) / (2 * h)
    assert np.allclose(transient_covariance([[h]], [[s2]], time, initial=[[start]]), exact, rtol=1e-12)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_transient_solves_the_lyapunov_flow(sign):
    jacobian, sigma = random_game(7, 3)
    jacobian = sign * jacobian
    start = np.diag([1.0, 0.0, 2.0])

    def flow(_, flat):
        covariance = flat.reshape(3, 3)
        return (0.05 * sigma - jacobian @ covariance - covariance @ jacobian.T).ravel()

    times = np.array([0.1, 1.0, 2.5])
    solved = solve_ivp(flow, (0, 2.5), start.ravel(), t_eval=times, rtol=1e-11, atol=1e-13).y.T.reshape(3, 3, 3)
    computed = transient_covariance(jacobian, sigma, times, initial=start, lr=0.2, batch_size=4)
    assert np.allclose(computed, solved, rtol=1e-8, atol=1e-9)
    assert not np.allclose(transient_covariance(jacobian.T, sigma, times, initial=start, lr=0.2, batch_size=4), solved)


def test_transient_forgets_its_start():
    jacobian, sigma = random_game(3, 4)
    late = transient_covariance(jacobian, sigma, 1e4, initial=np.eye(4), lr=0.1)
    assert np.allclose(late, stationary_covariance(jacobian, sigma, 0.1), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("steps", [0, 1, 2, 7, 64])
def test_discrete_transient_is_the_iteration(steps):
    jacobian, sigma = random_game(5, 3)
    lr, batch = 0.1, 2
    step, covariance = np.eye(3) - lr * jacobian, np.eye(3)
    for _ in range(steps):
        covariance = step @ covariance @ step.T + lr**2 / batch * sigma
    computed = discrete_transient_covariance(jacobian, sigma, steps, lr=lr, initial=np.eye(3), batch_size=batch)
    assert np.allclose(computed, covariance, rtol=1e-12)


def test_discrete_transient_reaches_the_stationary_law():
    jacobian, sigma = random_game(5, 3)
    late = discrete_transient_covariance(jacobian, sigma, 10**9, lr=0.01)
    assert np.allclose(late, discrete_stationary_covariance(jacobian, sigma, 0.01), rtol=1e-10)


@pytest.mark.parametrize(
    ("jacobian", "noise", "options", "message"),
    [
        ([[-1.0]], [[1.0]], {}, "jacobian: expected eigenvalues with positive real part, got -1"),
        ([[0.0, 1.0], [-1.0, 0.0]], np.eye(2), {}, "jacobian: .*no stationary law"),
        ([[0.1, 3.0], [-3.0, -0.1]], np.eye(2), {}, "jacobian: .*no stationary law"),
        ([[1.0, 2.0]], np.eye(2), {}, r"jacobian: expected a square matrix, got shape \(1, 2\)"),
        (np.eye(2), np.eye(3), {}, r"noise_covariance: expected .* \(2, 2\), got shape \(3, 3\)"),
        (np.eye(2), [[1.0, 0.5], [0.0, 1.0]], {}, "noise_covariance: expected a symmetric matrix"),
        (np.eye(2), np.diag([1.0, -0.1]), {}, "noise_covariance: expected a positive semidefinite matrix"),
        ([[np.nan]], [[1.0]], {}, "jacobian: expected finite numbers, got 1 non-finite of 1"),
        (["a"], [[1.0]], {}, "jacobian: expected an array of real numbers, got list"),
        ([[1.0]], [[1.0]], {"lr": -0.1}, "lr: expected a positive number, got -0.1"),
        ([[1.0]], [[1.0]], {"batch_size": 0}, "batch_size: expected a positive number, got 0"),
    ],
)
def test_refuses(jacobian, noise, options, message):
    with pytest.raises(ValueError, match=r"^" + message):
        stationary_covariance(jacobian, noise, **options)


@pytest.mark.parametrize("jacobian", [[[-1.0]], [[-1.0, 3.0], [0.0, 1.0]]])
def test_growth_beyond_floats_is_refused(jacobian):
    noise = np.eye(len(jacobian))
    with pytest.raises(ValueError, match=r"^time: expected .* got an overflow by 1e\+06"):
        transient_covariance(jacobian, noise, [1.0, 1e6])
    with pytest.raises(ValueError, match=r"^steps: expected .* got an overflow by 1000000"):
        discrete_transient_covariance(jacobian, noise, 10**6, lr=0.1)


def test_growth_within_floats_is_not_refused():
    # The last squaring of the map, which nothing needs, overflows at this number of steps.
    exact = 3.0**600 / 8
    assert np.isclose(transient_covariance([[-1.0]], [[2.0]], 340.0)[0, 0], np.expm1(680.0), rtol=1e-10)
    found = discrete_transient_covariance([[-2.0]], [[1.0]], 2**8 + 44, lr=1.0)[0, 0]
    assert np.isclose(found, exact, rtol=1e-10)


def test_refuses_unstable_rates_and_bad_times():
    with pytest.raises(ValueError, match=r"^lr: expected I - lr J of spectral radius < 1, got 1.5 at lr = 2.5"):
        discrete_stationary_covariance([[1.0]], [[1.0]], 2.5)
    with pytest.raises(ValueError, match=r"^lr: .*no stationary law"):
        discrete_stationary_covariance([[0.0, 1.0], [-1.0, 0.0]], np.eye(2), 0.1)
    with pytest.raises(ValueError, match=r"^time: expected numbers >= 0, got -1"):
        transient_covariance([[1.0]], [[1.0]], [0.0, -1.0])
    with pytest.raises(ValueError, match=r"^steps: expected an integer >= 0, got -1"):
        discrete_transient_covariance([[1.0]], [[1.0]], -1, lr=0.1)
