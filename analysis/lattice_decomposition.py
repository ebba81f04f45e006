"""Covariances as sums of non-negative weights on steps of a grid: Selling's decomposition."""

import numpy as np
from numpy.typing import NDArray

from analysis._validation import Array

Integers = NDArray[np.intp]

_ROUNDS = 60
"""Reductions at most: each adds a step at most as long as two of those before it together."""

_LONGEST = 8
"""Longest entry of a step, in cells."""

_FLAT = 1e-12
"""Products below this, relative to the trace, count as 0."""


def decompose(covariance: Array) -> tuple[Integers, Array, Array]:
    """Write covariances as ``M = sum_k l_k e_k e_k^T`` with steps e_k of whole cells.

    Parameters
    ----------
    covariance : array, shape (n, d, d)
        Symmetric positive semidefinite, in units of cells, d = 1 or 2.

    Returns
    -------
    steps : int array, shape (n, k, d)
        One step for d = 1, three for d = 2, each with its first non-zero entry positive.
    weights : array, shape (n, k)
        Not negative.
    excess : array, shape (n,)
        Trace of what the sum exceeds M by, relative to the trace of M: 0, but where M is so nearly of rank one, in a
        direction that no step of at most 8 cells follows, that a weight had to be raised to 0.

    Notes
    -----
    A superbase is a triple of integer vectors with sum 0, two of which span the grid. With e_k at a right angle to v_k,
    ``M = -sum_k (v_i . M v_j) e_k e_k^T``; while a product is positive, (-v_i, v_j, v_i - v_j) is a better superbase.
    The weights depend continuously on M.

    References
    ----------
    Selling (1874), doi 10.1515/crll.1874.77.143; Fehrenbach & Mirebeau (2014), doi 10.1007/s10851-013-0462-3.

    Examples
    --------
    >>> steps, weights, excess = decompose(np.array([[[4.0, 1.5], [1.5, 1.0]]]))
    >>> steps[0].tolist(), weights[0].tolist(), excess.tolist()
    ([[2, 1], [1, 0], [1, 1]], [0.5, 1.5, 0.5], [0.0])
    """
    n, d, _ = covariance.shape
    if d == 1:
        return np.ones((n, 1, 1), dtype=np.intp), covariance[:, :, 0], np.zeros(n)
    base = np.tile(np.array([[1, 0], [0, 1], [-1, -1]], dtype=np.intp), (n, 1, 1))
    trace = np.trace(covariance, axis1=1, axis2=2)
    tolerance = _FLAT * trace
    for _ in range(_ROUNDS):
        changed = np.zeros(n, dtype=bool)
        for i, j, k in ((0, 1, 2), (0, 2, 1), (1, 2, 0)):
            first, second = base[:, i], base[:, j]
            product = np.einsum("ni,nij,nj->n", first, covariance, second)
            difference = first - second
            better = (product > tolerance) & (np.abs(difference).max(axis=1) <= _LONGEST)
            base[better, i], base[better, k] = -first[better], difference[better]
            changed |= better
        if not changed.any():
            break
    pairs = ((1, 2), (0, 2), (0, 1))
    weights = np.stack([-np.einsum("ni,nij,nj->n", base[:, i], covariance, base[:, j]) for i, j in pairs], axis=1)
    weights[np.abs(weights) <= tolerance[:, None]] = 0.0
    steps = np.stack([-base[..., 1], base[..., 0]], axis=-1)
    backward = (steps[..., 0] < 0) | ((steps[..., 0] == 0) & (steps[..., 1] < 0))
    missing = np.einsum("nk,nki,nki->n", np.maximum(-weights, 0), steps, steps)
    excess = np.divide(missing, trace, out=np.zeros(n), where=trace > 0)
    return np.where(backward[..., None], -steps, steps), np.maximum(weights, 0.0), excess
