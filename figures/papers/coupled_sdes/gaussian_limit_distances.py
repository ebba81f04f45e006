"""Wasserstein distances between samples and a Gaussian along lines, free of the bias of their sample size.

Along a line the optimal coupling of n draws and a normal law pairs the k-th smallest with the k-th normal score. A
sample of the normal law itself has a distance of about sqrt(3 / n) from it: the null level. Its square adds to that of
the true distance. The mean product of the gaps of two independent groups is free of it: their noise does not correlate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

Array = np.ndarray

GROUPS = 20
"""Independent groups of draws. A jackknife error over them has GROUPS - 1 degrees of freedom."""
BAND = float(stdtrit(GROUPS - 1, 0.975))
"""Half width of 95 % bands, in these errors."""


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances from the standard normal law along several lines.

    Parameters
    ----------
    square, square_se
        Unbiased estimate of the squared 2-Wasserstein distance along each line, ``(m,)``; may be negative.
    sliced, sliced_se
        Its mean over the lines.
    plain
        2-Wasserstein distance of all draws, with the bias of their number, ``(m,)``.
    first
        1-Wasserstein distance of all draws, likewise.
    scores, gaps, gap_se
        Normal scores, and the mean distance of quantiles from them: ``(q,)``, ``(m, q)``, ``(m, q)``.
    n
        Number of draws.
    """

    square: Array
    square_se: Array
    sliced: float
    sliced_se: float
    plain: Array
    first: Array
    scores: Array
    gaps: Array
    gap_se: Array
    n: int


def distances(values: Array, groups: int = GROUPS) -> Distances:
    """Distances of draws ``(n, m)`` from the standard normal law, column by column.

    The standard errors are those of a jackknife over the groups: columns may depend on each other, rows not. At
    distance 0 they are too large by sqrt(2). Scores with them follow Student's t with `groups` - 1 degrees of freedom,
    not the normal law. Rows that fill no group are left out.

    Raises
    ------
    ValueError
        On draws that are not finite or too few for the groups.
    """
    size = len(values) // groups
    if size < 10 or not np.isfinite(values).all():
        raise ValueError(f"values: expected at least {10 * groups} finite rows, got {values.shape}")
    draws = values[: size * groups]
    gaps = np.sort(draws.reshape(groups, size, -1), axis=1) - normal_scores(size)[:, None]
    square, square_se = _jackknife(gaps)
    sliced, sliced_se = _jackknife(gaps.transpose(0, 2, 1).reshape(groups, -1, 1))
    pooled = np.sort(draws, axis=0) - normal_scores(len(draws))[:, None]
    bins = np.array_split(np.arange(size), min(60, size))
    coarse = np.stack([gaps[:, b].mean(axis=1) for b in bins], axis=2)
    return Distances(
        square, square_se, float(sliced[0]), float(sliced_se[0]), np.sqrt(np.mean(pooled**2, axis=0)),
        np.mean(np.abs(pooled), axis=0), np.array([normal_scores(size)[b].mean() for b in bins]), coarse.mean(axis=0),
        coarse.std(axis=0, ddof=1) / np.sqrt(groups), len(draws),
    )  # fmt: skip


def normal_scores(n: int) -> Array:
    """Expected order statistics of n normal draws, by Blom's approximation."""
    return ndtri((np.arange(1, n + 1) - 0.375) / (n + 0.25))


def null_level(n: int, repeats: int = 8, seed: int = 0) -> tuple[float, float]:
    """Mean 2- and 1-Wasserstein distance of n normal draws from the normal law."""
    rng = np.random.default_rng(seed)
    gaps = np.sort(rng.normal(size=(repeats, n)), axis=1) - normal_scores(n)
    return float(np.sqrt(np.mean(gaps**2, axis=1)).mean()), float(np.abs(gaps).mean())


def whitened_lines(covariance: Array, count: int) -> Array:
    """Directions ``(count, 2)`` of variance 1 under a Gaussian, equally spread in the frame in which it is round."""
    angle = np.pi * np.arange(count) / count
    root = np.linalg.inv(np.linalg.cholesky(covariance))
    return np.column_stack([np.cos(angle), np.sin(angle)]) @ root


def _jackknife(gaps: Array) -> tuple[Array, Array]:
    """Mean product of the gaps ``(groups, k, m)`` of two groups, averaged over k, and its standard error."""
    groups, k = gaps.shape[:2]
    products = np.einsum("gkm,hkm->mgh", gaps, gaps, optimize=True) / k
    total, diagonal = products.sum(axis=(1, 2)), np.einsum("mgg->mg", products)
    pairs = total - diagonal.sum(axis=1)
    value = pairs / (groups * (groups - 1))
    left_out = pairs[:, None] - 2 * (products.sum(axis=2) - diagonal)
    left_out = left_out / ((groups - 1) * (groups - 2))
    spread = left_out - left_out.mean(axis=1, keepdims=True)
    return value, np.sqrt((groups - 1) / groups * np.sum(spread**2, axis=1))
