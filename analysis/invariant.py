"""The invariant measure that long runs sample: moments, quantiles, densities, and whether to believe them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtr

from analysis._validation import Array, count, covariance_matrix, finite_array, probability, real_array
from analysis.chains import MANY_CHAINS, effective_sample_size, mean_estimate, split_rhat
from analysis.estimate import Estimate, normal_estimate
from analysis.regression import bonferroni, passes
from analysis.stationarity import burn_in as mser_burn_in
from analysis.stationarity import geweke, longest_burn_in

DRIFT_FALSE_ALARM = 1e-3
"""Chance that a stationary run is said to drift, over all components together."""

_DENSITY_DRAWS = 20_000


@dataclass(frozen=True, eq=False)
class InvariantMeasure:
    """What the stationary part of a run says about its law, d parameters.

    Attributes
    ----------
    mean : Estimate
        Shape (d,).
    covariance : Estimate
        Shape (d, d); standard errors as those of the mean, from each product series.
    quantiles : Estimate
        Shape (len(probabilities), d); standard errors from the effective sample size, too small for short
        chains (see `mean_estimate`).
    probabilities : array
        Of the quantiles.
    ess_bulk, ess_tail, rhat : array, shape (d,)
    burn_in : int
        Draws dropped from the front of every chain.
    samples : array, shape (chain, draw, d)
        What was kept.
    reasons : tuple of str
        Why the run is not (known to be) stationary and long enough; empty if it is. One parameter may stand
        still in one place beside others that move, but not all, nor one at a place of its own in each chain.
    """

    mean: Estimate[Array]
    covariance: Estimate[Array]
    quantiles: Estimate[Array]
    probabilities: Array
    ess_bulk: Array
    ess_tail: Array
    rhat: Array
    burn_in: int
    samples: Array = field(repr=False)
    reasons: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether no check objects; evidence, not proof."""
        return not self.reasons

    def density(self, index: int, grid: ArrayLike | None = None) -> tuple[Array, Array]:
        """Marginal density of one parameter, by a Gaussian kernel estimate.

        The bandwidth follows the effective, not the nominal number of draws.

        Parameters
        ----------
        index : int
            Which parameter; negative ones count from the last.
        grid : array, optional
            Where to evaluate; left out, 200 points that span the samples.

        Returns
        -------
        grid, density : arrays, shape (n,)

        Raises
        ------
        ValueError
            If there is no such parameter, or it does not move.
        """
        from scipy.stats import gaussian_kde

        d = self.samples.shape[-1]
        if isinstance(index, bool) or not isinstance(index, int | np.integer) or not -d <= index < d:
            raise ValueError(f"index: expected an integer from 0 to {d - 1}, got {index!r}")
        values = self.samples[..., index].ravel()
        if np.ptp(values) == 0:
            raise ValueError(f"index: expected a parameter that moves, got {index}, which is constant")
        points = np.linspace(values.min(), values.max(), 200) if grid is None else finite_array("grid", grid)
        thin = -(-values.size // _DENSITY_DRAWS)
        effective = min(float(self.ess_bulk[index]), values.size / thin)
        return points, np.asarray(gaussian_kde(values[::thin], max(effective, 2.0) ** -0.2)(points))


def invariant_measure(
    samples: ArrayLike,
    *,
    burn_in: str | int = "auto",
    level: float = 0.95,
    probabilities: ArrayLike = (0.05, 0.25, 0.5, 0.75, 0.95),
    rhat_limit: float | None = None,
    ess_limit: float = 400.0,
) -> InvariantMeasure:
    """Estimate the invariant measure from independent runs of one process.

    Parameters
    ----------
    samples : array, shape (chain, draw, d)
        States at equal distances in time. Chains must not share random numbers. Independent draws (final
        states of many trajectories) go in as ONE chain, with `burn_in=0`.
    burn_in : "auto" or int
        Draws to drop from the front of every chain; "auto": the MSER-5 rule, `analysis.burn_in`, rounded up
        to the next tenth of the run (at least one tenth).
    level : float
        Coverage of the intervals, each by itself.
    probabilities : array
        Of the quantiles, in (0, 1).
    rhat_limit : float, optional
        Largest R-hat of a converged run. Left out: 1.01 (the reference's), but 1.1 from 32 chains on, where
        the precision comes from their number, each needs only to cross the law a few times, and drift is
        tested sharply.
    ess_limit : float
        Smallest bulk and tail effective sample size of a converged run.

    Returns
    -------
    InvariantMeasure

    Raises
    ------
    ValueError
        Wrong shape, non-finite samples (a diverged chain has no stationary law), fewer than 20 draws kept.

    References
    ----------
    Vehtari et al. (2021), doi 10.1214/20-BA1221.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(4, 1000, 1))
    >>> measure = invariant_measure(noise)
    >>> measure.converged, bool(measure.covariance.contains(1.0))
    (True, True)
    """
    array = _finite_chains(samples)
    dropped, reasons = _burn_in(array, burn_in)
    kept = array[:, dropped:]
    if kept.shape[1] < 20:
        raise ValueError(f"samples: expected at least 20 draws after burn-in, got {kept.shape[1]}")
    wanted = finite_array("probabilities", probabilities, (1,))
    if np.any((wanted <= 0) | (wanted >= 1)):
        raise ValueError(f"probabilities: expected numbers in (0, 1), got {wanted}")
    bulk, tail = (effective_sample_size(kept, kind=kind) for kind in ("bulk", "tail"))
    rhat = split_rhat(kept)
    return InvariantMeasure(
        mean=mean_estimate(kept, level=level),
        covariance=_covariance(kept, level),
        quantiles=_quantiles(kept, wanted, level),
        probabilities=wanted,
        ess_bulk=bulk,
        ess_tail=tail,
        rhat=rhat,
        burn_in=dropped,
        samples=kept,
        reasons=reasons
        + _objections(kept, rhat, _rhat_limit(rhat_limit, len(kept)), np.minimum(bulk, tail), ess_limit),
    )


@dataclass(frozen=True, eq=False)
class Comparison:
    """An array-valued estimate held against a prediction.

    Attributes
    ----------
    z : array
        (estimate - prediction) / standard error, entry by entry.
    p_value : float
        Two-sided, Bonferroni over the distinct entries.
    level : float
        A right prediction is rejected with probability at most 1 - `level`.
    agrees : bool
        `p_value >= 1 - level`.
    """

    z: Array
    p_value: float
    level: float
    agrees: bool


def compare_covariance(measure: InvariantMeasure, predicted: ArrayLike, *, level: float = 0.95) -> Comparison:
    """Test a predicted stationary covariance, by t-scores with Bonferroni over the upper triangle.

    Parameters
    ----------
    measure : InvariantMeasure
    predicted : array, shape (d, d)
        For instance `stationary_covariance(...)`.
    level : float
        1 - false-alarm rate.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> measure = invariant_measure(np.random.default_rng(0).normal(size=(4, 1000, 2)))
    >>> compare_covariance(measure, np.eye(2)).agrees, compare_covariance(measure, 1.2 * np.eye(2)).agrees
    (True, False)
    """
    d = len(measure.mean.value)
    target = covariance_matrix("predicted", finite_array("predicted", predicted, (2,)), d)
    return _compare(measure.covariance, target, np.triu_indices(d), level)


def compare_mean(measure: InvariantMeasure, predicted: ArrayLike, *, level: float = 0.95) -> Comparison:
    """Test a predicted stationary mean, shape (d,); see `compare_covariance`."""
    target = finite_array("predicted", predicted, (1,))
    if target.shape != measure.mean.value.shape:
        raise ValueError(f"predicted: expected shape {measure.mean.value.shape}, got {target.shape}")
    return _compare(measure.mean, target, (np.arange(len(target)),), level)


def _compare(
    estimate: Estimate[Array], target: Array, entries: tuple[NDArray[np.intp], ...], level: float
) -> Comparison:
    gap, floor = estimate.value - target, 1e-13 * np.max(np.abs(target), initial=1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(np.abs(gap) <= floor, 0.0, gap / estimate.se)
    p_value = bonferroni(2 * stdtr(estimate.dof[entries], -np.abs(z[entries])))
    return Comparison(z, p_value, level, passes(p_value, level))


def _finite_chains(samples: ArrayLike) -> Array:
    array = real_array("samples", samples, (3,))
    bad = ~np.all(np.isfinite(array), axis=(1, 2))
    if np.any(bad):
        raise ValueError(f"samples: expected finite states, got {int(bad.sum())} diverged chains of {len(bad)}")
    return array


def _rhat_limit(limit: float | None, chains: int) -> float:
    return limit if limit is not None else 1.1 if chains >= MANY_CHAINS else 1.01


def _burn_in(array: Array, burn_in: str | int) -> tuple[int, tuple[str, ...]]:
    if burn_in != "auto":
        if isinstance(burn_in, str):
            raise ValueError(f"burn_in: expected 'auto' or an integer >= 0, got {burn_in!r}")
        return count("burn_in", burn_in, 0), ()
    draws = array.shape[1]
    cut = mser_burn_in(array)
    # A cut to the draw would follow the fluctuations that it should not touch, and shrink the variance.
    dropped = -(-draws * max(1, -(-10 * cut // draws)) // 10)
    if cut >= longest_burn_in(draws):
        return dropped, (f"the burn-in of {cut} draws reaches half of the run: run longer",)
    return dropped, ()


def _covariance(kept: Array, level: float) -> Estimate[Array]:
    d = kept.shape[-1]
    centred = kept - kept.mean(axis=(0, 1))
    value, se, low, high, n, dof = (np.empty((d, d)) for _ in range(6))
    for i in range(d):
        # One row at a time: all products together would take d times the memory of the samples.
        row = mean_estimate(centred[..., i:] * centred[..., i : i + 1], level=level)
        fields = (row.value, row.se, *row.interval, row.n, row.dof)
        for target, source in zip((value, se, low, high, n, dof), fields, strict=True):
            target[i, i:] = target[i:, i] = source
    return Estimate(value, se, (low, high), n, level, dof)


def _quantiles(kept: Array, probabilities: Array, level: float) -> Estimate[Array]:
    from arviz_stats.base import array_stats

    value = np.quantile(kept, probabilities, axis=(0, 1))
    centre, scale = kept.mean(axis=(0, 1)), kept.std(axis=(0, 1))
    series = np.moveaxis((kept - centre) / np.where(scale > 0, scale, 1.0), (0, 1), (-2, -1))
    options = {"chain_axis": -2, "draw_axis": -1}
    se, n = np.empty_like(value), np.empty_like(value)
    for i, p in enumerate(probabilities):
        unit_se = array_stats.mcse(series, method="quantile", prob=float(p), **options)
        se[i] = np.where(scale > 0, unit_se, 0.0) * scale
        n[i] = array_stats.ess(series, method="quantile", prob=float(p), **options)
    return normal_estimate(value, se, n=n, level=probability("level", level))


def _objections(kept: Array, rhat: Array, rhat_limit: float, ess: Array, ess_limit: float) -> tuple[str, ...]:
    reasons = [f"parameter {k} does not move" for k in _stuck(kept)]
    worst = np.nan if np.all(np.isnan(rhat)) else float(np.nanmax(rhat))
    if worst > rhat_limit:
        reasons.append(f"R-hat {worst:.4g} > {rhat_limit:g}: the chains do not agree")
    if np.min(ess) < ess_limit:
        reasons.append(f"effective sample size {float(np.min(ess)):.4g} < {ess_limit:g}: run longer")
    centred = kept - kept.mean(axis=(0, 1))
    z = np.concatenate([geweke(centred), geweke(centred**2)])
    if bonferroni(2 * ndtr(-np.abs(z))) < DRIFT_FALSE_ALARM:
        reasons.append(f"the run drifts: Geweke z = {float(z[np.argmax(np.abs(z))]):.3g}")
    return tuple(reasons)


def _stuck(kept: Array) -> list[int]:
    """Parameters that stand still, unless it is in one place while others move: a point may be a marginal law."""
    still = np.all(kept == kept[:, :1], axis=(0, 1))
    apart = np.any(kept[:, 0] != kept[0, 0], axis=0)
    return [int(k) for k in np.flatnonzero(still & (apart | np.all(still)))]
