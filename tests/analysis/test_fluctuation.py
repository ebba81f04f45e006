"""Fluctuation-dissipation relations: as identities between exact moments, then on samples."""

import numpy as np
import pytest

from analysis import (
    balance_test,
    discrete_stationary_covariance,
    fdr1_discrete_terms,
    fdr1_terms,
    fdr2_terms,
    fluctuation_dissipation,
    stationary_covariance,
)
from tests.analysis.processes import linear_game

# Phi = a theta^2/2 + l theta omega - c omega^2/2, theta descends, omega ascends: F = (Phi_theta, -Phi_omega).
A, L, C = 0.5, 1.0, 0.7
JACOBIAN = np.array([[A, L], [-L, C]])
HESSIAN = np.array([[A, L], [L, -C]])
SIGMA = np.array([[1.0, 0.6], [0.6, 2.0]])
LR, BATCH = 0.1, 4
PLAYERS = {"generator": [0], "discriminator": slice(1, 2)}


def gaussian_law(covariance, rng, chains=4, draws=5000):
    """Independent draws whose sample mean is 0 and whose sample covariance is `covariance`, both to rounding."""
    raw = rng.normal(size=(chains * draws, 2))
    raw -= raw.mean(axis=0)
    raw = raw @ np.linalg.inv(np.linalg.cholesky(raw.T @ raw / len(raw))).T
    return (raw @ np.linalg.cholesky(covariance).T).reshape(chains, draws, 2)


def test_relations_are_identities_of_the_stationary_law():
    x = gaussian_law(stationary_covariance(JACOBIAN, SIGMA, LR, BATCH), np.random.default_rng(0))
    field = x @ JACOBIAN.T
    for left, right in fdr1_terms(x, field, SIGMA, players=PLAYERS, lr=LR, batch_size=BATCH).values():
        assert np.isclose(left.mean(), right.mean(), rtol=1e-10)
    # FDR2 of the payoff and of each player's own loss; the cross covariance of a shared batch is part of it.
    for sign in (1, -1):
        sides = fdr2_terms(sign * x @ HESSIAN, field, sign * HESSIAN, SIGMA, lr=LR, batch_size=BATCH)
        assert np.isclose(sides[0].mean(), sides[1].mean(), rtol=1e-10)
    no_cross = fdr2_terms(x @ HESSIAN, field, HESSIAN, np.diag([1.0, 2.0]), lr=LR, batch_size=BATCH)
    assert not np.isclose(no_cross[0].mean(), no_cross[1].mean(), rtol=0.1)


def test_payoff_relation_is_the_players_trade_off():
    # g . F = |Phi_theta|^2 - |Phi_omega|^2, and a shared batch subtracts (2 / beta) Cov(theta, omega gradients) : H.
    x = np.random.default_rng(1).normal(size=(2, 10, 2))
    gradient = x @ HESSIAN
    left, right = fdr2_terms(gradient, x @ JACOBIAN.T, HESSIAN, SIGMA, lr=LR, batch_size=BATCH)
    assert np.allclose(left, gradient[..., 0] ** 2 - gradient[..., 1] ** 2)
    beta = 2 * BATCH / LR
    payoff_cross = -SIGMA[0, 1]  # F_omega is minus the payoff's gradient
    assert np.allclose(right, (SIGMA[0, 0] * A - SIGMA[1, 1] * C - 2 * payoff_cross * L) / beta)


def test_discrete_relation_is_an_identity_of_the_iteration():
    lr = 0.5
    law = discrete_stationary_covariance(JACOBIAN, SIGMA, lr, BATCH)
    work = np.diag(JACOBIAN @ law)
    power = np.diag(JACOBIAN @ law @ JACOBIAN.T + SIGMA / BATCH)
    assert np.allclose(work, lr / 2 * power, rtol=1e-12)
    # The SDE's form misses by a relative lr there.
    assert not np.allclose(work, lr / (2 * BATCH) * np.diag(SIGMA), rtol=0.2)


def test_masks_are_the_indices_they_mark():
    positions, batches = np.random.default_rng(9).normal(size=(2, 3, 10, 2))
    masks = {"g": [False, True], "d": np.array([True, False])}
    found = fdr1_discrete_terms(positions, batches, players=masks, lr=LR)
    expected = fdr1_discrete_terms(positions, batches, players={"g": [1], "d": [0]}, lr=LR)
    for name in masks:
        assert np.array_equal(found[name], expected[name])


def test_minibatch_terms_telescope():
    positions, batches = linear_game(np.random.default_rng(2), JACOBIAN, SIGMA, LR, BATCH, 3, 50)
    centre = np.array([0.3, -1.0])
    terms = fdr1_discrete_terms(positions, batches, players={"all": [0, 1]}, lr=LR, centre=centre)
    left, right = terms["all"]
    energy = np.sum((positions - centre) ** 2, axis=-1)
    assert np.allclose((left - right)[:, :-1], (energy[:, :-1] - energy[:, 1:]) / (2 * LR), atol=1e-12)


@pytest.mark.parametrize(("chains", "draws"), [(1, 20_000), (4, 6000), (64, 600)])
def test_stationary_iteration_passes_and_wrong_claims_fail(chains, draws):
    # One verdict a shape at false-alarm rate 1e-3 (two players, Bonferroni), fixed seed.
    positions, batches = linear_game(np.random.default_rng(3), JACOBIAN, SIGMA, LR, BATCH, chains, draws)
    exact = positions @ JACOBIAN.T
    options = {"players": PLAYERS, "lr": LR, "level": 0.999, "batch_fields": batches}
    test = fluctuation_dissipation(positions, exact, **options)
    assert test.p_value > 1e-3, test.p_value
    assert abs(test["generator"].relative_gap) < 0.2
    wrong_factor = fluctuation_dissipation(positions, exact, **{**options, "lr": 2 * LR})
    assert not wrong_factor["generator"].holds and not wrong_factor["discriminator"].holds
    wrong_batch = fluctuation_dissipation(
        positions, exact, players=PLAYERS, lr=LR, batch_size=2 * BATCH, noise_covariance=SIGMA, level=0.999
    )
    assert not wrong_batch.holds
    swapped = fluctuation_dissipation(positions, exact, **{**options, "batch_fields": batches[..., ::-1]})
    assert not swapped.holds


@pytest.mark.parametrize(("chains", "draws"), [(1, 4000), (4, 2000), (64, 200)])
@pytest.mark.parametrize("use_exact", [True, False])
def test_burn_in_is_rejected(chains, draws, use_exact):
    start = [4.0, 4.0]
    positions, batches = linear_game(np.random.default_rng(4), JACOBIAN, SIGMA, LR, BATCH, chains, draws, start)
    exact = positions @ JACOBIAN.T if use_exact else None
    options = {"players": PLAYERS, "lr": LR, "level": 0.999}
    assert not fluctuation_dissipation(positions, exact, batch_fields=batches, **options).holds
    cut = slice(draws // 2, None)
    exact = positions[:, cut] @ JACOBIAN.T
    assert fluctuation_dissipation(positions[:, cut], exact, batch_fields=batches[:, cut], **options).holds


@pytest.mark.parametrize(("chains", "draws"), [(1, 8000), (4, 2000), (40, 200)])
def test_false_alarm_rate(chains, draws):
    # 400 stationary replicates at level 0.95: 2-8.5 % rejections hold with probability 0.999 for an exact test.
    positions, batches = linear_game(np.random.default_rng(5), JACOBIAN, SIGMA, LR, BATCH, 400 * chains, draws)
    exact = positions @ JACOBIAN.T
    left, right = fdr1_discrete_terms(positions, batches, players=PLAYERS, lr=LR, field=exact)["generator"]
    shape = (400, chains, draws)
    pairs = zip(left.reshape(shape), right.reshape(shape), strict=True)
    rejected = np.mean([not balance_test(a, b).holds for a, b in pairs])
    assert 0.02 <= rejected <= 0.085


def test_multiplicative_noise_of_a_finite_sum():
    # Three samples of different curvature: noise that depends on the state, skewed, shared by the players.
    rows = [(1.2, 0.9, 0.7, 0.2, -0.3), (0.7, 1.7, 1.2, -0.4, 0.2), (1.6, 0.5, 0.5, 0.1, 0.25)]
    matrices = np.array([[[a, b], [-b, c]] for a, b, c, _, _ in rows])
    offsets = np.array([[p, -q] for *_, p, q in rows])
    rng, lr, x = np.random.default_rng(6), 0.2, np.zeros((100, 2))
    positions, batches = np.empty((100, 1200, 2)), np.empty((100, 1200, 2))
    for k in range(1200):
        pick = rng.integers(0, 3, size=100)
        field = np.einsum("nij,nj->ni", matrices[pick], x) + offsets[pick]
        positions[:, k], batches[:, k] = x, field
        x = x - lr * field
    positions, batches = positions[:, 200:], batches[:, 200:]
    exact = positions @ matrices.mean(axis=0).T + offsets.mean(axis=0)
    options = {"players": PLAYERS, "lr": lr, "level": 0.999}
    assert fluctuation_dissipation(positions, exact, batch_fields=batches, **options).holds
    # The covariance instead of the full second moment is the usual slip: it misses (lr / 2) E|F|^2.
    noise_only = batches - exact
    assert not fluctuation_dissipation(positions, exact, batch_fields=noise_only, **options).holds


def test_wrong_sign_of_a_player_fails():
    x = gaussian_law(stationary_covariance(JACOBIAN, SIGMA, LR, BATCH), np.random.default_rng(7))
    field = x @ JACOBIAN.T * [1, -1]
    options = {"players": PLAYERS, "lr": LR, "batch_size": BATCH, "noise_covariance": SIGMA}
    test = fluctuation_dissipation(x, field, **options)
    assert test["generator"].holds and not test["discriminator"].holds


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"players": {}}, "players: expected a non-empty mapping"),
        ({"players": {"p": [2]}}, r"players: expected different indices below 2 for 'p', got \[2\]"),
        ({"players": {"p": [0, 0]}}, "players: expected different indices below 2"),
        ({"players": {"p": [0.7]}}, r"players: expected different indices below 2 for 'p', got \[0.7\]"),
        ({"players": {"p": [True]}}, r"players: expected different indices below 2 for 'p', got \[True\]"),
        ({"players": {"p": [0], "q": [1, 0]}}, "players: expected no index of two players, got 0 of 'p' and 'q'"),
        ({"players": {"p": [-1], "q": [1]}}, "players: expected no index of two players, got 1 of 'p' and 'q'"),
        ({"lr": 0}, "lr: expected a positive number, got 0"),
        ({"fields": np.zeros((4, 50, 3))}, r"fields: expected shape \(4, 50, 2\), got \(4, 50, 3\)"),
        ({"fields": None}, "fields: expected the exact field with noise_covariance, got None"),
        ({"noise_covariance": None}, "noise_covariance: expected exactly one of"),
        ({"noise_covariance": np.eye(3)}, r"noise_covariance: expected shape \(2, 2\) or \(4, 50, 2, 2\)"),
        ({"centre": [0.0]}, "centre: expected 2 numbers, got 1"),
        ({"level": 2}, r"level: expected a number in \(0, 1\), got 2"),
    ],
)
def test_refuses(change, message):
    x = np.random.default_rng(8).normal(size=(4, 50, 2))
    arguments = {"fields": x, "players": PLAYERS, "lr": LR, "noise_covariance": SIGMA, **change}
    with pytest.raises(ValueError, match="^" + message):
        fluctuation_dissipation(x, **arguments)


def test_balance_refuses():
    with pytest.raises(ValueError, match=r"^right: expected shape \(4, 50\), got \(4, 49\)"):
        balance_test(np.ones((4, 50)), np.ones((4, 49)))
    with pytest.raises(ValueError, match=r"^left: expected at least 32 draws from 1 chains, got 20"):
        balance_test(np.ones((1, 20)), 1.0)
