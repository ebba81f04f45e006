"""The stationary-law claim: predictions against exact moments, a small run, and laws that must be rejected."""

import numpy as np
import pytest

import gan_sde as gs
from figures.papers.coupled_sdes.quadratic_laws import (
    BATCH_SIZE,
    ORDER_1,
    PROCESSES,
    TRAINING,
    matrices,
    p_value,
    sample,
    scores,
)
from figures.papers.coupled_sdes.stationary_law import LEVEL, control, convergence, covariance_check, run, shape_checks
from figures.registry import Settings
from gan_sde.symbolic.moments import MomentDynamics


def exact_covariance(process, lr):
    made = process.make()
    dynamics = MomentDynamics.of_sde(made) if isinstance(made, gs.SDE) else MomentDynamics.of_training(made)
    _, *mean, a, b, c = dynamics.stationary(lr=lr, batch_size=BATCH_SIZE)
    np.testing.assert_allclose(mean, 0, atol=1e-12)
    return np.array([[a, b], [b, c]])


@pytest.mark.parametrize("lr", [0.01, 0.2])
@pytest.mark.parametrize("process", PROCESSES, ids=[p.name for p in PROCESSES])
def test_lyapunov_predictions_against_moments_of_the_derived_objects(process, lr):
    np.testing.assert_allclose(process.covariance(lr), exact_covariance(process, lr), rtol=1e-9)


def test_closed_form_of_the_continuous_equation():
    """Cross-free noise: C11 D = s1 (ac + c^2 + l^2) + l^2 s2, with theta first and D = beta (a + c) (ac + l^2)."""
    import analysis

    a, lam, c, s1, s2, beta = 1.0, 1.5, 0.5, 0.7, 1.9, 2 * BATCH_SIZE / 0.1
    jacobian = np.array([[c, -lam], [lam, a]])
    found = analysis.stationary_covariance(jacobian, np.diag([s2, s1]), 0.1, BATCH_SIZE)
    common = beta * (a + c) * (a * c + lam**2)
    assert np.isclose(found[1, 1], (s1 * (a * c + c**2 + lam**2) + lam**2 * s2) / common)
    assert np.isclose(found[0, 0], (s2 * (lam**2 + a**2 + a * c) + lam**2 * s1) / common)


def test_orders_of_the_stationary_covariances():
    """Relative error of order 1 without, of order 2 with the corrected diffusion."""
    for process, slope in zip(PROCESSES[1:], (1, 1, 2), strict=True):
        gaps = [np.trace(process.covariance(lr)) / np.trace(TRAINING.covariance(lr)) - 1 for lr in (0.02, 0.01)]
        assert abs(np.log2(gaps[0] / gaps[1]) - slope) < 0.1, process.name


@pytest.fixture(scope="module")
def measure():
    return sample(TRAINING, 0.2, draws=1_000, seed=1)


def test_training_settles_to_the_discrete_law(measure):
    assert convergence({("training", 0.2): measure}).passed
    assert covariance_check(TRAINING, 0.2, measure).passed
    assert all(row.passed for row in shape_checks(TRAINING, 0.2, measure))


def test_wrong_laws_are_rejected(measure):
    jacobian, sigma = matrices()
    assert control(0.2, measure).passed
    assert not covariance_check(ORDER_1, 0.2, measure).passed
    assert not all(row.passed for row in shape_checks(ORDER_1, 0.2, measure))
    lone = np.linalg.solve(
        np.eye(4) - np.kron(np.eye(2) - 0.2 * jacobian, np.eye(2) - 0.2 * jacobian),
        (0.04 / BATCH_SIZE * np.diag(np.diag(sigma))).ravel(),
    ).reshape(2, 2)
    assert p_value(scores(measure, lone)["covariance"]) < LEVEL


@pytest.mark.slow
def test_claim():
    assert all(row.passed for row in run(Settings(seed=11)).checks)
