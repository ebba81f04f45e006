"""Euler-Maruyama: weak order 1."""

from __future__ import annotations

from sympy import sqrt, zeros

from gan_sde.symbolic.integrators.step import Slots, terms
from gan_sde.symbolic.recipe import SUBSTEP, GaussianDraws, Recipe
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.training import state_bounds


def euler(sde: SDE, slots: Slots | None = None) -> Recipe:
    """``x' = x + drift h + diffusion sqrt(h) n`` (Maruyama 1955); weak order 1."""
    parts = terms(sde, slots)
    noise = zeros(sde.dim, 1)
    for column, normal in zip(parts.columns, parts.normals, strict=True):
        noise += column * normal
    update = parts.state + parts.drift * SUBSTEP + noise * sqrt(SUBSTEP)
    return Recipe(sde.parameters, tuple(update), GaussianDraws(parts.drawn), state_bounds(sde.game, sde.parameters))
