"""The fused kernel against the plain reference: same random numbers, so equal up to rounding over short runs."""

import math

import numpy as np
import pytest
from sympy import Piecewise, exp, log, sqrt, symbols

from gan_sde.kernels import cpu_stepper, reference_stepper
from gan_sde.symbolic.recipe import INVERSE_BATCH, RATE, SUBSTEP, GaussianDraws, Recipe
from tests.kernels.recipes import LQ_START, assert_equal, lq_sde, lq_training, run, sde_with_signs, sde_with_threes


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sde(dtype):
    assert_equal(lq_sde(), LQ_START, batch_size=16, substeps=3, stream=9, dtype=dtype)


def test_sde_takes_a_real_batch_size():
    assert_equal(lq_sde(), LQ_START, batch_size=2.5)


@pytest.mark.parametrize(("normals", "signs"), [(5, 35), (9, 33)])
def test_signs(normals, signs):
    assert_equal(sde_with_signs(normals, signs), (0.3, -0.4), batch_size=4, substeps=2)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("counts", [(3, 34, 5), (0, 0, 1), (9, 0, 8)])
def test_threes(counts, dtype):
    assert_equal(sde_with_threes(*counts), (0.3, -0.4), batch_size=4, substeps=2, dtype=dtype)


@pytest.mark.parametrize("options", [{"batch_size": 4, "noise": False}, {"batch_size": math.inf}])
@pytest.mark.parametrize("recipe", [lq_sde(), lq_training()], ids=["sde", "training"])
def test_without_noise_all_trajectories_are_one(recipe, options):
    state, _ = assert_equal(recipe, LQ_START, **options)
    assert np.all(state == state[:, :1])


def test_batch_size_stays_visible_without_noise():
    (x,) = symbols("x,")
    recipe = Recipe((x,), (x + INVERSE_BATCH,), GaussianDraws(()))
    assert run(cpu_stepper(recipe, batch_size=4, seed=0, noise=False), [0], steps=1)[0][0, 0] == 0.25
    assert run(cpu_stepper(recipe, batch_size=math.inf, seed=0), [0], steps=1)[0][0, 0] == 0


def test_rates_and_substeps_by_hand():
    (x,) = symbols("x,")
    recipe = Recipe((x,), (x + SUBSTEP + 100 * RATE,), GaussianDraws(()))
    for make in (cpu_stepper, reference_stepper):
        state, diverged = np.zeros((1, 2)), np.full(2, -1)
        rates = np.array([0.5, 0.25])
        make(recipe, batch_size=1, substeps=2, seed=0).advance(state, diverged, trajectory=0, step=0, rates=rates)
        assert np.allclose(state, 0.5 + 0.25 + 2 * 100 * 0.75)


def test_bounds_are_projected_onto():
    recipe = lq_sde()
    low, high = (-math.inf, math.inf), (0.9, 1.1)
    bounded = Recipe(recipe.state, recipe.update, recipe.draws, (low, (0.1, math.inf), high, low))
    state, _ = assert_equal(bounded, LQ_START, batch_size=1)
    assert state[1].min() == 0.1 and state[2].min() == 0.9 and state[2].max() == 1.1


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("law", [lambda n: exp(12 * n), lambda n: sqrt(n + 2)], ids=["too large", "no number"])
def test_divergence_is_dated_and_sticky(law, dtype):
    """Both coordinates forget their past, so that a diverged trajectory would come back if nothing held it.

    A root of a negative number is a NaN whose sign is set: as a signed integer it would be the smallest.
    """
    x, y = symbols("x y")
    (n,) = normals = symbols("n,")
    recipe = Recipe((x, y), (law(n), 1 + n), GaussianDraws(normals))
    options = {"batch_size": 1, "seed": 77, "dtype": dtype}
    state, diverged = run(cpu_stepper(recipe, **options), (1.0, 0.0), steps=6, step=40)
    expected, dates = run(reference_stepper(recipe, **options), (1.0, 0.0), steps=6, step=40)
    gone = diverged >= 0
    assert 0 < gone.sum() < gone.size and len(set(diverged[gone])) > 1
    assert np.array_equal(diverged, dates)
    assert np.all(np.isnan(state[:, gone])) and np.all(np.abs(state[:, ~gone]) <= 1e8)
    assert np.allclose(state[:, ~gone], expected[:, ~gone], rtol=1e-11 if dtype == "float64" else 1e-2)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_bound_barely_crossed_is_seen(place, dtype):
    """Each in a block of its own: once a trajectory of a block is gone, all others are tested one by one."""
    x, y = symbols("x y")
    recipe = Recipe((x, y), (x * 11 / 10, y * 11 / 10), GaussianDraws(()))
    for make in (cpu_stepper, reference_stepper):
        for start, date in ((0.95e8, 8), (-0.95e8, 8), (0.9e8, -1), (0.5e8, -1)):
            state, diverged = np.zeros((2, 1), dtype), np.array([-1])
            state[place] = start
            stepper = make(recipe, batch_size=1, seed=0, dtype=dtype)
            stepper.advance(state, diverged, trajectory=0, step=7, rates=np.ones(1))
            assert diverged[0] == date
            assert np.all(np.isnan(state)) == (date >= 0)


def test_a_date_of_divergence_is_never_overwritten():
    x, y = symbols("x y")
    recipe = Recipe((x, y), (x * 10, y), GaussianDraws(()))
    for make in (cpu_stepper, reference_stepper):
        state = np.array([[1.0, np.nan, 1e7, 1e8], [0.0, 0.0, 0.0, 0.0]])
        diverged = np.array([-1, 3, -1, -1])
        stepper = make(recipe, batch_size=1, seed=0)
        stepper.advance(state, diverged, trajectory=0, step=10, rates=np.ones(2))
        assert diverged.tolist() == [-1, 3, 12, 11]
        assert np.isnan(state[0]).tolist() == np.isnan(state[1]).tolist() == [False, True, True, True]


def test_functions_of_losses():
    x, y = symbols("x y")
    (n,) = normals = symbols("n,")
    saturating = -exp(-x * y) / (1 + exp(-x * y)) + log(1 - 1 / (1 + exp(x)))
    update = (x + RATE * (saturating + n * sqrt(RATE)), Piecewise((y - n / 10, x > 0), (y**3 / (1 + x**2), True)))
    assert_equal(Recipe((x, y), update, GaussianDraws(normals)), (0.2, 1.5), batch_size=1)


@pytest.mark.parametrize("change", [{"stream": 1}, {"seed": 78}])
def test_other_random_numbers_are_told_apart(change):
    """The negative control of this file: the comparison above would see a wrong stream or key."""
    options = {"batch_size": 16, "seed": 77, "stream": 0}
    state, _ = run(cpu_stepper(lq_sde(), **options), LQ_START)
    other, _ = run(reference_stepper(lq_sde(), **(options | change)), LQ_START)
    assert np.abs(state - other).max() > 1e-3
