"""Energy distances between samples."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from analysis._validation import Array, finite_array

_BLOCK = 2**21
"""Distances held in memory at a time."""


def energy_distance(samples1: ArrayLike, samples2: ArrayLike) -> float:
    """Energy distance between two empirical laws: zero if and only if they are the same.

    D^2 = 2 E|X - Y| - E|X - X'| - E|Y - Y'|, all means over all pairs.

    Parameters
    ----------
    samples1, samples2 : array, shape (n, d) and (m, d), or (n,) and (m,)

    Returns
    -------
    float
        D (not its square), in square roots of the unit of the samples.

    Notes
    -----
    Time grows like (n + m)^2, memory does not. Two samples of n draws of one law have D^2 of about 2 E|X - X'| / n
    on average, more if draws are correlated: `two_sample_law_test` is free of this bias and says what is significant.

    References
    ----------
    Székely & Rizzo (2013), doi 10.1016/j.jspi.2013.03.018. In one dimension scipy.stats.energy_distance.

    Examples
    --------
    >>> round(energy_distance([0.0, 0.0], [2.0, 2.0]), 12)
    2.0
    """
    first, second = (_points(n, x) for n, x in (("samples1", samples1), ("samples2", samples2)))
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"samples2: expected {first.shape[1]} coordinates like samples1, got {second.shape[1]}")
    between, within1, within2 = (
        float(mean_distances([x], [y])[0, 0]) for x, y in ((first, second), (first, first), (second, second))
    )
    return float(np.sqrt(max(2 * between - within1 - within2, 0.0)))


def mean_distances(first: Sequence[Array], second: Sequence[Array]) -> Array:
    """Mean Euclidean distances between groups of points `(s, d)`, `(len(first), len(second))`."""
    others = np.concatenate(second)
    sizes = np.array([len(group) for group in second])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rows = max(1, _BLOCK // len(others))
    total = np.zeros((len(first), len(second)))
    for g, group in enumerate(first):
        for k in range(0, len(group), rows):
            total[g] += np.add.reduceat(cdist(group[k : k + rows], others).sum(axis=0), starts)
    return total / np.array([[len(group)] for group in first]) / sizes


def mean_distances_to(points: Array, places: Array, weights: Array) -> Array:
    """Mean distance of each point `(n, d)` from weighted places `(m, d)`, `(n,)`."""
    rows = max(1, _BLOCK // len(places))
    return np.concatenate([cdist(points[k : k + rows], places) @ weights for k in range(0, len(points), rows)])


def _points(name: str, samples: ArrayLike) -> Array:
    array = finite_array(name, samples, (1, 2))
    return array[:, None] if array.ndim == 1 else array
