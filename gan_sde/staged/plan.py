"""Which stages learn what, in which order, from which samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np


class StageKind(Enum):
    """What a stage learns."""

    MEAN = "mean"
    OFF_DIAGONALS = "off-diagonals"
    DIAGONAL = "diagonal"
    COLUMN = "column"
    ROW = "row"
    JOINT = "joint"


class Variant(Enum):
    """Which map the stages follow.

    ``PLAIN``: Crossing-the-Curl, ``F_cc``. ``SCALED``: ``F_cc`` divided by ``4 L L^T`` (off-diagonals) or ``2 a^2``
    (diagonal).
    ``GAUSS_NEWTON_ROWS``: a whole row in one stage along ``(phi, M^-1 m)``, with ``delta = a_< - L^-1 c`` the map
    ``(delta, (alpha^2 - |delta|^2 - t) / (2 alpha))``.
    ``RESIDUAL_ROWS``: the same map from other samples. The discriminator's features of the row, ``y_< y_i`` and
    ``y_i^2``, are replaced by ``u r`` and ``r^2`` with ``u = L^-1 y_<`` and the residual ``r = y_i - a_< . u``: a
    change of its coordinates, in which the generator has ``E[u r] = 0`` and ``E[r^2] = alpha^2``. Where L is exact,
    ``E[u r] = -delta`` and ``E[r^2] = t + |delta|^2``, so the map is the one above; but the noise is that of t
    instead of Sigma_ii, ``r^2`` is never negative, and an error of L reaches the row as ``dL^T beta`` (beta: the
    coefficients of the regression of y_i on y_<) instead of being amplified by ``L^-1``. The mean of ``r^2`` along
    the run exceeds t by that of ``|delta|^2``, about size / k; the product of the residuals before and after the
    step, ``r^2 - rho |u r|^2``, does not.
    """

    PLAIN = "plain"
    SCALED = "scaled"
    GAUSS_NEWTON_ROWS = "gauss-newton-rows"
    RESIDUAL_ROWS = "residual-rows"

    @property
    def whole_rows(self) -> bool:
        """Whether a row is learned in one stage."""
        return self in (Variant.GAUSS_NEWTON_ROWS, Variant.RESIDUAL_ROWS)


class Order(Enum):
    """In which order the entries of A are learned.

    ``ROWS``: row i, its off-diagonals, then its diagonal (the row-wise Cholesky factorisation); the stage sees y_1
    .. y_i.
    ``COLUMNS``: the diagonal A_jj, then all entries below it (the column-wise one). With ``W`` free in that column
    only, ``V = 2 sum_i W_ij (Sigma_ij - A_i< . A_j< - A_ij A_jj)``, so the plain map is
    ``(4 A_jj^2 w, 4 A_jj^2 (A_ij - r_ij / A_jj))``: condition number 1 without any inverse of L.
    """

    ROWS = "rows"
    COLUMNS = "columns"


class Reuse(Enum):
    """``NONE``: every sample serves one stage, a stream is enough. ``ALL``: every stage passes over all samples."""

    NONE = "none"
    ALL = "all"


class Allocation(Enum):
    """Shares of the samples: equal for all stages, or proportional to the root of a stage's number of parameters.

    The sum of ``size_s / K_s`` under a fixed sum of ``K_s`` is least for ``K_s`` proportional to ``sqrt(size_s)``.
    """

    EQUAL = "equal"
    SIZE = "size"


@dataclass(frozen=True)
class Stage:
    """One stage.

    Parameters
    ----------
    kind
        What it learns.
    index
        Row or column, from 0; -1 for the mean and the joint stage.
    size
        Number of generator parameters that it learns.
    first
        Number of its first sample.
    iterations, batch
        Iterations, and samples in each.
    """

    kind: StageKind
    index: int
    size: int
    first: int = 0
    iterations: int = 0
    batch: int = 1

    @property
    def samples(self) -> int:
        """Samples that it reads."""
        return self.iterations * self.batch


def plan_stages(
    dim: int,
    samples: int,
    *,
    minibatch: int = 1,
    variant: Variant = Variant.SCALED,
    order: Order = Order.ROWS,
    reuse: Reuse = Reuse.NONE,
    allocation: Allocation = Allocation.EQUAL,
    joint_fraction: float = 0.0,
) -> tuple[Stage, ...]:
    """Divide the samples among the stages: 2 N of them, or N + 1 where rows are learned whole.

    Parameters
    ----------
    dim
        Dimension N.
    samples
        K, of one replicate.
    minibatch
        Samples an iteration B; a stage's share is rounded down to whole iterations.
    variant, order, reuse, allocation
        See `Variant`, `Order`, `Reuse`, `Allocation`.
    joint_fraction
        Share of the samples kept for a last stage on all parameters at once, in batches of at least N.

    Returns
    -------
    tuple of Stage

    Raises
    ------
    ValueError
        If a stage is left without an iteration.

    Examples
    --------
    >>> [(stage.kind.value, stage.index, stage.samples) for stage in plan_stages(2, 400)]
    [('mean', -1, 100), ('diagonal', 0, 100), ('off-diagonals', 1, 100), ('diagonal', 1, 100)]
    """
    stages = _order(dim, variant, order)
    staged = round(samples * (1 - joint_fraction))
    weights = np.array([1.0 if allocation is Allocation.EQUAL else stage.size**0.5 for stage in stages])
    shares = np.floor(staged * weights / weights.sum() / minibatch + 1e-9).astype(int)
    if reuse is Reuse.ALL:
        shares[:] = staged // minibatch
    if shares.min() < 1:
        needed = f"at least {minibatch} for each of {len(stages)} stages"
        raise ValueError(f"samples: expected {needed}, got {samples}")
    firsts = np.concatenate([[0], np.cumsum(shares * minibatch)])
    planned = [
        replace(stage, first=0 if reuse is Reuse.ALL else int(first), iterations=int(share), batch=minibatch)
        for stage, first, share in zip(stages, firsts, shares, strict=False)
    ]
    if joint_fraction > 0:
        batch = max(minibatch, dim)
        left = (samples - staged) // batch
        if left < 1:
            raise ValueError(f"joint_fraction: expected at least {batch} samples of {samples}, got {samples - staged}")
        planned.append(Stage(StageKind.JOINT, -1, dim * (dim + 3) // 2, staged, left, batch))
    return tuple(planned)


def _order(dim: int, variant: Variant, order: Order) -> list[Stage]:
    stages = [Stage(StageKind.MEAN, -1, dim)]
    for i in range(dim):
        if variant.whole_rows:
            stages.append(Stage(StageKind.ROW, i, i + 1))
            continue
        if order is Order.ROWS and i > 0:
            stages.append(Stage(StageKind.OFF_DIAGONALS, i, i))
        stages.append(Stage(StageKind.DIAGONAL, i, 1))
        if order is Order.COLUMNS and i < dim - 1:
            stages.append(Stage(StageKind.COLUMN, i, dim - 1 - i))
    return stages
