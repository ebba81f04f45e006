"""What a staged run brings: the learned parameters of every replicate, and their errors in every reading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gan_sde.staged.law import AbstractLaw
from gan_sde.staged.plan import Stage


@dataclass(frozen=True, eq=False)
class StageProgress:
    """Squared distance of a stage's parameters to the stage's own target.

    Attributes
    ----------
    k
        ``(n,)``: iterations of the stage at its checkpoints.
    distances
        ``(replicates, n)``.
    """

    k: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True, eq=False)
class StagedRun:
    """Outcome of `learn_staged`.

    Attributes
    ----------
    law, stages
        What was learned, and by which stages.
    samples
        K of one replicate, for all stages together.
    shift
        ``(replicates, N)``: b.
    scale
        ``(replicates, N, N)``: A, lower triangular.
    stage_errors
        ``(replicates, stages)``: squared distance of what a stage left to its own target, the solution of its map
        given what earlier stages left. This is what a theorem on one stage bounds; errors inherited are not in it.
    discriminator
        ``(replicates, stages)``: |w_K| / |w_0| of each stage's discriminator.
    progress
        One `StageProgress` a stage.
    """

    law: AbstractLaw
    stages: tuple[Stage, ...]
    samples: int
    shift: np.ndarray
    scale: np.ndarray
    stage_errors: np.ndarray
    discriminator: np.ndarray
    progress: tuple[StageProgress, ...]

    @property
    def mean_error(self) -> np.ndarray:
        """``|b - mu|^2``, ``(replicates,)``."""
        return np.sum((self.shift - self.law.mean) ** 2, axis=-1)

    @property
    def parameter_errors(self) -> np.ndarray:
        """``(A - C)_ij^2``, entry by entry, ``(replicates, N, N)``; C is the Cholesky factor of the covariance."""
        with np.errstate(over="ignore", invalid="ignore"):  # replicates that broke down
            return (self.scale - self.law.cholesky) ** 2

    @property
    def factor_error(self) -> np.ndarray:
        """``|A - C|_F^2``, ``(replicates,)``."""
        return self.parameter_errors.sum(axis=(1, 2))

    @property
    def total_error(self) -> np.ndarray:
        """``|b - mu|^2 + |A - C|_F^2``, ``(replicates,)``: all generator parameters."""
        return self.mean_error + self.factor_error

    @property
    def covariance(self) -> np.ndarray:
        """``A A^T``, ``(replicates, N, N)``."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.scale @ np.swapaxes(self.scale, 1, 2)

    @property
    def covariance_error(self) -> np.ndarray:
        """``|A A^T - Sigma|_F^2``, ``(replicates,)``."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.sum((self.covariance - self.law.covariance) ** 2, axis=(1, 2))

    @property
    def covariance_floor(self) -> float:
        """`covariance_floor` of the law at K samples."""
        return covariance_floor(self.law.covariance, self.samples)

    @property
    def factor_floor(self) -> float:
        """`factor_floor` of the law at K samples."""
        return factor_floor(self.law.cholesky, self.samples)


def covariance_floor(covariance: np.ndarray, samples: int) -> float:
    """Least expected ``|S - Sigma|_F^2`` of an unbiased S from normal samples, ``((tr Sigma)^2 + tr Sigma^2) / K``.

    One sample's ``y_i y_j`` has variance ``Sigma_ii Sigma_jj + Sigma_ij^2``, summed over i, j and divided by K; the
    sample covariance about a known mean has it, and is efficient.

    Examples
    --------
    >>> covariance_floor(np.eye(3), 12)
    1.0
    """
    return float((np.trace(covariance) ** 2 + np.sum(covariance**2)) / samples)


def factor_floor(factor: np.ndarray, samples: int) -> float:
    """Asymptotic ``E|A - C|_F^2`` of the Cholesky factor A of K normal samples' covariance, the least there is.

    With ``S = C (I + H) C^T``, ``Var H_ij = (1 + delta_ij) / K``, to first order ``A - C = C Phi(H)``, Phi keeping
    the lower triangle and half the diagonal: ``sum_m |C_.m|^2 (m - 1/2) / K``, m = 1 .. N.

    Examples
    --------
    >>> factor_floor(np.eye(2), 4)
    0.5
    """
    columns = np.sum(np.asarray(factor) ** 2, axis=0)
    return float(columns @ (np.arange(len(columns)) + 0.5) / samples)
