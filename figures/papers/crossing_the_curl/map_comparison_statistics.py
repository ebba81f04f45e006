"""Statistics over the laws of the comparison of maps.

Starts of one data law are not independent trials: every interval is one over laws, at 95 %. Shares have the exact
interval of Clopper & Pearson (1934), medians that of the order statistics.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from figures.papers.crossing_the_curl.map_comparison_runs import Runs
from figures.papers.crossing_the_curl.map_comparison_trials import Trials

LEVEL = 0.95


def share(successes: int, count: int) -> tuple[float, float]:
    """Clopper-Pearson interval of a share."""
    interval = stats.binomtest(successes, count).proportion_ci(LEVEL, method="exact")
    return float(interval.low), float(interval.high)


def median(values: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Median and its interval by order statistics."""
    interval = stats.quantile_test(values, q=0, p=0.5).confidence_interval(LEVEL)
    return float(np.median(values)), (float(interval.low), float(interval.high))


def by_law(trials: Trials, values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Mean of the valid values of each law; laws without any are left out."""
    groups = [values[valid & (trials.laws == law)] for law in np.unique(trials.laws)]
    return np.array([group.mean() for group in groups if len(group)])


def full_laws(runs: Runs) -> np.ndarray:
    """Which laws all starts arrive for, ``(laws,)``."""
    return np.array([runs.arrived[runs.trials.laws == law].all() for law in np.unique(runs.trials.laws)])


def any_laws(runs: Runs) -> np.ndarray:
    """Which laws some start arrives for, ``(laws,)``."""
    return np.array([runs.arrived[runs.trials.laws == law].any() for law in np.unique(runs.trials.laws)])


def law_share(laws: np.ndarray) -> tuple[str, tuple[float, float]]:
    """Text and interval of a share of laws."""
    return f"{laws.sum()} of {len(laws)}", share(int(laws.sum()), len(laws))


def rank_correlation(x: np.ndarray, y: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Spearman's rank correlation of one pair of numbers a law.

    Interval by Fisher's transformation with the variance of Bonett & Wright (2000), doi 10.1007/BF02294183.
    """
    correlation = float(stats.spearmanr(x, y).statistic)
    width = stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt((1 + correlation**2 / 2) / (len(x) - 3))
    low, high = np.tanh(np.arctanh(np.clip(correlation, -1 + 1e-12, 1 - 1e-12)) + np.array([-width, width]))
    return correlation, (float(low), float(high))
