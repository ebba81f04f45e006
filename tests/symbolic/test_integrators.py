"""Weak order of the integrators, exactly: E f(x') against the stochastic Taylor expansion of the SDE.

For every monomial f up to degree 2, ``E f(X_h) = f + h L f + h^2 L^2 f / 2 + O(h^3)`` with the generator L. One step
of a scheme of weak order n has to agree with it up to h^n. Expectations over normals and signs are taken in closed
form at a rational point, so there is no statistical error.
"""

from functools import reduce
from itertools import combinations_with_replacement
from math import prod
from operator import mul

import pytest
from sympy import Integer, Poly, Rational, Symbol, expand, factorial2

import gan_sde as gs
from gan_sde.symbolic.integrators import INTEGRATORS
from gan_sde.symbolic.recipe import INVERSE_BATCH, RATE, SUBSTEP

LR, BATCH_SIZE = Rational(1, 3), 5
ROOT = Symbol("root", positive=True)  # sqrt(h)


def gan_sde_of(name):
    if name == "quadratic":  # affine drift, two noise modes that do not commute
        a, b, s = Rational(3, 2), Rational(1, 2), Rational(2, 3)
        x, y = Symbol("x"), Symbol("y")
        p, q = Symbol("p"), Symbol("q")
        payoff = x * y - a * x**2 / 2 + b * y**2 / 2 + p * (x + s * x * y) + q * (y**2 / 2 - x)
        game = gs.Game.zero_sum(
            payoff, maximiser={"up": [x]}, minimiser={"down": [y]}, data={p: gs.Normal(0, 1), q: gs.Normal(1, 2)}
        )
    else:
        game = gs.games.get("lq-gan").subs(mu=Rational(1, 2), sigma=Rational(3, 4))
    return gs.Training(game, gs.algorithms.get("sgda")).sde(order=2)


def generator(sde, f):
    """``L f = b . grad f + (S S^T) : Hess f / 2`` at the chosen rate and batch size."""
    table = {sde.lr: LR, sde.batch_size: BATCH_SIZE}
    drift, covariance = sde.drift.subs(table), sde.covariance.subs(table)
    x = sde.parameters
    total = sum(b * f.diff(s) for b, s in zip(drift, x, strict=True))
    total += sum(covariance[i, j] * f.diff(s, t) / 2 for i, s in enumerate(x) for j, t in enumerate(x))
    return expand(total)


def expectation(expression, recipe):
    """Exact mean of a polynomial in the recipe's random symbols, a polynomial in sqrt(h)."""
    draws = recipe.draws
    poly = Poly(expression, *draws.symbols)
    total = Integer(0)
    for powers, coefficient in poly.terms():
        if any(n % 2 for n in powers):
            continue
        normals = prod(int(factorial2(n - 1)) for n in powers[: len(draws.normals)] if n)
        threes = sum(n > 0 for n in powers[len(draws.symbols) - len(draws.threes) :])
        total += coefficient * normals * Rational(1, 3) ** threes
    return expand(total)


def one_step_errors(name, integrator, *, drop_signs=False):
    """Per monomial, the coefficients of h, h^2 in E f(x') minus those of the Taylor expansion."""
    sde = gan_sde_of(name)
    recipe = INTEGRATORS[integrator](sde)
    point = {s: Rational(k + 2, 7) for k, s in enumerate(sde.parameters)}
    numbers = {RATE: LR, INVERSE_BATCH: Rational(1, BATCH_SIZE), SUBSTEP: ROOT**2}
    if drop_signs:
        numbers |= dict.fromkeys(recipe.draws.signs, 0)
    after = [expand(e.subs(numbers).subs(point)) for e in recipe.update]
    errors = []
    for degree in (1, 2):
        for chosen in combinations_with_replacement(range(sde.dim), degree):
            f = reduce(mul, (sde.parameters[k] for k in chosen))
            exact = [generator(sde, f), generator(sde, generator(sde, f)) / 2]
            mean = expectation(expand(reduce(mul, (after[k] for k in chosen))), recipe)
            series = Poly(mean, ROOT)
            errors.append([series.coeff_monomial(ROOT ** (2 * n)) - exact[n - 1].subs(point) for n in (1, 2)])
            assert all(series.coeff_monomial(ROOT ** (2 * n - 1)) == 0 for n in (1, 2))
    return [[abs(float(e)) for e in row] for row in errors]


@pytest.mark.parametrize("name", ["quadratic", "lq-gan"])
@pytest.mark.parametrize("integrator", ["weak2", "weak2-three-point"])
def test_weak2_matches_the_expansion_to_second_order(name, integrator):
    errors = one_step_errors(name, integrator)
    assert max(e for row in errors for e in row) < 1e-12


@pytest.mark.parametrize("name", ["quadratic", "lq-gan"])
def test_euler_matches_to_first_order_only(name):
    errors = one_step_errors(name, "euler")
    assert max(first for first, _ in errors) < 1e-12
    assert max(second for _, second in errors) > 1e-3


def test_negative_control_the_signs_are_needed():
    """Without the two-point variables the variance misses the non-commuting part at h^2."""
    errors = one_step_errors("quadratic", "weak2", drop_signs=True)
    assert max(second for _, second in errors) > 1e-4


def test_signs_vanish_where_the_noise_commutes():
    additive = gs.Training(gs.games.get("quadratic").with_defaults(), gs.algorithms.get("sgda")).sde(order=2)
    assert INTEGRATORS["weak2"](additive).draws.signs == ()
    assert INTEGRATORS["weak2"](gan_sde_of("quadratic")).draws.signs != ()
