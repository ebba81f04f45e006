"""Standard errors of a correlated series by cutting it into blocks."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, finite_array, probability
from analysis.estimate import Estimate


def batch_means_se(x: ArrayLike, axis: int = -1, batch_size: int | None = None) -> Array:
    """Estimate the standard error of the mean of one stationary series by non-overlapping batch means.

    Parameters
    ----------
    x : array
        Series along `axis`, at least 16 long.
    axis : int
    batch_size : int, optional
        Length of a batch, much longer than the correlation time; left out, floor(sqrt(n)). Draws that fill
        no batch are dropped from the front.

    Returns
    -------
    array
        `x.shape` without `axis`. Its degrees of freedom are the number of batches - 1.

    References
    ----------
    Flegal & Jones (2010), doi 10.1214/09-AOS735.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=10_000)
    >>> bool(abs(batch_means_se(noise) - 0.01) < 0.003)
    True
    """
    series = np.moveaxis(_series(x, axis, 16), axis, 0)
    n = len(series)
    size = int(np.sqrt(n)) if batch_size is None else count("batch_size", batch_size, 1)
    batches = n // size
    if batches < 2:
        raise ValueError(f"batch_size: expected at most {n // 2} for {n} draws, got {size}")
    used = series[n - batches * size :]
    means = used.reshape(batches, size, *series.shape[1:]).mean(axis=1)
    return np.asarray(means.std(axis=0, ddof=1) / np.sqrt(batches))


def block_bootstrap(
    x: ArrayLike,
    statistic: Callable[[Array], float],
    *,
    block_length: int | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate[float]:
    """Estimate a statistic of one stationary series by the moving-block bootstrap.

    Parameters
    ----------
    x : array, shape (draw, ...)
        One series, at least 16 long.
    statistic : callable
        From an array like `x` to a number.
    block_length : int, optional
        Left out, `block_length_of(x)`.
    resamples : int
    level : float
        Nominal coverage of the percentile interval; the actual one is lower, see Notes.
    seed : int

    Returns
    -------
    Estimate
        `n` counts draws.

    Notes
    -----
    Blocks of the default length are a little too short and give no heavier tails for their small number, so
    the interval covers less than its level. Measured on 1,000 Gaussian autoregressions each, nominal 95 %:

    ===========  =====  ===========  ===============
    coefficient  draws  of the mean  of the variance
    ===========  =====  ===========  ===============
    0            100    0.93         0.92
    0            2,000  0.93         0.95
    0.5          100    0.87         0.83
    0.5          2,000  0.91         0.94
    0.9          500    0.85         0.80
    0.9          2,000  0.89         0.88
    ===========  =====  ===========  ===============

    Student's t on the standard error gains 0.01 to 0.05 from 500 draws on and does not close the gap.
    For a mean prefer `mean_estimate`.

    References
    ----------
    Künsch (1989), doi 10.1214/aos/1176347265.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=2000)
    >>> estimate = block_bootstrap(noise, np.std, resamples=200)
    >>> bool(abs(estimate.se - 1 / np.sqrt(4000)) < 0.005)
    True
    """
    series = _series(x, 0, 16)
    n = len(series)
    length = block_length_of(series) if block_length is None else count("block_length", block_length, 1)
    if length > n // 2:
        raise ValueError(f"block_length: expected at most {n // 2} for {n} draws, got {length}")
    probability("level", level)
    rng = np.random.default_rng(seed)
    blocks = -(-n // length)
    values = np.empty(count("resamples", resamples, 2))
    for i in range(len(values)):
        starts = rng.integers(0, n - length + 1, size=blocks)
        index = (starts[:, None] + np.arange(length)).ravel()[:n]
        values[i] = statistic(series[index])
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    value = float(statistic(series))
    return Estimate(value, float(values.std(ddof=1)), (float(low), float(high)), n, level)


def block_length_of(x: ArrayLike) -> int:
    """Block length of least mean squared error for the variance of the mean, by a first-order autoregression.

    The longest over the components: (6 r^2 / (1 - r^2)^2)^(1/3) n^(1/3), r the lag-one autocorrelation; not
    more than n / 4.

    References
    ----------
    Politis & White (2004), doi 10.1081/ETC-120028836, with the correction of 2009.

    Examples
    --------
    >>> block_length_of(np.random.default_rng(0).normal(size=4096)) <= 4
    True
    """
    series = _series(x, 0, 16)
    n = len(series)
    centred = series.reshape(n, -1) - series.reshape(n, -1).mean(axis=0)
    variance = np.mean(centred**2, axis=0)
    lagged = np.sum(centred[1:] * centred[:-1], axis=0) / n
    ratio = np.where(variance > 0, lagged / np.where(variance > 0, variance, 1.0), 0.0)
    square = np.clip(np.max(ratio**2), 0.0, 1 - 1e-9)
    length = int(np.ceil((6 * n * square / (1 - square) ** 2) ** (1 / 3)))
    return min(max(length, 1), n // 4)


def _series(x: ArrayLike, axis: int, minimum: int) -> Array:
    series = finite_array("x", x)
    if not -series.ndim <= axis < series.ndim:
        raise ValueError(f"axis: expected an axis of an array of shape {series.shape}, got {axis}")
    if series.shape[axis] < minimum:
        raise ValueError(f"x: expected at least {minimum} draws, got {series.shape[axis]}")
    return series
