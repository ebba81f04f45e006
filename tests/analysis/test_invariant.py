"""The invariant law of a linear game, known exactly at any rate."""

import numpy as np
import pytest
from scipy import stats

from analysis import (
    compare_covariance,
    compare_mean,
    discrete_stationary_covariance,
    invariant_measure,
    stationary_covariance,
)
from tests.analysis.processes import autoregression, linear_game

JACOBIAN = np.array([[0.9, 1.2], [-1.2, 0.6]])
SIGMA = np.array([[1.0, 0.3], [0.3, 2.0]])
LR, BATCH = 0.4, 4
EXACT = discrete_stationary_covariance(JACOBIAN, SIGMA, LR, BATCH)


@pytest.fixture(scope="module")
def measure():
    positions, _ = linear_game(np.random.default_rng(0), JACOBIAN, SIGMA, LR, BATCH, 8, 5000, start=[3.0, -3.0])
    return invariant_measure(positions)


def test_run_from_far_away_converges(measure):
    assert measure.converged, measure.reasons
    assert measure.burn_in == 500 and measure.samples.shape == (8, 4500, 2)


def test_exact_covariance_agrees_and_wrong_ones_do_not(measure):
    # One comparison at false-alarm rate 1e-3, fixed seed; each of the four wrong predictions must fall.
    assert compare_covariance(measure, EXACT, level=0.999).agrees
    assert compare_mean(measure, np.zeros(2), level=0.999).agrees
    wrong = {
        "SDE at a large rate": stationary_covariance(JACOBIAN, SIGMA, LR, BATCH),
        "sign of the coupling": discrete_stationary_covariance(JACOBIAN.T, SIGMA, LR, BATCH),
        "cross covariance dropped": discrete_stationary_covariance(JACOBIAN, np.diag([1.0, 2.0]), LR, BATCH),
        "batch size": discrete_stationary_covariance(JACOBIAN, SIGMA, LR, 2 * BATCH),
    }
    for name, prediction in wrong.items():
        assert not compare_covariance(measure, prediction, level=0.999).agrees, name
    assert not compare_mean(measure, [0.05, 0.0], level=0.999).agrees


def test_quantiles_and_density_are_gaussian(measure):
    scale = np.sqrt(np.diag(EXACT))
    exact = stats.norm.ppf(measure.probabilities)[:, None] * scale
    z = (measure.quantiles.value - exact) / measure.quantiles.se
    assert np.max(np.abs(z)) < 4  # ten quantiles: false-alarm rate 6e-4
    grid, density = measure.density(1)
    assert np.isclose(np.trapezoid(density, grid), 1, atol=0.01)
    assert np.max(np.abs(density - stats.norm.pdf(grid, 0, scale[1]))) < 0.06 * stats.norm.pdf(0, 0, scale[1])


@pytest.mark.parametrize("index", [2, -3, 0.5, True, "w"])
def test_density_of_what_is_no_parameter_is_refused(measure, index):
    with pytest.raises(ValueError, match=f"^index: expected an integer from 0 to 1, got {index!r}"):
        measure.density(index)


def test_covariance_errors_are_symmetric_and_scale(measure):
    assert np.array_equal(measure.covariance.se, measure.covariance.se.T)
    small = invariant_measure(1e-9 * measure.samples, burn_in=0)
    whole = invariant_measure(measure.samples, burn_in=0)
    assert np.allclose(small.covariance.se, 1e-18 * whole.covariance.se, rtol=1e-9)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda x: x + 3 * np.eye(4)[:, :1, None], "R-hat"),
        (lambda x: x[:, :60], "effective sample size"),
        (lambda x: x + np.linspace(0, 20, x.shape[1])[:, None], "burn-in"),
        (lambda x: x[:1] + np.linspace(0, 2, x.shape[1])[:, None], "drifts"),
    ],
)
def test_reasons(spoil, reason):
    samples = autoregression(np.random.default_rng(1), 0.5, (4, 2000, 2))
    assert invariant_measure(samples, rhat_limit=1.02).converged
    spoiled = invariant_measure(spoil(samples))
    assert not spoiled.converged
    assert any(reason in text for text in spoiled.reasons), spoiled.reasons


@pytest.mark.parametrize(
    ("samples", "reasons"),
    [
        (np.ones((4, 1000, 1)), ("parameter 0 does not move",)),
        (np.zeros((40, 200, 2)), ("parameter 0 does not move", "parameter 1 does not move")),
        (np.ones((1, 1000, 1)), ("parameter 0 does not move",)),
    ],
)
def test_a_run_that_never_moves_has_not_converged(samples, reasons):
    assert invariant_measure(samples).reasons == reasons


@pytest.mark.parametrize("chains", [4, 40])
def test_chains_that_stand_in_places_of_their_own_have_not_converged(chains):
    samples = autoregression(np.random.default_rng(7), 0.5, (chains, 1000, 2))
    samples[..., 1] = samples[:, :1, 1]
    assert "parameter 1 does not move" in invariant_measure(samples, rhat_limit=np.inf, ess_limit=0.0).reasons


def test_converged_has_few_false_alarms():
    # 60 stationary runs of effective size about 2700: all checks together may object to at most 4.
    samples = autoregression(np.random.default_rng(2), 0.5, (4, 2000, 60))
    verdicts = [invariant_measure(samples[:, :, i : i + 1]).converged for i in range(60)]
    assert np.sum(verdicts) >= 56


def test_many_short_chains_converge():
    samples = autoregression(np.random.default_rng(3), 0.9, (200, 400, 2))
    result = invariant_measure(samples)
    assert result.converged, result.reasons
    assert compare_covariance(result, np.eye(2), level=0.999).agrees


def test_comparison_with_few_short_chains_has_its_false_alarm_rate():
    # 400 replicates at 5 %: more than 8.5 % rejected with probability 1e-3 for an exact test. Control: scores that
    # are taken for normal.
    rng, rejected, normal = np.random.default_rng(6), 0, 0
    for _ in range(400):
        found = compare_mean(invariant_measure(autoregression(rng, 0.8, (4, 20, 1)), burn_in=0), [0.0])
        rejected, normal = rejected + (not found.agrees), normal + (abs(found.z[0]) > 1.96)
    assert rejected / 400 <= 0.085 < normal / 400


def test_constant_parameter():
    samples = autoregression(np.random.default_rng(4), 0.5, (4, 1000, 2)) * [1.0, 0.0]
    result = invariant_measure(samples)
    assert result.converged and result.covariance.value[1, 1] == 0
    assert compare_covariance(result, np.diag([1.0, 0.0]), level=0.999).agrees
    assert not compare_covariance(result, np.diag([1.0, 1e-6]), level=0.999).agrees
    with pytest.raises(ValueError, match=r"^index: expected a parameter that moves, got 1"):
        result.density(1)


@pytest.mark.slow
@pytest.mark.parametrize(("chains", "draws", "burn_in"), [(4, 2000, 0), (4, 2000, "auto"), (64, 300, 0)])
def test_intervals_cover(chains, draws, burn_in):
    # 600 replicates at 95 %: 92.5-97.5 % holds with probability 0.995 for each of the three entries.
    rng = np.random.default_rng(5)
    mean, variance, cross = 0, 0, 0
    for _ in range(600):
        result = invariant_measure(autoregression(rng, 0.8, (chains, draws, 2)), burn_in=burn_in)
        mean += result.mean.contains(0.0)[0]
        inside = result.covariance.contains(np.eye(2))
        variance, cross = variance + inside[0, 0], cross + inside[0, 1]
    assert all(0.925 <= hits / 600 <= 0.975 for hits in (mean, variance, cross)), (mean, variance, cross)


def test_refuses():
    samples = np.random.default_rng(0).normal(size=(4, 100, 2))
    broken = samples.copy()
    broken[1, 50:] = np.nan
    with pytest.raises(ValueError, match=r"^samples: expected finite states, got 1 diverged chains of 4"):
        invariant_measure(broken)
    with pytest.raises(ValueError, match=r"^samples: expected an array with 3 axes, got shape \(4, 100\)"):
        invariant_measure(samples[..., 0])
    with pytest.raises(ValueError, match=r"^samples: expected at least 20 draws after burn-in, got 10"):
        invariant_measure(samples, burn_in=90)
    with pytest.raises(ValueError, match=r"^burn_in: expected 'auto' or an integer >= 0, got 'none'"):
        invariant_measure(samples, burn_in="none")
    with pytest.raises(ValueError, match=r"^predicted: expected a covariance of shape \(2, 2\)"):
        compare_covariance(invariant_measure(samples), np.eye(3))
