"""The fluctuation-dissipation claim: exact sides, a small run, and controls that must be rejected."""

import numpy as np
import pytest

from figures.papers.coupled_sdes.fluctuation_dissipation import LEVEL, SCHEMES, measure, run
from figures.papers.coupled_sdes.fluctuation_runs import BATCH_SIZE, RELATIONS, Relations, gap
from figures.papers.coupled_sdes.weak_errors import SAMPLES
from figures.registry import Settings
from gan_sde.symbolic.moments import MomentDynamics
from tests.oracles import alternating, discrete_stationary, finite_sum_game, simultaneous


def sample_average(function, moments):
    """Mean over four points with these moments: exact for polynomials of degree 2 in the state."""
    root = np.linalg.cholesky(moments.covariance)
    nodes = np.sqrt(2) * np.concatenate([root.T, -root.T])
    return np.mean([function(moments.mean + node) for node in nodes], axis=0)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("lr", [0.05, 0.2])
def test_predicted_gaps_against_an_independent_computation(scheme, lr):
    affine = finite_sum_game(SAMPLES)
    oracle = simultaneous(affine) if scheme == "shared" else alternating(affine, ("omega", "theta"))
    moments = discrete_stationary(affine, oracle, lr=lr, batch_size=BATCH_SIZE)
    jacobian, offset = -affine.matrices.mean(axis=0), -affine.offsets.mean(axis=0)
    centre = np.linalg.solve(jacobian, -offset)
    payoff_hessian = np.diag([-1, 1]) @ jacobian

    def sides(x):
        fields = -(affine.matrices @ x + affine.offsets)
        field, sigma = fields.mean(axis=0), np.cov(fields.T, bias=True)
        if scheme == "alternating":
            sigma = np.diag(np.diag(sigma))
        work = (x - centre) * field
        right = lr / (2 * BATCH_SIZE) * np.array([sigma[0, 0], sigma[1, 1], np.trace(sigma @ payoff_hessian)])
        return np.array([work[0], work[1], field[1] ** 2 - field[0] ** 2]), right

    left, right = sample_average(sides, moments)
    found = Relations(scheme).exact_gap(lr)
    np.testing.assert_allclose([found[name] for name in RELATIONS], left / right - 1, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_relations_are_exact_on_the_sde(scheme):
    """E[L f] = 0 in exact moments; with the other scheme's noise FDR2 fails."""
    relations, lr = Relations(scheme), 0.1
    sde = relations.training.sde(1)
    players = tuple((s,) for s in sde.parameters)
    right = MomentDynamics.of_sde(sde)
    for dynamics, holds in ((right, True), (MomentDynamics.of_sde(sde, blocks=players), scheme == "alternating")):
        moments = dynamics.stationary(lr=lr, batch_size=BATCH_SIZE)
        left, noise = relations.integrands["FDR2"]
        ratio = dynamics.expectation(moments, left) / dynamics.expectation(moments, noise) / (lr / 2 / BATCH_SIZE)
        assert np.isclose(ratio, 1, rtol=1e-9) == holds


def test_gaps_vanish_with_the_learning_rate():
    for scheme in SCHEMES:
        coarse, fine = (Relations(scheme).exact_gap(lr) for lr in (2e-3, 1e-3))
        for name in RELATIONS:
            assert abs(np.log2(coarse[name] / fine[name]) - 1) < 0.05, (scheme, name)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_small_run_and_controls(scheme):
    found = measure(scheme, 0.2, chains=64, draws=1_500, seed=3)
    for key, value in found.items():
        if key.kind in ("exact", "gap", "sde"):
            assert value.p_value >= LEVEL, key
        else:
            assert value.p_value < LEVEL, key
    assert {key.kind for key in found} >= {"exact", "gap", "sde", "wrong lr"}


def test_sde_form_is_rejected_on_the_training():
    relations, lr = Relations("shared"), 0.2
    path = relations.path(relations.training, lr, chains=64, draws=1_500, seed=4)
    assert all(gap(sides).p_value < LEVEL for sides in relations.sde_sides(path, lr).values())


@pytest.mark.slow
def test_claim():
    assert all(row.passed for row in run(Settings(seed=11)).checks)
