"""The law of the data: an affine image of latent vectors that the compiled stages draw."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np


class AbstractLaw(ABC):
    """Data ``y = mean + factor latent`` with a lower triangular factor.

    The stage for row i looks at the coordinates ``y_1 .. y_i`` only, so the factor must be lower triangular for it to
    need no more than the first i latent coordinates.

    Attributes
    ----------
    mean
        ``(N,)``: E[y].
    covariance
        ``(N, N)``: Cov(y).
    cholesky
        ``(N, N)``: its Cholesky factor, the generator's A at the equilibrium.
    table
        ``(rows, N)`` of latent vectors drawn with replacement; empty ``(0, 0)``: they are standard normal.
    latent_factor, latent_mean
        The affine map ``y = latent_mean + latent_factor latent``.
    """

    mean: np.ndarray
    covariance: np.ndarray
    cholesky: np.ndarray
    table: np.ndarray
    latent_factor: np.ndarray
    latent_mean: np.ndarray

    @property
    @abstractmethod
    def dim(self) -> int:
        """Dimension N of the data."""


@dataclass(frozen=True, eq=False)
class NormalLaw(AbstractLaw):
    """Normal law ``N(mean, factor factor^T)``.

    Parameters
    ----------
    factor
        ``(N, N)``, lower triangular with positive diagonal (or a positive number for N = 1).
    mean
        ``(N,)``, default 0.

    Examples
    --------
    >>> NormalLaw([[1.0, 0.0], [0.5, 2.0]]).covariance.tolist()
    [[1.0, 0.5], [0.5, 4.25]]
    """

    factor: np.ndarray
    mean: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        factor = np.ascontiguousarray(np.atleast_2d(_numbers("factor", self.factor)))
        if factor.ndim != 2 or factor.shape[0] != factor.shape[1]:
            raise ValueError(f"factor: expected a square matrix, got shape {factor.shape}")
        if np.any(np.triu(factor, 1)) or np.any(np.diag(factor) <= 0):
            raise ValueError("factor: expected a lower triangular matrix with positive diagonal, got another")
        n = len(factor)
        mean = np.atleast_1d(_numbers("mean", self.mean)) if np.size(self.mean) else np.zeros(n)
        if mean.shape != (n,):
            raise ValueError(f"mean: expected shape ({n},) like the factor, got {mean.shape}")
        set_ = object.__setattr__
        set_(self, "factor", factor)
        set_(self, "mean", mean)
        set_(self, "covariance", factor @ factor.T)
        set_(self, "cholesky", factor)
        set_(self, "table", np.zeros((0, 0)))
        set_(self, "latent_factor", factor)
        set_(self, "latent_mean", mean)

    @property
    def dim(self) -> int:
        return len(self.factor)


@dataclass(frozen=True, eq=False)
class EmpiricalLaw(AbstractLaw):
    """Rows of a data set, drawn with replacement.

    Parameters
    ----------
    rows
        ``(rows, N)``; its covariance (division by the number of rows) must be positive definite.

    Examples
    --------
    >>> EmpiricalLaw([[0.0], [2.0]]).covariance.tolist()
    [[1.0]]
    """

    rows: np.ndarray

    def __post_init__(self) -> None:
        rows = np.ascontiguousarray(_numbers("rows", self.rows))
        if rows.ndim != 2 or len(rows) < 2 or rows.shape[1] < 1:
            raise ValueError(f"rows: expected shape (rows >= 2, N), got {rows.shape}")
        mean = rows.mean(axis=0)
        covariance = (rows - mean).T @ (rows - mean) / len(rows)
        scales = np.sqrt(np.diag(covariance))
        if np.any(scales <= 0) or np.linalg.eigvalsh(covariance / np.outer(scales, scales))[0] < 1e-12:
            raise ValueError("rows: expected a positive definite covariance, got a singular one")
        set_ = object.__setattr__
        set_(self, "rows", rows)
        set_(self, "mean", mean)
        set_(self, "covariance", covariance)
        set_(self, "cholesky", np.linalg.cholesky(covariance))
        # centred once, so that second moments lose no digits to a large mean
        set_(self, "table", np.ascontiguousarray(rows - mean))
        set_(self, "latent_factor", np.eye(len(mean)))
        set_(self, "latent_mean", mean)

    @property
    def dim(self) -> int:
        return self.rows.shape[1]


@dataclass(frozen=True, eq=False)
class ExactLaw(AbstractLaw):
    """Points ``mean +- sqrt(N) C_j``, C_j the columns of a law's Cholesky factor: its mean and covariance, no more.

    The stages see a batch through its first two moments only, so a batch of all points, in order, is a batch of
    infinite size.

    Parameters
    ----------
    law
        Whose moments.
    """

    law: AbstractLaw

    def __post_init__(self) -> None:
        columns = np.sqrt(self.law.dim) * self.law.cholesky.T
        set_ = object.__setattr__
        set_(self, "mean", self.law.mean)
        set_(self, "covariance", self.law.covariance)
        set_(self, "cholesky", self.law.cholesky)
        set_(self, "table", np.ascontiguousarray(np.vstack([columns, -columns])))
        set_(self, "latent_factor", np.eye(self.law.dim))
        set_(self, "latent_mean", self.law.mean)

    @property
    def dim(self) -> int:
        return self.law.dim


def _numbers(name: str, value: object) -> np.ndarray:
    try:
        array = np.array(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected an array of numbers, got {type(value).__name__}") from None
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name}: expected finite numbers, got {np.count_nonzero(~np.isfinite(array))} that are not")
    return array
