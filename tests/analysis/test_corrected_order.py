"""Orders with a correction: exact powers, calibration, bias of lengths, refusals."""

import numpy as np
import pytest

from analysis.corrected_order import corrected_weak_order, error_length

LRS = np.array([0.125, 0.05, 0.02])


def lengths(power, curvature):
    return 0.3 * LRS**power * np.exp(curvature * LRS)


@pytest.mark.parametrize("curvature", [-4.0, 0.0, 5.0])
@pytest.mark.parametrize("power", [1, 2])
def test_exact_power_is_found_under_any_curvature(power, curvature):
    values = lengths(power, curvature)
    fit = corrected_weak_order(LRS, values, values * 1e-6)
    assert fit.value == pytest.approx(power, abs=1e-4)
    assert fit.curvature.value == pytest.approx(curvature, abs=1e-3)
    assert fit.prefactor == pytest.approx(0.3, rel=1e-3)
    assert fit.interval[0] < power < fit.interval[1]


def test_a_straight_line_would_be_fooled():
    """What the correction is for: a curvature of 5 moves the plain slope by more than 0.2."""
    slope = np.polyfit(np.log(LRS), np.log(lengths(2, 5.0)), 1)[0]
    assert slope > 2.2


def test_intervals_cover_at_their_level():
    """4000 replicates, errors of 2 %: the share of 95 % intervals that cover has standard error 0.35 %."""
    values, rng = lengths(2, 3.0), np.random.default_rng(0)
    noisy = values * (1 + 0.02 * rng.standard_normal((4000, 3)))
    fits = [corrected_weak_order(LRS, row, 0.02 * values) for row in noisy]
    assert 0.935 < np.mean([fit.interval[0] <= 2 <= fit.interval[1] for fit in fits]) < 0.965


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
    with pytest.raises(ValueError, match="covariance"):
        error_length([1.0, 2.0], [[1.0]])
