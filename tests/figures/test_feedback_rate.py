"""The logistic game of the feedback rate: derivatives, reduced process, policies that win and such that must lose."""

import numpy as np
import pytest

from figures.papers.adversarial_training import feedback_rate as claim
from figures.papers.adversarial_training import rate_policies as policies
from figures.papers.adversarial_training import shifted_logistic as game
from figures.registry import Settings


def test_derivatives_by_finite_differences():
    theta, delta, h = np.array([-0.7, 0.4, 1.3]), np.array([0.3, -0.2, 0.5]), 1e-6
    descent, _, ascent, _ = game.moments(theta, delta)
    np.testing.assert_allclose(
        descent, (game.payoff(theta + h, delta) - game.payoff(theta - h, delta)) / (2 * h), atol=1e-8
    )
    np.testing.assert_allclose(
        ascent, (game.payoff(theta, delta + h) - game.payoff(theta, delta - h)) / (2 * h), atol=1e-8
    )


def test_robust_loss_is_the_maximum_over_the_shift():
    shifts = np.linspace(-3, 3, 60_001)
    for theta in (-1.5, 0.2, 0.7, 1.6):
        brute = game.payoff(np.full(shifts.shape, theta), shifts).max()
        assert np.isclose(game.robust_loss(np.array(theta)), brute, atol=1e-8)


def test_written_out_training_is_the_library_s():
    """Losses of 20,000 trainings each under one schedule; a false alarm has chance 1e-4. Control: other rates."""
    rates = game.LR * 2 / (2 + np.arange(game.ITERATIONS))
    library = policies.train_by_schedule(rates, 20_000, 5)
    own = game.robust_loss(
        policies.train(lambda k, t, d: np.full((len(t), 1), rates[k] / game.LR), 20_000, 6).theta
    )  # fmt: skip
    other = game.robust_loss(
        policies.train(lambda k, t, d: np.full((len(t), 1), 0.5 * rates[k] / game.LR), 20_000, 7).theta
    )  # fmt: skip

    def score(sample):
        return abs(sample.mean() - library.mean()) / np.sqrt((sample.var() + library.var()) / 20_000)

    assert score(own) < 3.9 < score(other)


def test_policies_are_ordered_and_blind_ones_lose():
    """4,000 trainings each; differences are ten standard errors or more."""
    rule = policies.seen(policies.feedback().policy, policies.grid())
    seen, blind = (game.robust_loss(policies.train(p, 4_000, 8).theta) for p in (rule, policies.shuffled(rule)))
    schedule = policies.train_by_schedule(game.LR * np.full(game.ITERATIONS, 0.22), 4_000, 9)
    least = game.least_robust_loss()
    assert seen.mean() - least < 0.1 * (schedule.mean() - least)
    assert blind.mean() - least > 2 * (schedule.mean() - least)


@pytest.mark.slow
def test_claim():
    rows = claim.run(Settings(seed=4)).checks
    assert all(row.passed for row in rows), [row for row in rows if not row.passed]
