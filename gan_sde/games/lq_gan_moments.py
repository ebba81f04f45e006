"""Batch moments of the LQ-GAN with a normal law, from mean and scatter factor of its base normals, over lanes.

With the mean ``ubar`` and the scatter ``T T^T`` of the base normals u about it (over B), the data ``y = mu + L u`` has
the batch mean ``m = mu + L ubar`` and second moments ``(L T)(L T)^T + m m^T``; the latent variable has ``zbar`` and
``T T^T + zbar zbar^T`` of its own.
"""

from __future__ import annotations

import numba
import numpy as np

from gan_sde.games.lanes import LANE_JIT, WIDTH, fma, inlined, load, scaled_sum, splat, store

_NUMBERS, _MATRIX = numba.float64[:, ::1], numba.types.Array(numba.float64, 2, "C", readonly=True)
_VECTOR = numba.types.Array(numba.float64, 1, "C", readonly=True)


@inlined
def _lower(i, j):
    """Place of entry i >= j of a lower triangular matrix."""
    return i * (i + 1) // 2 + j


@inlined
def _colour(W, average, triangle, mean, factor, n):
    """Mean and triangle of u become those of ``mean + factor u``, in place, the last row first."""
    for i in range(n - 1, -1, -1):
        begin = 0
        while begin < i and factor[i, begin] == 0.0:
            begin += 1
        total = splat(mean[i])
        for k in range(begin, i + 1):
            total = scaled_sum(factor[i, k], load(W, average + k), total)
        store(W, average + i, total)
        for j in range(i + 1):
            total = splat(0.0)
            for k in range(max(begin, j), i + 1):
                total = scaled_sum(factor[i, k], load(W, triangle + _lower(k, j)), total)
            store(W, triangle + _lower(i, j), total)


@inlined
def _second(W, out, average, triangle, n):
    """Upper triangle of ``T T^T + m m^T``, then m; two columns share what they load."""
    for i in range(n):
        shift, row = load(W, average + i), triangle + _lower(i, 0)
        for j in range(i, n, 2):
            other = min(j + 1, n - 1)
            left, right = triangle + _lower(j, 0), triangle + _lower(other, 0)
            one = fma(shift, load(W, average + j), splat(0.0))
            two = fma(shift, load(W, average + other), splat(0.0))
            for k in range(i + 1):
                shared = load(W, row + k)
                one, two = fma(shared, load(W, left + k), one), fma(shared, load(W, right + k), two)
            store(W, out, one)
            out += 1
            if other > j:
                store(W, out, two)
                out += 1
    for i in range(n):
        store(W, out + i, load(W, average + i))


@numba.njit(numba.void(_NUMBERS, _VECTOR, _MATRIX, _NUMBERS), **LANE_JIT)
def moments(statistics, mean, factor, result):
    """Moments of data and latent variable for many trajectories.

    Parameters
    ----------
    statistics
        ``(2 h, n)`` with ``h = N + N (N + 1) / 2``: for the data's base normals, then for the latent variable, the mean
        and the lower triangle of T, row by row.
    mean, factor
        ``(N,)`` and the lower triangular ``(N, N)`` of the data's law.
    result
        ``(2 h, n)``: upper triangle of the second moments and mean, of the data, then of the latent variable.
    """
    n, half = mean.shape[0], statistics.shape[0] // 2
    W = np.empty((4 * half, WIDTH))
    for first in range(0, statistics.shape[1], WIDTH):
        width = min(WIDTH, statistics.shape[1] - first)
        for r in range(2 * half):
            for lane in range(WIDTH):
                W[r, lane] = statistics[r, first + min(lane, width - 1)]
        _colour(W, 0, n, mean, factor, n)
        _second(W, 2 * half, 0, n, n)
        _second(W, 3 * half, half, half + n, n)
        for r in range(2 * half):
            for lane in range(width):
                result[r, first + lane] = W[2 * half + r, lane]
