"""Where a run forgets its start, and whether what is left still drifts."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtr

from analysis._validation import Array
from analysis.chains import MANY_CHAINS, chain_array, effective_sample_size

MINIMUM_DRAWS = 20
_BATCH = 5


def burn_in(samples: ArrayLike) -> int:
    """Find how many initial draws to drop, by the MSER-5 rule on means and variances.

    The chains are averaged first (a common start shows best in their mean); then, for every component and its
    squared deviation from the mean of the last half, the cut minimises the standard error of what remains,
    in batches of five draws. The largest cut counts.

    Parameters
    ----------
    samples : array, shape (chain, draw, ...)
        At least 20 draws.

    Returns
    -------
    int
        At most half of the draws. A value of `longest_burn_in(draws)` says that the run is too short to tell.

    References
    ----------
    White (1997), doi 10.1177/003754979706900601; Franklin & White (2008), doi 10.1109/WSC.2008.4736111.

    Examples
    --------
    >>> k = np.arange(1000)
    >>> noise = np.random.default_rng(0).normal(size=(8, 1000))
    >>> 60 <= burn_in(noise + 20 * np.exp(-k / 20)) <= 250
    True
    """
    array = chain_array("samples", samples, MINIMUM_DRAWS)
    flat = array.reshape(*array.shape[:2], -1)
    centre = flat[:, flat.shape[1] // 2 :].mean(axis=(0, 1))
    series = np.concatenate([flat.mean(axis=0), np.mean((flat - centre) ** 2, axis=0)], axis=1)
    batches = len(series) // _BATCH
    means = series[: batches * _BATCH].reshape(batches, _BATCH, -1).mean(axis=1)
    return _BATCH * int(np.max(_mser_cut(means)))


def longest_burn_in(draws: int) -> int:
    """Return the largest cut that `burn_in` considers for chains of this length."""
    return _BATCH * (draws // _BATCH // 2)


def geweke(samples: ArrayLike, *, first: float = 0.1, last: float = 0.5) -> Array:
    """Compare the mean of the first part of the run with that of the last: Geweke's z-scores.

    Parameters
    ----------
    samples : array, shape (chain, draw, ...)
        At least 20 draws.
    first, last : float
        Fractions of the run, together at most 1.

    Returns
    -------
    array, shape (...)
        Standard normal if the run is stationary (large effective sample size assumed for fewer than 32
        chains, none for more); 0 where the samples are constant.

    Notes
    -----
    The long-run variance is that of the last part for both: a transient in the first part would inflate its
    own.

    References
    ----------
    Geweke (1992), in Bayesian Statistics 4, pp. 169-193.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(4, 1000))
    >>> drifting = noise + 3 * np.exp(-np.arange(1000) / 100)
    >>> bool(abs(geweke(noise)) < 4 < geweke(drifting))
    True
    """
    array = chain_array("samples", samples, MINIMUM_DRAWS)
    if not (0 < first < 1 and 0 < last < 1 and first + last <= 1):
        raise ValueError(f"first: expected fractions first + last <= 1, got {first} and {last}")
    draws = array.shape[1]
    head, tail = array[:, : max(int(first * draws), 1)], array[:, draws - int(last * draws) :]
    gap = head.mean(axis=(0, 1)) - tail.mean(axis=(0, 1))
    chains = len(array)
    if chains < MANY_CHAINS:
        size = effective_sample_size(tail) / (1 + tail.shape[1] / head.shape[1])
        return _ratio(gap, tail.std(axis=(0, 1)) / np.sqrt(size))
    dof = chains - 1
    se = (head.mean(axis=1) - tail.mean(axis=1)).std(axis=0, ddof=1) / np.sqrt(chains)
    score = _ratio(gap, se)
    # The lower tail keeps its digits; the z-score is the one of equal probability.
    return np.sign(score) * -ndtri(np.maximum(stdtr(dof, -np.abs(score)), 1e-300))


def _mser_cut(means: Array) -> Array:
    """Index of the first kept batch, for every column."""
    n = len(means)
    kept = np.arange(n, 0, -1)[:, None]
    total = np.cumsum(means[::-1], axis=0)[::-1]
    centred = means - total[0] / n
    tail_sum = np.cumsum(centred[::-1], axis=0)[::-1]
    tail_square = np.cumsum(centred[::-1] ** 2, axis=0)[::-1]
    criterion = (tail_square - tail_sum**2 / kept) / kept**2
    return np.argmin(criterion[: n // 2 + 1], axis=0)


def _ratio(numerator: Array, denominator: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = numerator / denominator
    return np.where((numerator == 0) & (denominator == 0), 0.0, ratio)
