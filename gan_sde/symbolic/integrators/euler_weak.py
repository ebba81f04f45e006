"""Euler's scheme with two-point increments: right in law of weak order 1 only."""

from __future__ import annotations

from sympy import Symbol

from gan_sde.symbolic.integrators.euler import euler
from gan_sde.symbolic.integrators.step import Slots, refuse_coupling
from gan_sde.symbolic.recipe import GaussianDraws, Recipe
from gan_sde.symbolic.sde import SDE


def euler_weak(sde: SDE, slots: Slots | None = None) -> Recipe:
    """``x' = x + drift h + diffusion sqrt(h) s`` with fair signs s (Kloeden & Platen 1992, section 14.1).

    Mean, variance and third moment of a sign are those of a standard normal, which is all that weak order 1 asks for;
    a bit replaces a normal. Means of smooth functions at a fixed time converge like h. Single steps are not Gaussian
    (a path with m noise modes has 2^m possible next states), paths are not those of a Brownian motion, and quantiles,
    extremes and exit times are wrong by more than the weak order says.

    Raises
    ------
    ValueError
        If ``slots`` are given: a training cannot be coupled to signs.
    """
    refuse_coupling("euler-weak", slots)
    recipe = euler(sde)
    assert isinstance(recipe.draws, GaussianDraws)
    signs = {n: Symbol(f"sign_{j}__") for j, n in enumerate(recipe.draws.normals)}
    update = tuple(e.xreplace(signs) for e in recipe.update)
    return Recipe(recipe.state, update, GaussianDraws((), tuple(signs.values())), recipe.bounds)
