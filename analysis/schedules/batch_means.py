"""Test, from batch means of one run, that dissipation and fluctuation balance."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from analysis._validation import Array, finite_array, probability


@dataclass(frozen=True, eq=False)
class BatchTest:
    """Whether dissipation minus fluctuation may have mean 0, run by run; leading axes (...) are independent runs.

    Attributes
    ----------
    gap : array, shape (..., players)
        Mean dissipation over mean fluctuation, minus 1.
    half_width : array, shape (..., players)
        Half of the length of the gap's interval.
    balanced : bool array, shape (...)
        For every player the gap's interval contains 0, and so does that of the difference between the second half of
        the run and the first. Under stationarity false with probability 1 - `level`, all players together.
    level : float
    """

    gap: Array
    half_width: Array
    balanced: NDArray[np.bool_]
    level: float

    def precise(self, precision: float) -> NDArray[np.bool_]:
        """Tell whether the interval of every player's gap is `precision` or less to either side, shape (...)."""
        return np.asarray(np.all(self.half_width <= precision, axis=-1))


def batch_test(dissipation: ArrayLike, fluctuation: ArrayLike, *, level: float = 0.95) -> BatchTest:
    """Test the balance of dissipation and fluctuation on batch means.

    Parameters
    ----------
    dissipation, fluctuation : array, shape (..., batches, players)
        Means over successive batches, an even number of at least 4, each much longer than the correlation time.
    level : float
        1 - false-alarm rate, for all players together.

    Returns
    -------
    BatchTest

    Notes
    -----
    Student's t with batches - 1 degrees of freedom for the mean, batches - 2 for the difference between the halves
    (pooled variance); the two are independent for normal batch means, and each takes half of the false-alarm rate, a
    player's share of it (Bonferroni). The second test catches a gap that changes its sign on the way.

    The batches must not be made of *every* iteration's values: dissipation minus fluctuation is then the difference of
    |x_p - c|^2 / 2 lr between one iteration and the next, batch means telescope, and the interval is too wide by a
    factor sqrt(batches). Every second iteration is enough. The false-alarm rate is the stated one for batches much
    longer than the relaxation time, or a whole run much shorter than it; in between, neighbouring batches still
    compensate each other in part, and the test errs on the silent side (about 1 % instead of 5 %).

    References
    ----------
    Zhang, Lang, Liu & Xiao (2020), arXiv 2002.10597 (SASA+); Schmeiser (1982), doi 10.1287/opre.30.3.556: between 10
    and 30 batches, however long the run.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(20, 1)) / 10
    >>> bool(batch_test(1 + noise, np.ones((20, 1))).balanced), bool(batch_test(1.2 + noise, np.ones((20, 1))).balanced)
    (True, False)
    """
    left, right = finite_array("dissipation", dissipation), finite_array("fluctuation", fluctuation)
    if left.shape != right.shape or left.ndim < 2:
        raise ValueError(f"fluctuation: expected shape (..., batches, players) {left.shape}, got {right.shape}")
    number, players = left.shape[-2:]
    if number < 4 or number % 2:
        raise ValueError(f"dissipation: expected an even number of at least 4 batches, got {number}")
    tail = (1 - probability("level", level)) / (4 * players)
    difference = left - right
    mean = difference.mean(axis=-2)
    spread = np.sqrt(difference.var(axis=-2, ddof=1) / number)
    half = _quantile(tail, number - 1) * spread
    early, late = np.split(difference, 2, axis=-2)
    pooled = np.sqrt((early.var(axis=-2) + late.var(axis=-2)) * number / (2 * (number - 2)))
    step = np.abs(late.mean(axis=-2) - early.mean(axis=-2))
    balanced = (np.abs(mean) <= half) & (step <= _quantile(tail, number - 2) * pooled * 2 / np.sqrt(number))
    noise = right.mean(axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap, width = (np.where((a == 0) & (noise == 0), 0.0, a / noise) for a in (mean, half))
    return BatchTest(gap, width, np.asarray(np.all(balanced, axis=-1)), level)


@cache
def _quantile(tail: float, dof: int) -> float:
    return float(stdtrit(dof, 1 - tail))
