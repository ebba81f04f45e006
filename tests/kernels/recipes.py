"""Small recipes written by hand, and how to run them."""

from dataclasses import replace

import numpy as np
from sympy import Rational, Symbol, exp, log, sqrt, symbols, tanh

from gan_sde.kernels import cpu_stepper, reference_stepper
from gan_sde.symbolic.antithetic import antithetic, mirrored_training
from gan_sde.symbolic.recipe import (
    INVERSE_BATCH,
    RATE,
    SUBSTEP,
    BatchDraws,
    GaussianDraws,
    Recipe,
    Table,
)

W2, W1, A, B = LQ_STATE = symbols("w2 w1 a b")
NORMALS = symbols("n0:4")
MU = Rational(1, 2)
LQ_START = (0.5, 0.1, 1.0, 0.2)


def he2(u):
    return (u**2 - 1) / sqrt(2)


def lq_drift_and_modes():
    """Drift of the one-dimensional LQ-GAN (mean 1/2, deviation 1), and its noise modes as rows."""
    fa, fb, r2 = 2 * W2 * A, 2 * W2 * B + W1, sqrt(2)
    drift = (1 + MU**2 - A**2 - B**2, MU - B, fa, fb)
    modes = ((2 * MU, r2, -2 * A * B, -r2 * A**2), (1, 0, -A, 0), (0, 0, fb, r2 * fa), (0, 0, fa, 0))
    return drift, modes


def lq_sde():
    drift, modes = lq_drift_and_modes()
    size = sqrt(RATE * INVERSE_BATCH * SUBSTEP)
    update = tuple(
        x + SUBSTEP * f + size * sum(g * n for g, n in zip(row, NORMALS, strict=True))
        for x, f, row in zip(LQ_STATE, drift, modes, strict=True)
    )
    return Recipe(LQ_STATE, update, GaussianDraws(NORMALS))


def lq_training():
    drift, modes = lq_drift_and_modes()
    y, z = symbols("y z")
    means = symbols("m0:4")
    update = tuple(
        x + RATE * (f + sum(g * m for g, m in zip(row, means, strict=True)))
        for x, f, row in zip(LQ_STATE, drift, modes, strict=True)
    )
    return Recipe(LQ_STATE, update, BatchDraws((means,), (y, he2(y), z, he2(z)), (y, z)))


def sde_with_signs(normals=5, signs=35):
    x, y = symbols("x y")
    n, s = symbols(f"n0:{normals}"), symbols(f"s0:{signs}")
    noise = sum((j + 1) * symbol for j, symbol in enumerate(s)) / signs
    update = (x - SUBSTEP * tanh(x * y) + sqrt(SUBSTEP) * (n[0] + n[-1] * y + noise / 10), y - SUBSTEP * n[2] * s[3])
    return Recipe((x, y), update, GaussianDraws(n, s))


def sde_with_threes(normals=3, signs=34, threes=5):
    """All three kinds of draws, none of which fills its last word."""
    x, y = symbols("x y")
    n, s, t = symbols(f"n0:{normals}"), symbols(f"s0:{signs}"), symbols(f"t0:{threes}")
    noise = sum(((j + 1) * symbol + symbol**2 for j, symbol in enumerate(t)), sum((*n, *s)) / 10)
    update = (x - SUBSTEP * tanh(x * y) + sqrt(3 * SUBSTEP) * noise / 10, y - SUBSTEP * t[-1] * (t[0] + x))
    return Recipe((x, y), update, GaussianDraws(n, s, t))


def mixed_training(normals=3, table_rows=5):
    """Two batches; an odd number of normals, a uniform and a table of two columns."""
    x, y = symbols("x y")
    z, v, p, q = symbols(f"z0:{normals}"), Symbol("v"), Symbol("p"), Symbol("q")
    values = np.random.default_rng(1).standard_normal((table_rows, 2))
    features = (*z, sqrt(12) * (v - Rational(1, 2)), -log(v) - 1, p, exp(q / 4))
    first = symbols(f"a0:{len(features)}")
    second = (*symbols("b0:2"), *(None for _ in features[2:-1]), Symbol("b_last"))
    update = (
        x - RATE * (x * y + sum(first)),
        y + RATE * (x - second[0] * second[1] + second[-1] * y),
    )
    draws = BatchDraws((first, second), features, z, (v,), (Table((p, q), values),))
    return Recipe((x, y), update, draws)


def pair_of(recipe, negated=None):
    """The recipe and its mirror: batch means of mirrored batches, or the given symbols of an SDE negated (normals)."""
    if isinstance(recipe.draws, BatchDraws):
        return antithetic(recipe, mirrored_training(recipe))
    table = {s: -s for s in (recipe.draws.normals if negated is None else negated)}
    return antithetic(recipe, replace(recipe, update=tuple(e.xreplace(table) for e in recipe.update)))


def means_only(features, normals):
    """The state becomes the batch means of one batch: their law, laid bare."""
    means = symbols(f"m0:{len(features)}")
    state = symbols(f"x0:{len(features)}")
    return Recipe(state, means, BatchDraws((means,), tuple(features), tuple(normals)))


def run(stepper, start, *, trajectories=150, steps=4, trajectory=0, step=0, rate=0.05):
    """State ``(d, n)`` and diverged after a few steps from one start."""
    state = np.empty((stepper.dim, trajectories), stepper.dtype)
    state[:] = np.asarray(start, dtype=float)[:, None]
    diverged = np.full(trajectories, -1)
    rates = rate * (1 + np.arange(steps) / 10)
    stepper.advance(state, diverged, trajectory=trajectory, step=step, rates=rates)
    return state, diverged


TOLERANCE = {"float64": 1e-12, "float32": 2e-5}


def both(recipe, start, *, runs=None, **options):
    fused = run(cpu_stepper(recipe, seed=77, **options), start, **(runs or {}))
    plain = run(reference_stepper(recipe, seed=77, **options), start, **(runs or {}))
    return fused, plain


def assert_equal(recipe, start, **options):
    (state, diverged), (expected, expected_diverged) = both(recipe, start, **options)
    tolerance = TOLERANCE[options.get("dtype", "float64")]
    scale = np.nanmax(np.abs(expected), axis=1, keepdims=True)
    assert state.dtype == expected.dtype == np.dtype(options.get("dtype", "float64"))
    assert np.allclose(state / scale, expected / scale, rtol=0, atol=tolerance, equal_nan=True)
    assert np.array_equal(diverged, expected_diverged)
    return state, diverged
