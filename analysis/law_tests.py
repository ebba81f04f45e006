"""Tests of stationary laws, as a whole, from correlated samples: energy distances and changes of sign.

The draws are cut into groups that are independent of each other: whole chains, or blocks much longer than the
correlation time. The gap between the empirical law of a group and the law it should have is centred, and nearly
symmetric for being a mean over many draws. Changing the sign of the gaps of some groups then changes nothing in law,
and the squared distance of their mean is held against its values under random changes of sign.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, probability
from analysis.chain_groups import chain_groups, merge, thin
from analysis.chains import chain_array
from analysis.density import Density
from analysis.energy import mean_distances
from analysis.estimate import Estimate, normal_estimate
from analysis.reference_law import GaussianLaw, reference, whitening

LARGEST = 4096
"""Draws of a sample that are used, about, unless told otherwise."""


@dataclass(frozen=True, eq=False)
class LawTest:
    """Two laws held against each other.

    Attributes
    ----------
    square : Estimate
        Squared energy distance in the frame in which the covariance is 1 (see the test), unbiased: it may be
        negative. Jackknife over groups. `n` counts the draws used. At distance 0 the error is too large by up to
        sqrt(2); the verdict rests on the p-value.
    p_value : float
        Of a distance this large between equal laws.
    groups : int
        Independent groups of draws.
    level : float
        Equal laws are rejected with probability 1 - `level`.
    agrees : bool
        `p_value >= 1 - level`.
    """

    square: Estimate[float]
    p_value: float
    groups: int
    level: float
    agrees: bool

    @property
    def distance(self) -> float:
        """Energy distance, 0 where the estimate of its square is negative."""
        return float(np.sqrt(max(self.square.value, 0.0)))


def law_test(
    samples: ArrayLike,
    law: GaussianLaw | Density,
    *,
    level: float = 0.95,
    largest: int = LARGEST,
    flips: int = 9999,
    seed: int = 0,
) -> LawTest:
    """Test that stationary samples follow a predicted law.

    Parameters
    ----------
    samples : array, shape (chain, draw, d) or (chain, draw)
        Independent chains, burn-in removed. At least 16 chains, however short (independent draws: one a chain), or
        16 blocks of 10 correlation times in all.
    law : GaussianLaw or Density
        Fixed beforehand, not fitted to these samples. Distances are measured where it has covariance 1.
    level : float
        1 - false-alarm rate.
    largest : int
        About the most draws used, at least 256: evenly spaced ones. Time grows with its square, memory does not.
    flips : int
        Random changes of sign; the smallest p-value is 1 / (flips + 1).
    seed : int

    Returns
    -------
    LawTest

    Raises
    ------
    ValueError
        Chains that are too few and too short, another dimension, or no law.

    Notes
    -----
    Any difference of laws is seen by enough draws: of means, covariances, shapes, dependence. The level holds for a
    fixed number of groups as they grow longer; nothing is estimated. (The wild bootstrap of Chwialkowski, Sejdinovic &
    Gretton 2014, arXiv 1408.5404, has an autoregression in place of signs constant on a group, and needs many
    correlation times besides.)

    References
    ----------
    Canay, Romano & Shaikh (2017), doi 10.3982/ECTA13081; Székely & Rizzo (2013), doi 10.1016/j.jspi.2013.03.018.

    Examples
    --------
    >>> samples = np.random.default_rng(0).normal(size=(4, 500, 2))
    >>> right, wrong = (law_test(samples, GaussianLaw([0.0, 0.0], c * np.eye(2))) for c in (1.0, 1.3))
    >>> right.agrees, wrong.agrees
    (True, False)
    """
    array = _samples("samples", samples)
    predicted = reference(law)
    if array.shape[2] != len(predicted.centre):
        raise ValueError(f"samples: expected {len(predicted.centre)} coordinates like the law, got {array.shape[2]}")
    groups = thin(chain_groups("samples", array), count("largest", largest, 256))
    groups = [predicted.standardised(group) for group in groups]
    from_law = np.array([predicted.mean_distance(group).mean() for group in groups])
    products = from_law[:, None] + from_law - predicted.own_distance - mean_distances(groups, groups)
    return _test(products, sum(map(len, groups)), level, flips, seed)


def two_sample_law_test(
    samples1: ArrayLike,
    samples2: ArrayLike,
    *,
    level: float = 0.95,
    largest: int = LARGEST,
    flips: int = 9999,
    seed: int = 0,
) -> LawTest:
    """Test that two sets of stationary samples follow one law, whatever the correlation in each of them.

    Parameters
    ----------
    samples1, samples2 : array, shape (chain, draw, d) or (chain, draw)
        As for `law_test`; independent of each other (no common random numbers). Numbers of chains and draws may differ.
    level, largest, flips, seed
        As for `law_test`; `largest` for each set.

    Returns
    -------
    LawTest
        Distances are measured where the mean of both covariances is 1.

    Raises
    ------
    ValueError
        Chains that are too few and too short, different dimensions, or a coordinate that is constant.

    References
    ----------
    As for `law_test`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> gauss, laplace = rng.normal(size=(4, 1000)), rng.laplace(scale=np.sqrt(0.5), size=(32, 100))
    >>> two_sample_law_test(gauss[:2], gauss[2:]).agrees, two_sample_law_test(gauss, laplace).agrees
    (True, False)
    """
    first, second = _samples("samples1", samples1), _samples("samples2", samples2)
    d = first.shape[2]
    if second.shape[2] != d:
        raise ValueError(f"samples2: expected {d} coordinates like samples1, got {second.shape[2]}")
    covariances = [np.cov(x.reshape(-1, d).T, bias=True).reshape(d, d) for x in (first, second)]
    frame = whitening("samples1, samples2", (covariances[0] + covariances[1]) / 2)
    most = count("largest", largest, 256)
    parts = [chain_groups(name, array) for name, array in (("samples1", first), ("samples2", second))]
    number = min(map(len, parts))
    one, two = ([group @ frame.T for group in thin(merge(part, number), most)] for part in parts)
    across = mean_distances(one, two)
    products = across + across.T - mean_distances(one, one) - mean_distances(two, two)
    return _test(products, sum(map(len, one)) + sum(map(len, two)), level, flips, seed)


def _samples(name: str, samples: ArrayLike) -> Array:
    array = chain_array(name, samples, minimum_draws=1)
    if array.ndim > 3:
        raise ValueError(f"{name}: expected shape (chain, draw, d) or (chain, draw), got shape {array.shape}")
    return array if array.ndim == 3 else array[..., None]


def _test(products: Array, draws: int, level: float, flips: int, seed: int) -> LawTest:
    """Test that groups have gaps of mean 0, from the inner products of the gaps, `(group, group)`."""
    probability("level", level)
    groups = len(products)
    off = products - np.diag(np.diag(products))  # the products of a group with itself carry the bias, and never flip
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(count("flips", flips, 99), groups))
    flipped = np.sum(signs @ off * signs, axis=1)
    total = off.sum()
    p_value = float((1 + np.sum(flipped >= total - 1e-9 * np.abs(off).sum())) / (1 + len(flipped)))
    left_out = (total - 2 * off.sum(axis=1)) / ((groups - 1) * (groups - 2))
    error = np.sqrt((groups - 1) / groups * np.sum((left_out - left_out.mean()) ** 2))
    value = float(total / (groups * (groups - 1)))
    square = normal_estimate(value, float(error), n=draws, level=level, dof=groups - 1)
    return LawTest(square, p_value, groups, level, p_value >= 1 - level)
