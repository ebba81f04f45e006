"""Compiled pieces of the LQ-GAN's field and Jacobian, over lanes of trajectories.

A batch has latent moments m, S. With the cross moments ``C = A S + b m^T`` and ``c = A m + b`` (``E[x z^T]`` and
``E[x]`` of the generated x), and those of a direction v in place of (A, b),

    F     = (residual, generator)                        residual:   E[x x^T] - E[y y^T] and E[x] - E[y]
    J v   = ( mismatch,  generator(v) + curvature)       generator:  M^T phi, or M^T v for phi of v
    J^T v = (-mismatch, -generator(v) + curvature)       mismatch:   -M v,    curvature: H v

Where an algorithm takes sums of products, pieces that cancel are never computed: Crossing-the-Curl,
``(J^T - J) F / 2``, is left with ``(M M^T phi, M^T m)``.

Registers are rows of scratch memory. A vector's are the upper triangle of W and w, and the lower triangle of A and b;
a batch has the upper triangle of the data's second moments, the data's mean, and the same two of the latent variable;
cross moments are C row by row, then c. In the expected batch (``exact``) m = 0 and S = 1, so that A and b themselves
stand for C and c, without entries above the diagonal.
"""

from __future__ import annotations

import numba

from gan_sde.games.lanes import LANE_JIT, fma, inlined, load, scaled_sum, splat, stand_alone, store
from gan_sde.games.lq_gan_pieces import CROSS, GENERATOR, MISMATCH, RESIDUAL

_SCRATCH, _ROW, _FLAG = numba.float64[:, ::1], numba.int64, numba.boolean


@inlined
def _upper(n, i, j):
    """Place of entry i <= j of a symmetric matrix."""
    return i * n - i * (i - 1) // 2 + j - i


@inlined
def _lower(i, j):
    """Place of entry i >= j of a lower triangular matrix."""
    return i * (i + 1) // 2 + j


@inlined
def _row(i, exact, n):
    """Place of row i of C; with exact latent moments C is A itself, a lower triangle."""
    return _lower(i, 0) if exact else i * n


@inlined
def _means(exact, n):
    """Place of c."""
    return n * (n + 1) // 2 if exact else n * n


@inlined
def _dot(W, left, right, count, total):
    """``total`` plus the products of ``count`` consecutive rows."""
    for k in range(count):
        total = fma(load(W, left + k), load(W, right + k), total)
    return total


@inlined
def _dots(W, shared, one, two, count, first, second):
    """Two sums over the same left rows: every sum waits for its last term, two of them half as long."""
    for k in range(count):
        left = load(W, shared + k)
        first, second = fma(left, load(W, one + k), first), fma(left, load(W, two + k), second)
    return first, second


@inlined
def _symmetric_dot(W, matrix, i, right, first, exact, n):
    """Row i of a symmetric matrix, from column ``first`` <= i on, times a column of C."""
    total = splat(0.0)
    place = matrix + _upper(n, first, i)
    for k in range(first, i):
        total = fma(load(W, place), load(W, right + _row(k, exact, n)), total)
        place += n - k - 1
    place = matrix + _upper(n, i, i) - i
    for k in range(i, n):
        total = fma(load(W, place + k), load(W, right + _row(k, exact, n)), total)
    return total


@inlined
def _symmetric_dots(W, matrix, i, right, first, exact, n):
    """Rows i and i + 1 times a column of C and the next one: four sums that share what they load."""
    zero = splat(0.0)
    one, two, three, four = zero, zero, zero, zero
    place = matrix + _upper(n, first, i)
    if exact:  # the first entry of the next column is 0 and is not stored
        c = load(W, right + _row(first, exact, n))
        one, three = fma(load(W, place), c, zero), fma(load(W, place + 1), c, zero)
        place += n - first - 1
        first += 1
    for k in range(first, i + 1):
        a, b = load(W, place), load(W, place + 1)
        c, d = load(W, right + _row(k, exact, n)), load(W, right + _row(k, exact, n) + 1)
        one, two, three, four = fma(a, c, one), fma(a, d, two), fma(b, c, three), fma(b, d, four)
        place += n - k - 1
    upper, lower = matrix + _upper(n, i, i) - i, matrix + _upper(n, i + 1, i + 1) - i - 1
    for k in range(i + 1, n):
        a, b = load(W, upper + k), load(W, lower + k)
        c, d = load(W, right + _row(k, exact, n)), load(W, right + _row(k, exact, n) + 1)
        one, two, three, four = fma(a, c, one), fma(a, d, two), fma(b, c, three), fma(b, d, four)
    return one, two, three, four


@inlined
def _symmetric_apply(W, matrix, i, vector, n):
    """Row i of a symmetric matrix times a vector."""
    total = splat(0.0)
    for k in range(n):
        place = _upper(n, k, i) if k < i else _upper(n, i, k)
        total = fma(load(W, matrix + place), load(W, vector + k), total)
    return total


@numba.njit(numba.void(_SCRATCH, _ROW, _ROW, _ROW, _ROW), **LANE_JIT)
def _cross(W, out, theta, batch, n):
    """``C = A S + b m^T`` and ``c = A m + b``."""
    stand_alone()
    s = n * (n + 1) // 2
    second, mean = batch + s + n, batch + 2 * s + n
    for i in range(n):
        row, shift = theta + _lower(i, 0), load(W, theta + s + i)
        for j in range(n):
            total = fma(shift, load(W, mean + j), splat(0.0))
            for k in range(i + 1):
                place = _upper(n, k, j) if k <= j else _upper(n, j, k)
                total = fma(load(W, row + k), load(W, second + place), total)
            store(W, out + i * n + j, total)
        store(W, out + n * n + i, _dot(W, row, mean, i + 1, shift))


@inlined
def _store_moment(W, out, i, j, n, total):
    """An off-diagonal entry of W occurs at two places of the symmetric matrix, so its gradient counts twice."""
    store(W, out + _upper(n, i, j), scaled_sum(1.0 if i == j else 2.0, total, splat(0.0)))


@numba.njit(numba.void(_SCRATCH, _ROW, _ROW, _ROW, _ROW, _FLAG, _ROW), **LANE_JIT)
def _residual(W, out, theta, cross, batch, exact, n):
    """``E[x x^T] - E[y y^T]`` and ``E[x] - E[y]``."""
    stand_alone()
    s, zero, minus = n * (n + 1) // 2, splat(0.0), splat(-1.0)
    means = cross + _means(exact, n)
    for i in range(n):
        row, shift = theta + _lower(i, 0), load(W, theta + s + i)
        for j in range(i, n - 1, 2):
            place = batch + _upper(n, i, j)
            one = fma(load(W, means + j), shift, fma(minus, load(W, place), zero))
            two = fma(load(W, means + j + 1), shift, fma(minus, load(W, place + 1), zero))
            one, two = _dots(W, row, cross + _row(j, exact, n), cross + _row(j + 1, exact, n), i + 1, one, two)
            _store_moment(W, out, i, j, n, one)
            _store_moment(W, out, i, j + 1, n, two)
        if (n - i) % 2:
            one = fma(load(W, means + n - 1), shift, fma(minus, load(W, batch + _upper(n, i, n - 1)), zero))
            _store_moment(W, out, i, n - 1, n, _dot(W, row, cross + _row(n - 1, exact, n), i + 1, one))
        store(W, out + s + i, fma(minus, load(W, batch + s + i), load(W, means + i)))


@numba.njit(numba.void(_SCRATCH, _ROW, _ROW, _ROW, _FLAG, _ROW), **LANE_JIT)
def _mismatch(W, out, theta, cross, exact, n):
    """``-M v`` from the cross moments of v."""
    stand_alone()
    s, zero, unit = n * (n + 1) // 2, splat(0.0), splat(1.0)
    means, shifts = cross + _means(exact, n), theta + s
    for i in range(n):
        row, moved = theta + _lower(i, 0), cross + _row(i, exact, n)
        shift, mean = load(W, shifts + i), load(W, means + i)
        for j in range(i, n - 1, 2):
            one = fma(load(W, means + j), shift, fma(load(W, shifts + j), mean, zero))
            two = fma(load(W, means + j + 1), shift, fma(load(W, shifts + j + 1), mean, zero))
            first, second, one_row, two_row = (
                cross + _row(j, exact, n),
                cross + _row(j + 1, exact, n),
                theta + _lower(j, 0),
                theta + _lower(j + 1, 0),
            )
            three, four = zero, zero
            for k in range(i + 1):
                a, c = load(W, row + k), load(W, moved + k)
                one, two = fma(a, load(W, first + k), one), fma(a, load(W, second + k), two)
                three, four = fma(c, load(W, one_row + k), three), fma(c, load(W, two_row + k), four)
            one, two = fma(unit, three, one), fma(unit, four, two)
            if not exact:
                for k in range(i + 1, j + 1):
                    c = load(W, moved + k)
                    one, two = fma(c, load(W, one_row + k), one), fma(c, load(W, two_row + k), two)
                two = fma(load(W, moved + j + 1), load(W, two_row + j + 1), two)
            _store_moment(W, out, i, j, n, one)
            _store_moment(W, out, i, j + 1, n, two)
        if (n - i) % 2:
            j = n - 1
            one = fma(load(W, means + j), shift, fma(load(W, shifts + j), mean, zero))
            one = _dot(W, row, cross + _row(j, exact, n), i + 1, one)
            one = _dot(W, moved, theta + _lower(j, 0), (i if exact else j) + 1, one)
            _store_moment(W, out, i, j, n, one)
        store(W, out + s + i, mean)


@inlined
def _store_slope(W, out, i, j, linear, mean, total):
    """``-2 W C`` at row i, column j, less ``w_i m_j``."""
    total = scaled_sum(-2.0, total, splat(0.0))
    if mean >= 0:
        total = fma(linear, load(W, mean + j), total)
    store(W, out + _lower(i, j), total)


@numba.njit(numba.void(_SCRATCH, _ROW, _ROW, _ROW, _ROW, _FLAG, _FLAG, _ROW), **LANE_JIT)
def _pull(W, out, phi, cross, batch, exact, with_linear, n):
    """``-2 W C`` and ``-2 W c``; with the linear part, less ``w m^T`` and w: the generator's gradient."""
    stand_alone()
    s, zero = n * (n + 1) // 2, splat(0.0)
    means, mean = cross + _means(exact, n), batch + 2 * s + n if with_linear and not exact else -1
    for i in range(0, n - 1, 2):
        linear = scaled_sum(-1.0, load(W, phi + s + i), zero) if with_linear else zero
        next_linear = scaled_sum(-1.0, load(W, phi + s + i + 1), zero) if with_linear else zero
        for j in range(0, i + 1, 2):
            one, two, three, four = _symmetric_dots(W, phi, i, cross + j, j if exact else 0, exact, n)
            _store_slope(W, out, i, j, linear, mean, one)
            if j < i:
                _store_slope(W, out, i, j + 1, linear, mean, two)
            _store_slope(W, out, i + 1, j, next_linear, mean, three)
            _store_slope(W, out, i + 1, j + 1, next_linear, mean, four)
        store(W, out + s + i, scaled_sum(-2.0, _symmetric_apply(W, phi, i, means, n), linear))
        one = _symmetric_apply(W, phi, i + 1, means, n)
        store(W, out + s + i + 1, scaled_sum(-2.0, one, next_linear))
    if n % 2:
        i = n - 1
        linear = scaled_sum(-1.0, load(W, phi + s + i), zero) if with_linear else zero
        for j in range(n):
            one = _symmetric_dot(W, phi, i, cross + j, j if exact else 0, exact, n)
            _store_slope(W, out, i, j, linear, mean, one)
        store(W, out + s + i, scaled_sum(-2.0, _symmetric_apply(W, phi, i, means, n), linear))


@numba.njit(numba.void(_ROW, _SCRATCH, _ROW, _ROW, _ROW, _ROW, _FLAG, _ROW), **LANE_JIT)
def perform(piece, W, out, first, second, batch, exact, n):
    """Compute one piece into register ``out``; ``first``, ``second`` and ``batch`` are its input registers."""
    stand_alone()
    if piece == CROSS:
        _cross(W, out, first, batch, n)
    elif piece == RESIDUAL:
        _residual(W, out, first, second, batch, exact, n)
    elif piece == GENERATOR:
        _pull(W, out, first, second, batch, exact, True, n)
    elif piece == MISMATCH:
        _mismatch(W, out, first, second, exact, n)
    else:
        _pull(W, out, first, second, batch, exact, False, n)
