"""Batch moments drawn without samples: their law against closed forms, explicit samples, and wrong laws.

Tests look at COUNT batches; the false-alarm rate of each is ALARM, divided evenly among its looks.
"""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import gan_sde as gs
from gan_sde.games.lq_gan_arrays import LQGANArrays
from gan_sde.kernels.array import ArrayStepper, array_stepper
from gan_sde.kernels.array_sampler import Sampler
from gan_sde.kernels.array_statistics import BartlettPlan
from gan_sde.kernels.normals import normal_pairs
from gan_sde.kernels.philox import words

N, SIZE, COUNT, ALARM = 3, 12, 100_000, 1e-4
KEY = (np.uint64(7), np.uint64(0))


def unpacked(statistics, n):
    """Means ``(n, N)`` and factors ``(n, N, N)`` of one group."""
    factor = np.zeros((statistics.shape[1], n, n))
    rows, columns = np.tril_indices(n)
    factor[:, rows, columns] = statistics[n:].T
    return statistics[:n].T, factor


def base_moments(size=SIZE):
    """First and second moments of COUNT batches of N standard normals: ``(COUNT, N)``, ``(COUNT, N, N)``."""
    drawn = BartlettPlan((N,), size).draw(0, COUNT, (0, 0), np.uint64(0), KEY)
    mean, factor = unpacked(drawn, N)
    return mean, factor @ np.swapaxes(factor, 1, 2) + mean[:, :, None] * mean[:, None, :]


def cumulants_fit(mean, second, size=SIZE):
    """Means, covariances and third cumulants of all N + N (N + 1) / 2 moments, within their standard errors.

    A mean over B samples of centred f, g, h has covariances ``E f g / B`` and third cumulants ``E f g h / B^2``; the
    expectations are Gauss-Hermite sums, exact for these polynomials.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    u = np.array(list(itertools.product(nodes, repeat=N)))
    weight = np.prod(list(itertools.product(weights / weights.sum(), repeat=N)), axis=1)
    pairs = list(itertools.combinations_with_replacement(range(N), 2))
    features = [u[:, i] for i in range(N)] + [u[:, i] * u[:, j] - (i == j) for i, j in pairs]
    found = [mean[:, i] for i in range(N)] + [second[:, i, j] - (i == j) for i, j in pairs]
    cases = []
    for degree in (1, 2, 3):
        for chosen in itertools.combinations_with_replacement(range(len(features)), degree):
            expected = weight @ np.prod([features[c] for c in chosen], axis=0) / size ** (degree - 1)
            cases.append((np.prod([found[c] for c in chosen], axis=0), expected))
    z = [(x.mean() - expected) / (x.std() / math.sqrt(len(x))) for x, expected in cases]
    return np.abs(z).max() < stats.norm.isf(ALARM / 2 / len(cases))


def test_moments_have_the_exact_cumulants():
    """219 looks: 9 means, 45 covariances, 165 third cumulants."""
    assert cumulants_fit(*base_moments())


@pytest.mark.parametrize("wrong", ["degrees of freedom", "no root", "dropped square of the mean", "no triangle"])
def test_wrong_laws_are_caught(wrong):
    if wrong == "degrees of freedom":  # a larger batch's factor, on the scale of this one
        mean, second = base_moments(SIZE + 1)
        outer = mean[:, :, None] * mean[:, None, :]
        scale = (SIZE + 1) / SIZE
        assert not cumulants_fit(mean * math.sqrt(scale), second * scale)
        assert not cumulants_fit(mean, (second - outer) * scale + outer)
        return
    drawn = BartlettPlan((N,), SIZE).draw(0, COUNT, (0, 0), np.uint64(0), KEY)
    mean, factor = unpacked(drawn, N)
    if wrong == "no root":
        factor[:, range(N), range(N)] **= 2
    if wrong == "no triangle":
        factor = factor * np.eye(N)
    square = 0 if wrong.startswith("dropped") else mean[:, :, None] * mean[:, None, :]
    assert not cumulants_fit(mean, factor @ np.swapaxes(factor, 1, 2) + square)


def test_statistics_are_the_normals_of_their_words():
    """Two groups, the third batch of an iteration; chi-squares from scipy's quantiles."""
    groups, size, trajectories, step, stream = (2, 3), 16, 5, 9, 4
    plan = BartlettPlan(groups, size)
    assert plan.rows == 14 and plan.words == 16
    place = (2**40 + 3, step)
    drawn = plan.draw(2, trajectories, place, np.uint64(stream << 24), KEY)
    numbers = words(7, stream, place[0] + np.arange(trajectories), step, 0, 32 + np.arange(14))
    normals = np.stack(normal_pairs(numbers[::2], numbers[1::2]), axis=1).reshape(14, trajectories)
    expected, row = normals / math.sqrt(size), 0
    for n in groups:
        row += n
        for i in range(n):
            row += i
            expected[row] = np.sqrt(stats.chi2(size - 1 - i).ppf(stats.norm.cdf(normals[row])) / size)
            row += 1
    np.testing.assert_allclose(drawn, expected, rtol=1e-7)


def law(n):
    rng = np.random.default_rng(n)
    return LQGANArrays(n, None, rng.normal(size=n), np.tril(rng.normal(size=(n, n))))


@pytest.mark.parametrize("mode", ["always", "never"])
def test_batches_are_the_same_in_both_forms(mode):
    game, sampler = law(4), Sampler(law(4), 16, 3, 0, mode)
    batch, numbers = sampler.batch(1, 70, 11, 2), sampler.lane_batch(1, 70, 11, 2)
    assert np.array_equal(game.lane_batch(batch), numbers)
    for moment, again in zip(batch, game.batch_of_lanes(numbers), strict=True):
        np.testing.assert_allclose(moment, again, rtol=1e-14, atol=1e-14)


def test_moments_of_statistics_are_plain_products():
    """The compiled transformation against matrix products; a factor with zeros, and more lanes than a vector has."""
    for n in (1, 2, 5):
        game, width = law(n), 37
        if n > 1:
            game.factor[1, 0] = 0.0
        plan = BartlettPlan((n, n), 64)
        drawn = plan.draw(0, width, (0, 0), np.uint64(0), KEY)
        (mean, factor), (latent, latent_factor) = (unpacked(half, n) for half in np.split(drawn, 2))
        batch = game.batch_of_lanes(game.lane_batch_of_statistics(drawn))
        mean, factor = game.mean + mean @ game.factor.T, game.factor @ factor
        for found, m, t in ((batch[:2], mean, factor), (batch[2:], latent, latent_factor)):
            np.testing.assert_allclose(found[0], m, rtol=1e-12, atol=1e-13)
            second = t @ np.swapaxes(t, 1, 2) + m[:, :, None] * m[:, None, :]
            np.testing.assert_allclose(found[1], second, rtol=1e-12, atol=1e-13)


def fields(game, x, mode, size, seed):
    return game.F(x, Sampler(game, size, seed, 0, mode).batch(0, len(x), 0, 0))


def test_field_has_the_law_of_explicit_samples():
    """N = 3, B = 12: two-sample tests of all 18 means and 171 products of the field's components."""
    game, count = law(3), 40_000
    x = np.tile(np.random.default_rng(1).normal(size=game.dim), (count, 1))
    center = game.F(x[:1], game.expected_batch(1))
    direct, explicit = (fields(game, x, *how) - center for how in (("always", 12, 1), ("never", 12, 2)))

    def differ(one, other):
        looks = []
        for f in (one, other):
            products = np.einsum("ni,nj->nij", f, f)[:, *np.triu_indices(game.dim)]
            looks.append(np.concatenate([f, products], axis=1))
        error = np.sqrt(sum(look.var(axis=0) / count for look in looks))
        z = np.abs(looks[0].mean(axis=0) - looks[1].mean(axis=0)) / error
        return z.max() > stats.norm.isf(ALARM / 2 / len(z))

    assert not differ(direct, explicit)
    assert differ(direct, fields(game, x, "always", 13, 3) - center)


def test_field_has_the_covariance_of_the_symbols():
    """N = 2: all 55 covariances of the batch field against ``noise_covariance / B`` at a random point."""
    symbolic = gs.games.get("lq-gan", dim=2)
    rng = np.random.default_rng(5)
    values = {s.name: abs(rng.normal()) for s in symbolic.free_symbols}
    game, size, point = LQGANArrays(2).bind(values), 10, rng.normal(size=symbolic.dim)
    at_point = dict(zip(symbolic.parameters, point, strict=True))
    expected = np.array(symbolic.subs(values).noise_covariance.subs(at_point), dtype=float) / size
    x = np.tile(point, (COUNT, 1))
    deviation = fields(game, x, "always", size, 6) - game.F(x[:1], game.expected_batch(1))
    products = np.einsum("ni,nj->nij", deviation, deviation)[:, *np.triu_indices(game.dim)]
    error = products.std(axis=0) / math.sqrt(COUNT)
    z = (products.mean(axis=0) - expected[np.triu_indices(game.dim)])[error > 0] / error[error > 0]
    assert np.abs(z).max() < stats.norm.isf(ALARM / 2 / len(z))
    wrong = (products.mean(axis=0) - expected[np.triu_indices(game.dim)] * size / (size + 1))[error > 0]
    assert np.abs(wrong / error[error > 0]).max() > stats.norm.isf(ALARM / 2 / len(z))


@pytest.mark.parametrize("kind", ["means", "second moments"])
def test_every_moment_has_the_distribution_of_explicit_samples(kind):
    """Kolmogorov-Smirnov, 18 moments of N = 3; a batch larger by two is told apart."""
    game, count = law(N), 30_000
    direct, explicit = (Sampler(game, 16, s, 0, m).lane_batch(0, count, 0, 0) for s, m in ((1, "always"), (2, "never")))
    half = N * (N + 1) // 2
    chosen = [r for r in range(len(direct)) if (r % (half + N) >= half) == (kind == "means")]
    assert min(stats.ks_2samp(direct[r], explicit[r]).pvalue for r in chosen) > ALARM / len(chosen)
    larger = Sampler(game, 18, 3, 0).lane_batch(0, count, 0, 0)
    assert min(stats.ks_2samp(larger[r], explicit[r]).pvalue for r in chosen) < ALARM / len(chosen)


@pytest.mark.parametrize("name", ["crossing-the-curl", "consensus", "adam", "extragradient"])
def test_compiled_tape_is_the_text(name):
    game = replace(gs.games.get("lq-gan", dim=2).with_defaults(), arrays=LQGANArrays(2))
    training = gs.Training(game, gs.algorithms.get(name))
    start = training.start(np.array(game.x0) + 0.3 * np.random.default_rng(7).normal(size=(40, game.dim)), 0.02)
    results = []
    for recorded in (True, False):
        stepper = ArrayStepper(training, 16, 11, 0)
        stepper._player = stepper._player if recorded else None
        state = np.ascontiguousarray(start.T)
        stepper.advance(state, np.full(40, -1), trajectory=0, step=3, rates=np.full(4, 0.02))
        results.append(state)
    np.testing.assert_allclose(*results, rtol=1e-11, atol=1e-12)


def test_large_batches_of_normals_are_drawn_by_their_moments():
    def numbers(size, mode="auto", game=None):
        return Sampler(game or law(2), size, 3, 0, mode).lane_batch(0, 5, 0, 0)

    assert np.array_equal(numbers(10), numbers(10, "always"))
    assert not np.array_equal(numbers(10), numbers(10, "never"))
    assert np.array_equal(numbers(9), numbers(9, "never"))
    data = LQGANArrays(2, np.random.default_rng(1).normal(size=(7, 2)))
    assert np.array_equal(numbers(64, game=data), numbers(64, "never", data))


def test_bad_options():
    game = gs.games.get("lq-gan", dim=4).with_defaults()
    training = gs.Training(game, gs.algorithms.get("sgda"))
    for size, mode, words_ in (
        (16, "sometimes", "expected 'auto', 'always' or 'never', got 'sometimes'"),
        (11, "always", "expected 'auto' or 'never' for this game at batch size 11, got 'always'"),
    ):
        with pytest.raises(ValueError, match=f"^statistics: {words_}$"):
            array_stepper(training, batch_size=size, seed=0, statistics=mode)
