"""Fine and coarse paths of one Brownian path: each step by hand, and how fast they come together.

Variances of ``fine - coarse`` from 4096 pairs: their relative standard error is about 3 % (kurtosis near 5 at most),
that of a slope over four step sizes, factors of 2 apart, about 0.02. Slopes are held to 0.3: ten standard errors, left
for what is not yet asymptotic. Seeds are fixed.
"""

from dataclasses import replace

import numpy as np
import pytest
from sympy import Float, Symbol, lambdify

import gan_sde as gs
from gan_sde.kernels.cpu import cpu_stepper
from gan_sde.symbolic.integrators import INTEGRATORS
from gan_sde.symbolic.integrators.paired import paired
from gan_sde.symbolic.recipe import INVERSE_BATCH, RATE, SUBSTEP, GaussianDraws, Recipe

SAMPLES = ((-1.8, 0.9, 3.7, 0.2, -0.3), (1.2, 0.9, 0.7, 0.2, -0.3), (4.2, 0.9, -2.3, 0.2, -0.3))
ADDITIVE = ((1.2, 0.9, 0.7, 0.2, -0.3), (1.2, 0.9, 0.7, -0.4, 0.2), (1.2, 0.9, 0.7, 0.1, 0.25))
LR = 0.2


def sde_of(samples):
    sde = gs.Training(gs.games.get("quadratic", samples=samples), gs.algorithms.get("sgda")).sde()
    # the rate of the equation stays, while the step size goes down
    return replace(sde, drift=sde.drift.subs(sde.lr, LR), diffusion=sde.diffusion.subs(sde.lr, Float(LR)))


def variances(recipe, steps):
    """``Var(fine - coarse)`` at time 1, summed over the coordinates, for numbers of coarse steps."""
    stepper = cpu_stepper(recipe, batch_size=2, seed=5)
    dim, found = recipe.dim // 2, []
    for count in steps:
        state = np.repeat(np.array([0.8, -0.5] * 2)[:, None], 4096, axis=1)
        stepper.advance(state, np.full(4096, -1), trajectory=0, step=0, rates=np.full(count, 1 / count))
        found.append((state[:dim] - state[dim:]).var(axis=1).sum())
    return found


def slope(recipe, steps=(32, 64, 128, 256)):
    return -np.polyfit(np.log(steps), np.log(variances(recipe, steps)), 1)[0]


def independent(recipe):
    """The same pair, but the coarse path has a Brownian motion of its own."""
    own = {n: Symbol(f"own_{n}") for n in recipe.draws.normals}
    dim = recipe.dim // 2
    update = (*recipe.update[:dim], *(e.xreplace(own) for e in recipe.update[dim:]))
    return Recipe(recipe.state, update, GaussianDraws((*recipe.draws.normals, *own.values())), recipe.bounds)


@pytest.mark.parametrize("samples, order", [(SAMPLES, 1), (ADDITIVE, 2)])
def test_variance_of_euler_falls_with_the_square_of_the_strong_order(samples, order):
    assert abs(slope(paired(sde_of(samples))) - order) < 0.3


def test_independent_paths_do_not_come_together():
    assert abs(slope(independent(paired(sde_of(SAMPLES))))) < 0.2


def test_milstein_terms_of_weak2_raise_the_order_where_noise_commutes():
    # one noise mode always commutes with itself
    one_mode = tuple((1.0, 0.9 + c, 0.7, 0.1, 0.1) for c in (-3.0, 0.0, 3.0))
    assert abs(slope(paired(sde_of(one_mode))) - 1) < 0.3
    assert abs(slope(paired(sde_of(one_mode), "weak2")) - 2) < 0.3


@pytest.mark.parametrize("refinement", [2, 3])
@pytest.mark.parametrize("start", [(0.5, 0.1, 1.0, 0.2), (-3.0, 0.1, 0.2, 0.2)])  # the second runs into the bound of a
def test_steps_by_hand(refinement, start):
    training = gs.Training(gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0), gs.algorithms.get("sgda"))
    sde, lr, batch_size, h = training.sde(), 0.3, 4, 0.6
    recipe = paired(sde, refinement=refinement)
    drift, diffusion = (lambdify([sde.parameters], e) for e in sde.at(lr, batch_size))

    def euler(x, duration, n):
        x = x + drift(x)[:, 0] * duration + diffusion(x) @ n * np.sqrt(duration)
        return np.maximum(x, [-np.inf, -np.inf, 0.01, -np.inf])  # w2, w1, a, b

    normals = np.random.default_rng(3).standard_normal((refinement, sde.diffusion.cols))
    fine = coarse = np.array(start)
    hit = False
    for n in normals:
        fine = euler(fine, h / refinement, n)
        hit |= fine[2] == 0.01
    coarse = euler(coarse, h, normals.sum(axis=0) / np.sqrt(refinement))
    table = dict(zip(recipe.state, (*start, *start), strict=True)) | {
        RATE: lr,
        SUBSTEP: h,
        INVERSE_BATCH: 1 / batch_size,
    }
    table |= dict(zip(recipe.draws.normals, normals.ravel(), strict=True))
    found = np.array([float(e.subs(table)) for e in recipe.update])
    found = np.clip(found, *np.transpose(recipe.bounds))
    np.testing.assert_allclose(found, [*fine, *coarse], rtol=1e-10)
    assert hit == (start[0] < 0)


def test_signs_of_the_coarse_step_are_its_own():
    sde = gs.Training(gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0), gs.algorithms.get("sgda")).sde()
    single, pair = INTEGRATORS["weak2"](sde), paired(sde, "weak2")
    assert len(pair.draws.normals) == 2 * len(single.draws.normals)
    assert len(pair.draws.signs) == 3 * len(single.draws.signs) > 0


@pytest.mark.parametrize("name, options", [("integrator", {"integrator": "heun"}), ("refinement", {"refinement": 1})])
def test_bad_input(name, options):
    with pytest.raises(ValueError, match=rf"^{name}: expected .*, got .*$"):
        paired(sde_of(SAMPLES), **options)
