"""Compiled recursions of the stages: one replicate a call, the interpreter lock released.

Sample k of replicate r is a pure function of (seed, r, k): its latent vector is k's Philox counter read as ``n``
normals, or as one row of a data set. A stage that needs only the first ``n`` coordinates draws only those, and two
stages that read the same sample numbers see the same samples. Nothing depends on threads or on chunks.
"""

from __future__ import annotations

import numpy as np

from gan_sde.kernels.compiled import compiled
from gan_sde.kernels.normals import CONTRACT, normal_pair_64
from gan_sde.kernels.philox import STREAM_SHIFT, philox

STREAM = np.uint64(2) << STREAM_SHIFT
"""Streams 0 and 1 of a seed belong to `gan_sde.simulate`."""

LANES = 256
"""Samples drawn together: long enough for vector units, short enough for the first-level cache at N = 16."""


@compiled(nogil=True, fastmath=CONTRACT)
def draw(latent, n, lanes, table, replicate, first, key0, key1):
    """Fill ``latent[:n, :lanes]`` with samples ``first, first + 1, ...``; an empty table means standard normals.

    With ``replicate < 0`` the rows of the table come in order, so that a batch of all rows has its exact moments.
    """
    if table.shape[0]:
        count = np.uint64(table.shape[0])
        if replicate < 0:
            for lane in range(lanes):
                for j in range(n):
                    latent[j, lane] = table[(first + lane) % table.shape[0], j]
            return
        for lane in range(lanes):
            word = philox(np.uint64(replicate), np.uint64(first + lane), STREAM, np.uint64(0), key0, key1)[0]
            row = np.int64((word * count) >> np.uint64(32))
            for j in range(n):
                latent[j, lane] = table[row, j]
        return
    for j in range(0, n, 4):
        one, two, three, four = latent[j], latent[j + 1], latent[j + 2], latent[j + 3]
        for lane in range(lanes):
            w0, w1, w2, w3 = philox(
                np.uint64(replicate), np.uint64(first + lane), np.uint64(j // 4) | STREAM, np.uint64(0), key0, key1
            )
            one[lane], two[lane] = normal_pair_64(w0, w1)
            three[lane], four[lane] = normal_pair_64(w2, w3)


@compiled(nogil=True, fastmath=CONTRACT)
def _project(scalar, latent, n, lanes, weights, shift):
    """Fill ``scalar`` with ``weights . latent + shift``, sample by sample."""
    for lane in range(lanes):
        scalar[lane] = shift
    for j in range(n):
        weight, row = weights[j], latent[j]
        for lane in range(lanes):
            scalar[lane] += weight * row[lane]


@compiled(nogil=True, fastmath=CONTRACT)
def _transform(vectors, latent, n, lanes, matrix, shift, triangular):
    """Fill row ``lane`` of ``vectors`` with ``latent[:, lane] @ matrix + shift``; ``triangular``: entries left of the
    matrix's diagonal are 0."""  # noqa: D205, D209
    dim = matrix.shape[1]
    for lane in range(lanes):
        out = vectors[lane]
        for c in range(dim):
            out[c] = shift[c]
        fours = n - n % 4
        for j in range(0, fours, 4):  # four at a time: one load and one store of the sum for four products
            w0, w1, w2, w3 = latent[j, lane], latent[j + 1, lane], latent[j + 2, lane], latent[j + 3, lane]
            m0, m1, m2, m3 = matrix[j], matrix[j + 1], matrix[j + 2], matrix[j + 3]
            for c in range(j if triangular else 0, dim):
                out[c] += w0 * m0[c] + w1 * m1[c] + w2 * m2[c] + w3 * m3[c]
        for j in range(fours, n):
            weight, row = latent[j, lane], matrix[j]
            for c in range(j if triangular else 0, dim):
                out[c] += weight * row[c]


@compiled(nogil=True, fastmath={"contract", "reassoc"})
def dot(first, second, lanes):
    """Sum of products; summed in the order that suits the vector unit."""
    total = 0.0
    for lane in range(lanes):
        total += first[lane] * second[lane]
    return total


@compiled(nogil=True)
def step_size(rule, k):
    """``theta / (max(k - hold, 1) + offset)^power`` at iteration k = 1, 2, ..."""
    base = max(k - rule[3], 1.0) + rule[1]
    return rule[0] / base if rule[2] == 1.0 else rule[0] / base ** rule[2]


@compiled(nogil=True, fastmath=CONTRACT)
def linear_stage(
    state, saved, checkpoints, gains, matrix, vector_shift, weights, scalar_shift,
    rule, averaged, batch, iterations, table, replicate, first, key0, key1,
):  # fmt: skip
    """``x_j <- x_j - rho_k g_j (x_j - mean over the batch of u_j s)`` with ``s = weights . zeta + scalar_shift``.

    With a ``matrix`` of columns, ``u = zeta @ matrix + vector_shift``. Without one, ``u = (zeta, 1, 0)``: where all
    gains agree, the recursion commutes with linear maps and is run on the latent vector itself, at O(n) a sample; the
    coordinate of 1 carries shifts, that of 0, started at 1, the weight of the start.
    """
    dim, n, direct = len(state), len(weights), matrix.shape[1] == 0
    latent, scalar = np.zeros((n + 4, LANES)), np.empty(LANES)
    vectors = np.zeros((LANES, max(matrix.shape[1], 1)))
    total, mean = np.zeros(dim), np.zeros(dim)
    filled, k, kept, begin = 0, 0, 0, int(rule[3])
    for start in range(0, iterations * batch, LANES):
        lanes = min(LANES, iterations * batch - start)
        draw(latent, n, lanes, table, replicate, first + start, key0, key1)
        _project(scalar, latent, n, lanes, weights, scalar_shift)
        if not direct:
            _transform(vectors, latent, n, lanes, matrix, vector_shift, False)
        for lane in range(lanes):
            s = scalar[lane]
            if direct:
                for j in range(n):
                    total[j] += latent[j, lane] * s
                total[n] += s
            else:
                row = vectors[lane]
                for j in range(dim):
                    total[j] += row[j] * s
            filled += 1
            if filled < batch:
                continue
            filled, k = 0, k + 1
            rate = step_size(rule, k)
            for j in range(dim):
                state[j] -= rate * gains[j] * (state[j] - total[j] / batch)
                total[j] = 0.0
            if averaged and k > begin:
                for j in range(dim):
                    mean[j] += (state[j] - mean[j]) / (k - begin)
            if kept < len(checkpoints) and k == checkpoints[kept]:
                use_mean = averaged and k > begin
                for j in range(dim):
                    saved[kept, j] = mean[j] if use_mean else state[j]
                kept += 1
    if averaged and iterations > begin:
        state[:] = mean


@compiled(nogil=True)
def solve_lower(lower, right):
    """Solve ``lower x = right`` for the columns of ``right``; small systems, which threaded libraries are slow at."""
    x = np.empty(right.shape)
    for i in range(right.shape[0]):
        for c in range(right.shape[1]):
            total = right[i, c]
            for j in range(i):
                total -= lower[i, j] * x[j, c]
            x[i, c] = total / lower[i, i]
    return x


@compiled(nogil=True)
def clip(value, low, high):
    """Projection on ``[low, high]``."""
    return min(max(value, low), high)


@compiled(nogil=True, fastmath=CONTRACT)
def diagonal_stage(
    state, saved, checkpoints, scaled, known, bounds, weights, scalar_shift,
    rule, averaged, batch, iterations, table, replicate, first, key0, key1,
):  # fmt: skip
    """``(omega, a)`` with ``t`` = batch mean of ``s^2`` minus ``known``; state is ``(a, omega)``.

    Scaled: ``a <- a - rho (a - t / a)``, ``omega <- (1 - 2 rho) omega``. Plain: ``a <- a - 2 rho a (a^2 - t)``,
    ``omega <- (1 - 4 rho a^2) omega``. Then a is projected on the bounds.
    """
    n = len(weights)
    latent, scalar = np.zeros((n + 4, LANES)), np.empty(LANES)
    a, omega, total, mean = state[0], state[1], 0.0, 0.0
    filled, k, kept, begin = 0, 0, 0, int(rule[3])
    for start in range(0, iterations * batch, LANES):
        lanes = min(LANES, iterations * batch - start)
        draw(latent, n, lanes, table, replicate, first + start, key0, key1)
        _project(scalar, latent, n, lanes, weights, scalar_shift)
        for lane in range(lanes):
            total += scalar[lane] * scalar[lane]
            filled += 1
            if filled < batch:
                continue
            filled, k = 0, k + 1
            rate, t = step_size(rule, k), total / batch - known
            total = 0.0
            if scaled:
                omega *= 1.0 - 2.0 * rate
                a -= rate * (a - t / a)
            else:
                omega *= 1.0 - 4.0 * rate * a * a
                a -= 2.0 * rate * a * (a * a - t)
            a = clip(a, bounds[0], bounds[1])
            if averaged and k > begin:
                mean += (a - mean) / (k - begin)
            if kept < len(checkpoints) and k == checkpoints[kept]:
                saved[kept, 0] = mean if averaged and k > begin else a
                kept += 1
    state[0], state[1] = (mean if averaged and iterations > begin else a), omega


@compiled(nogil=True, fastmath=CONTRACT)
def row_stage(
    state, saved, checkpoints, residual, bounds, matrix, vector_shift, weights, scalar_shift,
    rule, averaged, batch, iterations, table, replicate, first, key0, key1,
):  # fmt: skip
    """A whole row by Gauss-Newton steps; state is ``(a_<, alpha)``, bars are batch means, ``u = L^-1 y_<``.

    ``a_< <- a_< - rho (a_< - mean u s)``,
    ``alpha <- alpha - rho (alpha^2 - |a_<|^2 + 2 a_< . mean u s - mean s^2) / (2 alpha)``, both from the old state;
    alpha is projected on the bounds. With ``residual``, in terms of ``r = s - a_< . u``: ``a_< <- a_< + rho g``,
    ``g = mean u r``, and ``alpha <- alpha - rho (alpha^2 - mean r^2 + rho |g|^2) / (2 alpha)`` once the first step
    size is no longer held.
    """
    dim, n = len(state) - 1, len(weights)
    latent, scalar = np.zeros((n + 4, LANES)), np.empty(LANES)
    vectors = np.zeros((LANES, max(dim, 1)))
    total, mean, square = np.zeros(dim), np.zeros(dim + 1), 0.0
    filled, k, kept, begin = 0, 0, 0, int(rule[3])
    for start in range(0, iterations * batch, LANES):
        lanes = min(LANES, iterations * batch - start)
        draw(latent, n, lanes, table, replicate, first + start, key0, key1)
        _project(scalar, latent, n, lanes, weights, scalar_shift)
        _transform(vectors, latent, n, lanes, matrix, vector_shift, True)
        for lane in range(lanes):
            s, row = scalar[lane], vectors[lane]
            if residual:
                s -= dot(state, row, dim)
            square += s * s
            for j in range(dim):
                total[j] += row[j] * s
            filled += 1
            if filled < batch:
                continue
            filled, k = 0, k + 1
            rate, alpha = step_size(rule, k), state[dim]
            mismatch = alpha * alpha - square / batch
            for j in range(dim):
                step = total[j] / batch
                if residual:
                    mismatch += rate * step * step
                else:
                    mismatch += state[j] * (2.0 * step - state[j])
                    step -= state[j]
                state[j] += rate * step
                total[j] = 0.0
            square = 0.0
            if k > rule[3]:
                state[dim] = clip(alpha - rate * mismatch / (2.0 * alpha), bounds[0], bounds[1])
            if averaged and k > begin:
                for j in range(dim + 1):
                    mean[j] += (state[j] - mean[j]) / (k - begin)
            if kept < len(checkpoints) and k == checkpoints[kept]:
                use_mean = averaged and k > begin
                for j in range(dim + 1):
                    saved[kept, j] = mean[j] if use_mean else state[j]
                kept += 1
    if averaged and iterations > begin:
        state[:] = mean


@compiled(nogil=True, fastmath=CONTRACT)
def joint_stage(
    shift, scale, factor, bounds, rule, batch, iterations, table, replicate, first, key0, key1,
):  # fmt: skip
    """All of (b, A) by Gauss-Newton steps: ``A <- A - rho A Phi(I - mean x x^T)`` with ``x = A^(-1) (y - b)``.

    ``Phi`` keeps the lower triangle and halves the diagonal; ``b <- b - rho (b - mean y)``. The data are
    ``y = factor zeta`` (factor empty: ``y = zeta``), so ``shift`` is b relative to the law's own centre.
    """
    n = len(shift)
    latent = np.zeros((n + 4, LANES))
    x, gram, total = np.zeros((n, LANES)), np.zeros((n, n)), np.zeros(n)
    filled, k = 0, 0
    position, end = 0, iterations * batch
    while position < end:
        lanes = min(LANES, end - position, batch - filled)
        draw(latent, n, lanes, table, replicate, first + position, key0, key1)
        position += lanes
        for i in range(n):
            row = x[i]
            if factor.shape[0]:
                for lane in range(lanes):
                    row[lane] = -shift[i]
                for j in range(i + 1):
                    weight, other = factor[i, j], latent[j]
                    for lane in range(lanes):
                        row[lane] += weight * other[lane]
            else:
                for lane in range(lanes):
                    row[lane] = latent[i, lane] - shift[i]
            for lane in range(lanes):
                total[i] += row[lane]
            for j in range(i):
                weight, other = scale[i, j], x[j]
                for lane in range(lanes):
                    row[lane] -= weight * other[lane]
            inverse = 1.0 / scale[i, i]
            for lane in range(lanes):
                row[lane] *= inverse
            for j in range(i + 1):
                gram[i, j] += dot(row, x[j], lanes)
        filled += lanes
        if filled < batch:
            continue
        filled, k = 0, k + 1
        rate = step_size(rule, k)
        for i in range(n):
            for j in range(i + 1):
                move = 0.5 * scale[i, j] * (1.0 - gram[j, j] / batch)
                for m in range(j + 1, i + 1):
                    move -= scale[i, m] * gram[m, j] / batch
                # row i of the product needs entries m >= j of the old row only: safe to overwrite from the left
                scale[i, j] -= rate * move
            scale[i, i] = clip(scale[i, i], bounds[0], bounds[1])
            shift[i] += rate * total[i] / batch
        gram[:] = 0.0
        total[:] = 0.0


@compiled(nogil=True)
def decay(gains, rule, iterations):
    """Largest ``|prod_k (1 - rho_k g)|`` over the gains: what is left of a discriminator that sees no noise."""
    largest = 0.0
    for gain in gains:
        left = 1.0
        for k in range(1, iterations + 1):
            left *= 1.0 - step_size(rule, k) * gain
        largest = max(largest, abs(left))
    return largest


@compiled(nogil=True, fastmath=CONTRACT)
def moment_pass(
    own_mean, linear_mean, products, left, means, squares, factor, rule, linear_rule, batch,
    table, replicate, key0, key1,
):  # fmt: skip
    """One pass over the samples ``y = factor zeta`` (factor empty: ``y = zeta``) for `MomentReplicate`.

    ``own_mean`` averages y by ``rule``; ``linear_mean`` and ``products`` (lower triangle) average y and ``y y^T`` by
    ``linear_rule``; ``left`` holds what each leaves of a start; ``means`` and ``squares``, ``(N, iterations)``, are
    those of every minibatch.
    """
    n, iterations = means.shape
    latent, y = np.zeros((n + 4, LANES)), np.zeros((n, LANES))
    gram = np.zeros((n, n))
    for k in range(iterations):
        position = 0
        while position < batch:
            lanes = min(LANES, batch - position)
            draw(latent, n, lanes, table, replicate, k * batch + position, key0, key1)
            position += lanes
            for i in range(n):
                row = y[i]
                if factor.shape[0]:
                    for lane in range(lanes):
                        row[lane] = 0.0
                    for j in range(i + 1):
                        weight, other = factor[i, j], latent[j]
                        for lane in range(lanes):
                            row[lane] += weight * other[lane]
                else:
                    row[:lanes] = latent[i, :lanes]
                for lane in range(lanes):
                    means[i, k] += row[lane] / batch
                for j in range(i + 1):
                    gram[i, j] += dot(row, y[j], lanes)
        rate, own_rate = step_size(linear_rule, k + 1), step_size(rule, k + 1)
        left[0] *= 1.0 - own_rate
        left[1] *= 1.0 - rate
        for i in range(n):
            squares[i, k] = gram[i, i] / batch
            own_mean[i] += own_rate * (means[i, k] - own_mean[i])
            linear_mean[i] += rate * (means[i, k] - linear_mean[i])
            for j in range(i + 1):
                products[i, j] += rate * (gram[i, j] / batch - products[i, j])
                gram[i, j] = 0.0


@compiled(nogil=True)
def diagonal_path(state, seconds, known, bounds, rule):
    """The scaled recursion of `diagonal_stage` along given batch means of ``s^2``; state is ``(a, omega)``."""
    a, omega = state
    for k in range(len(seconds)):
        rate = step_size(rule, k + 1)
        omega *= 1.0 - 2.0 * rate
        a = clip(a - rate * (a - (seconds[k] - known) / a), bounds[0], bounds[1])
    state[0], state[1] = a, omega
