"""Crossing-the-Curl on one trajectory with a dense Jacobian, as one would write it: in numpy, and compiled by numba.

The expected field is quadratic, ``F(x) = f + (J(x) x + K x) / 2`` with constants f and K. K has at most one entry in a
row, and all other entries of J are multiples of one parameter. So an iteration writes the entries that change into one
buffer, by indices worked out beforehand, and multiplies three times by J.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np


@dataclass(frozen=True, eq=False)
class DenseGame:
    """The expected N-dimensional LQ-GAN with data ``N(0, I)``, ready for a dense Jacobian.

    Attributes
    ----------
    constant
        f, the field at 0, ``(d,)``.
    linear
        K, the Jacobian at 0, ``(d, d)``.
    partner, weight
        ``K x`` is ``weight * x[partner]``, ``(d,)`` each.
    target, source, factor
        Entry ``target`` of the flattened J is ``factor * x[source]``, ``(entries,)`` each.
    floor
        Lower bounds of the parameters, ``(d,)``.
    """

    constant: np.ndarray
    linear: np.ndarray
    partner: np.ndarray
    weight: np.ndarray
    target: np.ndarray
    source: np.ndarray
    factor: np.ndarray
    floor: np.ndarray


def dense_game(n: int, minimum_scale: float = 0.01) -> DenseGame:
    """Work out the indices."""
    upper = [(i, j) for i in range(n) for j in range(i, n)]
    lower = [(i, j) for i in range(n) for j in range(i + 1)]
    s = len(upper)
    w_linear, a, b = s, s + n, 2 * s + n
    d = 2 * (s + n)
    place_w = {ij: k for k, ij in enumerate(upper)} | {(j, i): k for k, (i, j) in enumerate(upper)}
    place_a = {ij: a + k for k, ij in enumerate(lower)}
    constant, linear, floor = np.zeros(d), np.zeros((d, d)), np.full(d, -np.inf)
    entries: list[tuple[int, int, int, float]] = []
    for k, (i, j) in enumerate(upper):
        # F_W = (A A^T + b b^T - I)_ij, twice off the diagonal: its derivatives are -M, and the generator's rows M^T
        constant[k] = -float(i == j)
        for p, q in ((i, j), (j, i)) if i < j else ((i, i),):
            entries += [(k, place_a[p, r], place_a[q, r], 2.0) for r in range(min(i, j) + 1)]
            entries += [(k, b + p, b + q, 2.0)]
    entries += [(column, row, source, -factor) for row, column, source, factor in entries]
    for i, j in lower:
        entries += [(place_a[i, j], place_a[k, j], place_w[i, k], -2.0) for k in range(j, n)]
    for i in range(n):
        linear[w_linear + i, b + i], linear[b + i, w_linear + i] = 1.0, -1.0
        entries += [(b + i, b + k, place_w[i, k], -2.0) for k in range(n)]
        floor[place_a[i, i]] = minimum_scale
    row, column, source, factor = (np.array(values) for values in zip(*entries, strict=True))
    partner = np.abs(linear).argmax(axis=1)
    return DenseGame(
        constant, linear, partner, linear[np.arange(d), partner], row * d + column, source, factor, floor
    )  # fmt: skip


def numpy_steps(game: DenseGame, x: np.ndarray, lr: float, steps: int) -> np.ndarray:
    """Iterate in numpy."""
    jacobian = game.linear.copy()
    entries = jacobian.reshape(-1)
    for _ in range(steps):
        entries[game.target] = game.factor * x[game.source]
        field = game.constant + (jacobian @ x + game.weight * x[game.partner]) / 2
        x = x - lr / 2 * (field @ jacobian - jacobian @ field)
        x = np.maximum(x, game.floor)
    return x


def numba_steps(game: DenseGame, x: np.ndarray, lr: float, steps: int, reassociate: bool = True) -> np.ndarray:
    """Iterate in a compiled loop; sums in any order vectorise, which pays where rows are long."""
    run = _in_any_order if reassociate else _in_order
    return run(
        x.copy(), lr / 2, steps, game.constant, game.linear.copy(), game.partner, game.weight,
        game.target, game.source, game.factor, game.floor,
    )  # fmt: skip


def _loop(x, rate, steps, constant, jacobian, partner, weight, target, source, factor, floor):
    d = len(x)
    field, move, entries = np.empty(d), np.empty(d), jacobian.reshape(-1)
    for _ in range(steps):
        for e in range(len(target)):
            entries[target[e]] = factor[e] * x[source[e]]
        for i in range(d):
            row, total = jacobian[i], weight[i] * x[partner[i]]
            for j in range(d):
                total += row[j] * x[j]
            field[i] = constant[i] + total / 2
            move[i] = 0.0
        for i in range(d):
            row, total, own = jacobian[i], 0.0, field[i]
            for j in range(d):
                total += row[j] * field[j]
                move[j] += row[j] * own
            move[i] -= total
        for i in range(d):
            x[i] = max(x[i] - rate * move[i], floor[i])
    return x


_in_order = numba.njit(_loop, error_model="numpy", fastmath={"contract"})
_in_any_order = numba.njit(_loop, error_model="numpy", fastmath=True)
