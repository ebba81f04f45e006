"""Field and Jacobian products of the LQ-GAN for many trajectories at once, from its compiled pieces."""

from __future__ import annotations

import numba
import numpy as np

from gan_sde.games.lanes import LANE_JIT, WIDTH, inlined
from gan_sde.games.lq_gan_lanes import perform
from gan_sde.games.lq_gan_pieces import CROSS, CURVATURE, GENERATOR, MISMATCH, PRODUCTS, RESIDUAL

FIELD, JVP, VJP = range(len(PRODUCTS))
_COLUMNS = numba.float64[:, ::1]


@inlined
def _bring(W, row, columns, first):
    """Copy columns ``first, first + 1, ...`` to the lanes; the last column, or the only one, fills lanes beyond it."""
    last = columns.shape[1] - 1
    for r in range(columns.shape[0]):
        for lane in range(WIDTH):
            W[row + r, lane] = columns[r, min(first + lane, last)]


@numba.njit(numba.void(numba.int64, _COLUMNS, _COLUMNS, _COLUMNS, numba.boolean, numba.int64, _COLUMNS), **LANE_JIT)
def products(kind, x, v, batches, exact, n, result):
    """Field, ``J v`` or ``J^T v`` at states ``(d, count)``; batches ``(d, count)``, or ``(d, 1)`` for one for all."""
    half, crosses = x.shape[0] // 2, n * (n + 1)
    direction, batch, one = 2 * half, 4 * half, 6 * half + 2 * crosses
    cross, moved = (half, direction + half) if exact else (6 * half, 6 * half + crosses)
    two, three = one + half, one + 2 * half
    W = np.empty((three + half, WIDTH))
    sign = 1.0 if kind == JVP else -1.0
    for first in range(0, x.shape[1], WIDTH):
        width = min(WIDTH, x.shape[1] - first)
        _bring(W, 0, x, first)
        _bring(W, batch, batches, first)
        if not exact:
            perform(CROSS, W, cross, half, 0, batch, exact, n)
        if kind == FIELD:
            perform(RESIDUAL, W, one, half, cross, batch, exact, n)
            perform(GENERATOR, W, two, 0, cross, batch, exact, n)
        else:
            _bring(W, direction, v, first)
            if not exact:
                perform(CROSS, W, moved, direction + half, 0, batch, exact, n)
            perform(MISMATCH, W, one, half, moved, batch, exact, n)
            perform(CURVATURE, W, two, 0, moved, batch, exact, n)
            perform(GENERATOR, W, three, direction, cross, batch, exact, n)
            for r in range(half):
                for lane in range(WIDTH):
                    W[one + r, lane] *= sign
                    W[two + r, lane] += sign * W[three + r, lane]
        for r in range(2 * half):
            for lane in range(width):
                result[r, first + lane] = W[one + r, lane]
