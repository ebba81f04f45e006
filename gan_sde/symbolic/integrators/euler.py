"""Euler-Maruyama: weak order 1."""

from __future__ import annotations

from sympy import Add, sqrt

from gan_sde.symbolic.integrators.step import Slots, terms
from gan_sde.symbolic.recipe import SUBSTEP, GaussianDraws, Recipe
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.training import state_bounds


def euler(sde: SDE, slots: Slots | None = None) -> Recipe:
    """``x' = x + drift h + diffusion sqrt(h) n`` (Maruyama 1955); weak order 1."""
    parts = terms(sde, slots)
    pairs = list(zip(parts.columns, parts.normals, strict=True))
    # one sum a row: adding column by column would sort each row as often as there are columns
    noise = [Add(*(column[i] * normal for column, normal in pairs)) for i in range(sde.dim)]
    rows = zip(parts.state, parts.drift, noise, strict=True)
    update = tuple(x + a * SUBSTEP + b * sqrt(SUBSTEP) for x, a, b in rows)
    return Recipe(sde.parameters, update, GaussianDraws(parts.drawn), state_bounds(sde.game, sde.parameters))
