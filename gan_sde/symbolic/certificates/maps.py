"""Deterministic update maps of a two-player zero-sum game, from its own field and Jacobian.

The step is ``x' = x - rho map(x)``. Names and definitions: Gemp & Mahadevan, arXiv 1808.01531, and their code.
"""

from __future__ import annotations

from typing import Any

from sympy import Expr, ImmutableMatrix, Symbol, cancel

from gan_sde.symbolic.field import tidy
from gan_sde.symbolic.game import Game


def linear_family(game: Game, identity: Any, transposed: Any, direct: Any) -> ImmutableMatrix:
    """``(alpha I + beta J^T - gamma J) F``, ``d x 1``."""
    field, jacobian = game.field, game.jacobian
    return _tidied(identity * field + (transposed * jacobian.T - direct * jacobian) * field)


def simultaneous(game: Game) -> ImmutableMatrix:
    """F itself."""
    return _tidied(game.field)


def consensus(game: Game, weight: Any) -> ImmutableMatrix:
    """``F + beta J^T F`` (Mescheder et al., arXiv 1705.10461)."""
    return linear_family(game, 1, weight, 0)


def extragradient_direction(game: Game) -> ImmutableMatrix:
    """``-J F``, the direction of an infinitesimal extragradient step."""
    return linear_family(game, 0, 0, 1)


def crossing_the_curl(game: Game) -> ImmutableMatrix:
    """``(J^T - J) F / 2``, orthogonal to F."""
    return (linear_family(game, 0, 1, 1) / 2).applyfunc(tidy)


def hamiltonian_gradient(game: Game) -> ImmutableMatrix:
    """``J^T F``, the gradient of ``|F|^2 / 2``."""
    return linear_family(game, 0, 1, 0)


def alternating(game: Game, step: Any) -> ImmutableMatrix:
    """The minimiser sees the maximiser after its move by ``step``."""
    up, _, above, below = _blocks(game)
    moved = {s: s - step * f for s, f in zip(up, above, strict=True)}
    return _tidied([*above, *(f.subs(moved, simultaneous=True) for f in below)])


def unrolled(game: Game, step: Any, count: int) -> ImmutableMatrix:
    """The minimiser differentiates through ``count`` steps of the maximiser (Metz et al., arXiv 1611.02163)."""
    up, down, above, below = _blocks(game)
    ahead: list[Expr] = list(up)
    for _ in range(count):
        table = dict(zip(up, ahead, strict=True))
        ahead = [tidy(a - step * f.subs(table, simultaneous=True)) for a, f in zip(ahead, above, strict=True)]
    table = dict(zip(up, ahead, strict=True))
    # F's own block is -dV/dphi, so that the chain rule subtracts it
    chain = ImmutableMatrix(ahead).jacobian(down).T * ImmutableMatrix(above).subs(table, simultaneous=True)
    moved = ImmutableMatrix(below).subs(table, simultaneous=True)
    return _tidied([*above, *(moved - chain)])


def regularised(game: Game, weight: Any) -> ImmutableMatrix:
    """The minimiser also descends ``eta |F_phi|^2`` (Nagarajan & Kolter, arXiv 1706.04156, unsquared there)."""
    _, down, above, below = _blocks(game)
    column = ImmutableMatrix(above)
    return _tidied([*above, *(ImmutableMatrix(below) + 2 * weight * column.jacobian(down).T * column)])


def scaled(map_: ImmutableMatrix, factor: Expr) -> ImmutableMatrix:
    """A multiple of a map by a function."""
    return ImmutableMatrix(map_.applyfunc(lambda e: cancel(factor * e)))


def mismatch(game: Game) -> tuple[ImmutableMatrix, ImmutableMatrix]:
    """``m(theta)`` and ``M = dm/dtheta`` of a payoff ``phi . m(theta)``.

    Raises
    ------
    ValueError
        If the payoff is not linear in the maximiser's parameters.
    """
    up, down, above, _ = _blocks(game)
    if any(f.has(*up) for f in above):
        raise ValueError("game: expected a payoff linear in the maximiser's parameters")
    moments = -ImmutableMatrix(above)
    return moments, ImmutableMatrix(moments.jacobian(down))


def gauss_newton(game: Game) -> ImmutableMatrix:
    """``[phi; M^-1 m]``: Crossing-the-Curl with each block scaled to the identity at the equilibrium."""
    moments, derivative = mismatch(game)
    up = next(iter(game.players.values()))
    return ImmutableMatrix([*up, *(cancel(e) for e in derivative.LUsolve(moments))])


def _blocks(game: Game) -> tuple[tuple[Symbol, ...], tuple[Symbol, ...], list[Expr], list[Expr]]:
    if game.payoff is None or len(game.players) != 2:
        raise ValueError("game: expected two players and one payoff")
    up, down = game.players.values()
    return up, down, list(game.field[: len(up)]), list(game.field[len(up) :])


def _tidied(entries: Any) -> ImmutableMatrix:
    return ImmutableMatrix(list(entries)).applyfunc(tidy)
