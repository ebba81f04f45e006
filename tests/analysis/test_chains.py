"""Effective sample sizes and standard errors of an AR(1) process, whose long-run variance is known."""

import numpy as np
import pytest

from analysis import batch_means_se, block_bootstrap, effective_sample_size, mcse, mean_estimate, split_rhat
from tests.analysis.processes import autoregression


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.5, 0.9])
@pytest.mark.parametrize("chains", [1, 4])
def test_effective_sample_size_of_an_autoregression(rho, chains):
    # 20 components of 20,000 draws: the estimate scatters by about 5 % at rho = 0.9, its mean by 1.2 %.
    samples = autoregression(np.random.default_rng(0), rho, (chains, 20_000 // chains, 20))
    exact = 20_000 * (1 - rho) / (1 + rho)
    assert abs(effective_sample_size(samples).mean() / exact - 1) < 0.05


def test_scale_and_centre_do_not_matter():
    # Squared parameters at small rates are of this size; a spread below 1e-15 must not pass for a constant.
    samples = autoregression(np.random.default_rng(1), 0.8, (4, 1000))
    assert np.isclose(effective_sample_size(1e-20 * samples), effective_sample_size(samples), rtol=1e-9)
    assert np.isclose(mcse(1e-20 * samples), 1e-20 * mcse(samples), rtol=1e-9)
    assert np.isclose(effective_sample_size(samples + 1e6), effective_sample_size(samples), rtol=1e-4)


def test_constant_samples():
    samples = np.full((4, 100, 2), 0.1)
    assert effective_sample_size(samples).tolist() == [400, 400]
    assert mcse(samples).tolist() == [0, 0] and np.isnan(split_rhat(samples)).all()


def coverage(rho, chains, draws, replicates, seed):
    """Share of intervals that hold the true mean 0, and of those that take the draws for independent."""
    samples = autoregression(np.random.default_rng(seed), rho, (chains, draws, replicates))
    naive = 1.96 * samples.std(axis=(0, 1)) / np.sqrt(chains * draws)
    return mean_estimate(samples).contains(0.0).mean(), np.mean(np.abs(samples.mean(axis=(0, 1))) < naive)


@pytest.mark.parametrize(("rho", "chains", "draws"), [(0.8, 4, 500), (0.8, 1, 2000), (-0.5, 4, 200), (0.97, 40, 60)])
def test_intervals_of_the_mean_cover(rho, chains, draws):
    # 800 replicates at 95 %: outside 93-97 % with probability 0.01. At (0.97, 40, 60) a chain is two correlation
    # times long, and only the spread between chains is right.
    covered, naive = coverage(rho, chains, draws, 800, 2)
    assert 0.93 <= covered <= 0.97
    assert not 0.90 <= naive <= 0.98


@pytest.mark.parametrize("chains", [2, 4, 8, 16, 31])
@pytest.mark.parametrize("draws", [4, 8, 20])
def test_intervals_of_short_chains_cover(chains, draws):
    # 4000 replicates a case: a right 95 % interval is outside 93-97 % with probability 1e-8, so the 60 cases give a
    # false alarm with less than 1e-6. Control: the effective sample size with a normal quantile covers too little.
    for rho in (0.0, 0.5, 0.8, 0.9):
        samples = autoregression(np.random.default_rng([chains, draws, int(10 * rho)]), rho, (chains, draws, 4000))
        assert 0.93 <= mean_estimate(samples).contains(0.0).mean() <= 0.97
        if draws == 8:
            plain = 1.96 * samples.std(axis=(0, 1)) / np.sqrt(effective_sample_size(samples))
            assert np.mean(np.abs(samples.mean(axis=(0, 1))) <= plain) < 0.92


@pytest.mark.parametrize(("chains", "draws"), [(2, 100), (2, 200), (4, 100)])
def test_intervals_of_chains_between_short_and_long_cover(chains, draws):
    # Here the autocorrelation decides which error is taken. 2000 replicates a case: a right interval is outside
    # 93-97 % with probability 4e-5, the 15 cases give a false alarm with 6e-4.
    for rho in (0.0, 0.5, 0.8, 0.9, 0.97):
        assert 0.93 <= coverage(rho, chains, draws, 2000, 6)[0] <= 0.97


def test_single_chain_covers_from_an_effective_size_of_25_on():
    # 4000 replicates a case: a right 95 % interval is below 93 % with probability 1e-8. Control: too short a chain.
    assert min(coverage(rho, 1, draws, 4000, 7)[0] for rho, draws in [(0.5, 100), (0.8, 250), (0.9, 500)]) >= 0.93
    assert coverage(0.9, 1, 20, 4000, 7)[0] < 0.85


def test_between_chain_errors_have_few_degrees_of_freedom():
    estimate = mean_estimate(np.random.default_rng(0).normal(size=(32, 1)))
    assert (estimate.interval[1] - estimate.value) / estimate.se == pytest.approx(2.0395, abs=1e-3)


def test_split_rhat():
    noise = autoregression(np.random.default_rng(3), 0.5, (4, 2000))
    assert split_rhat(noise) < 1.01
    assert split_rhat(noise + np.arange(4)[:, None]) > 1.05
    assert split_rhat(noise * np.array([1, 1, 1, 3])[:, None]) > 1.05
    drift = np.linspace(0, 2, 2000)
    assert split_rhat(noise[:1]) < 1.01 < split_rhat(noise[:1] + drift)


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_batch_means(rho):
    # 200 series of 10,000 draws: the mean of the estimates scatters by 0.5 %; batches of 100 are 1-3 % low.
    series = autoregression(np.random.default_rng(4), rho, (200, 10_000))
    exact = np.sqrt((1 + rho) / (1 - rho) / 10_000)
    assert abs(batch_means_se(series).mean() / exact - 1) < 0.04
    assert np.allclose(batch_means_se(series.T, axis=0), batch_means_se(series))
    if rho:
        assert batch_means_se(series, batch_size=1).mean() / exact < 0.5


def test_block_bootstrap_of_mean_and_variance():
    # Var of the sample variance of AR(1): 2 (1 + rho^2) / (1 - rho^2) / n. Blocks of finite length are a little low.
    n, rho = 4000, 0.6
    series = autoregression(np.random.default_rng(5), rho, (10, n))
    mean_se = np.mean([block_bootstrap(x, np.mean, resamples=200).se for x in series])
    variance_se = np.mean([block_bootstrap(x, np.var, resamples=200).se for x in series])
    assert 0.85 < mean_se / np.sqrt((1 + rho) / (1 - rho) / n) < 1.05
    assert 0.85 < variance_se / np.sqrt(2 * (1 + rho**2) / (1 - rho**2) / n) < 1.1
    naive = np.mean([block_bootstrap(x, np.mean, block_length=1, resamples=200).se for x in series])
    assert naive / np.sqrt((1 + rho) / (1 - rho) / n) < 0.6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mcse(np.ones(5)), r"samples: expected shape \(chain, draw, ...\), got shape \(5,\)"),
        (lambda: mcse(np.ones((4, 3))), "samples: expected at least 4 draws with so few as 4 chains, got 3"),
        (lambda: effective_sample_size(np.ones((4, 9)), kind="x"), "kind: expected 'mean', 'bulk' or 'tail'"),
        (lambda: mcse([[0.0, np.nan, 1.0, 2.0]]), "samples: expected finite numbers, got 1 non-finite of 4"),
        (lambda: split_rhat(np.ones((2, 7))), "samples: expected at least 8 draws a chain, got 7"),
        (lambda: batch_means_se(np.ones(15)), "x: expected at least 16 draws, got 15"),
        (lambda: batch_means_se(np.ones(20), batch_size=11), "batch_size: expected at most 10 for 20 draws, got 11"),
        (lambda: block_bootstrap(np.ones(20), np.mean, block_length=11), "block_length: expected at most 10"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match="^" + message):
        call()
