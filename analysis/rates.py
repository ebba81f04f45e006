"""Rates of convergence: which law an error follows along the iterations, and with what exponent."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, finite_array, probability
from analysis.estimate import Estimate, normal_estimate
from analysis.least_squares import fit_curves

MINIMUM_POINTS = 5
MINIMUM_REPLICATES = 4


@dataclass(frozen=True)
class RateModel:
    """A law log e(k); the parameters are `log_prefactor`, `slope` and, with a plateau, `log_plateau`."""

    name: str
    logarithmic: bool
    plateau: bool

    def abscissa(self, k: Array) -> Array:
        """Return what the slope multiplies: log k for a power law, k for an exponential."""
        return np.log(k) if self.logarithmic else k


MODELS: Final = (
    RateModel("power", True, False),
    RateModel("exponential", False, False),
    RateModel("power+plateau", True, True),
    RateModel("exponential+plateau", False, True),
)


@dataclass(frozen=True, eq=False)
class ModelFit:
    """One law fitted.

    Attributes
    ----------
    slope : Estimate
        Signed: e ~ k^slope, or e ~ exp(slope k).
    prefactor : float
    plateau : float
        The constant added; 0 for laws without.
    aicc : float
        Small-sample Akaike criterion; infinite if there are too few points for the law.
    fitted : array, shape (n,)
    chosen : float
        Fraction of the bootstrap replicates in which this law is the best (NaN without replicates).
    """

    slope: Estimate[float]
    prefactor: float
    plateau: float
    aicc: float
    fitted: Array
    chosen: float


@dataclass(frozen=True, eq=False)
class RateFit:
    """All laws, and the best.

    Attributes
    ----------
    models : dict
        Law to `ModelFit`: "power", "exponential", "power+plateau", "exponential+plateau".
    best : str
        The law with the smallest AICc.
    exponent : Estimate
        The signed exponent of the better one of the two power laws, whether or not an exponential fits
        better still.
    k, error : array, shape (n,)
        The data; `error` is averaged over replicates.
    """

    models: dict[str, ModelFit]
    best: str
    exponent: Estimate[float]
    k: Array
    error: Array

    @property
    def value(self) -> float:
        """The signed exponent; 1/k gives -1."""
        return self.exponent.value

    @property
    def se(self) -> float:
        """Standard error of the exponent."""
        return self.exponent.se

    @property
    def interval(self) -> tuple[float, float]:
        """Confidence interval of the exponent."""
        return self.exponent.interval

    @property
    def weights(self) -> dict[str, float]:
        """Akaike weights of the laws."""
        lowest = self.models[self.best].aicc
        raw = {name: float(np.exp((lowest - fit.aicc) / 2)) for name, fit in self.models.items()}
        return {name: weight / sum(raw.values()) for name, weight in raw.items()}


def fit_rate(
    k: ArrayLike,
    error: ArrayLike,
    *,
    se: ArrayLike | None = None,
    level: float = 0.95,
    resamples: int = 400,
    seed: int = 0,
) -> RateFit:
    """Fit power and exponential decay, each with and without a plateau, to a positive error.

    Parameters
    ----------
    k : array, shape (n,)
        Different positive iteration numbers (or times), at least 5.
    error : array, shape (n,) or (replicates, n)
        Positive. Replicates are independent runs (at least 4), averaged; along one run the points are
        correlated.
    se : array, shape (n,), optional
        Standard errors of a one-dimensional `error`, whose points then count as independent.
    level : float
        Coverage of the intervals.
    resamples, seed : int
        Bootstrap over replicates.

    Returns
    -------
    RateFit

    Raises
    ------
    ValueError
        Wrong shapes, errors that are not positive, too few points or replicates.

    Notes
    -----
    Least squares on log error. With replicates the points are weighted by their (smoothed) spread, and the
    intervals come from refitting bootstrap means over whole runs, so that correlation along k is carried;
    the bootstrap's standard error is widened by sqrt(R / (R - 1)) and Student's t. AICc takes the points as
    independent: with correlated ones look at `chosen`, how often each law wins over the bootstrap. Without
    replicates and `se`, one common relative error is estimated from the residuals: for points of ONE run
    its interval is too narrow.

    References
    ----------
    Burnham & Anderson (2002), Model Selection and Multimodel Inference, section 2.4 (AICc, weights).

    Examples
    --------
    >>> k = np.array([1, 2, 4, 8, 16, 32])
    >>> fit = fit_rate(k, 3 / k * np.array([1.01, 0.98, 1.02, 0.99, 1.01, 1.0]))
    >>> fit.best, round(fit.value, 2)
    ('power', -1.0)
    """
    points, values = _checked(k, error)
    probability("level", level)
    if values.ndim == 2:
        if se is not None:
            raise ValueError("se: expected None with replicates, whose spread gives the errors")
        return _fit_replicates(points, values, level, count("resamples", resamples, 50), seed)
    known = _log_sd(se, values)
    fits = {}
    for model in MODELS:
        theta, covariance, chi2 = fit_curves(model, points, np.log(values)[None], known)
        dof = len(points) - theta.shape[1]
        scale = 1.0 if known is not None else chi2[0] / dof
        slope = normal_estimate(
            float(theta[0, 1]),
            float(np.sqrt(scale * covariance[0, 1, 1])),
            n=len(points),
            level=level,
            dof=None if known is not None else dof,
        )
        aicc = float(_aicc(chi2, len(points), theta.shape[1], known is not None)[0])
        fits[model.name] = _model_fit(model, points, theta[0], slope, aicc, float("nan"))
    return _select(fits, points, values)


def _fit_replicates(k: Array, error: Array, level: float, resamples: int, seed: int) -> RateFit:
    replicates, n = error.shape
    mean = error.mean(axis=0)
    sd = _smooth_spread(k, error.std(axis=0, ddof=1) / np.sqrt(replicates) / mean)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(replicates, np.full(replicates, 1 / replicates), size=resamples)
    y = np.log(np.vstack([mean, counts @ error / replicates]))
    solved, criteria = [], []
    for model in MODELS:
        theta, _, chi2 = fit_curves(model, k, y, sd)
        solved.append(theta)
        criteria.append(_aicc(chi2, n, theta.shape[1], sd is not None))
    winners = np.argmin(np.array(criteria)[:, 1:], axis=0)
    widening = np.sqrt(replicates / (replicates - 1))
    fits = {}
    for i, model in enumerate(MODELS):
        slope = normal_estimate(
            float(solved[i][0, 1]),
            float(solved[i][1:, 1].std(ddof=1) * widening),
            n=replicates,
            level=level,
            dof=replicates - 1,
        )
        chosen = float(np.mean(winners == i))
        fits[model.name] = _model_fit(model, k, solved[i][0], slope, float(criteria[i][0]), chosen)
    return _select(fits, k, mean)


def _smooth_spread(k: Array, spread: Array) -> Array | None:
    """Smooth relative errors along k by a parabola in logarithms: weights from few replicates are noise."""
    if np.any(spread <= 1e-12):
        return None
    x = np.log(k)
    return np.exp(np.polynomial.Polynomial.fit(x, np.log(spread), 2)(x))


def _model_fit(
    model: RateModel, k: Array, theta: Array, slope: Estimate[float], aicc: float, chosen: float
) -> ModelFit:
    plateau = float(np.exp(theta[2])) if model.plateau else 0.0
    fitted = np.exp(theta[0] + theta[1] * model.abscissa(k)) + plateau
    return ModelFit(slope, float(np.exp(theta[0])), plateau, aicc, fitted, chosen)


def _select(fits: dict[str, ModelFit], k: Array, error: Array) -> RateFit:
    best = min(fits, key=lambda name: fits[name].aicc)
    powers = [model.name for model in MODELS if model.logarithmic]
    exponent = fits[min(powers, key=lambda name: fits[name].aicc)].slope
    return RateFit(fits, best, exponent, k, error)


def _aicc(chi2: Array, n: int, parameters: int, errors_known: bool) -> Array:
    total = parameters + (not errors_known)
    if n <= total + 1:
        return np.full(chi2.shape, np.inf)
    # A perfect fit has no likelihood; the floor keeps exact data comparable.
    loss = chi2 if errors_known else n * np.log(np.maximum(chi2 / n, 1e-28))
    return loss + 2 * total + 2 * total * (total + 1) / (n - total - 1)


def _checked(k: ArrayLike, error: ArrayLike) -> tuple[Array, Array]:
    points, values = finite_array("k", k, (1,)), finite_array("error", error, (1, 2))
    if np.any(points <= 0) or len(np.unique(points)) != len(points):
        raise ValueError("k: expected different positive numbers, got repeated or non-positive ones")
    if len(points) < MINIMUM_POINTS:
        raise ValueError(f"k: expected at least {MINIMUM_POINTS} points, got {len(points)}")
    if values.shape[-1] != len(points):
        raise ValueError(f"error: expected {len(points)} points along the last axis, got {values.shape[-1]}")
    if values.ndim == 2 and len(values) < MINIMUM_REPLICATES:
        raise ValueError(f"error: expected at least {MINIMUM_REPLICATES} replicates, got {len(values)}")
    if np.any(values <= 0):
        raise ValueError(f"error: expected positive numbers, got {float(values.min()):g}")
    order = np.argsort(points)
    return points[order], values[..., order]


def _log_sd(se: ArrayLike | None, values: Array) -> Array | None:
    if se is None:
        return None
    spread = finite_array("se", se, (1,))
    if spread.shape != values.shape or np.any(spread <= 0):
        raise ValueError(f"se: expected {len(values)} positive numbers, got {spread}")
    return spread / values
