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
from gan_sde.kernels.stepper import check_options
from gan_sde.kernels.vectors import aligned
from gan_sde.symbolic.recipe import INVERSE_BATCH, RATE, SUBSTEP, BatchDraws, GaussianDraws, Recipe
from tests.kernels.recipes import he2, run

D = 22
X, N = symbols(f"x0:{D}"), symbols(f"n0:{D}")


def matrices(d=D):
    rng = np.random.default_rng(5)
    return np.round(rng.standard_normal((2, d, d)) / math.sqrt(d), 4)


def dense_update(step, size):
    """``x + step (A x - x_0 x / 5 + 1/10) + size S (1 + x / 10) n``: affine, quadratic and mixed terms."""
    drift, noise = matrices()
    return tuple(
        X[i]
        + step * Add(*(Float(drift[i, j]) * X[j] for j in range(D)), -X[0] * X[i] / 5, Float(0.1))
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


def arrays_of(recipe, dtype="float64", **options):
    choices = check_options(
        recipe, options.get("batch_size", 4), 1, 0, 0, dtype, True, None, options.get("statistics", "auto")
    )
    return kernel_source(recipe, plan_drawing(recipe, choices), 128, "{}").arrays


CASES = {
    "sde": (dense_sde(), {"substeps": 2}),
    "first moments": (dense_training(), {}),
    "second moments": (dense_training(second=True), {}),
    "samples": (dense_training(), {"statistics": "never"}),
    "no noise": (dense_sde(), {"noise": False}),
    "bounds": (dense_sde(((-0.05, 0.35), (0.29, math.inf)) + ((-math.inf, math.inf),) * (D - 2)), {}),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_loops_equal_the_reference(case, dtype):
    """Four steps of unequal rates over 150 trajectories, the last block of lanes partly filled."""
    if dtype == "float32" and case not in ("sde", "second moments"):
        pytest.skip("the type changes nothing else")
    recipe, options = CASES[case]
    options = {"batch_size": 4, "seed": 77, "dtype": dtype} | options
    state, _ = run(cpu_stepper(recipe, **options), np.full(D, 0.3))
    expected, _ = run(reference_stepper(recipe, **options), np.full(D, 0.3))
    assert len(arrays_of(recipe).places) >= D  # it did run in loops
    assert np.allclose(state, expected, rtol=0, atol=1e-13 if dtype == "float64" else 3e-6)
    assert case == "no noise" or expected.std(axis=1).min() > 1e-3
    if case == "bounds":
        assert state[0].max() == 0.35 and state[1].min() == 0.29


def test_another_coefficient_is_seen():
    """The negative control: one of some 1500 coefficients off by 1e-3 exceeds the tolerance above by far."""
    recipe = dense_sde()
    changed = Recipe(
        X, (*recipe.update[:20], recipe.update[20] + SUBSTEP * X[7] / 1000, *recipe.update[21:]), recipe.draws
    )
    state, _ = run(cpu_stepper(changed, batch_size=4, seed=77), np.full(D, 0.3))
    expected, _ = run(reference_stepper(recipe, batch_size=4, seed=77), np.full(D, 0.3))
    assert np.abs(state - expected).max() > 1e-6


def test_divergence_in_loops_is_dated_and_sticky():
    recipe = dense_sde()
    grown = Recipe(X, (1 + 100 * N[0] * X[0], *recipe.update[1:]), recipe.draws)
    options = {"batch_size": 1, "seed": 77}
    state, diverged = run(cpu_stepper(grown, **options), np.full(D, 0.3), steps=5)
    expected, dates = run(reference_stepper(grown, **options), np.full(D, 0.3), steps=5)
    assert 0 < (diverged >= 0).sum() < diverged.size
    assert np.array_equal(diverged, dates)
    assert np.array_equal(np.isnan(state), np.isnan(expected))


def test_form_says_what_the_update_says():
    """The update rebuilt from the coefficients, in exact arithmetic up to the digits of the numbers."""
    recipe = dense_sde()
    form = polynomial_form(recipe)
    variables = (*X, *N)
    for i in (0, 17):
        total = Float(form.carry[i]) * X[i]
        for layer, factor in zip(form.matrices, form.factors, strict=True):
            for value, monomial in zip(layer[i], form.monomials, strict=True):
                term = factor
                for k in monomial:
                    term *= variables[k]
                total += Float(value) * term
        difference = expand(total - recipe.update[i])
        assert all(abs(c) < 1e-14 for c in difference.as_coefficients_dict().values())


def test_what_stays_written_out():
    few = symbols("y0:4")
    assert polynomial_form(Recipe(few, tuple(2 * y for y in few), GaussianDraws(()))) is None
    sparse = Recipe(X, tuple(x - RATE * x**3 for x in X), GaussianDraws(()))
    assert polynomial_form(sparse) is None
    recipe = dense_sde()
    wavy = Recipe(X, (*recipe.update[:-1], recipe.update[-1] + cos(X[0])), recipe.draws)
    assert polynomial_form(wavy) is None
    total = Add(*X)
    products = Recipe(X, tuple(x + RATE * (total + k) ** 2 for k, x in enumerate(X)), GaussianDraws(()))
    assert polynomial_form(products) is None  # 22 squares of one sum are cheaper than their coefficients


def test_the_text_does_not_grow_with_the_dimension():
    def lines(d):
        x, rng = symbols(f"x0:{d}"), np.random.default_rng(0).standard_normal((d, d))
        update = tuple(x[i] + RATE * Add(*(Float(rng[i, j]) * x[j] for j in range(d))) for i in range(d))
        recipe = Recipe(x, update, GaussianDraws(()))
        plan = plan_drawing(recipe, check_options(recipe, 1, 1, 0, 0, "float64", True, None, "auto"))
        return kernel_source(recipe, plan, 128, "{}").source.count("\n")

    assert lines(32) == lines(44)


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


def test_aligned_arrays_begin_at_a_cache_line():
    @numba.njit
    def addresses(count):
        found = np.zeros(count, np.int64)
        for k in range(count):
            array = aligned(np.zeros((3 + k, 8)))
            array[k] = 1.0
            found[k] = array.ctypes.data
        return found

    assert np.all(addresses(20) % 64 == 0)


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
