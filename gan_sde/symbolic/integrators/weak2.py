"""Simplified Ito-Taylor scheme of weak order 2 for general noise, with exact symbolic derivatives."""

from __future__ import annotations

from sympy import ImmutableMatrix, Symbol, sqrt

from gan_sde.symbolic.field import tidy
from gan_sde.symbolic.integrators.step import Slots, terms
from gan_sde.symbolic.recipe import SUBSTEP, GaussianDraws, Recipe
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.training import state_bounds


def weak2(sde: SDE, slots: Slots | None = None) -> Recipe:
    """One step of the order-2 weak Taylor scheme (Kloeden & Platen 1992, eq. 14.2.7).

    ``x' = x + a h + sum_j b_j dW_j + L0 a h^2 / 2 + h sum_j (L0 b_j + L_j a) dW_j / 2
    + sum_{i,j} L_i b_j (dW_i dW_j + V_ij) / 2`` with ``V_jj = -h`` and, for ``j < i``, independent two-point
    ``V_ij = -V_ji = +-h``. Where the noise commutes, ``L_i b_j = L_j b_i``, the signs drop out.
    """
    parts = terms(sde, slots)
    x, a, h, root = parts.state, parts.drift, SUBSTEP, sqrt(SUBSTEP)
    columns, normals = parts.columns, parts.normals
    jacobians = [column.jacobian(x) for column in columns]
    drift_jacobian = a.jacobian(x)

    def generator(vector: ImmutableMatrix, jacobian: ImmutableMatrix) -> ImmutableMatrix:
        """``L0 v = (D v) a + sum_j D^2 v [b_j, b_j] / 2``."""
        second = ImmutableMatrix(
            [sum(_quadratic_form(jacobian[i, :], x, column) for column in columns) for i in range(len(vector))]
        )
        return jacobian * a + second / 2

    update = x + a * h + generator(a, drift_jacobian) * h**2 / 2
    signs: list[Symbol] = []
    for j, (column, normal) in enumerate(zip(columns, normals, strict=True)):
        update += column * normal * root
        update += (generator(column, jacobians[j]) + drift_jacobian * column) * normal * h * root / 2
        update += jacobians[j] * column * (normal**2 - 1) * h / 2
        for i in range(j + 1, len(columns)):
            forward, backward = jacobians[j] * columns[i], jacobians[i] * column
            update += (forward + backward) * normals[i] * normal * h / 2
            difference = (forward - backward).applyfunc(tidy)
            if any(e != 0 for e in difference):
                sign = Symbol(f"sign_{i}_{j}__")
                signs.append(sign)
                update += difference * sign * h / 2
    return Recipe(
        sde.parameters, tuple(update), GaussianDraws(parts.drawn, tuple(signs)), state_bounds(sde.game, sde.parameters)
    )


def _quadratic_form(gradient: ImmutableMatrix, x: ImmutableMatrix, direction: ImmutableMatrix) -> Symbol:
    """Second derivative along ``direction`` of the function with this gradient."""
    total = 0
    for k, g in enumerate(gradient):
        if direction[k] == 0 or g == 0:
            continue
        total += direction[k] * sum(g.diff(x[n]) * direction[n] for n in range(len(x)) if direction[n] != 0)
    return total
