"""Dense games of many parameters: coefficients gathered, multiplied in loops, equal to the plain reference."""

import math

import numba
import numpy as np
import pytest
from sympy import Add, Float, Integer, cos, expand, sqrt, symbols

from gan_sde.kernels import cpu, cpu_stepper, reference_stepper
from gan_sde.kernels.drawing import plan_drawing
from gan_sde.kernels.panel_product import packed, panel_product, tile
from gan_sde.kernels.polynomial_form import polynomial_form
from gan_sde.kernels.source import kernel_source
from gan_sde.kernels.stepper import check_options, quiet_recipe
from gan_sde.kernels.vectors import scratch
from gan_sde.symbolic.recipe import INVERSE_BATCH, RATE, SUBSTEP, BatchDraws, GaussianDraws, Recipe
from tests.kernels.recipes import he2, run

D = 11
X, N = symbols(f"x0:{D}"), symbols(f"n0:{D}")


@pytest.fixture(autouse=True)
def loops_for_few_parameters(monkeypatch):
    """Eleven dense parameters in loops, which are for more: what the tests see of them is the same, and sooner."""
    monkeypatch.setattr("gan_sde.kernels.polynomial_form.FEWEST_TERMS", 50)


def matrices(d=D):
    rng = np.random.default_rng(5)
    return np.round(rng.standard_normal((2, d, d)) / math.sqrt(d), 4)


def dense_update(step, size):
    """``x + step (A x - x_0 x / 5 + 1/10) + size S (1 + x / 10) n``: affine, quadratic and mixed terms.

    And two products whose terms are alike only when they are multiplied out.
    """
    drift, noise = matrices()
    return tuple(
        X[i]
        + step * Add(*(Float(drift[i, j]) * X[j] for j in range(D)), -X[0] * X[i] / 5, Float(0.1))
        + step * ((X[1] + X[i]) * (X[1] - X[2]) / 9 + X[1] * X[2] / 7)
        + size * Add(*(Float(noise[i, j]) * (1 + X[j] / 10) * N[j] for j in range(D)))
        for i in range(D)
    )


def dense_sde(bounds=()):
    return Recipe(X, dense_update(SUBSTEP, sqrt(RATE * INVERSE_BATCH * SUBSTEP)), GaussianDraws(N), bounds)


def dense_training(second=False):
    """Batch means of He1, or of He1 and He2 of half as many normals; both are drawn as statistics."""
    base = symbols(f"z0:{D}")
    features = tuple(he2(z) if second and k % 2 else z for k, z in enumerate(base))
    return Recipe(X, dense_update(RATE, RATE), BatchDraws((N,), features, base))


def text_of(recipe, batch_size=4, noise=True, statistics="auto"):
    choices = check_options(recipe, batch_size, 1, 0, 0, "float64", noise, None, statistics)
    active = recipe if noise else quiet_recipe(recipe)
    return kernel_source(active, plan_drawing(recipe, choices), 128, "{}")


CASES = {
    "sde": (dense_sde(), {"substeps": 2}),
    "first moments": (dense_training(), {}),
    "second moments": (dense_training(second=True), {}),
    "samples": (dense_training(), {"statistics": "never"}),
    "no noise": (dense_sde(), {"noise": False}),
    "bounds": (dense_sde(((-0.05, 0.35), (0.29, math.inf)) + ((-math.inf, math.inf),) * (D - 2)), {"substeps": 2}),
}
QUICK = [("bounds", "float64"), ("second moments", "float32")]
OTHERS = [(case, "float64") for case in CASES if (case, "float64") not in QUICK] + [("sde", "float32")]


@pytest.mark.parametrize(
    ("case", "dtype"), QUICK + [pytest.param(*choice, marks=pytest.mark.slow) for choice in OTHERS]
)
def test_loops_equal_the_reference(case, dtype):
    """Four steps of unequal rates over 150 trajectories, the last block of lanes partly filled."""
    recipe, options = CASES[case]
    chosen = {"batch_size": 4, "seed": 77, "dtype": dtype} | options
    state, _ = run(cpu_stepper(recipe, **chosen), np.full(D, 0.3))
    expected, _ = run(reference_stepper(recipe, **chosen), np.full(D, 0.3))
    assert "panel_product" in text_of(recipe, **{k: v for k, v in options.items() if k != "substeps"}).source
    assert np.allclose(state, expected, rtol=0, atol=1e-13 if dtype == "float64" else 3e-6)
    assert case == "no noise" or expected.std(axis=1).min() > 1e-3
    if case == "bounds":
        assert state[0].max() == 0.35 and state[1].min() == 0.29


def test_another_coefficient_is_seen():
    """The negative control: one of some 400 coefficients off by 1e-3 exceeds the tolerance above by far."""
    recipe = CASES["bounds"][0]
    update = (*recipe.update[:9], recipe.update[9] + SUBSTEP * X[7] / 1000, *recipe.update[10:])
    changed = Recipe(X, update, recipe.draws, recipe.bounds)
    state, _ = run(cpu_stepper(changed, batch_size=4, seed=77), np.full(D, 0.3))
    expected, _ = run(reference_stepper(recipe, batch_size=4, seed=77), np.full(D, 0.3))
    assert np.abs(state - expected).max() > 1e-6


def test_divergence_in_loops_is_dated_and_sticky():
    """x_0 forgets its past and nothing reads it, so that a diverged trajectory would come back if nothing held it."""
    recipe = dense_sde()
    grown = Recipe(X, (4e7 * N[0], *(e.subs(X[0], 0.1) for e in recipe.update[1:])), recipe.draws)
    options = {"batch_size": 1, "seed": 77}
    state, diverged = run(cpu_stepper(grown, **options), np.full(D, 0.3), steps=5)
    expected, dates = run(reference_stepper(grown, **options), np.full(D, 0.3), steps=5)
    gone = diverged >= 0
    assert "panel_product" in text_of(grown).source
    assert 3 <= gone.sum() < gone.size and len(set(diverged[gone])) > 1
    assert np.array_equal(diverged, dates)
    assert np.all(np.isnan(state[:, gone])) and np.allclose(state[:, ~gone], expected[:, ~gone], rtol=1e-12)


def test_form_says_what_the_update_says():
    """The update rebuilt from the coefficients, in exact arithmetic up to the digits of the numbers."""
    recipe = dense_sde()
    form = polynomial_form(recipe)
    variables = (*X, *N)
    for i in (0, 8):
        total = Float(form.carry[i]) * X[i]
        for layer, factor in zip(form.matrices, form.factors, strict=True):
            for value, monomial in zip(layer[i], form.monomials, strict=True):
                term = factor
                for k in monomial:
                    term *= variables[k]
                total += Float(value) * term
        difference = expand(total - recipe.update[i])
        assert all(abs(c) < 1e-14 for c in difference.as_coefficients_dict().values())


def test_what_stays_written_out(monkeypatch):
    few = symbols("y0:4")
    assert polynomial_form(Recipe(few, tuple(2 * y for y in few), GaussianDraws(()))) is None
    many = symbols("y0:60")
    sparse = Recipe(many, tuple(y - RATE * y**3 for y in many), GaussianDraws(()))
    assert polynomial_form(sparse) is None
    recipe = dense_sde()
    wavy = Recipe(X, (*recipe.update[:-1], recipe.update[-1] + cos(X[0])), recipe.draws)
    assert polynomial_form(wavy) is None
    total = Add(*X)
    products = Recipe(X, tuple(x + RATE * (total + k) ** 2 for k, x in enumerate(X)), GaussianDraws(()))
    assert polynomial_form(products) is None  # 11 squares of one sum are cheaper than their coefficients
    assert polynomial_form(recipe) is not None
    monkeypatch.undo()
    assert polynomial_form(recipe) is None  # too few terms for loops to be worth it


def test_the_text_does_not_grow_with_the_dimension():
    def lines(d):
        x, rng = symbols(f"x0:{d}"), np.random.default_rng(0).standard_normal((d, d))
        update = tuple(x[i] + RATE * Add(*(Float(rng[i, j]) * x[j] for j in range(d))) for i in range(d))
        recipe = Recipe(x, update, GaussianDraws(()))
        return text_of(recipe).source.count("\n")

    assert lines(14) == lines(26)


@pytest.mark.parametrize(("dtype", "lanes"), [(np.float64, 128), (np.float32, 256)])
def test_panel_product_is_a_matrix_product(dtype, lanes):
    rng = np.random.default_rng(2)
    matrix, rows = rng.standard_normal((1, 11, 23)), rng.permutation(30)[:23]
    values = rng.standard_normal((30, lanes)).astype(dtype)
    out = np.full((-(-11 // tile().rows) * tile().rows, lanes), np.nan, dtype)

    @numba.njit
    def call(out, numbers, values, rows):
        panel_product(out, numbers, values, rows)

    call(out, packed(matrix).ravel().astype(dtype), values, rows)
    expected = matrix[0] @ values[rows]
    assert np.allclose(out[:11], expected, rtol=0, atol=1e-13 if dtype is np.float64 else 1e-5)
    assert np.all(out[11:] == 0)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint64, np.uint8])
def test_scratch_begins_at_a_cache_line_and_is_ours(kind):
    """Twenty arrays at once, each filled with its number: none reaches into another."""

    @numba.njit
    def fill(count):
        arrays = [scratch(3 + k, 8, kind) for k in range(count)]
        for k in range(count):
            arrays[k][:] = k
        return arrays

    for k, array in enumerate(fill(20)):
        assert array.ctypes.data % 64 == 0
        assert array.shape == (3 + k, 8) and array.dtype == kind and array.flags.c_contiguous
        assert np.all(array == k)


def test_compiled_kernels_share_nothing_but_their_text():
    """Equal texts, other coefficients: the arrays must come with the recipe."""
    recipe = dense_sde()
    doubled = Recipe(X, tuple(2 * e for e in recipe.update), recipe.draws)
    one, two = cpu_stepper(recipe, batch_size=4, seed=1), cpu_stepper(doubled, batch_size=4, seed=1)
    assert isinstance(one, cpu.AbstractStepper)
    state, _ = run(one, np.full(D, 0.3), steps=1)
    twice, _ = run(two, np.full(D, 0.3), steps=1)
    assert np.allclose(twice, 2 * state, rtol=1e-12)
    assert Integer(1) not in polynomial_form(recipe).factors
