"""Level, power and error bars of the tests of whole laws, on autoregressions that are correlated or not.

Correlation time of the coefficient 0.9: 19 draws.
"""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from analysis import Density, GaussianLaw, Grid, law_test, two_sample_law_test
from analysis.law_tests import _test
from tests.analysis.processes import autoregression

NORMAL = GaussianLaw([0.0], [[1.0]])


def p_values(seed, replicates, make, other=None, **options):
    """p-values of replicates: of one sample against the standard normal law, or of two."""
    rng = np.random.default_rng(seed)
    options = {"largest": 512, "flips": 499, **options}
    if other is None:
        return np.array([law_test(make(rng), NORMAL, seed=i, **options).p_value for i in range(replicates)])
    pairs = [(make(rng), other(rng)) for _ in range(replicates)]
    return np.array([two_sample_law_test(*pair, seed=i, **options).p_value for i, pair in enumerate(pairs)])


def chains(rho, shape, transform=lambda x: x):
    return lambda rng: transform(autoregression(rng, rho, shape))


def shuffled(make):
    """Draws in random order: what a test would see that takes them for independent."""

    def mixed(rng):
        x = make(rng)
        return rng.permutation(x.ravel()).reshape(x.shape)

    return mixed


def laplace(x):
    """Mean 0, variance 1."""
    return stats.laplace.ppf(stats.norm.cdf(x), scale=np.sqrt(0.5))


WELL, WIDTH = 0.9, np.sqrt(1 - 0.9**2)


def bimodal(x):
    """Mean 0, variance 1: normal laws of deviation 0.44 around -0.9 and 0.9, by the table of its quantiles."""
    table = np.linspace(-4, 4, 2001)
    cdf = (stats.norm.cdf(table, -WELL, WIDTH) + stats.norm.cdf(table, WELL, WIDTH)) / 2
    return np.interp(stats.norm.cdf(x), cdf, table)


# -------------------------------------------------------------------- level


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_level_for_many_short_chains(rho):
    # 500 replicates of 40 x 50 draws: 2.2-8.2 % are rejected at 5 %, and 43-57 % at 50 %, but for a chance of 0.2 %
    # each.
    p = p_values(1, 500, chains(rho, (40, 50)))
    assert 0.022 <= np.mean(p <= 0.05) <= 0.082 and 0.43 <= np.mean(p <= 0.5) <= 0.57


def test_taking_draws_for_independent_rejects_too_often():
    """The control of the level: the same draws in random order, 500 replicates, more than three times the level."""
    assert np.mean(p_values(1, 500, shuffled(chains(0.9, (40, 50)))) <= 0.05) > 0.15


def test_level_of_two_samples_of_different_correlation():
    # 500 replicates; bounds as above.
    p = p_values(2, 500, chains(0.9, (40, 50)), chains(0.0, (24, 30)))
    assert 0.022 <= np.mean(p <= 0.05) <= 0.082 and 0.43 <= np.mean(p <= 0.5) <= 0.57


# Blocks may correlate by 1/40, which puts the level at up to 5.6 %. 1000 replicates: rejections lie in 3-7.7 % but for
# a chance of 0.4 % at either end.
CALIBRATION = [
    (chains(0.0, (4, 500)), None),
    (chains(0.9, (4, 4000)), None),
    (chains(0.9, (1, 10_000)), None),
    (chains(0.0, (16, 50)), None),
    (chains(0.0, (500, 1)), None),
    (chains(0.0, (4, 500)), chains(0.0, (4, 500))),
    (chains(0.9, (4, 4000)), chains(0.9, (4, 4000))),
    (chains(0.9, (4, 4000)), chains(0.0, (30, 60))),
    (chains(0.9, (40, 50)), chains(0.9, (40, 50))),
]


@pytest.mark.slow
@pytest.mark.parametrize(("one", "two"), CALIBRATION)
def test_level(one, two):
    assert 0.03 <= np.mean(p_values(3, 1000, one, two) <= 0.05) <= 0.077


@pytest.mark.slow
@pytest.mark.parametrize("two", [None, chains(0.9, (4, 4000))])
def test_level_of_shuffled_blocks_is_wrong(two):
    other = None if two is None else shuffled(two)
    p = p_values(4, 500, shuffled(chains(0.9, (4, 4000))), other, largest=2048)
    assert np.mean(p <= 0.05) > 0.15


# -------------------------------------------------------------------- power

CHANGES = {
    "mean": lambda x: x + 0.4,
    "scale": lambda x: 1.3 * x,
    "laplace": laplace,
    "bimodal": bimodal,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("shape", [(4, 2500), (40, 250)])
def test_power(change, shape):
    """10,000 draws worth about 530 independent ones: at least 16 of 20 replicates rejected at 5 %."""
    assert np.mean(p_values(5, 20, chains(0.9, shape, change), largest=1024) <= 0.05) >= 0.8


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_power_of_two_samples(change):
    """40,000 draws a sample, worth about 2100: at least 16 of 20 replicates rejected at 5 %."""
    p = p_values(6, 20, chains(0.9, (40, 1000), change), chains(0.9, (40, 1000)), largest=1024)
    assert np.mean(p <= 0.05) >= 0.8


def test_dependence_between_uncorrelated_coordinates_is_seen():
    """(z, s |z|) with a random sign s: normal marginals, covariance 1. 20 x 100 draws, false alarms 0.1 % each."""
    rng = np.random.default_rng(7)
    z = rng.normal(size=(20, 100, 2))
    law = GaussianLaw(np.zeros(2), np.eye(2))
    bent = np.stack([z[..., 0], np.abs(z[..., 0]) * np.sign(z[..., 1])], axis=-1)
    assert law_test(z, law).p_value > 0.001 and law_test(bent, law).p_value < 0.001
    assert two_sample_law_test(z, bent).p_value < 0.001
    assert law_test(bent[..., 1], NORMAL).p_value > 0.001


def test_density_as_prediction():
    """Bimodal law on a grid, 40 x 200 draws: its own (false alarm 0.1 %) and normal ones of equal variance."""
    cells = Grid.rectangle(-4.0, 4.0, 200)
    law = Density.of(cells, lambda x: stats.norm.pdf(x[:, 0], -WELL, WIDTH) + stats.norm.pdf(x[:, 0], WELL, WIDTH))
    x = autoregression(np.random.default_rng(8), 0.9, (40, 200))
    assert law_test(bimodal(x), law).p_value > 0.001 and law_test(x, law).p_value < 0.001


# -------------------------------------------------------------------- distance


def test_squares_are_unbiased_and_intervals_cover():
    # Against N(m, 1): D^2 = 2 E|N(m, 2)| - 4 / sqrt(pi). 300 replicates of 40 x 50 draws, rho = 0.9: |z| of the mean
    # below 4, coverage of 95 % within 92-98 % but for a chance of 2 %.
    shift, rng = 0.5, np.random.default_rng(9)
    folded = 2 / np.sqrt(np.pi) * np.exp(-(shift**2) / 4) + shift * (1 - 2 * stats.norm.cdf(-shift / np.sqrt(2)))
    found = {}
    for m in (0.0, shift):
        law = GaussianLaw([m], [[1.0]])
        found[m] = [law_test(chains(0.9, (40, 50))(rng), law, largest=512, flips=99).square for _ in range(300)]
    for m, truth in ((0.0, 0.0), (shift, 2 * folded - 4 / np.sqrt(np.pi))):
        values = np.array([s.value for s in found[m]])
        assert abs(values.mean() - truth) < 4 * values.std() / np.sqrt(300)
    assert 0.92 <= np.mean([s.contains(2 * folded - 4 / np.sqrt(np.pi)) for s in found[shift]]) <= 0.98


def test_distance_against_scipy_on_independent_draws():
    """3000 draws a sample. In units of the samples, and with the bias of all pairs added, to 1 %."""
    rng = np.random.default_rng(10)
    x, y = rng.normal(0.5, 1.5, size=(3000, 1)), rng.normal(size=(3000, 1))
    scale = np.sqrt((x.var() + y.var()) / 2)
    spread = sum(np.abs(a - a.ravel()).mean() for a in (x, y)) / 3000
    two = two_sample_law_test(x, y)
    assert np.isclose(scale * two.square.value + spread, stats.energy_distance(x[:, 0], y[:, 0]) ** 2, rtol=0.01)
    # the normal law by 20,000 quantiles
    quantiles = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    one = law_test(x, NORMAL)
    own = np.abs(x - x.ravel()).mean() / 3000
    assert np.isclose(one.square.value + own, stats.energy_distance(x[:, 0], quantiles) ** 2, rtol=0.01)
    assert one.distance == np.sqrt(one.square.value) and one.groups == 64 and one.square.n == 3000


def test_random_signs_against_all_of_them():
    rng = np.random.default_rng(11)
    gaps = rng.normal(0.2, 1.0, size=(12, 3))
    signs = np.array(list(product([-1, 1], repeat=12)))
    squares = np.sum((signs @ gaps) ** 2, axis=1)
    exact = np.mean(squares >= squares[-1] - 1e-9)
    found = _test(gaps @ gaps.T, 12, 0.95, 20_000, 0)
    assert 0.02 < exact < 0.5 and abs(found.p_value - exact) < 5 * np.sqrt(exact / 20_000)
    # the jackknife against loops
    product_mean = [
        np.mean([gaps[g] @ gaps[h] for g in kept for h in kept if g != h])
        for kept in ([g for g in range(12) if g != out] for out in range(13))
    ]
    left = np.array(product_mean[:12])
    assert np.isclose(found.square.value, product_mean[12])
    assert np.isclose(found.square.se, np.sqrt(11 / 12 * np.sum((left - left.mean()) ** 2)))


def test_change_of_coordinates_changes_nothing():
    rng = np.random.default_rng(12)
    x, y = rng.normal(size=(2, 20, 60, 2))
    matrix, offset = np.array([[2.0, 0.3], [-1.0, 0.1]]), np.array([5.0, -3.0])
    before = law_test(x, GaussianLaw([0.1, 0.0], np.eye(2))), two_sample_law_test(x, y)
    moved = GaussianLaw(matrix @ [0.1, 0.0] + offset, matrix @ matrix.T)
    after = law_test(x @ matrix.T + offset, moved), two_sample_law_test(x @ matrix.T + offset, y @ matrix.T + offset)
    for one, other in zip(before, after, strict=True):
        assert np.isclose(one.square.value, other.square.value) and one.p_value == other.p_value
    swapped = two_sample_law_test(y, x)
    assert swapped.p_value == before[1].p_value and np.isclose(swapped.square.value, before[1].square.value)
    assert np.isclose(swapped.square.se, before[1].square.se)


def test_a_turning_state_is_cut_by_its_radius():
    """Angle turns fast, radius moves slowly: blocks follow the radius, or a wrong spread of radii would be seen."""
    k = np.arange(4000)
    radius = 1 + 0.3 * autoregression(np.random.default_rng(13), 0.98, (4, 4000))
    turning = radius[..., None] * np.stack([np.cos(2.2 * k), np.sin(2.2 * k)], axis=-1)
    with pytest.raises(ValueError, match=r"^samples: expected 16 chains, or \d+ draws a chain"):
        law_test(turning[:, :1000], GaussianLaw([0.0, 0.0], np.eye(2) / 2))


def test_refuses():
    noise = np.random.default_rng(14).normal(size=(4, 200, 2))
    law = GaussianLaw(np.zeros(2), np.eye(2))
    with pytest.raises(ValueError, match=r"^samples: expected 16 chains, or \d+ draws .*, got 4 chains of 30 draws"):
        law_test(noise[:, :30], law)
    with pytest.raises(ValueError, match=r"^samples: expected 2 coordinates like the law, got 1"):
        law_test(noise[..., :1], law)
    with pytest.raises(ValueError, match=r"^samples: expected shape \(chain, draw, d\) or \(chain, draw\), got shape"):
        law_test(noise[..., None], law)
    with pytest.raises(ValueError, match=r"^law: expected a GaussianLaw or a Density, got tuple"):
        law_test(noise, (np.zeros(2), np.eye(2)))
    with pytest.raises(ValueError, match=r"^largest: expected an integer >= 256, got 16"):
        law_test(noise, law, largest=16)
    with pytest.raises(ValueError, match=r"^samples2: expected 2 coordinates like samples1, got 1"):
        two_sample_law_test(noise, noise[..., :1])
    with pytest.raises(ValueError, match=r"^samples1, samples2: expected a positive definite covariance, got smallest"):
        two_sample_law_test(np.ones((16, 5)), np.ones((16, 5)))
