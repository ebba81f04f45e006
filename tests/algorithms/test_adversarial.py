"""Adversarial training: one step by hand, its SDE derived and in closed form, its kernel against exact moments.

Statistical test: seed fixed, one false alarm in 10^4 (Bonferroni over both moments).
"""

import numpy as np
import pytest
from scipy.stats import norm
from sympy import ImmutableMatrix, Rational, exp, lambdify, symbols, zeros

import gan_sde as gs
from analysis.control import adversarial_moment
from gan_sde.algorithms.adversarial import AdversarialTraining, adversarial_sde
from gan_sde.algorithms.rate import Fixed
from gan_sde.games.adversarial_regression import adversarial_regression, perturbed
from gan_sde.symbolic.moments import MomentDynamics
from gan_sde.symbolic.oracle import SymbolicOracle

theta, x = symbols("theta x")


class Pair:
    """J = theta (x + delta) - delta^2 / 2 + 0 by hand: batch n is the number x = n + 1; counts its batches."""

    players, is_zero_sum = ("adversary", "model"), True

    def __init__(self):
        self.drawn = 0

    def fresh(self):
        self.drawn += 1
        return float(self.drawn)

    def F(self, state, batch):
        delta, weight = state
        return np.array([delta - weight, batch + delta])

    def only(self, player, v):
        return v * (np.array([1, 0]) if player == "adversary" else np.array([0, 1]))


@pytest.mark.parametrize(
    "options, descent, batches",
    [
        # K = 0: the data alone
        ({"inner_steps": 0}, 1, 1),
        # delta = 0 + 0.1 (2 - 0) = 0.2, whatever delta was before
        ({}, 1.2, 1),
        # 0.2 + 0.1 (2 - 0.2) = 0.38
        ({"inner_steps": 2}, 1.38, 1),
        ({"inner_rate": 3}, 1.6, 1),
        ({"inner_rate": Fixed(0.5)}, 2.0, 1),
        # batches 1 and 2 with a perturbation each
        ({"perturbations": 2}, 1.7, 2),
    ],
)
def test_one_step_by_hand(options, descent, batches):
    oracle = Pair()
    state = AdversarialTraining(**options).step(oracle, np.array([0.7, 2.0]), 0.1)
    np.testing.assert_allclose(state, [0.7, 2 - 0.1 * descent], atol=1e-12)
    assert oracle.drawn == batches


@pytest.fixture(scope="module")
def cubic():
    """A loss of degree 3 in the data, two parameters, one input that the adversary may not touch."""
    a, b, u, v = symbols("a b u v")
    loss = (a * u + b * v + Rational(1, 3) * b * u**2 - v) ** 2 / 2 + a**3 / 6
    return perturbed(loss, model=[a, b], inputs=[u], data={u: gs.Normal(1, 2), v: gs.Normal(0, 1)}, penalty=2)


@pytest.mark.parametrize("options", [{"inner_steps": 2, "perturbations": 2}, {"inner_steps": 3, "inner_rate": 2}, {}])
@pytest.mark.parametrize("order", [1, 2])
def test_closed_form_is_what_the_text_derives(cubic, options, order):
    """Identically in the parameters, the learning rate and the batch size, rates of both players included."""
    training = gs.Training(cubic, AdversarialTraining(**options), {"adversary": 3, "model": 2})
    derived, formula = training.sde(order), adversarial_sde(training, order)
    assert (derived.drift - formula.drift).applyfunc(lambda e: e.expand()) == zeros(3, 1)
    assert (derived.covariance - formula.covariance).applyfunc(lambda e: e.expand()) == zeros(3, 3)
    assert formula.order == order


def test_a_sharing_of_the_perturbation_shows(cubic):
    """Negative control: the penalty depends on who shares, on K and on the inner rate, and vanishes without attack."""
    drifts = []
    for k, u, m, size in [(1, 1, 1, 4), (1, 1, 4, 1), (2, 1, 4, 1), (1, 2, 4, 1), (0, 1, 4, 1), (0, 1, 1, 4)]:
        sde = adversarial_sde(gs.Training(cubic, AdversarialTraining(k, u, m)))
        drifts.append(sde.drift.subs(sde.batch_size, size).expand())
    shared, own, twice, fast, clean, clean_shared = drifts
    assert shared != own and own != twice and own != clean
    assert twice == fast
    assert clean == clean_shared
    model = gs.Game.general_sum({"model": cubic.payoff.subs("delta_u", 0)}, parameters={"model": symbols("a b")},
                                data=cubic.data)  # fmt: skip
    descent = gs.Training(model, gs.algorithms.get("sgda")).sde(2).drift
    assert (clean[1:, :] - descent).expand() == zeros(2, 1)


def test_penalty_is_the_input_gradient_of_each_point():
    """Three points of a logistic regression: the drift of order 2 against finite differences of plain sums."""
    points = np.array([(1.0, 0.5, 1), (0.8, -0.3, 1), (-0.9, -0.4, -1)])
    game = adversarial_regression("logistic", points).subs(penalty=0)
    inner, steps, size, lr = 2.0, 3, 2, 0.3

    def potential(w, shared):
        score = points[:, 2] * (points[:, :2] @ w)
        slopes = -points[:, 2] / (1 + np.exp(score))
        loss = np.logaddexp(0, -score).mean()
        descent = (slopes[:, None] * points[:, :2]).mean(axis=0)
        inputs = slopes[:, None] * w
        mean = np.sum(inputs.mean(axis=0) ** 2)
        spread = np.sum((inputs - inputs.mean(axis=0)) ** 2) / len(points)
        penalty = mean + spread / (size if shared else 1)
        return loss + lr * inner * steps / 2 * penalty + lr / 4 * descent @ descent

    at = np.array([0.4, -0.7])
    for shared in (True, False):
        training = gs.Training(game, AdversarialTraining(steps, inner, 1 if shared else size))
        sde = adversarial_sde(training)
        drift = np.array(sde.drift.subs(dict(zip(sde.parameters, (0, 0, *at), strict=True))).subs(
            {sde.lr: lr, sde.batch_size: size if shared else 1}), dtype=float)[2:, 0]  # fmt: skip
        h = 1e-5
        slope = [(potential(at + e, shared) - potential(at - e, shared)) / (2 * h) for e in h * np.eye(2)]
        np.testing.assert_allclose(drift, -np.array(slope), atol=1e-9)


def test_text_and_closed_form_agree_on_points():
    """A loss that is not polynomial in the data: the general derivation multiplies all pairs of points out."""
    points = np.array([(1.0, 1), (0.3, 1), (-0.7, -1)])
    game = adversarial_regression("logistic", points).subs(penalty=0)
    training = gs.Training(game, AdversarialTraining(inner_steps=2, inner_rate=2))
    found = []
    for sde in (training.sde(2), adversarial_sde(training)):
        table = dict(zip(sde.parameters, (0, 0.6), strict=True)) | {sde.lr: 0.2, sde.batch_size: 3}
        found.append([np.array(m.subs(table), dtype=float) for m in (sde.drift, sde.covariance)])
    for derived, formula in zip(*found, strict=True):
        np.testing.assert_allclose(derived, formula, atol=1e-13)


def test_iteration_on_points_is_the_loop_over_samples():
    """The derived map of a logistic regression, at the batch means of every batch of two, against plain ascents."""
    points = np.array([(1.0, 0.5, 1), (0.8, -0.3, 1), (-0.9, -0.4, -1)])
    game = adversarial_regression("logistic", points).subs(penalty=0)
    w, lr, inner, steps = np.array([0.4, -0.7]), 0.3, 2.0, 2
    table = game.chaos.tables[0].values

    def slope(inputs, labels):
        return -labels / (1 + np.exp(labels * (inputs @ w)))

    for shared in (True, False):
        training = gs.Training(game, AdversarialTraining(steps, inner, 1 if shared else 2))
        update, batches = training.map
        means = [s for batch in batches for s in batch.means]
        function = lambdify([*training.state, *means, "eta"], list(update)[2:], cse=True)
        for first in range(3):
            for second in range(3):
                rows = [first, second]
                drawn = table[rows].mean(axis=0) if shared else table[rows].ravel()
                delta = np.zeros((2, 2))
                for _ in range(steps):
                    climb = slope(points[rows, :2] + delta, points[rows, 2])[:, None] * w
                    delta = delta + inner * lr * (climb.mean(axis=0) if shared else climb)
                moved = points[rows, :2] + delta
                expected = w - lr * (slope(moved, points[rows, 2])[:, None] * moved).mean(axis=0)
                np.testing.assert_allclose(function(0, 0, *w, *drawn, lr), expected, atol=1e-13)


def test_kernel_follows_the_exact_recursion():
    """Mean estimation, J = (theta - x - delta)^2 / 2, x ~ N(0, 4): 50,000 runs of the fused kernel.

    The second moment is that of ``analysis.control.adversarial_moment``'s recursion written out here.
    """
    game = perturbed((theta - x) ** 2 / 2, model=[theta], inputs=[x], data={x: gs.Normal(0, 2)}, x0={"theta": 3.0})
    lr, inner, steps, many = 0.1, 1.0, 3, 50_000
    training = gs.Training(game, AdversarialTraining(steps, inner))
    run = gs.simulate(training, lr=lr, steps=20, trajectories=many, seed=4, progress=False)
    curvature = (1 + inner * lr) ** steps
    mean, square = 3.0, 9.0
    for _ in range(20):
        mean = (1 - lr * curvature) * mean
        square = (1 - lr * curvature) ** 2 * square + (lr * curvature) ** 2 * 4
    limit = norm.isf(1e-4 / 4)
    end = run.isel(step=-1).sel(param="theta")
    assert abs(end["mean"] - mean) < limit * end["mean_se"]
    end = end.sel(param_="theta")
    assert abs(end["second_moment"] - square) < limit * end["second_moment_se"]
    assert abs(end["second_moment"] - 1.05 * square) > limit * end["second_moment_se"]
    assert not run["mean"].sel(param="delta_x").any()
    assert adversarial_moment(4.0, lr, inner, steps).decay == pytest.approx(curvature)


def test_weak_orders_without_sampling():
    """Exact moments of an affine game at lr = 2^-7 ... 2^-10: orders 1 and 2, and 1 again with the wrong penalty."""
    law = gs.Empirical([-1.0, 0.5, 2.0])
    game = perturbed((theta - x) ** 2 / 2, model=[theta], inputs=[x], data={x: law}, penalty=Rational(1, 2))
    training = gs.Training(game, AdversarialTraining(2, 2))
    clean = gs.Training(game, AdversarialTraining(0))
    exact = MomentDynamics.of_training(training)
    lrs = 2.0 ** -np.arange(7, 11)
    for sde, order in ((training.sde(1), 1), (adversarial_sde(training), 2), (adversarial_sde(clean), 1)):
        follow = MomentDynamics.of_sde(sde)
        ends = [[m.after((0.0, 3.0), 1.0, lr=lr, batch_size=2) for m in (follow, exact)] for lr in lrs]
        errors = [np.abs(a - b).max() for a, b in ends]
        np.testing.assert_allclose(-np.diff(np.log2(errors)), order, atol=0.05)


def test_fixed_inner_rate_has_an_sde_of_its_own():
    """The attack stays as the learning rate shrinks: order 1 already descends the attacked loss."""
    game = perturbed((theta - x) ** 2 / 2, model=[theta], inputs=[x], data={x: gs.Normal(0, 1)})
    training = gs.Training(game, AdversarialTraining(inner_rate=Fixed(Rational(1, 2))))
    assert training.sde(1).drift == ImmutableMatrix([0, -3 * theta / 2])
    with pytest.raises(ValueError, match=r"^training: expected adversarial training with an inner rate"):
        adversarial_sde(training)


def test_refusals(cubic):
    for options, message in [
        ({"inner_steps": -1}, r"^inner_steps: expected an integer >= 0, got -1"),
        ({"perturbations": 0}, r"^perturbations: expected an integer >= 1, got 0"),
        ({"inner_rate": "fast"}, r"^inner_rate: expected a number"),
    ]:
        with pytest.raises(ValueError, match=message):
            AdversarialTraining(**options)
    with pytest.raises(ValueError, match=r"^training: expected adversarial training"):
        adversarial_sde(gs.Training(cubic, gs.algorithms.get("sgda")))
    with pytest.raises(ValueError, match=r"^order: expected 1 or 2, got 3"):
        adversarial_sde(gs.Training(cubic, AdversarialTraining()), 3)
    general = gs.Game.general_sum(losses={"p": exp(theta)}, parameters={"p": [theta]})
    with pytest.raises(ValueError, match=r"^game: expected a zero-sum game of two players for adversarial-training"):
        AdversarialTraining().step(SymbolicOracle(general), None, None)
