"""Weak order of convergence from errors at several learning rates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, covariance_matrix, finite_array, probability
from analysis.estimate import Estimate, quantile_of_level
from analysis.regression import LinearFit, line_fit

_REWEIGHTINGS = 20


@dataclass(frozen=True, eq=False)
class WeakOrder:
    """The power of the learning rate with which an error vanishes.

    Attributes
    ----------
    order : Estimate
        The slope of log error against log rate.
    prefactor : float
        error = prefactor * lr^order.
    lrs : array, shape (n,)
        In increasing order.
    norms, norm_ses : array, shape (n,)
        Error norms (bias of the maximum removed) and their standard errors; 0 for exact errors.
    local_slopes, local_slope_ses : array, shape (n - 1,)
        Between neighbouring rates: they show whether the errors are in the asymptotic range.
    chi2, dof, p_value
        Goodness of fit of one straight line; a small `p_value` says that the error is no pure power (NaN
        for exact errors or two points).
    """

    order: Estimate[float]
    prefactor: float
    lrs: Array
    norms: Array
    norm_ses: Array
    local_slopes: Array
    local_slope_ses: Array
    chi2: float
    dof: int
    p_value: float

    @property
    def value(self) -> float:
        """The order."""
        return self.order.value

    @property
    def se(self) -> float:
        """Standard error of the order."""
        return self.order.se

    @property
    def interval(self) -> tuple[float, float]:
        """Confidence interval of the order."""
        return self.order.interval

    def __str__(self) -> str:
        return f"weak order {self.order}, goodness of fit p = {self.p_value:.3g}"


def weak_order(
    lrs: ArrayLike,
    errors: ArrayLike,
    ses: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 4000,
    seed: int = 0,
) -> WeakOrder:
    """Fit |error| = C lr^order by weighted regression on logarithms.

    Parameters
    ----------
    lrs : array, shape (n,)
        Different positive learning rates.
    errors : array, shape (n,) or (n, m)
        Signed errors, one a rate or m components a rate, of which the largest in absolute value counts.
    ses : array, shape of `errors`, or (n, m, m)
        Their standard errors (components taken as independent) or, rate by rate, the covariance of the m
        components. All zero: the errors are exact. Errors at different rates must be independent of each
        other.
    level : float
        Coverage of the interval, and of the test that refuses points.
    resamples, seed : int
        Parametric bootstrap of the maximum over components.

    Returns
    -------
    WeakOrder
        `.value`, `.se`, `.interval`, local slopes, goodness of fit.

    Raises
    ------
    ValueError
        Bad shapes; or points whose error is not distinguishable from 0, which are named: a logarithm of
        noise says nothing. Drop them or simulate more.

    Notes
    -----
    log|e| has standard deviation s/|e| and bias -(s/|e|)^2 / 2 to leading order (delta method). Both are
    taken at the FITTED error, iterating: weights at the measured error would favour whatever fluctuated
    upwards. The maximum over components is biased upwards where components tie: the bias comes from a
    parametric bootstrap, and the error bar is widened by it (intervals are then conservative). Exact
    errors: ordinary least squares with Student's t, whose residuals are curvature.

    Examples
    --------
    >>> fit = weak_order([0.1, 0.2, 0.4], [0.011, 0.039, 0.161], [0.0005, 0.001, 0.002])
    >>> print(fit.order)
    1.984 ± 0.028 (95 % 1.929 … 2.040, n = 3)
    """
    probability("level", level)
    rates, values, covariances = _checked(lrs, errors, ses)
    _refuse_noise(rates, values, covariances, level)
    norms, norm_ses = _norms(values, covariances, count("resamples", resamples, 100), seed)
    fit = _fit(np.log(rates), norms, norm_ses)
    steps = np.diff(np.log(rates))
    relative = norm_ses / norms
    return WeakOrder(
        order=fit.estimate(1, level),
        prefactor=float(np.exp(fit.coefficients[0])),
        lrs=rates,
        norms=norms,
        norm_ses=norm_ses,
        local_slopes=np.diff(np.log(norms)) / steps,
        local_slope_ses=np.sqrt(relative[1:] ** 2 + relative[:-1] ** 2) / steps,
        chi2=fit.chi2,
        dof=fit.dof,
        p_value=fit.p_value,
    )


def _checked(lrs: ArrayLike, errors: ArrayLike, ses: ArrayLike) -> tuple[Array, Array, Array]:
    """Return rates (n,), errors (n, m) and covariances (n, m, m), by increasing rate."""
    rates, values = finite_array("lrs", lrs, (1,)), finite_array("errors", errors, (1, 2))
    spread = finite_array("ses", ses, (1, 2, 3))
    if np.any(rates <= 0) or len(np.unique(rates)) != len(rates):
        raise ValueError(f"lrs: expected different positive numbers, got {rates}")
    if len(values) != len(rates):
        raise ValueError(f"errors: expected {len(rates)} rows, one a learning rate, got {len(values)}")
    wide = values.reshape(len(rates), -1)
    n, m = wide.shape
    if spread.shape == values.shape:
        if np.any(spread < 0):
            raise ValueError(f"ses: expected numbers >= 0, got {float(spread.min()):g}")
        covariances = spread.reshape(n, m)[:, :, None] ** 2 * np.eye(m)
    elif values.ndim == 2 and spread.shape == (n, m, m):
        covariances = covariance_matrix("ses", spread, m)
    else:
        raise ValueError(f"ses: expected the shape {values.shape} of errors, got {spread.shape}")
    exact = ~np.any(covariances, axis=(1, 2))
    if np.any(exact) != np.all(exact):
        raise ValueError("ses: expected all points exact or none, got some all zero")
    least = 3 if np.all(exact) else 2
    if n < least:
        raise ValueError(f"lrs: expected at least {least} learning rates, got {n}")
    order = np.argsort(rates)
    return rates[order], wide[order], covariances[order]


def _refuse_noise(rates: Array, values: Array, covariances: Array, level: float) -> None:
    """Refuse points whose largest component could be noise (Bonferroni over the components)."""
    largest = np.argmax(np.abs(values), axis=1)
    rows = np.arange(len(rates))
    ses = np.sqrt(covariances[rows, largest, largest])
    threshold = quantile_of_level(1 - (1 - level) / values.shape[1])
    norms = np.abs(values[rows, largest])
    lost = (norms <= threshold * ses) | (norms == 0)
    if np.any(lost):
        which = ", ".join(f"{rate:g}" for rate in rates[lost])
        raise ValueError(
            f"errors: expected |error| > {threshold:.2f} standard errors, got less at lr = {which}"
            " (not distinguishable from 0: drop these points or simulate more)"
        )


def _norms(values: Array, covariances: Array, resamples: int, seed: int) -> tuple[Array, Array]:
    norms = np.max(np.abs(values), axis=1)
    n, m = values.shape
    if m == 1:
        return norms, np.sqrt(covariances[:, 0, 0])
    eigenvalues, vectors = np.linalg.eigh(covariances)
    roots = vectors * np.sqrt(np.clip(eigenvalues, 0, None))[:, None, :]
    half = np.random.default_rng(seed).normal(size=((resamples + 1) // 2, n, m))
    draws = np.concatenate([half, -half])  # antithetic: where no components tie, the bias is 0 and not noise
    noisy = np.max(np.abs(values + np.einsum("nij,rnj->rni", roots, draws)), axis=2)
    bias = noisy.mean(axis=0) - norms
    # Tied components scatter less in their maximum than one of them, but the bias comes from a noisy gap: the
    # variance of the largest component and the square of the bias pay for that.
    largest = np.argmax(np.abs(values), axis=1)
    single = covariances[np.arange(n), largest, largest]
    ses = np.sqrt(np.maximum(noisy.var(axis=0, ddof=1), single) + bias**2)
    # A norm far below its own bias would have been refused; keep the logarithm defined all the same.
    return np.maximum(norms - bias, norms / 4), ses


def _fit(x: Array, norms: Array, ses: Array) -> LinearFit:
    y = np.log(norms)
    if not np.any(ses):
        return line_fit(x, y)
    if not np.all(ses):
        raise ValueError("ses: expected every maximum to be exact or none, got some with standard error 0")
    relative = ses / norms
    fit = line_fit(x, y + relative**2 / 2, relative)
    for _ in range(_REWEIGHTINGS):
        # At least half the measured error: a bad fit must not turn the correction into the answer.
        relative = ses / np.maximum(np.exp(fit.fitted), norms / 2)
        fit = line_fit(x, y + relative**2 / 2, relative)
    return fit
