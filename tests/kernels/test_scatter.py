"""Batch means of products of normals, drawn directly: their law against closed forms, explicit samples, wrong laws.

Each test of a law looks at COUNT batches and has the false-alarm rate ALARM, divided evenly among its looks.
"""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from sympy import lambdify, symbols

import gan_sde as gs
from gan_sde.kernels import cpu_stepper, reference_stepper
from gan_sde.kernels.drawing import SamplingPlan, StatisticsPlan, plan_drawing
from gan_sde.kernels.scatter import scatter_of
from gan_sde.kernels.stepper import check_options
from gan_sde.symbolic.recipe import BatchDraws, GaussianDraws, Recipe
from tests.kernels.recipes import assert_equal, he2, means_only, run

A, B, C, D, E = NORMALS = symbols("u1:6")
COUNT, ALARM = 100_000, 1e-4

STRUCTURES = {
    "dense": [A, B, C, he2(A), he2(B), he2(C), A * B, A * C, B * C],
    "product alone": [A * B],
    "product and a mean": [A * B, A],
    "product and the other mean": [A * B, B],
    "two hubs": [A * C, B * C, A * D, B * D, A * E, B * E],
    "star": [A * B, A * C, A * D, he2(B), he2(C), he2(D)],
    "star around the last": [A * D, B * D, C * D, he2(A), he2(B)],
    "path": [A * B, B * C, C * D, A, he2(D)],
    "cycle": [A * B, B * C, C * D, A * D],
    "triangle": [A * B, B * C, A * C],
    "two parts": [A * B, C * D, he2(B), C],
    "apart": [A, he2(A), B * C, he2(D)],
}
DRAWN = {
    "dense": 9,
    "product alone": 2,
    "product and a mean": 4,
    "product and the other mean": 4,
    "two hubs": 9,
    "star": 7,
    "star around the last": 6,
    "path": 11,
    "cycle": 9,
    "triangle": 5,
    "two parts": 7,
    "apart": 5,
}
"""Normals of one batch: the features themselves and what else these structures need."""


def recipe_of(features):
    used = set().union(*(f.free_symbols for f in features))
    return means_only(features, [s for s in NORMALS if s in used])


def batch_means(features, size, statistics="always", seed=2024, count=COUNT):
    stepper = cpu_stepper(recipe_of(features), batch_size=size, seed=seed, statistics=statistics)
    return run(stepper, (0,) * len(features), trajectories=count, steps=1)[0]


def moments_fit(features, means, size):
    """First to fourth moments of all features against exact ones, within their standard errors.

    Of more than six features only third ones: fourth ones would be too many. ``E m_f m_g m_h = E f g h / B^2`` and
    ``E m_f m_g m_h m_k = (E f g h k + (B - 1) (E f g E h k + ...)) / B^3``; expectations of samples are Gauss-Hermite
    sums, exact for these polynomials.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)
    bases = sorted(set().union(*(f.free_symbols for f in features)), key=str)
    points = np.array(list(itertools.product(nodes, repeat=len(bases)))).T
    weight = np.prod(list(itertools.product(weights / weights.sum(), repeat=len(bases))), axis=1)
    values = [lambdify(bases, f)(*points) for f in features]

    def expectation(*chosen):
        return weight @ np.prod([values[c] for c in chosen], axis=0)

    numbers, cases = range(len(features)), []
    for degree in (1, 2, 3):
        for chosen in itertools.combinations_with_replacement(numbers, degree):
            cases.append((chosen, expectation(*chosen) / size ** (degree - 1)))
    for f, g, h, k in itertools.combinations_with_replacement(numbers if len(numbers) < 7 else (), 4):
        pairs = ((f, g, h, k), (f, h, g, k), (f, k, g, h))
        paired = sum(expectation(a, b) * expectation(c, d) for a, b, c, d in pairs)
        cases.append(((f, g, h, k), (expectation(f, g, h, k) + (size - 1) * paired) / size**3))
    z = []
    for chosen, expected in cases:
        x = np.prod([means[c] for c in chosen], axis=0)
        z.append((x.mean() - expected) / (x.std() / math.sqrt(x.size)))
    return np.max(np.abs(z)) < stats.norm.isf(ALARM / 2 / len(cases))


@pytest.mark.parametrize("name", STRUCTURES)
def test_law_of_batch_means(name):
    """B = 4, where what a structure gets wrong would show most: a direction is a quarter of a vector."""
    assert moments_fit(STRUCTURES[name], batch_means(STRUCTURES[name], 4), 4)


def test_explicit_samples_have_that_law_too():
    features = STRUCTURES["dense"]
    assert moments_fit(features, batch_means(features, 16, "never"), 16)


@pytest.mark.parametrize("size", [3, 16])
def test_law_of_other_batch_sizes(size):
    """From 0 degrees of freedom on."""
    assert moments_fit(STRUCTURES["dense"], batch_means(STRUCTURES["dense"], size), size)


@pytest.mark.parametrize("name", ["dense", "cycle", "path"])
def test_distributions_are_those_of_explicit_samples(name):
    """Kolmogorov-Smirnov at B = 16, of every mean, and of their sum and product, which see how they depend."""
    features, count = STRUCTURES[name], 50_000
    direct, explicit = batch_means(features, 16, count=count), batch_means(features, 16, "never", 1, count)
    looks = [(*m, m.sum(axis=0), m[:3].prod(axis=0)) for m in (direct, explicit)]
    pvalues = [stats.ks_2samp(one, other).pvalue for one, other in zip(*looks, strict=True)]
    assert min(pvalues) > ALARM / len(pvalues)


@pytest.mark.parametrize("wrong", ["larger batch", "product from its driver alone", "independent product", "sign"])
def test_wrong_laws_are_caught(wrong):
    features, size = STRUCTURES["dense"], 16
    means = batch_means(features, size)
    if wrong == "larger batch":  # one degree of freedom more, otherwise as it should be
        means, scale = batch_means(features, size + 1), (size + 1) / size
        means[:3] *= math.sqrt(scale)
        means[3:6] = ((1 + math.sqrt(2) * means[3:6]) * scale - 1) / math.sqrt(2)
        means[6:] *= scale
    elif wrong == "product from its driver alone":  # the coupling's leading order, not the law
        means[6] = reference_normals(size)[6] / math.sqrt(size)
    elif wrong == "independent product":
        means[6] = batch_means(features, size, seed=1)[6]
    else:
        means[6] = -means[6]
    assert not moments_fit(features, means, size)


def reference_normals(size):
    """Drivers of the dense structure: what an SDE with one normal a feature draws."""
    state, normals = symbols("x0:9"), symbols("n0:9")
    sums = Recipe(state, tuple(x + n for x, n in zip(state, normals, strict=True)), GaussianDraws(normals))
    stepper = cpu_stepper(sums, batch_size=size, seed=2024)
    return run(stepper, (0,) * 9, trajectories=COUNT, steps=1)[0]


def test_dense_means_are_a_triangle_times_its_transpose():
    """Bartlett's matrix by hand from the very normals, chi-squares from scipy's quantiles."""
    size = 16
    n = reference_normals(size)[:, :500]
    means = batch_means(STRUCTURES["dense"], size, count=500)
    triangle = np.zeros((500, 3, 4))
    triangle[:, :, 0] = n[:3].T
    for i in range(3):
        triangle[:, i, i + 1] = np.sqrt(stats.chi2(size - 1 - i).ppf(stats.norm.cdf(n[3 + i])))
    triangle[:, 1, 1], triangle[:, 2, 1], triangle[:, 2, 2] = n[6], n[7], n[8]
    second = triangle @ np.swapaxes(triangle, 1, 2) / size
    expected = [n[i] / math.sqrt(size) for i in range(3)] + [(second[:, i, i] - 1) / math.sqrt(2) for i in range(3)]
    expected += [second[:, 1, 0], second[:, 2, 0], second[:, 2, 1]]
    np.testing.assert_allclose(means, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", STRUCTURES)
def test_unneeded_numbers_are_not_drawn(name):
    scatter = scatter_of(recipe_of(STRUCTURES[name]).draws)
    assert len(scatter.lost) == DRAWN[name]
    assert [mean.driver for mean in scatter.means] == list(range(len(STRUCTURES[name])))


def test_batches_have_triangles_of_their_own():
    m, p, q, r = symbols("m p q r")
    scatter = scatter_of(BatchDraws(((m, None, p), (None, q, r)), (A * B, he2(A), he2(B)), (A, B)))
    # first batch: A_21 and A_22 drive, A_11 is needed; second: two squares that never meet
    assert scatter.lost == (None, 1, 0, 0, 0)
    assert [mean.products for mean in scatter.means] == [((0, 4),), ((0, 0), (1, 1)), ((2, 2),), ((3, 3),)]
    assert [mean.is_square for mean in scatter.means] == [False, True, True, True]


@pytest.mark.parametrize("feature", [A**3 / 4, 2 * A * B, A * B * C, A * B + A, A**2 * B])
def test_other_features_are_left_to_explicit_sampling(feature):
    (m, p) = symbols("m p")
    assert scatter_of(BatchDraws(((m, p),), (feature, A * B), NORMALS)) is None


@pytest.mark.parametrize(
    "name, couple, dtype",
    [
        ("dense", None, "float64"),
        ("path", None, "float32"),
        ("star around the last", 3, "float64"),
        ("dense", 3, "float32"),
    ],
)
def test_kernel_equals_reference(name, couple, dtype):
    features = STRUCTURES[name]
    assert_equal(recipe_of(features), (0,) * len(features), batch_size=16, dtype=dtype, couple=couple)


@pytest.mark.parametrize("size", [3, 4])
def test_kernel_equals_reference_in_small_batches(size):
    assert_equal(recipe_of(STRUCTURES["dense"]), (0,) * 9, batch_size=size, statistics="always")


def test_coupling_keeps_the_law():
    features = STRUCTURES["path"]
    stepper = cpu_stepper(recipe_of(features), batch_size=16, seed=5, couple=3)
    means, _ = run(stepper, (0,) * len(features), trajectories=COUNT, steps=1)
    assert moments_fit(features, means, 16)


def plan_of(recipe, size, statistics="auto", couple=None):
    return plan_drawing(recipe, check_options(recipe, size, 1, 0, 0, "float64", True, couple, statistics))


def test_small_batches_are_sampled_unless_asked_otherwise():
    recipe = gs.Training(gs.games.get("lq-gan", dim=2).with_defaults(), gs.algorithms.get("sgda")).recipe()
    assert isinstance(plan_of(recipe, 10), StatisticsPlan) and isinstance(plan_of(recipe, 9), SamplingPlan)
    assert isinstance(plan_of(recipe, 2, "always"), StatisticsPlan)
    assert isinstance(plan_of(recipe, 4, couple=1), StatisticsPlan)
    assert isinstance(plan_of(recipe, 64, "never"), SamplingPlan)
    assert plan_of(recipe, 64).normals == 10
    with pytest.raises(ValueError, match=r"^statistics: 'always' needs features He1, He2 and He1 He1 of normals only$"):
        plan_of(recipe, 1, "always")  # one sample has no room for two directions beside the mean
    with pytest.raises(ValueError, match=r"^couple: coupling needs batch statistics"):
        plan_of(recipe, 1, couple=1)


@pytest.mark.parametrize("make", [cpu_stepper, reference_stepper])
def test_symbolic_lq_gan_has_the_law_of_explicit_samples(make):
    """N = 2, B = 10: all first and second moments of the state after 3 iterations, two-sample; B + 1 is told apart."""
    game = gs.games.get("lq-gan", dim=2).with_defaults()
    count = 20_000 if make is cpu_stepper else 4_000
    recipe = gs.Training(game, gs.algorithms.get("crossing-the-curl")).recipe()
    start = np.array(game.x0) + 0.3 * np.random.default_rng(1).normal(size=game.dim)

    def looks(size, statistics, seed):
        stepper = make(recipe, batch_size=size, seed=seed, statistics=statistics)
        state, _ = run(stepper, start, trajectories=count, steps=3, rate=0.05)
        x = state - start[:, None]
        return np.concatenate([x, (x[:, None] * x[None])[np.triu_indices(game.dim)]])

    def differ(one, other):
        error = np.sqrt((one.var(axis=1) + other.var(axis=1)) / count)
        return np.max(np.abs(one.mean(axis=1) - other.mean(axis=1)) / error) > stats.norm.isf(ALARM / 2 / len(one))

    direct = looks(10, "auto", 1)
    assert not differ(direct, looks(10, "never", 2))
    assert make is reference_stepper or differ(direct, looks(12, "auto", 3))


@pytest.mark.parametrize("size", [16, 64])
def test_coupled_sde_follows_the_training(size):
    """LQ-GAN, N = 2, until t = 1: the variance of the difference is about 1/B of the training's; 2 if uncoupled."""
    game = gs.games.get("lq-gan", dim=2).with_defaults()
    training = gs.Training(game, gs.algorithms.get("sgda"))
    final = [
        gs.simulate(
            process, lr=0.01, batch_size=size, steps=100, trajectories=2000, seed=3, couple=True, record="final"
        ).final
        for process in (training, training.sde())
    ]
    ratio = final[0].var(axis=0) / (final[0] - final[1]).var(axis=0)
    assert np.median(ratio) > size / 3
