"""Test of an equality between two stationary means."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from analysis._validation import Array, finite_array, probability
from analysis.chains import MANY_CHAINS, chain_array, mean_estimate
from analysis.estimate import Estimate, normal_estimate
from analysis.regression import passes

_BATCHES = 16


@dataclass(frozen=True, eq=False)
class Balance:
    """One relation, left = right.

    Attributes
    ----------
    left, right : Estimate
        The stationary mean of each side.
    residual : Estimate
        Of left - right, from their joint series.
    p_value : float
        Two-sided, of a residual this large if the relation holds.
    level : float
        The relation is rejected, if it holds, with probability 1 - `level`.
    holds : bool
        `p_value >= 1 - level`.
    """

    left: Estimate[float]
    right: Estimate[float]
    residual: Estimate[float]
    p_value: float
    level: float
    holds: bool

    @property
    def relative_gap(self) -> float:
        """Left over right, minus 1: the usual monitor of a learning-rate schedule."""
        return self.left.value / self.right.value - 1 if self.right.value else float("nan")


def balance_test(left: ArrayLike, right: ArrayLike, *, level: float = 0.95) -> Balance:
    """Test that two series have equal stationary means.

    Parameters
    ----------
    left, right : array, shape (chain, draw)
        Both sides along independent chains; `right` may be a number.
    level : float
        1 - false-alarm rate.

    Returns
    -------
    Balance

    Notes
    -----
    From 32 chains on, the error bar is the spread of the chain means. With fewer it comes from batch means
    over the last half of the run (16 batches or a little more, Student's t): a burn-in left in the data
    then shows as a residual and does not hide behind the error bar that it inflates itself. A batch, a
    thirty-second part of a single chain, must be much longer than the correlation time. With few chains a
    transient longer than half of the run may still go unseen; equality is necessary for stationarity, not
    sufficient.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(4, 1000))
    >>> balance_test(1 + noise, 1.0).holds, balance_test(1 + noise, 1.2).holds
    (True, False)
    """
    probability("level", level)
    first = chain_array("left", left)
    if first.ndim != 2:
        raise ValueError(f"left: expected shape (chain, draw), got {first.shape}")
    try:
        second = np.broadcast_to(finite_array("right", right), first.shape)
    except ValueError as error:
        if "finite" in str(error):
            raise
        raise ValueError(f"right: expected shape {first.shape}, got {np.shape(right)}") from None
    difference = first - second
    value = float(difference.mean())
    se, dof = _residual_error(difference)
    residual = normal_estimate(value, se, n=difference.size, level=level, dof=dof)
    p_value = _two_sided(value, se, dof)
    return Balance(
        mean_estimate(first, level=level),
        mean_estimate(second, level=level),
        residual,
        p_value,
        level,
        passes(p_value, level),
    )


def _residual_error(difference: Array) -> tuple[float, int]:
    chains, draws = difference.shape
    if chains >= MANY_CHAINS:
        return float(difference.mean(axis=1).std(ddof=1) / np.sqrt(chains)), chains - 1
    batches = -(-_BATCHES // chains)
    length = draws // 2 // batches
    if length < 1:
        raise ValueError(f"left: expected at least {2 * batches} draws from {chains} chains, got {draws}")
    means = difference[:, draws - batches * length :].reshape(chains * batches, length).mean(axis=1)
    return float(means.std(ddof=1) * np.sqrt(length / difference.size)), means.size - 1


def _two_sided(value: float, se: float, dof: int) -> float:
    if se == 0:
        return 1.0 if value == 0 else 0.0
    return float(2 * stdtr(dof, -abs(value / se)))
