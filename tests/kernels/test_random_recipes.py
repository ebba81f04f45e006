"""Random polynomial recipes: the kernel against the reference."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sympy import Mul, Rational, sqrt, symbols

from gan_sde.kernels import cpu_stepper, reference_stepper
from gan_sde.symbolic.recipe import INVERSE_BATCH, RATE, SUBSTEP, BatchDraws, GaussianDraws, Recipe
from tests.kernels.recipes import he2, run


@st.composite
def polynomials(draw, symbols_):
    terms = draw(st.integers(1, 4))
    total = 0
    for _ in range(terms):
        powers = [draw(st.integers(0, 3)) for _ in symbols_]
        coefficient = Rational(draw(st.integers(-9, 9)), draw(st.integers(1, 9)))
        total += coefficient * Mul(*(s**p for s, p in zip(symbols_, powers, strict=True)))
    return total


@st.composite
def recipes(draw):
    dim, noises = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    state, random = symbols(f"x0:{dim}"), symbols(f"r0:{noises}")
    y, z = symbols("y z")
    training = draw(st.booleans())
    scale = RATE if training else sqrt(SUBSTEP * RATE * INVERSE_BATCH)
    update = tuple(x + scale * draw(polynomials((*state, *random))) for x in state)
    if not training:
        return Recipe(state, update, GaussianDraws(random))
    features = draw(st.sampled_from([(y, he2(y), z), (y * z, y**3, z)]))
    return Recipe(state, update, BatchDraws(((*random, *(None,) * (3 - noises)),), features, (y, z)))


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(recipes(), st.integers(1, 9), st.integers(0, 2**64 - 1))
def test_kernel_equals_reference(recipe, batch_size, seed):
    start = np.linspace(-0.5, 0.7, recipe.dim)
    address = {"trajectories": 20, "steps": 2, "rate": 0.01}
    options = {"batch_size": batch_size, "seed": seed, "substeps": 2}
    state, diverged = run(cpu_stepper(recipe, **options), start, **address)
    expected, expected_diverged = run(reference_stepper(recipe, **options), start, **address)
    scale = 1 + np.nanmax(np.abs(expected))
    assert np.allclose(state, expected, rtol=1e-11, atol=1e-12 * scale, equal_nan=True)
    assert np.array_equal(diverged, expected_diverged)
