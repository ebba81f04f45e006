"""Batch means drawn directly: their law against closed forms, against explicit samples, and against wrong laws."""

import math

import numpy as np
import pytest
from scipy import stats
from sympy import sqrt, symbols

from gan_sde.kernels import cpu_stepper
from gan_sde.kernels.batch_statistics import (
    CDF_TOLERANCE,
    chi_square_polynomial,
    distribution_error,
    hermite_slots,
)
from gan_sde.symbolic.recipe import BatchDraws, GaussianDraws, Recipe
from tests.kernels.recipes import LQ_START, he2, lq_training, means_only, run

Y, Z = symbols("y z")
COUNT, ALARM = 200_000, 1e-4


@pytest.mark.parametrize("k", [2, 3, 4, 7, 8, 15, 63, 255, 10**5])
def test_chi_square_error_is_below_the_stated_bound(k):
    # Fresh nodes, and the quantile itself as the oracle.
    coefficients = chi_square_polynomial(k)
    n = np.linspace(-6.79, 6.79, 7001)
    chi_square = k * np.polynomial.polynomial.polyval(n, coefficients) ** 3
    error = np.where(
        n < 0,
        np.abs(stats.chi2.cdf(chi_square, k) - stats.norm.cdf(n)),
        np.abs(stats.chi2.sf(chi_square, k) - stats.norm.sf(n)),
    )
    assert error.max() < CDF_TOLERANCE
    assert np.all(np.diff(chi_square) > 0)


def test_a_plain_wilson_hilferty_transform_is_too_crude():
    k = 15
    plain = (1 - 2 / (9 * k), math.sqrt(2 / (9 * k)))
    assert distribution_error(plain, k) > 1e-4


def test_one_degree_of_freedom_has_no_polynomial():
    assert chi_square_polynomial(1) is None


def test_slots_are_numbered_batch_by_batch():
    a, b, c, d, e = symbols("a:e")
    draws = BatchDraws(((a, None, b, c), (d, None, None, e)), (Y, he2(Y), Z, he2(Z)), (Y, Z))
    slots = hermite_slots(draws)
    assert [(s.symbol, s.degree, s.first) for s in slots] == [
        (a, 1, 0), (b, 1, 1), (c, 2, 1), (d, 1, 3), (e, 2, None)
    ]  # fmt: skip


@pytest.mark.parametrize("feature", [Y**3 / sqrt(15), Y * Z, (Y**2 - 1) / 2, Y + 1])
def test_other_features_are_left_to_explicit_sampling(feature):
    (m,) = symbols("m,")
    assert hermite_slots(BatchDraws(((m,),), (feature,), (Y, Z))) is None
    assert hermite_slots(BatchDraws(((None,),), (feature,), (Y, Z))) == ()


def batch_means(batch_size, statistics, count=COUNT):
    recipe = means_only([Y, he2(Y), Z, he2(Z)], [Y, Z])
    stepper = cpu_stepper(recipe, batch_size=batch_size, seed=2024, statistics=statistics)
    return run(stepper, (0,) * 4, trajectories=count, steps=1)[0]


def joint_cumulants_fit(means, batch_size):
    """Means, (co)variances and third cumulants within their standard errors; COUNT draws, 24 looks."""
    y1, y2, z1, z2 = means
    size = batch_size
    cases = [(m, 0.0) for m in means]
    cases += [(m * m, 1 / size) for m in means]
    cases += [(p * q, 0.0) for p, q in ((y1, y2), (y1, z1), (y1, z2), (y2, z1), (y2, z2), (z1, z2))]
    # E m_f m_g m_h = E f g h / B^2 for batch means of centred f, g, h.
    second, third = math.sqrt(2) / size**2, 2 * math.sqrt(2) / size**2
    cases += [(y1**3, 0.0), (y2**3, third), (z2**3, third), (y1**2 * y2, second), (z1**2 * z2, second)]
    cases += [(y1 * y2**2, 0.0), (y1**2 * z2, 0.0), (z1**2 * y2, 0.0), (y1 * z1 * y2, 0.0), (y1 * z1 * z2, 0.0)]
    z = [(np.mean(x) - expected) / (np.std(x) / math.sqrt(x.size)) for x, expected in cases]
    return np.max(np.abs(z)) < stats.norm.isf(ALARM / 2 / len(cases))


def marginals_fit(means, batch_size):
    """Kolmogorov-Smirnov against the closed laws: normal, and a shifted chi-square of B degrees."""
    size = batch_size
    laws = (
        stats.norm(scale=1 / math.sqrt(size)),
        stats.chi2(size, loc=-1 / math.sqrt(2), scale=1 / size / math.sqrt(2)),
    )
    pvalues = [stats.kstest(m, laws[i % 2].cdf).pvalue for i, m in enumerate(means)]
    return min(pvalues) > ALARM / 4


@pytest.mark.parametrize("statistics", ["always", "never"])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
def test_law_of_batch_means(batch_size, statistics):
    means = batch_means(batch_size, statistics)
    assert joint_cumulants_fit(means, batch_size)
    assert marginals_fit(means, batch_size)


def test_explicit_and_direct_sampling_agree_in_law():
    direct, explicit = batch_means(8, "always"), batch_means(8, "never")
    # The sum mixes both means of a variate, so that their dependence is compared too.
    for combine in (lambda m: m[0], lambda m: m[1], lambda m: m[0] + m[1], lambda m: m[2] - m[3]):
        assert stats.ks_2samp(combine(direct), combine(explicit)).pvalue > ALARM / 4


@pytest.mark.parametrize("wrong", ["independent normals", "dropped square of the mean", "another batch size"])
def test_wrong_laws_are_caught(wrong):
    size = 16
    means = batch_means(size, "always")
    if wrong == "independent normals":
        means[1] = np.random.default_rng(3).standard_normal(COUNT) / math.sqrt(size)
    elif wrong == "dropped square of the mean":
        means[1] -= (means[0] ** 2 - 1 / size) / math.sqrt(2)
    else:
        size = 17
    assert not joint_cumulants_fit(means, size)


def test_coupled_training_sees_the_normals_of_its_sde():
    # An SDE that adds up its normals; a training that shows its batch means.
    normals, parts, size = symbols("n0:4"), 3, 16
    features = [Y, he2(Y), Z, he2(Z)]
    training = means_only(features, [Y, Z])
    state = training.state
    sde = Recipe(state, tuple(x + n for x, n in zip(state, normals, strict=True)), GaussianDraws(normals))
    address = {"trajectories": 50, "steps": 1, "trajectory": 11, "step": 6}
    sums, _ = run(cpu_stepper(sde, batch_size=size, substeps=parts, seed=4, stream=2), (0,) * 4, **address)
    options = {"batch_size": size, "seed": 4, "stream": 2}
    means, _ = run(cpu_stepper(training, couple=parts, **options), (0,) * 4, **address)
    normal = sums / math.sqrt(parts)
    assert np.allclose(means[[0, 2]], normal[[0, 2]] / math.sqrt(size), rtol=1e-13)
    for he1, he2_ in ((0, 1), (2, 3)):
        chi_square = stats.chi2(size - 1).ppf(stats.norm.cdf(normal[he2_]))
        expected = (chi_square / size + means[he1] ** 2 - 1) / math.sqrt(2)
        assert np.allclose(means[he2_], expected, atol=1e-7)
    uncoupled, _ = run(cpu_stepper(training, **options), (0,) * 4, **address)
    assert np.abs(uncoupled[0] - means[0]).max() > 0.1


def test_coupling_keeps_the_law():
    recipe = means_only([Y, he2(Y), Z, he2(Z)], [Y, Z])
    stepper = cpu_stepper(recipe, batch_size=16, seed=5, couple=3)
    means, _ = run(stepper, (0,) * 4, trajectories=COUNT, steps=1)
    assert joint_cumulants_fit(means, 16) and marginals_fit(means, 16)


def test_training_by_statistics_is_the_default():
    options = {"batch_size": 16, "seed": 1}
    automatic, _ = run(cpu_stepper(lq_training(), **options), LQ_START)
    direct, _ = run(cpu_stepper(lq_training(), statistics="always", **options), LQ_START)
    explicit, _ = run(cpu_stepper(lq_training(), statistics="never", **options), LQ_START)
    assert np.array_equal(automatic, direct) and not np.array_equal(automatic, explicit)
