"""Burn-in of known length, and the false-alarm rate of the drift test."""

import numpy as np
import pytest

from analysis import burn_in, geweke
from tests.analysis.processes import autoregression

K = np.arange(2000)


@pytest.mark.parametrize("length", [20, 100])
def test_transient_of_the_mean_is_cut(length):
    noise = autoregression(np.random.default_rng(0), 0.5, (4, 2000))
    cut = burn_in(noise + 20 * np.exp(-K / length))
    # What is left shifts the mean by less than its standard error, ten or more of them before; little is lost.
    se = np.sqrt(3 / noise.size)
    assert 20 * np.exp(-K / length).mean() > 10 * se
    assert 20 * np.exp(-K[cut:] / length).mean() < se and cut < max(12 * length, 200)


def test_transient_of_the_variance_is_cut():
    # A start at the equilibrium itself: the mean is right from the first draw, the spread is not.
    noise = autoregression(np.random.default_rng(1), 0.5, (64, 2000))
    assert burn_in(noise * np.sqrt(1 - np.exp(-K / 50))) > 50


def test_stationary_runs_keep_most():
    # 100 runs: the largest cut over 4 components stays below a quarter of the run in at least nine of ten.
    samples = autoregression(np.random.default_rng(2), 0.8, (4, 1000, 400)).reshape(4, 1000, 100, 4)
    cuts = [burn_in(samples[:, :, i]) for i in range(100)]
    assert np.mean(np.array(cuts) < 250) >= 0.9


def test_endless_transient_reaches_the_limit():
    assert burn_in(K + autoregression(np.random.default_rng(3), 0.5, (4, 2000))) == 1000


@pytest.mark.parametrize(("chains", "draws"), [(4, 2000), (40, 100)])
def test_drift_scores_are_standard_normal(chains, draws):
    # 2000 stationary replicates: 5 % beyond 1.96 holds to within 1.5 % with probability 0.998.
    samples = autoregression(np.random.default_rng(4), 0.8, (chains, draws, 2000))
    assert 0.035 < np.mean(np.abs(geweke(samples)) > 1.96) < 0.065


@pytest.mark.parametrize(("chains", "draws"), [(4, 2000), (40, 100)])
def test_drift_is_seen(chains, draws):
    samples = autoregression(np.random.default_rng(5), 0.8, (chains, draws, 50))
    decay = 3 * np.exp(-10 * np.arange(draws) / draws)
    assert np.mean(np.abs(geweke(samples + decay[:, None])) > 4) > 0.9


def test_refuses():
    with pytest.raises(ValueError, match=r"^samples: expected at least 20 draws a chain, got 19"):
        burn_in(np.ones((2, 19)))
    with pytest.raises(ValueError, match=r"^first: expected fractions first \+ last <= 1, got 0.6 and 0.5"):
        geweke(np.ones((2, 50)), first=0.6)
