"""Effective sample sizes, standard errors and R-hat of correlated samples `(chain, draw, ...)`.

Chains must be independent of each other. Runs that share random numbers (coupled trajectories, one seed for
several rates, a training and its coupled SDE) are NOT independent chains: nothing in the numbers shows it,
so it is for the caller to keep them out; R-hat and every standard error here would be wrong for them.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis._validation import Array, finite_array, probability
from analysis.estimate import Estimate, normal_estimate

MANY_CHAINS = 32
"""From this many chains on, standard errors come from the spread of the chain means: exact, whatever the
autocorrelation, with one degree of freedom less than chains."""

MINIMUM_DRAWS = 4

LONG_DRAWS, LONG_SIZE = 100, 50.0
"""So many draws and effective draws a chain make two or more chains long: their autocorrelation can be estimated."""

DRAWS_OF_A_DEGREE = 3.0
"""Effective draws for one degree of freedom of a standard error that rests on the autocorrelation (measured)."""


def effective_sample_size(samples: ArrayLike, *, kind: str = "mean") -> Array:
    """Count the independent draws that would carry the same information.

    Parameters
    ----------
    samples : array, shape (chain, draw, ...)
        At least 4 draws a chain.
    kind : {"mean", "bulk", "tail"}
        For the mean of the samples as they are; rank-normalised, for the centre of the law; or the smaller
        one of the 5 % and 95 % quantiles.

    Returns
    -------
    array, shape (...)
        Over all chains together; may exceed the number of draws for antithetic chains. Constant samples
        count fully.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), doi 10.1214/20-BA1221.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(4, 1000))
    >>> bool(3600 < effective_sample_size(noise) < 4400)
    True
    """
    if kind not in ("mean", "bulk", "tail"):
        raise ValueError(f"kind: expected 'mean', 'bulk' or 'tail', got {kind!r}")
    series, constant = _standardised(chain_array("samples", samples))
    from arviz_stats.base import array_stats

    extra = {"prob": (0.05, 0.95)} if kind == "tail" else {}
    size = np.asarray(array_stats.ess(series, chain_axis=-2, draw_axis=-1, method=kind, **extra), dtype=float)
    return np.where(constant, series.shape[-1] * series.shape[-2], size)


def split_rhat(samples: ArrayLike) -> Array:
    """Rank-normalised split R-hat: 1 where the chains, and their halves, follow one law.

    Parameters
    ----------
    samples : array, shape (chain, draw, ...)
        At least 8 draws; a single chain is cut into halves that serve as chains.

    Returns
    -------
    array, shape (...)
        NaN for constant samples.

    References
    ----------
    Vehtari et al. (2021), doi 10.1214/20-BA1221: they ask for less than 1.01.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(4, 500))
    >>> bool(split_rhat(noise) < 1.01 < split_rhat(noise + [[0], [0], [0], [1]]))
    True
    """
    series, constant = _standardised(chain_array("samples", samples, minimum_draws=8))
    chains, draws = series.shape[-2:]
    if chains == 1:
        series = series[..., : draws - draws % 2].reshape(*series.shape[:-2], 2, draws // 2)
    from arviz_stats.base import array_stats

    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.asarray(array_stats.rhat(series, chain_axis=-2, draw_axis=-1, method="rank"), dtype=float)
    return np.where(constant, np.nan, value)


def mcse(samples: ArrayLike) -> Array:
    """Monte Carlo standard error of the mean over chains and draws.

    The spread of the chain means, or standard deviation / sqrt(effective sample size): `mean_estimate` says
    which, and with how many degrees of freedom. Two or three short chains leave so few that 1.96 standard
    errors are no 95 % interval: use that of `mean_estimate`.

    Parameters
    ----------
    samples : array, shape (chain, draw, ...)

    Returns
    -------
    array, shape (...)

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(4, 2500))
    >>> bool(abs(mcse(noise) - 0.01) < 0.001)
    True
    """
    return np.asarray(mean_estimate(samples).se)


def mean_estimate(samples: ArrayLike, *, level: float = 0.95) -> Estimate[Any]:
    """Estimate the stationary mean, with the interval that the chains' autocorrelation leaves.

    Parameters
    ----------
    samples : array, shape (chain, draw, ...)
        Independent stationary chains.
    level : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        `value`, `se`, `n` (effective sample size), `dof` of shape (...).

    Raises
    ------
    ValueError
        Wrong shape, non-finite samples, fewer than 4 draws of fewer than 32 chains.

    Notes
    -----
    *Many chains* (32 or more) and *short chains* (2 to 31 that are not long): the spread of the chain means,
    Student's t with one degree of freedom less than chains. It covers at its level however short the chains
    are, but is wide for very few of them: at 95 %, 5 times as wide for 2 chains as if the error were known,
    1.5 times for 4, 1.1 times for 16.

    *Long chains* (2 to 31, component by component: 100 draws or more, effective sample size 50 or more a
    chain) and *single chains*: the standard deviation over the root of the effective sample size, Student's t
    with a third of that size for degrees of freedom.

    Measured on Gaussian autoregressions of coefficient 0 to 0.99 with 600 to 1,500 replicates a case, 2 or
    more chains of 4 to 2,000 draws: 95 % intervals cover 93-97 %. Exceptions: antithetic chains (coefficient
    -0.5), whose effective sample size is overestimated, 92-97 %; the skewed means of squares (covariances),
    92-96 % from 100 draws a chain on, but as little as 86 % for 20 draws at coefficient 0.9; a single chain,
    whose interval covers 93 % from an effective size of about 25 on and cannot be trusted below (20 draws:
    92 % at coefficient 0.5, 80 % at 0.9; 4 draws are as good as none).

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(4, 2500))
    >>> bool(mean_estimate(noise).contains(0.0))
    True
    """
    probability("level", level)
    array = chain_array("samples", samples, minimum_draws=1)
    se, dof = standard_error(array)
    value, variance = array.mean(axis=(0, 1)), array.var(axis=(0, 1))
    total = array.shape[0] * array.shape[1]
    n = np.where(se > 0, variance / np.where(se > 0, se, 1.0) ** 2, total)
    return normal_estimate(value, se, n=n, level=level, dof=dof)


def standard_error(array: Array) -> tuple[Array, Array]:
    """Return the standard error of the mean over the first two axes, and its degrees of freedom."""
    chains, draws = array.shape[:2]
    if chains < MANY_CHAINS and draws < MINIMUM_DRAWS:
        raise ValueError(
            f"samples: expected at least {MINIMUM_DRAWS} draws with so few as {chains} chains, got {draws}"
        )
    constant = _constant(array)
    if chains == 1 or (chains < MANY_CHAINS and draws >= LONG_DRAWS):
        size = effective_sample_size(array)
        se, dof = array.std(axis=(0, 1)) / np.sqrt(size), np.maximum(size / DRAWS_OF_A_DEGREE, 1.0)
        is_long = (size >= chains * LONG_SIZE) | (chains == 1)
    else:
        se, dof, is_long = (np.zeros(array.shape[2:]) for _ in range(3))
    if chains > 1:
        # what chains that hardly mix say of their autocorrelation is wrong; their means are independent anyhow
        between = array.mean(axis=1).std(axis=0, ddof=1) / np.sqrt(chains)
        se, dof = np.where(is_long, se, between), np.where(is_long, dof, float(chains - 1))
    return np.where(constant, 0.0, se), dof


def chain_array(name: str, samples: ArrayLike, minimum_draws: int = MINIMUM_DRAWS) -> Array:
    """Check samples of shape `(chain, draw, ...)`."""
    array = finite_array(name, samples)
    if array.ndim < 2:
        raise ValueError(f"{name}: expected shape (chain, draw, ...), got shape {array.shape}")
    if array.shape[1] < minimum_draws:
        raise ValueError(f"{name}: expected at least {minimum_draws} draws a chain, got {array.shape[1]}")
    return array


def _standardised(array: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Move chain and draw last and scale to order 1: arviz-stats takes a spread below 1e-15 for none."""
    constant = _constant(array)
    centred = array - array.mean(axis=(0, 1))
    divisor = np.where(constant, 1.0, np.max(np.abs(centred), axis=(0, 1)))
    return np.moveaxis(centred / divisor, (0, 1), (-2, -1)), constant


def _constant(array: Array) -> NDArray[np.bool_]:
    """Tell which components move by no more than rounding."""
    low, high = array.min(axis=(0, 1)), array.max(axis=(0, 1))
    return np.asarray(high - low <= 4 * np.finfo(float).eps * np.maximum(np.abs(low), np.abs(high)))
