"""The staged method in one dimension: constants against closed forms and loops, and verdicts that must fail.

False alarms: intervals are at 99.9 %, each of 256 to 1024 independent replicates; seeds are fixed.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from figures.papers.crossing_the_curl import staged_stages as claim
from figures.papers.crossing_the_curl.staged_stages import BOX, FIRST, THEOREM, Progress, Size
from figures.registry import Settings

SMALL = Size((500, 1000, 2000, 4000, 8000), 1024)


@pytest.fixture(scope="module")
def series():
    return claim.measure(SMALL, 1, seed=4)


@pytest.fixture(scope="module")
def fixed():
    return claim.deterministic()


# -------------------------------------------------------------------- without noise


def test_fixed_step(fixed):
    assert claim.fixed_check(fixed).passed and fixed.iterations == 71
    assert not claim.fixed_check(replace(fixed, path=fixed.path[:-1])).passed
    w2, a, count = 50.0, 30.0, 0
    while np.hypot(w2, a - 1) > 1e-4:
        w2, a, count = w2 - 0.1 * 2 * w2, max(a - 0.1 * (a - 1 / a), 0.01), count + 1
    assert count == 71


def test_the_compiled_stage_takes_the_same_path(fixed):
    assert claim.same_check(fixed).passed
    other = fixed.path.copy()
    other[20, 2] += 1e-9
    assert not claim.same_check(replace(fixed, path=other)).passed


@pytest.mark.parametrize("theta", claim.SMALL)
def test_exponents_without_noise(theta):
    progress = claim.plain(theta, 1, 0, exact=True, iterations=8000)
    assert claim.exact_check(theta, progress).passed
    assert not claim.exact_check(theta * 1.1, progress).passed


# -------------------------------------------------------------------- the theorem's constants


def test_modulus_on_the_box():
    """<G(x), x - x*> >= c |x - x*|^2 with c = min(2, 1 + sigma / a_max), attained at a_max."""
    a = np.linspace(*BOX, 1001)
    a = a[np.abs(a - 1) > 1e-6]
    ratio = (a - 1 / a) / (a - 1)
    assert min(2.0, ratio.min()) == pytest.approx(1 + 1 / BOX[1])


def test_theorem_constant_against_quadrature():
    gap, centre = 0.09, 0.3
    points = np.linspace(*BOX, 61)

    def second_moment(a):
        return quad(lambda u: (a - (u + centre) ** 2 / a) ** 2 * norm.pdf(u), -12, 12)[0]

    largest = max(second_moment(a) for a in points) + 4 * FIRST[0] ** 2
    modulus = 1 + np.sqrt(1 + gap) / BOX[1]
    expected = max(THEOREM**2 * largest / (2 * modulus * THEOREM - 1), FIRST[0] ** 2 + (FIRST[1] - np.sqrt(1.09)) ** 2)
    assert claim.theorem_constant(np.array([gap]))[0] == pytest.approx(expected, rel=1e-9)


def test_bound():
    progress = claim.bounded(512, 3, iterations=400)
    assert claim.bound_check(progress).passed
    assert not claim.bound_check(replace(progress, stated=progress.stated / 12)).passed


# -------------------------------------------------------------------- rates with noise


def test_exponents_and_constants(series):
    for errors, constant in ((series.shift, 1.0), (series.scale, 0.5)):
        assert claim.exponent_check("", series.k, errors, -1.0).passed
        assert claim.constant_check("", series, errors, constant).passed
        for wrong in (-0.8, -1.2):
            assert not claim.exponent_check("", series.k, errors, wrong).passed
        for wrong in (0.7, 1.4):
            assert not claim.constant_check("", series, errors, wrong * constant).passed
    assert claim.inherited_check(series).passed
    assert not claim.inherited_check(replace(series, shift=2 * series.shift)).passed


def test_an_exponent_needs_a_narrow_interval(series):
    few = slice(0, 12)
    assert not claim.exponent_check("", series.k, series.scale[few], -1.0).passed


def test_loops_and_compiled_stages_agree():
    path = claim.sample_paths(4, 1000, 150, seed=2)
    assert claim.loop_check(4, path, 9).passed
    assert not claim.loop_check(1, path, 9).passed
    k = np.arange(151)
    np.testing.assert_allclose(path[0, 0, :151], 1 / (k + 1))  # w1 sees no noise
    np.testing.assert_allclose(path[2, 0, 150:], 10 * FIRST[0] / (k + 10))


def test_steps_that_are_too_small():
    progress = claim.plain(1 / 16, 256, 7, exact=False, iterations=6000)
    assert claim.exponent_check("", progress.k, progress.distances, -0.5).passed
    assert claim.slower_check(progress).passed
    for wrong in (-0.35, -0.65, -1.0):
        assert not claim.exponent_check("", progress.k, progress.distances, wrong).passed
    steep = Progress(progress.k, progress.distances * progress.k**-0.5, progress.stated)
    assert not claim.slower_check(steep).passed


@pytest.mark.slow
def test_claim():
    outcome = claim.run(Settings(seed=3))
    assert [check.name for check in outcome.checks if not check.passed] == []
