"""Variance-amplified gradients: mean and covariance of a step, and the distance from the SDE as noise is refined."""

import numpy as np
import pytest
from sympy import simplify, sqrt

import gan_sde as gs

SAMPLES = np.array([[1.2, 0.9, 0.7, 0.2, -0.3], [0.7, 1.7, 1.2, -0.4, 0.2], [1.6, 0.5, 0.5, 0.1, 0.25]])
LR, START = 0.05, np.array([0.8, -0.5])


@pytest.fixture(scope="module")
def game():
    return gs.games.get("quadratic", samples=SAMPLES)


@pytest.mark.parametrize("refinement", [1, 3, 16])
def test_covariance_is_amplified_and_the_mean_is_not(refinement):
    game = gs.games.get("lq-gan")
    plain = gs.Training(game, gs.algorithms.get("sgda")).sde()
    svag = gs.Training(game, gs.algorithms.get("svag", refinement=refinement)).sde()
    differences = [*(svag.drift - plain.drift), *(svag.covariance - refinement * plain.covariance)]
    for point in np.random.default_rng(0).uniform(0.5, 2, (5, 8)):
        names = sorted(set().union(*(e.free_symbols for e in differences)), key=str)
        table = dict(zip(names, point, strict=False))
        assert max(abs(float(e.subs(table))) for e in differences) < 1e-11


def test_third_moment_grows_by_half_of_three_l_minus_one(game):
    """E of the third central power of ((1 + c) g1 + (1 - c) g2) / 2 is (3 l - 1) / 2 times that of g (the paper)."""
    ell = 7
    c = sqrt(2 * ell - 1)
    factor = ((1 + c) / 2) ** 3 + ((1 - c) / 2) ** 3
    assert simplify(factor - (3 * ell - 1) / sqrt(4)) == 0
    weights = [float((1 + c) / 2), float((1 - c) / 2)]
    algorithm = gs.algorithms.get("svag", refinement=ell)

    class Two:
        """Fields 1 and 0 on the two batches of a step: the weights, one at a time."""

        def __init__(self, active):
            self.active, self.drawn = active, -1

        def fresh(self):
            self.drawn += 1
            return self.drawn

        def F(self, x, batch):
            return float(batch == self.active)

    assert [-algorithm.step(Two(k), 0.0, 1.0) for k in (0, 1)] == pytest.approx(weights)


def test_distance_from_the_order_1_sde_falls_like_one_over_l(game):
    """Second moments at time 1, exact, l = 1 ... 64 (Li, Malladi & Arora); noise not amplified stays away."""
    sde = gs.MomentDynamics.of_sde(gs.Training(game, gs.algorithms.get("sgda")).sde(1))
    target = sde.after(START, 1.0, lr=LR, batch_size=2)[3:]
    refinements = [1, 2, 4, 8, 16, 32, 64]
    errors, plain = [], []
    for ell in refinements:
        for name, options, found in (("svag", {"refinement": ell}, errors), ("sgda", {}, plain)):
            dynamics = gs.MomentDynamics.of_training(gs.Training(game, gs.algorithms.get(name, **options)))
            found.append(np.abs(dynamics.after(START, 1.0, lr=LR / ell, batch_size=2)[3:] - target).max())
    slope = np.polyfit(np.log(refinements[2:]), np.log(errors[2:]), 1)[0]
    assert slope == pytest.approx(-1, abs=0.05)
    assert np.polyfit(np.log(refinements[2:]), np.log(plain[2:]), 1)[0] > -0.2  # negative control


def test_bad_input():
    with pytest.raises(ValueError, match="refinement: expected an integer >= 1, got 0"):
        gs.algorithms.get("svag", refinement=0)


def test_the_updates_agree_at_l_1(game):
    one = gs.Training(game, gs.algorithms.get("svag", refinement=1)).sde(2)
    plain = gs.Training(game, gs.algorithms.get("sgda")).sde(2)
    assert one.drift == plain.drift and one.diffusion == plain.diffusion
