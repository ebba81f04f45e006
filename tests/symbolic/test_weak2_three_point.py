"""Weak order 2 from three-point increments: exact one-step expectations, slope, law, refusals."""

from itertools import product
from math import sqrt

import numpy as np
import pytest
from scipy.linalg import expm
from sympy import lambdify

import gan_sde as gs
from gan_sde.symbolic.integrators import INTEGRATORS, WEAK_ORDER
from gan_sde.symbolic.recipe import INVERSE_BATCH, RATE, SUBSTEP
from tests.symbolic.test_integrators import one_step_errors

SAMPLES = ((-0.4, 0.9, 2.1, 0.2, -0.3), (1.2, 0.9, 0.7, -0.4, 0.2), (2.8, 0.9, -0.7, 0.1, 0.25))
START, LR, STEPS, BATCH_SIZE = (0.8, -0.5), 0.4, 3, 2
SDE = gs.Training(gs.games.get("quadratic", samples=SAMPLES), gs.algorithms.get("sgda")).sde()
POINTS = {-1.0: 1 / 6, 0.0: 2 / 3, 1.0: 1 / 6}


def simulate(process=SDE, **options):
    choices = {"x0": START, "lr": LR, "steps": STEPS, "batch_size": BATCH_SIZE, "integrator": "weak2-three-point"}
    return gs.simulate(process, **{**choices, **options})


def monomials(x, y):
    return np.array([1.0 + 0 * x, x, y, x * x, x * y, y * y])


def step_matrix(integrator, h):
    """Matrix of one step on the moments ``E (1, x, y, x^2, xy, y^2)``, exactly.

    The step is affine in the state, so its means from six starts, over all values of signs and threes by their
    probabilities, are enough.
    """
    recipe = INTEGRATORS[integrator](SDE)
    draws = recipe.draws
    assert not draws.normals
    after = lambdify([*recipe.state, *draws.signs, *draws.threes, RATE, SUBSTEP, INVERSE_BATCH], recipe.update)
    starts = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [1.0, 1.0]]).T
    total = np.zeros((6, 6))
    for signs in product((-1.0, 1.0), repeat=len(draws.signs)):
        for threes in product(POINTS, repeat=len(draws.threes)):
            weight = 0.5 ** len(signs) * np.prod([POINTS[t] for t in threes])
            total += weight * monomials(*after(*starts, *signs, *threes, LR, h, 1 / BATCH_SIZE))
    return total @ np.linalg.inv(monomials(*starts))


@pytest.mark.parametrize(("integrator", "order"), [("weak2-three-point", 2), ("euler-weak", 1)])
def test_exactly_against_the_exponential_of_the_generator(integrator, order):
    """Errors of one step and at a fixed time, for ever smaller steps: slopes within 0.1 of order + 1 and order."""
    matrix = gs.MomentDynamics.of_sde(SDE).matrix(LR, BATCH_SIZE)
    one, whole, numbers = [], [], (16, 32, 64)
    for n in numbers:
        step, h = step_matrix(integrator, LR * STEPS / n), LR * STEPS / n
        one.append(np.linalg.norm((step - expm(matrix * h)) @ monomials(*START)))
        exact = expm(matrix * LR * STEPS)
        whole.append(np.linalg.norm((np.linalg.matrix_power(step, n) - exact) @ monomials(*START)))
    assert np.abs(np.diff(np.log2(one)) + order + 1).max() < 0.1
    assert np.abs(np.diff(np.log2(whole)) + order).max() < 0.1


@pytest.mark.parametrize("name", ["quadratic", "lq-gan"])
def test_one_step_is_right_to_order_2_exactly(name):
    assert np.max(one_step_errors(name, "weak2-three-point")) < 1e-12


def test_the_two_point_variables_are_needed_here_too():
    """Negative control: without them the variance misses what does not commute, at h^2."""
    errors = np.transpose(one_step_errors("quadratic", "weak2-three-point", drop_signs=True))
    assert errors[1].max() > 1e-4


def test_exact_moments():
    """2^20 trajectories: at 1 and 2 sub-steps the bias of the enumeration is seen, at 16 it is within 4.5 errors."""
    exact = gs.MomentDynamics.of_sde(SDE).after(START, LR * STEPS, lr=LR, batch_size=BATCH_SIZE)
    for seed, (r, share) in enumerate(((1, 10), (2, 5), (16, 0))):
        run = simulate(trajectories=2**20, seed=seed, substeps=r, record=("moments",), every=STEPS).isel(step=-1)
        found = [*run["mean"].values, *run["second_moment"].values[np.triu_indices(2)]]
        se = np.array([*run["mean_se"].values, *run["second_moment_se"].values[np.triu_indices(2)]])
        biased = np.linalg.matrix_power(step_matrix("weak2-three-point", LR / r), STEPS * r) @ monomials(*START)
        assert (np.abs(found - biased[1:]) < 4.5 * se).all()
        score = np.abs(found - exact[1:]) / se
        assert score.max() > share if share else score.max() < 4.5


def test_a_step_has_three_values_a_mode_and_the_moments_of_weak2():
    """Of the bilinear game, whose noise is additive: 3^m next states; means and second moments within 4.5 errors."""
    sde = gs.Training(gs.games.get("bilinear").with_defaults(), gs.algorithms.get("sgda")).sde()
    choices = {"steps": 1, "substeps": 1, "trajectories": 20_000}
    run = simulate(sde, **choices)
    assert len(np.unique(run["final"].values.round(12), axis=0)) == 3**sde.diffusion.cols
    gaussian = simulate(sde, integrator="weak2", seed=1, **choices)
    for name in ("mean", "second_moment"):
        distance = np.abs(run[name].values[-1] - gaussian[name].values[-1])
        assert (distance < 4.5 * np.hypot(run[f"{name}_se"].values[-1], gaussian[f"{name}_se"].values[-1])).all()


def test_moments_of_the_increment():
    """Up to the fifth those of a standard normal, the sixth not: 9 for 15."""
    moments = [sum(p * (sqrt(3) * t) ** k for t, p in POINTS.items()) for k in range(1, 7)]
    assert np.allclose(moments, [0, 1, 0, 3, 0, 9])


@pytest.mark.parametrize("antithetic", [False, True])
def test_reference_agrees(antithetic):
    options = {"substeps": 3, "trajectories": 66, "antithetic": antithetic}
    fused, plain = (simulate(backend=b, **options)["final"].values for b in ("cpu", "reference"))
    np.testing.assert_allclose(fused, plain, rtol=1e-12)


def test_no_coupling():
    with pytest.raises(ValueError, match=r"^integrator: expected one with normal .*, got 'weak2-three-point'$"):
        simulate(trajectories=10, couple=True)


def test_sub_steps_and_attributes():
    assert WEAK_ORDER["weak2-three-point"] == 2
    run = simulate(SDE, trajectories=10)
    assert run.attrs["integrator"] == "weak2-three-point"
    assert run.attrs["substeps"] == simulate(SDE, trajectories=10, integrator="weak2").attrs["substeps"]
