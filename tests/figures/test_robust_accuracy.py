"""Accuracy under attack: attacks, rates and verdicts on data small enough to follow."""

import numpy as np
import pytest

from figures.papers.adversarial_training.robust_accuracy import Study, compare, comparisons, difference, load
from figures.papers.adversarial_training.robust_training import (
    RATES,
    AdaptiveRate,
    Arm,
    accuracy,
    attack,
    certified,
    make_splits,
    slope,
    train,
)


@pytest.fixture(scope="module")
def splits():
    """Column 0 tells the labels with small numbers of errors, 40 others hint at them faintly."""
    rng = np.random.default_rng(0)
    y = rng.choice([-1, 1], size=300)
    x = rng.normal(size=(300, 41)) + np.where(np.arange(41) == 0, 1.6, 0.25) * y[:, None]
    return make_splits(x, y, range(8))


def test_splits_are_standardised_by_their_training_part(splits):
    assert splits.x.shape[1] + splits.test_x.shape[1] == 300
    np.testing.assert_allclose(splits.x[..., :-1].mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(splits.x[..., :-1].std(axis=1), 1)
    assert (splits.x[..., -1] == 1).all()
    assert abs(splits.test_x[..., :-1].mean()) > 1e-4
    assert not np.array_equal(splits.x[0], splits.x[1])


def test_slope_is_the_derivative_of_the_loss():
    w, x, y = np.array([[0.5, -1.0]]), np.array([[[0.3, 1.0]]]), np.array([[1.0]])
    h = 1e-6
    losses = [np.log(1 + np.exp(-(w[0] @ x[0, 0] + e))) for e in (h, -h)]
    assert slope(w, x, y)[0, 0] == pytest.approx((losses[0] - losses[1]) / (2 * h), abs=1e-8)


def test_attack_is_within_its_ball_and_the_strongest():
    rng = np.random.default_rng(1)
    w, x = rng.normal(size=(2, 5)), np.concatenate([rng.normal(size=(2, 50, 4)), np.ones((2, 50, 1))], axis=2)
    y = rng.choice([-1.0, 1.0], size=(2, 50))
    moved = attack(w, x, y, 0.3, 4)
    assert np.abs(moved - x).max() <= 0.3 + 1e-12
    np.testing.assert_array_equal(moved[..., -1], 1)
    np.testing.assert_allclose(moved[..., :-1] - x[..., :-1], -0.3 * (y[..., None] * np.sign(w)[:, None, :-1]))
    np.testing.assert_array_equal(attack(w, x, y, 0.0, 4), x)
    np.testing.assert_array_equal(accuracy(w, x, y, 0.3), certified(w, x, y, 0.3))
    # a single short ascent must be told from the strongest attack
    short = attack(w, x, y, 0.1, 4)
    assert (accuracy(w, short, y, 0.0) != certified(w, x, y, 0.3)).any()


def test_adaptive_rate_is_the_best_one_step():
    """On batches of one loss without noise: the rate that minimises the quadratic model along the gradient."""
    rng = np.random.default_rng(2)
    x, w = rng.normal(size=(1, 400, 3)), np.array([[0.4, -0.2, 0.1]])
    y = np.where(rng.uniform(size=(1, 400)) < 0.7, 1.0, -1.0)
    c = slope(w, x, y)
    rate = AdaptiveRate(100.0).follow(x, c)[0]
    g = np.einsum("sn,snd->sd", c, x)[0] / 400
    steps = np.linspace(0, 2 * rate, 201)
    curvature = np.mean(np.abs(c) * (1 - np.abs(c)) * (x @ g) ** 2)
    noise = ((c[..., None] * x - g) ** 2).sum() / 399 / 400
    model = -steps * (g @ g - noise) + steps**2 / 2 * curvature
    assert steps[np.argmin(model)] == pytest.approx(rate, rel=0.01)
    assert AdaptiveRate(0.5 * rate).follow(x, c)[0] == 0.5 * rate


def test_adaptive_rate_falls_with_the_noise(splits):
    seeds = range(8)
    _, rates = train(splits, Arm(0.0, 4.0, adaptive=True), seeds)
    assert (rates[:, -1] < 0.5 * rates[:, 0]).all()
    _, rates = train(splits, Arm(0.0, 0.25), seeds)
    assert (rates == 0.25).all()


def test_training_under_attack_pays_where_features_are_faint(splits):
    """Faint columns are what an attack destroys: the gain must be seen, and must not be seen where there is none."""
    seeds = range(8)
    clean, robust = (train(splits, Arm(r, 1 / 16), seeds)[0] for r in (0.0, 0.5))
    gain = difference(*(accuracy(w, splits.test_x, splits.test_y, 0.5) for w in (robust, clean)))
    assert gain.interval[0] > 0
    none = difference(*(accuracy(w, splits.test_x, splits.test_y, 0.5) for w in (clean, clean)))
    assert none.value == 0


def test_verdicts_fail_when_arms_are_swapped(splits):
    """The same study with clean and attacked weights exchanged must not pass its first row."""
    seeds = range(8)
    arms = [Arm(0.5, lr, a) for lr in RATES for a in (False, True)] + [Arm(0.0, 1.0, a) for a in (False, True)]
    learnt = {arm: train(splits, arm, seeds)[0] for arm in arms}
    right = Study("small", 0.5, None, splits, learnt, {})
    swapped = learnt | {Arm(0.5, 1.0): learnt[Arm(0.0, 1.0)], Arm(0.0, 1.0): learnt[Arm(0.5, 1.0)]}
    wrong = Study("small", 0.5, None, splits, swapped, {})
    assert not compare(wrong)[0].passed
    name = next(iter(comparisons(right)))
    assert comparisons(right)[name].value == -comparisons(wrong)[name].value
    assert all(check.passed for check in compare(right)[-1:])


def test_data_are_what_they_are_called():
    for name, rows, columns in (("breast cancer", 569, 30), ("digits 3 and 8", 357, 64)):
        x, y, radius, _ = load(name)
        assert x.shape == (rows, columns) and set(y) == {-1, 1} and 0 < radius < 1
