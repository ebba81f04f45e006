"""Least squares against numpy and scipy, and the calibration of its intervals."""

import numpy as np
import pytest
from scipy import stats

from analysis import bonferroni, line_fit, linear_fit

X = np.linspace(0, 3, 12)


def test_known_errors_against_polyfit():
    rng = np.random.default_rng(0)
    sd = rng.uniform(0.1, 1, X.size)
    y = 1 + 2 * X + sd * rng.normal(size=X.size)
    fit = line_fit(X, y, sd)
    coefficients, covariance = np.polyfit(X, y, 1, w=1 / sd, cov="unscaled")
    assert np.allclose(fit.coefficients, coefficients[::-1], rtol=1e-12)
    assert np.allclose(fit.covariance, covariance[::-1, ::-1], rtol=1e-12)
    assert np.isclose(fit.p_value, stats.chi2.sf(fit.chi2, X.size - 2), rtol=1e-10)


def test_unknown_errors_against_linregress():
    y = 1 + 2 * X + np.random.default_rng(1).normal(size=X.size)
    fit, oracle = line_fit(X, y), stats.linregress(X, y)
    slope = fit.estimate(1)
    assert np.isclose(slope.value, oracle.slope) and np.isclose(slope.se, oracle.stderr)
    assert np.isclose(slope.interval[1], oracle.slope + stats.t.ppf(0.975, X.size - 2) * oracle.stderr)
    assert np.isnan(fit.p_value)


@pytest.mark.parametrize("known", [True, False])
def test_intervals_cover(known):
    # 2000 replicates: a 95 % interval covers 93.5-96.5 % with probability 0.998; half the error bar must not.
    rng = np.random.default_rng(2)
    covered = shrunk = 0
    for _ in range(2000):
        slope = line_fit(X[:5], 2 * X[:5] + rng.normal(size=5), np.ones(5) if known else None).estimate(1)
        covered += slope.contains(2.0)
        shrunk += abs(slope.value - 2) < (slope.interval[1] - slope.value) / 2
    assert 0.935 < covered / 2000 < 0.965
    assert shrunk / 2000 < 0.85


def test_bonferroni():
    assert bonferroni([0.01, 0.5, 0.9]) == pytest.approx(0.03)
    assert bonferroni([0.7, 0.8]) == 1.0
    assert bonferroni([[0.0, 1.0]]) == 0.0


@pytest.mark.parametrize(
    ("p_values", "message"),
    [
        ([np.nan], "p_values: expected finite numbers, got 1 non-finite of 1"),
        ([1e-12, np.nan, 0.5], "p_values: expected finite numbers, got 1 non-finite of 3"),
        ([], r"p_values: expected a non-empty array, got shape \(0,\)"),
        ([-1.0, 0.5], r"p_values: expected numbers in \[0, 1\], got -1"),
        ([0.5, 1.5], r"p_values: expected numbers in \[0, 1\], got 1.5"),
    ],
)
def test_bonferroni_refuses_what_is_no_p_value(p_values, message):
    with pytest.raises(ValueError, match="^" + message):
        bonferroni(p_values)


def test_refuses():
    with pytest.raises(ValueError, match=r"^design: expected full column rank"):
        linear_fit(np.ones((4, 2)), np.arange(4.0))
    with pytest.raises(ValueError, match=r"^y: expected at least 3 points, got 2"):
        line_fit([0.0, 1.0], [0.0, 1.0])
    with pytest.raises(ValueError, match=r"^sd: expected 2 positive numbers"):
        line_fit([0.0, 1.0], [0.0, 1.0], [1.0, 0.0])
