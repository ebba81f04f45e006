"""Two paths in a lane: kernel against reference, the plain path to the bit, the mirror from negated noise."""

import math

import numpy as np
import pytest
from sympy import Integer, exp, log, sqrt, symbols

import gan_sde as gs
from gan_sde.kernels import cpu_stepper, reference_stepper
from gan_sde.kernels.drawing import SamplingPlan, StatisticsPlan, plan_drawing
from gan_sde.kernels.mirrors import sampled_mirrors
from gan_sde.kernels.polynomial_form import polynomial_form
from gan_sde.kernels.stepper import check_options
from gan_sde.symbolic.antithetic import antithetic, mirrored_sde, single_paths
from gan_sde.symbolic.integrators import INTEGRATORS
from gan_sde.symbolic.recipe import BatchDraws, GaussianDraws, Recipe
from tests.kernels.recipes import (
    LQ_START,
    assert_equal,
    he2,
    lq_sde,
    lq_training,
    means_only,
    mixed_training,
    pair_of,
    run,
    sde_with_signs,
)
from tests.kernels.test_loops import D as DENSE
from tests.kernels.test_loops import dense_sde, dense_training

U, V, W = symbols("u v w")


def derived(integrator, name="lq-gan", order=2, **options):
    """An integrator's recipe of a game's SDE, and the pair that a simulation makes of it."""
    game = gs.games.get(name, **options).with_defaults()
    sde, step = gs.Training(game, gs.algorithms.get("sgda")).sde(order=order), INTEGRATORS[integrator]
    return step(sde), antithetic(step(sde), step(mirrored_sde(sde)))


def both_of(recipe):
    return recipe, pair_of(recipe)


def vector_training():
    return gs.Training(gs.games.get("lq-gan", dim=2).with_defaults(), gs.algorithms.get("sgda")).recipe()


VECTOR_START = (0.3, 0.1, 0.2, -0.1, 0.1, 1.0, 0.2, 0.8, 0.3, -0.2)
PAIRS = {
    "euler": (derived("euler"), LQ_START, {"batch_size": 16, "substeps": 3}),
    "weak2 with signs": (derived("weak2"), LQ_START, {"batch_size": 16, "substeps": 2}),
    "weak2 without signs": (derived("weak2", "bilinear"), (1.0, 0.5), {"batch_size": 4}),
    "euler-weak": (derived("euler-weak"), LQ_START, {"batch_size": 16, "substeps": 2}),
    "three points": (derived("weak2-three-point"), LQ_START, {"batch_size": 16, "substeps": 2}),
    "signs beside normals": (both_of(sde_with_signs()), (0.3, -0.4), {"batch_size": 4}),
    "statistics": (both_of(lq_training()), LQ_START, {"batch_size": 16}),
    "statistics of 2": (both_of(lq_training()), LQ_START, {"batch_size": 2, "statistics": "always"}),
    "coupled": (both_of(lq_training()), LQ_START, {"batch_size": 16, "couple": 3}),
    "scatter": (both_of(vector_training()), VECTOR_START, {"batch_size": 16}),
    "scatter coupled": (both_of(vector_training()), VECTOR_START, {"batch_size": 16, "couple": 3}),
    "single samples": (both_of(lq_training()), LQ_START, {"batch_size": 1}),
    "an odd batch": (both_of(lq_training()), LQ_START, {"batch_size": 7, "statistics": "never"}),
    "everything": (both_of(mixed_training()), (0.3, 0.2), {"batch_size": 5}),
    "no noise": (both_of(lq_training()), LQ_START, {"batch_size": 16, "noise": False}),
}


SINGLE = ("weak2 with signs", "statistics", "everything")
CASES = [(name, "float64") for name in PAIRS] + [(name, "float32") for name in SINGLE]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_kernel_equals_reference_and_its_first_path_is_the_path_alone(name, dtype):
    (recipe, pair), start, options = PAIRS[name]
    options = {**options, "dtype": dtype}
    state, _ = assert_equal(pair, 2 * tuple(start), **options)
    for make in (cpu_stepper, reference_stepper):
        single, _ = run(make(recipe, seed=77, **options), start)
        found, _ = run(make(pair, seed=77, **options), 2 * tuple(start))
        assert np.array_equal(found[: recipe.dim], single)
    if name != "no noise":
        assert np.abs(state[recipe.dim :] - state[: recipe.dim]).max() > 1e-3


def test_the_plans_are_those_that_the_cases_are_for():
    plans = {}
    for name, ((recipe, _), _, options) in PAIRS.items():
        arguments = {"batch_size": 4, "substeps": 1, "noise": True, "couple": None, "statistics": "auto"} | options
        checked = check_options(
            recipe, arguments["batch_size"], arguments["substeps"], 0, 0, "float64", arguments["noise"],
            arguments["couple"], arguments["statistics"],
        )  # fmt: skip
        plans[name] = plan_drawing(recipe, checked)
    assert isinstance(plans["statistics"], StatisticsPlan) and plans["statistics"].scatter is None
    assert plans["scatter"].scatter is not None and plans["scatter coupled"].scatter is not None
    assert all(isinstance(plans[name], SamplingPlan) for name in ("single samples", "an odd batch", "everything"))
    assert plans["weak2 with signs"].signs and not plans["weak2 without signs"].signs
    assert plans["euler-weak"].signs and not plans["euler-weak"].normals


LOOPED = {
    "sde": (dense_sde(), {"batch_size": 4, "substeps": 2}),
    "statistics": (dense_training(second=True), {"batch_size": 4}),
    "samples": (dense_training(second=True), {"batch_size": 4, "statistics": "never"}),
}


@pytest.mark.parametrize("name", LOOPED)
def test_dense_updates_in_loops(name, monkeypatch):
    monkeypatch.setattr("gan_sde.kernels.polynomial_form.FEWEST_TERMS", 50)
    recipe, options = LOOPED[name]
    pair = pair_of(recipe)
    assert all(polynomial_form(path) is not None for path in single_paths(pair))
    start = tuple(np.linspace(-0.5, 0.5, DENSE))
    state, _ = assert_equal(pair, 2 * start, **options)
    single, _ = run(cpu_stepper(recipe, seed=77, **options), start)
    assert np.array_equal(state[:DENSE], single)


# ---------------------------------------------------------------- what the mirror sees


@pytest.mark.parametrize("statistics", ["always", "never"])
def test_mirrored_means_of_normals(statistics):
    """First means are opposite; second ones move against each other where they are drawn, and agree of samples."""
    recipe = pair_of(means_only([U, he2(U), V], [U, V]))
    options = {"batch_size": 16, "seed": 3, "statistics": statistics}
    (u, square, v, u2, square2, v2), _ = run(cpu_stepper(recipe, **options), (0.0,) * 6, trajectories=20_000, steps=1)
    assert np.array_equal(u2, -u) and np.array_equal(v2, -v)
    correlation = np.corrcoef(square, square2)[0, 1]
    assert np.array_equal(square, square2) if statistics == "never" else correlation < -0.8


def test_the_mirror_has_the_law_of_the_path():
    """Chi-square from the negated normal: mean 0, variance 1/B and third moment of He2 within 4.5 standard errors."""
    recipe, size, n = pair_of(means_only([he2(U)], [U])), 8, 200_000
    (_, image), _ = run(cpu_stepper(recipe, batch_size=size, seed=4), (0.0, 0.0), trajectories=n, steps=1)
    third = sqrt(8) / Integer(size) ** 2  # cumulant of (u^2 - 1) / sqrt(2), over B^2
    for power, expected in ((1, 0.0), (2, 1 / size), (3, float(third))):
        values = image**power
        assert abs(values.mean() - expected) < 4.5 * values.std() / math.sqrt(n)


def test_samples_are_mirrored_one_by_one():
    """Against the features at -z and 1 - v of the very variates that the plain path reads off; tables stay."""
    recipe = means_only([U, exp(U) - sqrt(exp(1)), sqrt(12) * (V - Integer(1) / 2), -log(V) - 1], [U])
    recipe = Recipe(recipe.state, recipe.update, BatchDraws(recipe.draws.batches, recipe.draws.features, (U,), (V,)))
    state, _ = run(cpu_stepper(pair_of(recipe), batch_size=1, seed=5), (0.0,) * 8, trajectories=1000, steps=1)
    u, v = state[0], state[2] / math.sqrt(12) + 0.5
    assert np.array_equal(state[4], -u) and np.array_equal(state[6], -state[2])
    assert np.allclose(state[5], np.exp(-u) - math.exp(0.5), rtol=1e-12)
    assert np.allclose(state[7], -np.log1p(-v) - 1, rtol=1e-9)


def test_parity_is_seen_and_only_the_rest_is_evaluated():
    x, m, n, p, q, r = symbols("x m n p q r")
    draws = BatchDraws(((m, n, p, q, r),), (U, he2(U), U * he2(V), exp(U), W), (U, V))
    found = sampled_mirrors(pair_of(Recipe((x,), (m + n + p + q + r,), draws)))
    mirror = {s.name: s for s in found.draws.batches[0]}["q_mirror__"]
    assert found.update == (m + n + p + q + r, -m + n - p + mirror + r)
    assert found.draws.features[5:] == (exp(-U),) and not found.draws.mirrors


def test_a_pair_diverges_as_one():
    (n,) = normals = symbols("n,")
    recipe = pair_of(Recipe(symbols("x y"), (exp(12 * n), n), GaussianDraws(normals)))
    state, diverged = assert_equal(recipe, (1.0, 0.0) * 2, batch_size=1)
    gone = np.isnan(state[0])
    assert 0 < gone.sum() < gone.size and np.array_equal(gone, diverged >= 0)
    assert np.array_equal(np.isnan(state), np.tile(gone, (4, 1)))


def test_the_wrong_mirror_is_told_apart():
    """Negative control: a mirror whose signs are negated too, or whose normals are not."""
    recipe = sde_with_signs()
    right = run(cpu_stepper(pair_of(recipe), batch_size=4, seed=1), (0.3, -0.4) * 2)[0]
    for negated in ((*recipe.draws.normals, *recipe.draws.signs), ()):
        other = run(cpu_stepper(pair_of(recipe, negated), batch_size=4, seed=1), (0.3, -0.4) * 2)[0]
        assert np.array_equal(other[:2], right[:2]) and np.abs(other[2:] - right[2:]).max() > 1e-3


def test_pairs_have_a_text_of_their_own():
    assert pair_of(lq_sde()).fingerprint != lq_sde().fingerprint
