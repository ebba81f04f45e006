"""The SDE of adversarial training on eight points: the grid against closed forms and loops, and what must be seen."""

import numpy as np
import pytest
from scipy.linalg import expm

from figures.papers.adversarial_training import robust_logistic
from figures.papers.adversarial_training.robust_flow import crossings, ensemble, flow, paired
from figures.papers.adversarial_training.robust_logistic import POINTS, START, Attack, outcomes, train_once
from figures.papers.adversarial_training.robust_orders import (
    CLEAN,
    OWN,
    PAIRS,
    SHARED,
    Orders,
    Pair,
    coefficients,
    followed,
    moments,
    trained,
    training_of,
    weak_orders,
)
from figures.papers.adversarial_training.robust_sde import derivation, order_checks
from figures.papers.adversarial_training.robust_semigroup import Plane

SMALL = Plane((0.8, -0.1), 1.6, 40)


def test_grid_of_an_ornstein_uhlenbeck_process():
    """Moments of a linear SDE by matrix exponentials."""
    drift, noise = np.array([[-1.0, 0.5], [-0.3, -0.7]]), np.array([[0.05, 0.02], [0.02, 0.03]])
    plane = Plane((0.0, 0.0), 3.0, 60)
    end = plane.after_sde(
        moments(plane.points), lambda x: (x @ drift.T, np.broadcast_to(noise, (len(x), 2, 2))), time=1.0
    )
    start = np.array([0.6, -0.4])
    mean = expm(drift) @ start
    s = np.linspace(0, 1, 2001)
    each = np.array([expm(t * drift) @ noise @ expm(t * drift).T for t in s])
    covariance = np.trapezoid(each, s, axis=0)
    second = covariance + np.outer(mean, mean)
    expected = [*mean, second[0, 0], second[0, 1], second[1, 1]]
    np.testing.assert_allclose(plane.at(end, start), expected, atol=1e-7)
    assert np.abs(plane.at(end, start) - expected * np.array([1, 1, 1, 1, 1.0001])).max() > 1e-6


@pytest.mark.parametrize("attack", [OWN, SHARED])
def test_enumeration_is_complete_and_right(attack):
    """Probabilities sum to 1; two iterations on the grid are two nested loops over all batches."""
    theta, lr = np.array(START), 0.2
    found = list(outcomes(theta, attack, lr))
    assert sum(p for p, _ in found) == pytest.approx(1)
    assert len(found) == 36
    exact = sum(p * q * moments(last[None])[0] for p, one in found for q, last in outcomes(one, attack, lr))
    on_grid = SMALL.at(SMALL.after(moments(SMALL.points), lambda t: outcomes(t, attack, lr), 2), START)
    np.testing.assert_allclose(on_grid, exact, atol=1e-8)


@pytest.mark.parametrize("shared", [True, False])
def test_loop_is_the_algorithm_of_the_library(monkeypatch, shared):
    """One iteration by hand and by the algorithm's text, on batches of two of three points."""
    points = POINTS[[0, 3, 5]]
    monkeypatch.setattr("figures.papers.adversarial_training.robust_orders.POINTS", points)
    attack = Attack(shared)
    training, size = training_of(attack)
    update, batches = training.map
    table = training.game.chaos.tables[0].values
    theta, lr = np.array([0.4, -0.7]), 0.3
    for rows in ([0, 0], [0, 1], [2, 1]):
        drawn = table[rows].mean(axis=0)[None] if shared else table[rows]
        values = dict(zip((s for batch in batches for s in batch.means), drawn.ravel(), strict=True))
        values |= dict(zip(training.state, (0, 0, *theta), strict=True))
        exact = [float(e.xreplace({s: v for s, v in values.items()} | {s: lr for s in e.free_symbols - values.keys()}))
                 for e in update[2:]]  # fmt: skip
        np.testing.assert_allclose(train_once(theta, points[rows], attack, lr), exact, atol=1e-12)
    assert size == (2 if shared else 1)


def test_orders_come_out_and_wrong_ones_are_seen():
    """Four rates, a small grid; the controls must be of order 1, and a mislabelled pair must fail its check."""
    lrs = 2.0 ** -np.arange(4, 8)
    found = weak_orders(PAIRS, lrs, SMALL)
    for pair in PAIRS:
        assert found[pair].slopes[-1] == pytest.approx(pair.weak_order, abs=0.06), pair.label
    wrong = {Pair(OWN, OWN, 2): found[Pair(OWN, CLEAN, 2)], Pair(SHARED, SHARED, 1): found[Pair(SHARED, SHARED, 2)]}
    assert not any(check.passed for check in order_checks(wrong))
    assert isinstance(found[PAIRS[0]], Orders)


def test_grid_is_fine_enough():
    """Another grid and another square move the expectations by less than the errors that are read off them."""
    other = Plane((0.9, 0.0), 1.9, 64)
    for attack in (OWN, SHARED):
        assert np.abs(trained(attack, 1 / 32) - trained(attack, 1 / 32, other)).max() < 2e-7
        assert np.abs(followed(attack, 2, 1 / 32) - followed(attack, 2, 1 / 32, other)).max() < 2e-7


def test_flow_descends_the_penalised_loss():
    """Drift of order 2 by finite differences of G + lr u K / 2 R + lr / 4 |grad G|^2 from plain sums."""
    lr, h, at = 0.25, 1e-4, np.array([0.7, 0.2])

    def slope(f, x):
        return np.array([(f(x + e) - f(x - e)) / (2 * h) for e in h * np.eye(2)])

    def penalised(x):
        g = slope(robust_logistic.loss, x)
        return robust_logistic.loss(x) + lr * 2 * 2 / 2 * robust_logistic.input_gradient(x) + lr / 4 * g @ g

    np.testing.assert_allclose(coefficients(OWN, 2, lr)(at[None])[0][0], -slope(penalised, at), atol=1e-6)


def test_flows_change_order_twice_and_training_does_not():
    """The flow's claim about late times is not the training's: 150 runs, at five standard errors."""
    first, second = crossings(0.25)
    assert first == pytest.approx(38.7, abs=0.5) and second == pytest.approx(73.0, abs=0.5)
    np.testing.assert_allclose(flow(OWN, 0.25, np.array([0.0, 1.0]))[1], [0.72, -0.17], atol=0.01)
    runs = [ensemble(attack, 0.25, 150, seed=1) for attack in (OWN, CLEAN)]
    between = int(np.argmin(np.abs(runs[0].times - 55)))
    gap = paired(runs[0].gradient[between], runs[1].gradient[between])
    assert gap.value < -5 * gap.se


def test_derivation_is_checked_in_symbols():
    assert derivation().passed
