"""First and second moments, and the fixed points of their linear equations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Moments:
    """``mean`` (..., d) = E z and ``second`` (..., d, d) = E z z^T; a leading axis runs over checkpoints."""

    mean: np.ndarray
    second: np.ndarray

    @classmethod
    def from_vec(cls, vec: np.ndarray) -> Moments:
        """Read ``vec E[y y^T]``, y = (z, 1), of shape (..., (d+1)^2)."""
        size = round(vec.shape[-1] ** 0.5)
        matrix = vec.reshape(*vec.shape[:-1], size, size)
        return cls(matrix[..., :-1, -1], matrix[..., :-1, :-1])

    @property
    def covariance(self) -> np.ndarray:
        return self.second - self.mean[..., :, None] * self.mean[..., None, :]


def start_vec(z0: np.ndarray, dim: int) -> np.ndarray:
    """``vec y y^T`` of a certain start z0."""
    z0 = np.asarray(z0, float)
    if z0.shape != (dim,):
        raise ValueError(f"z0: expected shape {(dim,)}, got {z0.shape}")
    y = np.append(z0, 1.0)
    return np.kron(y, y)


def largest_error(left: Moments, right: Moments, *, means_only: bool = False) -> float:
    """Largest absolute difference over all first (and second) moments."""
    error = np.abs(left.mean - right.mean).max()
    return float(error if means_only else max(error, np.abs(left.second - right.second).max()))


def null_moments(operator: np.ndarray) -> Moments:
    """Solve ``operator @ vec = 0`` with the constant's own entry, the last one, equal to 1."""
    rest = np.linalg.solve(operator[:-1, :-1], -operator[:-1, -1])
    return Moments.from_vec(np.append(rest, 1.0))
