"""Weak order with a correction for learning rates that are not small."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, covariance_matrix, finite_array, probability
from analysis.estimate import Estimate
from analysis.regression import linear_fit


@dataclass(frozen=True, eq=False)
class CorrectedOrder:
    """``error = prefactor lr^order exp(curvature lr)``.

    Attributes
    ----------
    order, curvature : Estimate
        The interval of the order allows for any curvature.
    prefactor : float
    lrs, norms, norm_ses : array, shape (n,)
        What was fitted, in increasing order of the rates.
    """

    order: Estimate[float]
    curvature: Estimate[float]
    prefactor: float
    lrs: Array
    norms: Array
    norm_ses: Array

    @property
    def value(self) -> float:
        """The order."""
        return self.order.value

    @property
    def interval(self) -> tuple[float, float]:
        """Confidence interval of the order."""
        return self.order.interval


def error_length(error: ArrayLike, covariance: ArrayLike) -> tuple[float, float]:
    """Euclidean length of an estimated error vector and its standard error.

    Parameters
    ----------
    error : array, shape (m,)
        Estimates of m errors.
    covariance : array, shape (m, m)
        Of the estimates; all 0 for exact ones.

    Returns
    -------
    length, se : float
        The noise adds the trace of the covariance to the expected square of the length, which is taken off; a length
        that noise alone explains is 0.

    Raises
    ------
    ValueError
        On bad shapes or values.

    Examples
    --------
    >>> error_length([3.0, 4.0], [[0.0, 0.0], [0.0, 0.0]])
    (5.0, 0.0)
    """
    values = finite_array("error", error, (1,))
    spread = covariance_matrix("covariance", np.asarray(covariance, dtype=float)[None], len(values))[0]
    square = float(values @ values - np.trace(spread))
    if square <= 0:
        return 0.0, float(np.sqrt(np.linalg.eigvalsh(spread)[-1]))
    # the second term is the noise of the squared noise itself
    variance = values @ spread @ values / square + np.sum(spread**2) / (2 * square)
    return float(np.sqrt(square)), float(np.sqrt(variance))


def corrected_weak_order(lrs: ArrayLike, norms: ArrayLike, ses: ArrayLike, *, level: float = 0.95) -> CorrectedOrder:
    """Fit ``C lr^order exp(k lr)`` to lengths of errors, so that the interval of the order carries the next order too.

    An error ``C lr^p (1 + k lr + ...)`` seen at rates that are not small has a local slope ``p + k lr``. A straight
    line in logarithms takes that for the order; here k is fitted along with it.

    Parameters
    ----------
    lrs : array, shape (n,)
        Three or more different positive learning rates.
    norms, ses : array, shape (n,)
        Lengths of the errors, each at least 4 standard errors from 0, and the positive standard errors. Errors at
        different rates must be independent of each other.
    level : float
        Coverage of the intervals.

    Returns
    -------
    CorrectedOrder

    Raises
    ------
    ValueError
        Bad shapes, fewer than three rates, or lengths that noise could explain (which are named).

    Examples
    --------
    >>> fit = corrected_weak_order([0.1, 0.2, 0.4], [0.0105, 0.0442, 0.195], [1e-5, 1e-5, 1e-4])
    >>> print(fit.order)
    2.0060 ± 0.0030 (95 % 2.0001 … 2.0119, n = 3)
    """
    probability("level", level)
    rates, values, spread = (finite_array(name, x, (1,)) for name, x in (("lrs", lrs), ("norms", norms), ("ses", ses)))
    if not len(rates) == len(values) == len(spread) >= 3:
        raise ValueError(
            f"lrs: expected three or more, and as many norms and ses, got {len(rates)}, {len(values)}, {len(spread)}"
        )
    if np.any(rates <= 0) or len(np.unique(rates)) != len(rates):
        raise ValueError(f"lrs: expected different positive numbers, got {rates}")
    lost = values < 4 * spread
    if np.any(lost) or np.any(values <= 0):
        which = ", ".join(f"{rate:g}" for rate in rates[lost | (values <= 0)])
        raise ValueError(f"norms: expected more than 4 standard errors, got less at lr = {which}; simulate more")
    place = np.argsort(rates)
    rates, values, spread = rates[place], values[place], spread[place]
    relative = spread / values
    design = np.column_stack([np.ones_like(rates), np.log(rates), rates])
    # E log of a noisy length is lower by half its relative variance
    fit = linear_fit(design, np.log(values) + relative**2 / 2, relative)
    return CorrectedOrder(
        order=fit.estimate(1, level),
        curvature=fit.estimate(2, level),
        prefactor=float(np.exp(fit.coefficients[0])),
        lrs=rates,
        norms=values,
        norm_ses=spread,
    )
