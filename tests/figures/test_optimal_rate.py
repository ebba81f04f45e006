"""The optimal-rate claim: its ingredients small, and what must be detected.

False alarms: comparisons of simulated means share 1 % (two-sided, Bonferroni over 11); seeds are fixed.
"""

from dataclasses import replace

import numpy as np
import pytest
from sympy import Matrix, symbols

from figures.papers.adversarial_training.optimal_rate import run
from figures.papers.adversarial_training.optimal_rate_checks import (
    COMPARISONS,
    agreement,
    discrete_checks,
    excess,
    feedback_schedule,
    grid_checks,
    loss_table,
)
from figures.papers.adversarial_training.optimal_rate_evidence import train_adversarially
from figures.papers.adversarial_training.optimal_rate_problems import GAME, LR, QUADRATIC, competitors, random_schedules
from figures.papers.adversarial_training.optimal_rate_runs import (
    mean_of,
    policy_error,
    ratio_of,
    simulate,
    solve_moment,
)
from figures.registry import Settings


@pytest.mark.parametrize("problem", [QUADRATIC, GAME], ids=lambda p: p.name)
def test_coefficients_are_those_of_the_simulated_game(problem):
    """Decay, noise, coupling and start, read off the symbolic game."""
    game = problem.training().game
    jacobian, moment = np.array(game.jacobian, dtype=float), problem.make(LR)
    half = (jacobian + jacobian.T) / 2
    np.testing.assert_allclose(half, moment.decay * np.eye(len(half)))
    np.testing.assert_allclose(jacobian.T @ jacobian, problem.squared * np.eye(len(half)))
    spread = np.trace(np.array(game.noise_covariance, dtype=float))
    assert moment.noise == pytest.approx(LR * problem.weight * spread)
    assert problem.weight * sum(float(x) ** 2 for x in game.x0) == pytest.approx(problem.start)


def test_quadratic_field():
    x = symbols("x")
    assert QUADRATIC.training().game.field == Matrix([2 * x])


def test_simulated_ends_are_exact_and_the_sde_is_not():
    rates = competitors(QUADRATIC)["optimal"]
    found = simulate(QUADRATIC.training(), QUADRATIC, rates, trajectories=50_000, seed=3)
    exact = QUADRATIC.exact(rates)
    assert agreement("end", float(exact[-1]), found.final).passed
    assert not agreement("wrong by 4 %", 1.04 * float(exact[-1]), found.final).passed
    steps = np.rint(found.time / LR).astype(int)
    z = (found.moment[1:] - exact[steps][1:]) / found.se[1:]
    assert np.abs(z).max() < 4.5
    early = found.time < 1.2
    z = (found.moment - QUADRATIC.best().value(found.time))[early][1:] / found.se[early][1:]
    assert np.abs(z).max() > 15


def test_competitors_are_what_they_are_called():
    for problem in (QUADRATIC, GAME):
        schedules = competitors(problem)
        ends = {name: problem.exact(rates)[-1] for name, rates in schedules.items()}
        assert min(ends, key=ends.get) == "exact optimum"
        assert all(
            len(rates) == problem.steps() and 0 <= min(rates) <= max(rates) <= LR for rates in schedules.values()
        )
        flat = schedules["constant"][0]
        around = [problem.exact(np.full(problem.steps(), r))[-1] for r in (0.99 * flat, flat, min(1.01 * flat, LR))]
        assert np.argmin(around) == 1


def test_random_schedules_fall_within_the_bounds():
    rivals = random_schedules(30, 100, seed=0)
    assert rivals.shape == (400, 30)
    assert rivals.min() >= 0 and rivals.max() <= 1
    assert np.diff(rivals, axis=1).max() <= 0
    assert QUADRATIC.make(LR).evolve(QUADRATIC.start, rivals, LR)[:, -1].min() > QUADRATIC.best().value(3.0)


def test_grid_agrees_and_a_wrong_one_does_not():
    solution = solve_moment(QUADRATIC, 120, 101)
    assert grid_checks(solution)[0].passed
    assert policy_error(QUADRATIC, replace(solution, choice=np.maximum(solution.choice - 2, 0))) > 0.01


def test_losses_against_the_exact_optimum():
    assert all(check.passed for check in discrete_checks(QUADRATIC))
    assert excess(QUADRATIC, competitors(QUADRATIC)["exact optimum"]) == 0
    assert excess(GAME, competitors(GAME)["optimal"]) < excess(GAME, feedback_schedule(GAME, LR))
    assert len(loss_table().rows) == 8


def test_adversarial_training_follows_its_recursion():
    for name, (exact, found) in train_adversarially(20_000, seed=1).items():
        assert agreement(name, exact, found).passed
        assert not agreement(name, 1.08 * exact, found).passed


def test_ratio_covers():
    """400 ratios of means of 200: the 95 % interval covers 5 % +- 4.5 standard errors; fixed seed."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        pair = [mean_of(scale * rng.normal(size=200) ** 2) for scale in (3.0, 2.0)]
        hits += ratio_of(*pair).contains(1.5)
    assert abs(hits / 400 - 0.95) < 4.5 * np.sqrt(0.95 * 0.05 / 400)


@pytest.mark.slow
def test_claim():
    outcome = run(Settings(seed=11))
    assert all(check.passed for check in outcome.checks), [c for c in outcome.checks if not c.passed]
    assert sum(check.name.endswith("m(T)") and check.predicted[0].isdigit() for check in outcome.checks) == COMPARISONS
