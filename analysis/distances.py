"""Distances between laws."""

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, covariance_matrix, finite_array


def bures(mean1: ArrayLike, covariance1: ArrayLike, mean2: ArrayLike, covariance2: ArrayLike) -> Array | float:
    """2-Wasserstein distance between Gaussian laws (the Bures-Wasserstein distance).

    W^2 = |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1^{1/2} C2 C1^{1/2})^{1/2}).

    Parameters
    ----------
    mean1, mean2 : array, shape (..., d)
    covariance1, covariance2 : array, shape (..., d, d)
        Symmetric positive semidefinite, possibly singular. Leading axes broadcast.

    Returns
    -------
    float or array, shape (...)
        The distance (not its square), in the units of the means.

    Raises
    ------
    ValueError
        Shapes that do not fit, or a matrix that is no covariance.

    Notes
    -----
    The trace equals min over orthogonal R of |C1^{1/2} - C2^{1/2} R|_F^2 (orthogonal Procrustes). Evaluated
    in this form nothing cancels: two nearly equal laws, singular or not, get their distance to about 1e-15
    of the scale instead of 1e-8.

    References
    ----------
    Bhatia, Jain & Lim (2019), doi 10.1016/j.exmath.2018.01.002, Theorem 1.

    Examples
    --------
    >>> round(bures([0.0], [[1.0]], [3.0], [[25.0]]), 12)
    5.0
    """
    first, second = _law("1", mean1, covariance1), _law("2", mean2, covariance2)
    if first[0].shape[-1] != second[0].shape[-1]:
        raise ValueError(f"mean2: expected dimension {first[0].shape[-1]} like mean1, got {second[0].shape[-1]}")
    try:
        np.broadcast_shapes(first[0].shape[:-1], first[1].shape[:-2], second[0].shape[:-1], second[1].shape[:-2])
    except ValueError:
        shapes = [part.shape for law in (first, second) for part in law]
        raise ValueError(f"mean1: expected leading axes that broadcast, got shapes {shapes}") from None
    root1, root2 = _root(first[1]), _root(second[1])
    left, _, right = np.linalg.svd(root2 @ root1)
    gap = np.sum((root1 - root2 @ left @ right) ** 2, axis=(-2, -1))
    distance = np.sqrt(np.sum((first[0] - second[0]) ** 2, axis=-1) + gap)
    return float(distance) if distance.ndim == 0 else distance


def _law(label: str, mean: ArrayLike, covariance: ArrayLike) -> tuple[Array, Array]:
    centre = finite_array(f"mean{label}", mean)
    if centre.ndim == 0:
        raise ValueError(f"mean{label}: expected shape (..., d), got a number")
    return centre, covariance_matrix(f"covariance{label}", covariance, centre.shape[-1])


def _root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.clip(values, 0, None))[..., None, :]) @ np.swapaxes(vectors, -1, -2)
