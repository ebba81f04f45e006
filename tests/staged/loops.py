"""The staged recursions as plain numpy loops, straight from their definitions, on the same random numbers."""

import numpy as np

from gan_sde.kernels.normals import normal_pairs
from gan_sde.kernels.philox import words

STREAM = 2


def sample(law, seed, replicate, number):
    """Sample ``number`` of a replicate: its words are those of step ``number``."""
    if len(law.table):
        word = words(seed, STREAM, [replicate], number, 0, [0])[0, 0]
        return law.mean + law.table[int(word) * len(law.table) >> 32]
    n = law.dim
    drawn = words(seed, STREAM, [replicate], number, 0, np.arange(n + n % 2))[:, 0]
    even, odd = normal_pairs(drawn[0::2], drawn[1::2])
    latent = np.stack([even, odd], axis=1).ravel()[:n]
    return law.mean + law.latent_factor @ latent


def rate(rule, k):
    return rule.theta / (max(k - rule.hold, 1) + rule.offset) ** rule.power


def batches(law, seed, replicate, stage):
    for k in range(stage.iterations):
        first = stage.first + k * stage.batch
        yield k + 1, np.array([sample(law, seed, replicate, first + m) for m in range(stage.batch)])


def averaged(path, rule):
    """What a stage yields: its last iterate, or the mean of those after the hold."""
    return np.mean(path[int(rule.hold) :], axis=0) if rule.average else path[-1]


def mean(law, seed, replicate, stage, b, rule):
    path = []
    for k, y in batches(law, seed, replicate, stage):
        b = b - rate(rule, k) * (b - y.mean(axis=0))
        path.append(b)
    return averaged(path, rule)


def off_diagonals(law, seed, replicate, stage, b, scale, rule, plain):
    i, known, a, path = stage.index, scale[: stage.index, : stage.index], scale[stage.index, : stage.index], []
    for k, y in batches(law, seed, replicate, stage):
        c = ((y - b)[:, :i] * (y - b)[:, i : i + 1]).mean(axis=0)
        direction = 4 * known.T @ (known @ a - c) if plain else a - np.linalg.solve(known, c)
        a = a - rate(rule, k) * direction
        path.append(a)
    return averaged(path, rule)


def column(law, seed, replicate, stage, b, scale, rule, plain):
    j, pivot, path = stage.index, scale[stage.index, stage.index], []
    a, known = scale[j + 1 :, j], scale[j + 1 :, :j] @ scale[j, :j]
    for k, y in batches(law, seed, replicate, stage):
        c = ((y - b)[:, j + 1 :] * (y - b)[:, j : j + 1]).mean(axis=0)
        direction = a - (c - known) / pivot
        a = a - rate(rule, k) * direction * (4 * pivot**2 if plain else 1)
        path.append(a)
    return averaged(path, rule)


def diagonal(law, seed, replicate, stage, b, scale, rule, plain, bounds):
    i, a, path = stage.index, scale[stage.index, stage.index], []
    known = scale[i, :i] @ scale[i, :i]
    for k, y in batches(law, seed, replicate, stage):
        t = ((y - b)[:, i] ** 2).mean() - known
        a = np.clip(a - rate(rule, k) * (2 * a * (a**2 - t) if plain else a - t / a), *bounds)
        path.append(a)
    return averaged(path, rule)


def row(law, seed, replicate, stage, b, scale, rule, residual, bounds):
    i, known = stage.index, scale[: stage.index, : stage.index]
    a, alpha, path = scale[i, :i], scale[i, i], []
    for k, y in batches(law, seed, replicate, stage):
        u, s = np.linalg.solve(known, (y - b)[:, :i].T).T, (y - b)[:, i]
        if residual:
            r = s - u @ a
            g = (u * r[:, None]).mean(axis=0)
            after = r - u @ (rate(rule, k) * g)
            step, mismatch = g, alpha**2 - (r * after).mean()
        else:
            d = (u * s[:, None]).mean(axis=0)
            step, mismatch = d - a, alpha**2 - a @ a + 2 * a @ d - (s**2).mean()
        a = a + rate(rule, k) * step
        if k > rule.hold:
            alpha = np.clip(alpha - rate(rule, k) * mismatch / (2 * alpha), *bounds)
        path.append(np.append(a, alpha))
    return averaged(path, rule)


def joint(law, seed, replicate, stage, b, scale, rule, bounds):
    n = len(b)
    for k, y in batches(law, seed, replicate, stage):
        x = np.linalg.solve(scale, (y - b).T).T
        gap = np.eye(n) - x.T @ x / len(x)
        phi = np.tril(gap, -1) + np.diag(np.diag(gap)) / 2
        scale = scale - rate(rule, k) * scale @ phi
        scale[np.diag_indices(n)] = np.clip(np.diag(scale), *bounds)
        b = b + rate(rule, k) * (y - b).mean(axis=0)
    return b, scale
