"""Control of the extrapolation rate: exact recursion, optimality of the greedy rates, controlled training."""

import numpy as np
import pytest

from figures.papers.minimax_sdes import extragradient_control as claim
from figures.papers.minimax_sdes import extrapolation_control as control
from figures.papers.minimax_sdes.agreement import Agreement
from figures.papers.minimax_sdes.laws import extragradient as law
from figures.registry import Settings


@pytest.mark.parametrize("pair", control.PAIRS, ids=lambda p: p.name)
def test_recursion_is_that_of_the_closed_form_laws(pair):
    for rho in (0.0, 0.4, 2.0):
        path = law(pair.a, pair.lam, control.SIGMA, rho).iterate(np.full(control.STEPS, control.LR), control.ENERGY)
        np.testing.assert_allclose(control.follow(pair, np.full(control.STEPS, rho)), path, rtol=1e-12)


@pytest.mark.parametrize("pair", control.PAIRS, ids=lambda p: p.name)
def test_greedy_rates_are_stationary_and_best(pair):
    """Moving any one of the 30 rates by 1 % either way raises the last m; the formula of the largest rate is right."""
    best = control.greedy(pair)
    end = control.follow(pair, best)[-1]
    for factor in (0.99, 1.01):
        moved = best * np.where(np.eye(control.STEPS, dtype=bool), factor, 1.0)
        assert np.all(control.follow(pair, moved)[:, -1] > end)
    assert np.isclose(pair.longest, pair.law.discrete_extrapolation(1e12), rtol=1e-9)
    assert np.all(control.follow(pair, control.random_rates(pair, 200, 1))[:, -1] > end)


def test_training_follows_the_recursion_and_not_another_s():
    """2,000 trainings of every policy, 30 checkpoints each, false alarm 1 % over all; |z| of the control above 10."""
    pair = control.BILINEAR
    energies = control.train(pair, 2_000, 3)
    for name, rhos in control.schedules(pair).items():
        found = Agreement.of(energies[name][:, 1:], control.follow(pair, rhos)[1:])
        assert found.worst < 4.3, name
    exact = control.follow(pair, control.schedules(pair)[claim.CONSTANT])
    assert Agreement.of(energies[claim.OPTIMAL][:, 1:], exact[1:]).worst > 10


def test_the_rule_of_the_sde_fails_far_from_rest():
    assert claim.uncapped_check(control.BILINEAR).passed
    capped = control.follow(control.BILINEAR, control.schedules(control.BILINEAR)[claim.RULE])
    assert capped[-1] > 5 * control.follow(control.BILINEAR, control.greedy(control.BILINEAR))[-1]


@pytest.mark.slow
def test_claim():
    rows = claim.run(Settings(seed=5)).checks
    assert all(row.passed for row in rows), [row for row in rows if not row.passed]
