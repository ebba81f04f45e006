"""Checks of arguments: ValueError in one line that names the argument, what was expected, what came."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

SYMMETRY_TOLERANCE = 1e-8
"""Largest asymmetry and most negative eigenvalue allowed in a covariance, relative to its largest entry."""


def finite_array(name: str, value: ArrayLike, ndims: tuple[int, ...] | None = None) -> Array:
    """Return `value` as a float64 array; refuse other types, non-finite entries and wrong numbers of axes."""
    array = real_array(name, value, ndims)
    if not np.all(np.isfinite(array)):
        count = int(np.sum(~np.isfinite(array)))
        raise ValueError(f"{name}: expected finite numbers, got {count} non-finite of {array.size}")
    return array


def real_array(name: str, value: ArrayLike, ndims: tuple[int, ...] | None = None) -> Array:
    """Return `value` as a float64 array, NaN and infinities allowed."""
    try:
        raw = np.asarray(value)
        if raw.dtype.kind == "O" and not any(isinstance(entry, str | bytes) for entry in raw.flat):
            raw = raw.astype(np.float64)  # exact numbers, such as the entries of a symbolic matrix
        if raw.dtype.kind not in "biuf":
            raise TypeError
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise ValueError(f"{name}: expected an array of real numbers, got {kind}") from None
    if ndims is not None and raw.ndim not in ndims:
        wanted = " or ".join(str(n) for n in ndims)
        raise ValueError(f"{name}: expected an array with {wanted} axes, got shape {raw.shape}")
    if raw.size == 0:
        raise ValueError(f"{name}: expected a non-empty array, got shape {raw.shape}")
    return raw.astype(np.float64)


def positive(name: str, value: Any, *, allow_infinity: bool = False) -> float:
    """Return `value` as a positive float."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected a positive number, got {value!r}") from None
    if not number > 0 or (np.isinf(number) and not allow_infinity):
        raise ValueError(f"{name}: expected a positive number, got {value!r}")
    return number


def count(name: str, value: Any, minimum: int) -> int:
    """Return `value` as an integer that is at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise ValueError(f"{name}: expected an integer >= {minimum}, got {value!r}")
    return int(value)


def probability(name: str, value: Any) -> float:
    """Return `value` as a float strictly between 0 and 1."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected a number in (0, 1), got {value!r}") from None
    if not 0 < number < 1:
        raise ValueError(f"{name}: expected a number in (0, 1), got {value!r}")
    return number


def square_matrix(name: str, value: ArrayLike) -> Array:
    """Return `value` as a finite `(d, d)` array."""
    matrix = finite_array(name, value, (2,))
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name}: expected a square matrix, got shape {matrix.shape}")
    return matrix


def covariance_matrix(name: str, value: ArrayLike, d: int | None = None) -> Array:
    """Return `value` as symmetric positive semidefinite `(..., d, d)`, symmetrised to the last bit."""
    matrix = finite_array(name, value)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2] or d not in (None, matrix.shape[-1]):
        wanted = "(d, d)" if d is None else f"({d}, {d})"
        raise ValueError(f"{name}: expected a covariance of shape {wanted}, got shape {matrix.shape}")
    transpose = np.swapaxes(matrix, -1, -2)
    scale = np.max(np.abs(matrix), axis=(-2, -1))
    asymmetry = np.max(np.abs(matrix - transpose), axis=(-2, -1))
    if np.any(asymmetry > SYMMETRY_TOLERANCE * scale):
        gap = float(np.max(asymmetry))
        raise ValueError(f"{name}: expected a symmetric matrix, got one with asymmetry {gap:.3g}")
    symmetric = (matrix + transpose) / 2
    lowest = np.linalg.eigvalsh(symmetric)[..., 0]
    if np.any(lowest < -SYMMETRY_TOLERANCE * scale):
        worst = float(np.min(lowest))
        raise ValueError(f"{name}: expected a positive semidefinite matrix, got eigenvalue {worst:.3g}")
    return symmetric
