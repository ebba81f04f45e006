"""The Wasserstein linear-quadratic GAN (Gemp & Mahadevan, arXiv 1808.01531)."""

from __future__ import annotations

from math import inf

import numpy as np
from sympy import Expr, Integer, Matrix, Symbol, symbols

from gan_sde.games.lq_gan_arrays import LQGANArrays
from gan_sde.symbolic.distributions import Empirical, Normal
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.validation import check_integer, check_positive, finite_array

MAX_SYMBOLIC_DIM = 3
"""Up to here the game is simulated from its symbols, above in its array form."""

MAX_DIM = 64
"""Largest dimension whose payoff is written down in symbols (seconds); `LQGANArrays` itself has no such limit."""


def lq_gan(dim: int | None = None, data: np.ndarray | None = None, minimum_scale: float = 0.01) -> Game:
    """``V = E[y^T W y + w . y] - E[x^T W x + w . x]`` with generated ``x = A z + b``, ``z ~ N(0, I)``.

    The quadratic discriminator ascends, the linear generator descends; at the only equilibrium with positive
    diagonal of A the discriminator vanishes and A, b are the Cholesky factor of the data's covariance and its mean.

    Parameters
    ----------
    dim
        Dimension N of the data, at most `MAX_DIM`; default 1 (or that of ``data``). With ``dim=1`` the parameters are
        ``w2, w1, a, b`` and the data is ``N(mu, sigma^2)``; otherwise they are the upper triangle ``W_ij``, ``w_i``,
        the lower triangle ``A_ij`` and ``b_i``, and the data is ``N(mu, L L^T)`` with symbols ``mu_i``, ``L_ij``.
    data
        Array ``(rows, N)``: an empirical data set in place of the normal law.
    minimum_scale
        Lower bound of the diagonal of A (projection).

    Notes
    -----
    In one dimension scaled algorithms divide the (w2, a) directions by ``2 a^2``: on that stage scaled
    Crossing-the-Curl is strongly monotone.

    Each off-diagonal ``W_ij`` appears twice in the payoff, so the packed field doubles it. Above N = 3 the game is
    simulated in its closed array form, `LQGANArrays`; its symbols remain, but derivations grow quickly.
    """
    if dim is not None:
        check_integer("dim", dim, 1, MAX_DIM)
    check_positive("minimum_scale", minimum_scale)
    values = None if data is None else _table(data, dim)
    n = dim if dim is not None else (1 if values is None else values.shape[1])
    return _one_dimensional(values, minimum_scale) if n == 1 else _packed(int(n), values, minimum_scale)


def _table(data: np.ndarray, dim: int | None) -> np.ndarray:
    """Read the data set, ``(rows, N)``; a list of numbers is one column."""
    values = finite_array("data", data, "an array (rows, dim) of finite numbers")
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or not values.size or (dim is not None and values.shape[1] != dim):
        raise ValueError(f"data: expected shape (rows, {dim or 'dim'}), got {values.shape}")
    if values.shape[1] > MAX_DIM:
        raise ValueError(f"data: expected at most {MAX_DIM} columns, got {values.shape[1]}")
    return values


def _one_dimensional(values: np.ndarray | None, minimum_scale: float) -> Game:
    w2, w1, a, b, y, z, mu, sigma = symbols("w2 w1 a b y z mu sigma")
    x = a * z + b
    law = Normal(mu, sigma) if values is None else Empirical(values)
    equilibrium: dict[Symbol, Expr] = {w2: Integer(0), w1: Integer(0), a: sigma, b: mu}
    return Game.zero_sum(
        w2 * (y**2 - x**2) + w1 * (y - x),
        maximiser={"discriminator": [w2, w1]},
        minimiser={"generator": [a, b]},
        data={y: law, z: Normal(0, 1)},
        name="lq-gan",
        x0={"w2": 0.5, "w1": 0.0, "a": max(0.5, minimum_scale), "b": 0.0},
        defaults={"mu": 0.0, "sigma": 1.0} if values is None else {},
        bounds={a: (minimum_scale, inf)},
        known_equilibria=(equilibrium,) if values is None else (),
        scaling={w2: 1 / (2 * a**2), a: 1 / (2 * a**2)},
    )


def _packed(n: int, values: np.ndarray | None, minimum_scale: float) -> Game:
    upper = [(i, j) for i in range(n) for j in range(i, n)]
    lower = [(i, j) for i in range(n) for j in range(i + 1)]
    name = "{}_{}{}" if n < 10 else "{}_{}_{}"  # beyond 9, W_111 would be ambiguous
    packed_w = [Symbol(name.format("W", i + 1, j + 1)) for i, j in upper]
    packed_a = [Symbol(name.format("A", i + 1, j + 1)) for i, j in lower]
    w, b, u, z, mu, ys = ([Symbol(f"{base}_{i + 1}") for i in range(n)] for base in ("w", "b", "u", "z", "mu", "y"))
    quadratic, scale, factor = Matrix.zeros(n, n), Matrix.zeros(n, n), Matrix.zeros(n, n)
    for (i, j), s in zip(upper, packed_w, strict=True):
        quadratic[i, j] = quadratic[j, i] = s
    for (i, j), s in zip(lower, packed_a, strict=True):
        scale[i, j] = s
        factor[i, j] = Symbol(name.format("L", i + 1, j + 1))

    def discriminate(point: Matrix) -> Expr:
        return (point.T * quadratic * point + Matrix(w).T * point)[0]

    if values is None:
        real = Matrix(mu) + factor * Matrix(u)
        laws = {s: Normal(0, 1) for s in (*u, *z)}
        defaults = {s.name: 0.0 for s in mu}
        defaults |= {factor[i, j].name: float(i == j) for i, j in lower}
        equilibrium = {s: Integer(0) for s in (*packed_w, *w)}
        equilibrium |= {s: factor[ij] for s, ij in zip(packed_a, lower, strict=True)}
        equilibrium |= dict(zip(b, mu, strict=True))
    else:
        real, defaults, equilibrium = Matrix(ys), {}, None
        laws = {tuple(ys): Empirical(values), **{s: Normal(0, 1) for s in z}}
    return Game.zero_sum(
        discriminate(real) - discriminate(scale * Matrix(z) + Matrix(b)),
        maximiser={"discriminator": [*packed_w, *w]},
        minimiser={"generator": [*packed_a, *b]},
        data=laws,
        name="lq-gan",
        x0={s.name: 0.0 for s in (*packed_w, *w, *b)}
        | {s.name: max(1.0, minimum_scale) if i == j else 0.0 for s, (i, j) in zip(packed_a, lower, strict=True)},
        defaults=defaults,
        bounds={s: (minimum_scale, inf) for s, (i, j) in zip(packed_a, lower, strict=True) if i == j},
        known_equilibria=(equilibrium,) if equilibrium is not None else (),
        arrays=LQGANArrays(n, values) if n > MAX_SYMBOLIC_DIM else None,
    )
