"""How well samples represent a mixture: modes covered, samples near a mode, Wasserstein distance."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist


def mode_coverage(
    samples: np.ndarray, centres: np.ndarray, reach: float, share: float = 1 / 40
) -> tuple[np.ndarray, np.ndarray]:
    """Number of modes that hold a share of the samples, and the fraction of samples near any mode.

    Parameters
    ----------
    samples : array, shape (..., m, D)
    centres : array, shape (k, D)
    reach
        A sample belongs to its nearest mode if it lies within this distance of it.
    share
        A mode is covered if it holds at least this share of all m samples.

    Returns
    -------
    covered : array, shape (...)
        Whole numbers from 0 to k.
    near : array, shape (...)
        Fraction of samples that belong to a mode; samples that are not finite belong to none.

    Examples
    --------
    >>> mode_coverage(np.array([[0.0, 0.1], [0.1, 0.0], [5.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]]), 0.2)
    (array(1), array(0.66666667))
    """
    distances = np.linalg.norm(samples[..., :, None, :] - centres, axis=-1)
    distances = np.where(np.isnan(distances), np.inf, distances)
    belongs = distances.min(axis=-1) <= reach
    holds = belongs[..., None] & (distances.argmin(axis=-1)[..., None] == np.arange(len(centres)))
    return np.asarray((holds.mean(axis=-2) >= share).sum(axis=-1)), np.asarray(belongs.mean(axis=-1))


def wasserstein(first: np.ndarray, second: np.ndarray) -> float:
    """1-Wasserstein distance between two empirical laws of equally many points, by an optimal assignment.

    Parameters
    ----------
    first, second : array, shape (m, D)

    Returns
    -------
    float
        In the units of the points; infinite if a point is not finite.

    Notes
    -----
    Two samples of one law have a positive distance, which falls as m grows: compare with that of two real samples.

    Examples
    --------
    >>> wasserstein(np.array([[0.0], [1.0]]), np.array([[3.0], [1.0]]))
    1.5
    """
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(f"second: expected the shape of the first, (m, D), got {first.shape} and {second.shape}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return float("inf")
    costs = cdist(first, second)
    return float(costs[linear_sum_assignment(costs)].mean())
