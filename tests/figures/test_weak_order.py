"""The weak-order claim: exact moments against an independent oracle, and the whole claim at an unused seed."""

import numpy as np
import pytest

import gan_sde as gs
from figures.papers.coupled_sdes.finite_sum import SAMPLES, SCHEMES
from figures.papers.coupled_sdes.weak_order import run
from figures.registry import Settings
from gan_sde.symbolic.moments import MomentDynamics, monomials
from tests.oracles import (
    alternating,
    derive_sde,
    discrete_moments,
    discrete_stationary,
    finite_sum_game,
    sde_stationary,
    simultaneous,
)

AFFINE = finite_sum_game(SAMPLES)
ORACLES = {
    "shared": simultaneous(AFFINE),
    "independent": simultaneous(AFFINE, "independent"),
    "alternating": alternating(AFFINE, ("omega", "theta")),
}
START = (0.8, -0.5)
UPPER = np.triu_indices(2)


def flat(moments):
    return np.concatenate([[1.0], moments.mean, moments.second[UPPER]])


@pytest.fixture(scope="module")
def trainings():
    game = gs.games.get("quadratic", samples=SAMPLES)
    return {name: gs.Training(game, algorithm) for name, algorithm in SCHEMES.items()}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_training_moments_against_kronecker_recursion(trainings, scheme):
    dynamics = MomentDynamics.of_training(trainings[scheme])
    assert [str(m) for m in monomials(trainings[scheme].game.parameters)] == [
        "1", "omega", "theta", "omega**2", "omega*theta", "theta**2",
    ]  # fmt: skip
    oracle = discrete_moments(AFFINE, ORACLES[scheme], lr=1 / 16, batch_size=2, steps=16, z0=START)
    np.testing.assert_allclose(dynamics.after(START, 1.0, lr=1 / 16, batch_size=2), flat(oracle), rtol=0, atol=1e-12)
    oracle = discrete_stationary(AFFINE, ORACLES[scheme], lr=0.1, batch_size=2)
    np.testing.assert_allclose(dynamics.stationary(lr=0.1, batch_size=2), flat(oracle), rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_sde_moments_against_exponential(trainings, scheme, order):
    dynamics = MomentDynamics.of_sde(trainings[scheme].sde(order))
    oracle = derive_sde(AFFINE, ORACLES[scheme], order=order, lr=1 / 16, batch_size=2)
    found = dynamics.after(START, 1.0, lr=1 / 16, batch_size=2)
    np.testing.assert_allclose(found, flat(oracle.moments(START, 1.0)), rtol=0, atol=1e-12)
    stationary = sde_stationary(AFFINE, ORACLES[scheme], order=order, lr=1 / 16, batch_size=2)
    np.testing.assert_allclose(dynamics.stationary(lr=1 / 16, batch_size=2), flat(stationary), rtol=0, atol=1e-12)


def test_moments_refuse_what_does_not_close_or_settle(trainings):
    with pytest.raises(ValueError, match="affine"):
        MomentDynamics.of_sde(gs.Training(gs.games.get("lq-gan").subs(mu=0, sigma=1), SCHEMES["shared"]).sde(1))
    with pytest.raises(ValueError, match="mean-square stability"):
        MomentDynamics.of_training(trainings["shared"]).stationary(lr=3.0, batch_size=2)


@pytest.mark.slow
def test_claim():
    assert all(row.passed for row in run(Settings(seed=11)).checks)
