"""The fluctuation-dissipation claim: exact sides, a small run, and controls that must be rejected."""

import numpy as np
import pytest

from analysis import fluctuation_dissipation
from figures.papers.coupled_sdes.finite_sum import SAMPLES
from figures.papers.coupled_sdes.fluctuation_calibration import (
    CHAINS,
    DRAWS,
    LR,
    calibrate,
    ends_residual,
    p_values,
    path_residual,
    rejected,
)
from figures.papers.coupled_sdes.fluctuation_dissipation import LEVEL, SCHEMES, SLOPES, measure, order_check, run
from figures.papers.coupled_sdes.fluctuation_orders import ORDER_LRS, momentum_gaps, order_gaps, order_slope
from figures.papers.coupled_sdes.fluctuation_runs import BATCH_SIZE, RELATIONS, Relations, equilibrium, gap
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


# -------------------------------------------------------------------- momentum, orders, calibration


def test_momentum_relation_and_its_control():
    for right, wrong in momentum_gaps(0.05, chains=64, seed=5).values():
        assert right.p_value >= LEVEL > wrong.p_value


@pytest.mark.parametrize("kind", list(SLOPES))
def test_orders_of_the_gaps(kind):
    for relation in RELATIONS:
        assert order_check(kind, relation).passed
        assert abs(order_slope(kind, relation) - (3 - SLOPES[kind])) > 0.9  # the other order is refused


def test_predicted_gap_of_order_one_is_that_of_the_relations():
    lr = ORDER_LRS[-1]
    gaps = Relations("shared").exact_gap(lr)
    for relation in RELATIONS:
        # another centre: the stationary mean of the field is zero, so that none matters
        assert order_gaps("order 1", relation)[-1] == pytest.approx(gaps[relation], rel=1e-8)


def test_second_order_drift_alone_doubles_the_gap_of_the_second_relation():
    """The primed form is exact for the order-2 SDE and worse on the training: never for monitors."""
    ratio = order_gaps("order 2", "FDR2") / order_gaps("order 1", "FDR2")
    np.testing.assert_allclose(ratio, 2, atol=0.01)


def test_calibration_uses_the_public_test():
    """Window ends, all states, and `fluctuation_dissipation` give one p-value."""
    rng = np.random.default_rng(0)
    path = rng.normal(size=(2 * CHAINS, DRAWS + 1, 2)).cumsum(axis=1) * 0.01 + np.array(equilibrium())
    ends = p_values(ends_residual(path[:, 0], path[:, -1]))
    np.testing.assert_allclose(p_values(path_residual(path)), ends, rtol=1e-8)
    np.testing.assert_allclose(path_residual(path), ends_residual(path[:, 0], path[:, -1]), atol=1e-12)
    for own, p in zip(path.reshape(2, CHAINS, DRAWS + 1, 2), ends, strict=True):
        test = fluctuation_dissipation(
            own[:, :-1], players={"discriminator": [0], "generator": [1]}, lr=LR,
            batch_fields=(own[:, :-1] - own[:, 1:]) / LR, centre=equilibrium(),
        )  # fmt: skip
        assert p == pytest.approx(test.p_value, rel=1e-8)


def test_small_calibration():
    """512 replicates: 5 % within 4 standard deviations; after the fall, and at a wrong rate, nearly all."""
    found = calibrate(replicates=512, seed=3)
    assert abs(rejected(found.stationary).value - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 512)
    assert rejected(found.halved).value > 0.9 < rejected(found.control).value
