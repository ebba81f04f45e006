"""Closed-form covariances of the quadratic game: in symbols, against Lyapunov solvers, exact moments and runs."""

import numpy as np
import pytest
import sympy as sp

import analysis
import gan_sde as gs
from figures.papers.coupled_sdes.parameter_sets import GAMES, KINDS, LR, cells, control_scores, set_checks, set_table
from figures.papers.coupled_sdes.quadratic_covariances import (
    QuadraticGame,
    alternating_covariance,
    recursion_covariance,
    sde_covariance,
    training_covariance,
)
from figures.papers.coupled_sdes.quadratic_laws import BATCH_SIZE
from gan_sde.symbolic.moments import MomentDynamics


def test_the_formula_solves_the_recursion_in_symbols():
    """C = (I - E) C (I - E)^T + Q for every E and Q: the residual is 0, with the term in N dropped it is not."""
    pull = sp.Matrix(2, 2, sp.symbols("e11 e12 e21 e22"))
    q11, q12, q22 = sp.symbols("q11 q12 q22")
    noise = sp.Matrix([[q11, q12], [q12, q22]])
    trace, determinant, eye = pull.trace(), pull.det(), sp.eye(2)
    middle, half = (1 - trace / 2) * eye + pull / 2, 1 - trace / 2 + determinant / 4
    adjugate = trace * eye - pull

    def residual(first):
        c = (determinant * first + adjugate * noise * adjugate.T) / (2 * determinant * (trace - determinant))
        return ((eye - pull) * c * (eye - pull).T + noise - c).applyfunc(lambda e: sp.cancel(sp.together(e)))

    assert residual(middle * noise * middle.T / half) == sp.zeros(2)
    assert residual(noise) != sp.zeros(2)


@pytest.mark.parametrize("name", GAMES)
def test_closed_forms_against_lyapunov_solvers(name):
    game = GAMES[name]
    for lr in (1e-4, LR):
        solved = analysis.stationary_covariance(game.jacobian, game.noise, lr, BATCH_SIZE)
        np.testing.assert_allclose(sde_covariance(game, lr, BATCH_SIZE), solved, rtol=1e-10, atol=1e-14)
        solved = analysis.discrete_stationary_covariance(game.jacobian, game.noise, lr, BATCH_SIZE)
        np.testing.assert_allclose(training_covariance(game, lr, BATCH_SIZE), solved, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", GAMES)
def test_closed_forms_against_moments_of_the_derived_trainings(name):
    """Alternating above all: the package derives it from the algorithm's text, with nothing of the formula."""
    game = GAMES[name]
    made = gs.games.get("quadratic", covariance=game.noise).subs(a=game.a, lam=game.lam, c=game.c)
    for order, form in (("alternating", alternating_covariance), ("simultaneous", training_covariance)):
        dynamics = MomentDynamics.of_training(gs.Training(made, gs.algorithms.get("sgda", order=order)))
        *_, a, b, c = dynamics.stationary(lr=LR, batch_size=BATCH_SIZE)
        np.testing.assert_allclose(form(game, LR, BATCH_SIZE), [[a, b], [b, c]], rtol=1e-9, atol=1e-13)


def test_stability_limit_and_bad_games():
    game = QuadraticGame(a=1.0, lam=2.0, c=0.5, var_omega=1, var_theta=1)
    limit = (game.a + game.c) / (game.a * game.c + game.lam**2)  # 2 Re mu / |mu|^2
    assert training_covariance(game, 0.999 * limit, 1)[0, 0] > 100
    with pytest.raises(ValueError, match="pull: expected a recursion that contracts"):
        training_covariance(game, 1.001 * limit, 1)
    with pytest.raises(ValueError, match=r"game: expected a \+ c > 0"):
        sde_covariance(QuadraticGame(a=-1, lam=2, c=0.5, var_omega=1, var_theta=1), 0.1, 1)
    with pytest.raises(ValueError, match="pull"):
        recursion_covariance(np.array([[2.5, 0.0], [0.0, 2.5]]), np.eye(2))


def test_equal_players_hide_the_sign_of_the_interaction_from_the_sde():
    game = GAMES["equal players"]
    other = QuadraticGame(game.a, -game.lam, game.c, game.var_omega, game.var_theta)
    np.testing.assert_allclose(sde_covariance(game, LR, 1), sde_covariance(other, LR, 1))
    gap = alternating_covariance(game, LR, 1) - alternating_covariance(other, LR, 1)
    assert np.abs(gap).max() > 0.01


def test_runs_agree_and_wrong_forms_are_rejected():
    """16 chains of 400 draws for each of 15 cells; limit 4 MCSE, any false alarm 0.3 %."""
    found = cells(draws=400, seed=3)
    rows = set_checks(found)
    assert all(row.passed for row in rows), [row for row in rows if not row.passed]
    assert len(set_table(found).rows) == 3 * len(GAMES) * len(KINDS)
    wrong = control_scores(found)
    assert set(wrong["the SDE's closed form for simultaneous training"]) == set(GAMES)
    assert "equal players" not in wrong["opposite sign of the interaction, SDE, order 1"]
    # the sampled law of the alternating runs must not pass for that of noises which share a batch
    cell = next(c for c in found if c.game == "correlated" and c.kind == "alternating")
    game = GAMES["correlated"]
    j = game.jacobian
    omega, theta = j * [[1], [0]], j * [[0], [1]]
    pull = LR * j - LR**2 * theta @ omega
    second = np.eye(2) - LR * theta
    first, last = np.diag([1.0, 0.0]), np.diag([0.0, 1.0])
    mixing = second @ first + last
    shared = recursion_covariance(pull, LR**2 / BATCH_SIZE * mixing @ game.noise @ mixing.T)
    assert cell.scores(shared).max() > 10
