"""Orders with a correction: exact powers, calibration, bias of lengths, refusals."""

import numpy as np
import pytest
from scipy.linalg import expm

from analysis.corrected_order import corrected_weak_order, error_length, order_weights

LRS = np.array([0.125, 0.05, 0.02])


FOUR = 1 / np.array([6.0, 12.0, 24.0, 48.0])


def lengths(power, curvature, lrs=LRS):
    return 0.3 * lrs**power * np.exp(curvature * lrs)


@pytest.mark.parametrize("curvature", [-4.0, 0.0, 5.0])
@pytest.mark.parametrize("power", [1, 2])
def test_exact_power_is_found_under_any_curvature(power, curvature):
    values = lengths(power, curvature)
    fit = corrected_weak_order(LRS, values, values * 1e-6)
    assert fit.value == pytest.approx(power, abs=1e-4)
    assert fit.corrections == pytest.approx([curvature], abs=1e-3)
    assert fit.prefactor == pytest.approx(0.3, rel=1e-3)
    assert fit.interval[0] < power < fit.interval[1]


def test_a_straight_line_would_be_fooled():
    """What the correction is for: a curvature of 5 moves the plain slope by more than 0.2."""
    slope = np.polyfit(np.log(LRS), np.log(lengths(2, 5.0)), 1)[0]
    assert slope > 2.2


def errors_of_linear_systems(rng, power):
    """Lengths of the errors of a Taylor method of order p on ``x' = A x``: they have an expansion in the rate."""
    generator = rng.standard_normal((3, 3)) * rng.uniform(0.3, 1.5)
    start, found = rng.standard_normal(3), []
    for steps in np.round(1 / FOUR).astype(int):
        step, whole = generator / steps, np.eye(3)
        for k in range(power, 0, -1):
            whole = np.eye(3) + step @ whole / k
        found.append(np.linalg.norm((np.linalg.matrix_power(whole, steps) - expm(generator)) @ start))
    return np.array(found)


@pytest.mark.parametrize("power", [1, 2])
def test_truncation_error_holds_the_order_of_taylor_methods(power):
    """Errors of 500 random linear systems under one-step Taylor methods of order p, no noise: at most 2 % outside.

    Negative controls: the change on leaving out the largest rate alone misses five times as often, and no truncation
    error at all misses nearly always.
    """
    rng, outside = np.random.default_rng(power), {"both": 0, "one": 0, "none": 0}
    for _ in range(500):
        values = errors_of_linear_systems(rng, power)
        fit = corrected_weak_order(FOUR, values, 1e-12 * np.ones(4))
        one = corrected_weak_order(FOUR[1:], values[1:], 1e-12 * np.ones(3)).value
        off = abs(fit.value - power)
        for name, allowed in (("both", fit.truncation), ("one", abs(fit.value - one)), ("none", 3 * fit.order.se)):
            outside[name] += off > allowed
    assert outside["both"] <= 10 and outside["one"] >= max(20, 5 * outside["both"]) and outside["none"] > 450, outside


def test_intervals_cover_at_their_level_and_more_where_nothing_is_truncated():
    """4000 replicates, errors of 2 %: without the truncation error, 95 % +- 0.35 %; with it, more."""
    values, rng = lengths(2, 3.0), np.random.default_rng(0)
    noisy = values * (1 + 0.02 * rng.standard_normal((4000, 3)))
    fits = [corrected_weak_order(LRS, row, 0.02 * values) for row in noisy]
    inside = [abs(fit.value - 2) <= (fit.interval[1] - fit.interval[0]) / 2 - fit.truncation for fit in fits]
    assert 0.935 < np.mean(inside) < 0.965
    assert np.mean([fit.interval[0] <= 2 <= fit.interval[1] for fit in fits]) > 0.99


def test_weights_say_how_an_error_moves_the_order():
    values = lengths(2, 3.0, FOUR)
    moved = values * np.array([1.0, 1.0, 1.001, 1.0])
    orders = [corrected_weak_order(FOUR, v, 1e-9 * v).value for v in (values, moved)]
    assert orders[1] - orders[0] == pytest.approx(order_weights(FOUR)[2] * np.log(1.001), rel=1e-5)
    assert order_weights(FOUR) @ np.log(values) == pytest.approx(2, abs=1e-9)


def test_confirms_asks_for_both():
    fit = corrected_weak_order(FOUR, lengths(2, 1.0, FOUR), 1e-6 * lengths(2, 1.0, FOUR))
    assert fit.confirms(2, 0.1) and not fit.confirms(1, 0.1) and not fit.confirms(1.9, 0.2)
    assert not fit.confirms(2, 1e-9)


def test_length_is_unbiased_in_the_square_and_its_error_bar_is_right():
    """8000 replicates of a vector of 10 with noise of a third of its length; z-tests at 4 standard errors."""
    rng = np.random.default_rng(1)
    truth = np.full(10, 0.1)
    root = rng.standard_normal((10, 10)) * 0.01
    covariance = root @ root.T
    found = np.array([error_length(truth + root @ rng.standard_normal(10), covariance) for _ in range(8_000)])
    squares = found[:, 0] ** 2
    assert abs(squares.mean() - truth @ truth) < 4 * squares.std() / np.sqrt(len(squares))
    assert np.median(found[:, 1]) == pytest.approx(found[:, 0].std(), rel=0.1)
    plain = np.array([np.sum((truth + root @ rng.standard_normal(10)) ** 2) for _ in range(8_000)])
    assert abs(plain.mean() - truth @ truth) > 4 * plain.std() / np.sqrt(len(plain))


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(ValueError, match=r"lr = 0\.02"):
        corrected_weak_order(LRS, lengths(2, 0), [1e-6, 1e-6, 1e-3])
    with pytest.raises(ValueError, match="three or more"):
        corrected_weak_order(LRS[:2], [1.0, 2.0], [0.1, 0.1])
    with pytest.raises(ValueError, match="different positive"):
        corrected_weak_order([0.1, 0.1, 0.2], [1.0, 1.0, 2.0], [0.1, 0.1, 0.1])
    for ses, came in (([0, 0, 0], "0"), ([1e-9, -2e-9, 1e-9], "-2e-09")):
        with pytest.raises(ValueError, match=f"^ses: expected positive numbers, got {came}$"):
            corrected_weak_order(LRS, lengths(2, 0), ses)
    with pytest.raises(ValueError, match="covariance"):
        error_length([1.0, 2.0], [[1.0]])
