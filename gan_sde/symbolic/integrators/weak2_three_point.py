"""The scheme of weak order 2 with three-point increments: right in law of weak order 2 only."""

from __future__ import annotations

from sympy import Integer, Symbol, sqrt

from gan_sde.symbolic.integrators.step import Slots, refuse_coupling
from gan_sde.symbolic.integrators.weak2 import weak2
from gan_sde.symbolic.recipe import GaussianDraws, Recipe
from gan_sde.symbolic.sde import SDE


def weak2_three_point(sde: SDE, slots: Slots | None = None) -> Recipe:
    """`weak2` with increments ``sqrt(3 h) T``, T = -1, 0, 1 with probabilities 1/6, 2/3, 1/6.

    Mean and moments up to the fifth of ``sqrt(3) T`` are those of a standard normal, which is all that weak order 2
    asks for (Kloeden & Platen 1992, eq. 14.2.7); half a random word replaces a normal. Means of smooth
    functions at a fixed time converge like h^2. Single steps are not Gaussian (a path with m noise modes has up to 3^m
    possible next states, more where the noise does not commute), paths are not those of a Brownian motion, and
    quantiles, extremes and exit times are wrong by more than the weak order says.

    Raises
    ------
    ValueError
        If ``slots`` are given: a training cannot be coupled to three points.
    """
    refuse_coupling("weak2-three-point", slots)
    recipe = weak2(sde)
    assert isinstance(recipe.draws, GaussianDraws)
    threes = {n: Symbol(f"three_{j}__") for j, n in enumerate(recipe.draws.normals)}
    table = {n: sqrt(Integer(3)) * three for n, three in threes.items()}
    update = tuple(e.xreplace(table) for e in recipe.update)
    return Recipe(recipe.state, update, GaussianDraws((), recipe.draws.signs, tuple(threes.values())), recipe.bounds)
