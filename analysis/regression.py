"""Linear least squares with intervals: the machinery of order and rate estimates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from analysis._validation import Array, finite_array, probability
from analysis.estimate import Estimate, normal_estimate


@dataclass(frozen=True, eq=False)
class LinearFit:
    """A least-squares fit.

    Attributes
    ----------
    coefficients : array, shape (p,)
    covariance : array, shape (p, p)
        Of the coefficients: from the known errors if they were given, otherwise from the residuals.
    fitted : array, shape (n,)
    chi2 : float
        Weighted sum of squared residuals; without known errors, the plain sum.
    dof : int
        n - p.
    p_value : float
        Probability of a larger chi2 if the model is right; NaN without known errors or degrees of freedom.
    errors_known : bool
    """

    coefficients: Array
    covariance: Array
    fitted: Array
    chi2: float
    dof: int
    p_value: float
    errors_known: bool

    def estimate(self, index: int, level: float = 0.95) -> Estimate[float]:
        """One coefficient with its interval: Gaussian for known errors, else Student's t with `dof`."""
        value = float(self.coefficients[index])
        se = float(np.sqrt(self.covariance[index, index]))
        n = len(self.fitted)
        return normal_estimate(value, se, n=n, level=level, dof=None if self.errors_known else self.dof)


def linear_fit(design: ArrayLike, y: ArrayLike, sd: ArrayLike | None = None) -> LinearFit:
    """Fit y = design @ coefficients + error by (weighted) least squares.

    Parameters
    ----------
    design : array, shape (n, p)
        Of full column rank.
    y : array, shape (n,)
        Independent observations.
    sd : array, shape (n,), optional
        Known standard deviations, positive; left out, one common unknown one is estimated (needs n > p).

    Returns
    -------
    LinearFit

    Examples
    --------
    >>> fit = line_fit([0.0, 1.0, 2.0], [1.0, 3.1, 4.9], sd=[0.1, 0.1, 0.1])
    >>> print(fit.estimate(1))
    1.950 ± 0.071 (95 % 1.811 … 2.089, n = 3)
    """
    matrix = finite_array("design", design, (2,))
    values = finite_array("y", y, (1,))
    n, p = matrix.shape
    if len(values) != n:
        raise ValueError(f"y: expected {n} values, got {len(values)}")
    if n < p + (sd is None):
        raise ValueError(f"y: expected at least {p + (sd is None)} points, got {n}")
    weights = np.ones(n) if sd is None else 1 / _positive_sd(sd, n)
    left, singular, right = np.linalg.svd(matrix * weights[:, None], full_matrices=False)
    if singular[-1] <= n * np.finfo(float).eps * singular[0]:
        raise ValueError(f"design: expected full column rank, got singular values {singular}")
    inverse = right.T / singular
    coefficients = inverse @ (left.T @ (values * weights))
    fitted = matrix @ coefficients
    chi2, dof = float(np.sum(((values - fitted) * weights) ** 2)), n - p
    covariance = inverse @ inverse.T * (chi2 / dof if sd is None else 1.0)
    p_value = float(chdtrc(dof, chi2)) if sd is not None and dof > 0 else float("nan")
    return LinearFit(coefficients, covariance, fitted, chi2, dof, p_value, sd is not None)


def line_fit(x: ArrayLike, y: ArrayLike, sd: ArrayLike | None = None) -> LinearFit:
    """Fit the line y = c0 + c1 x; see `linear_fit`."""
    abscissa = finite_array("x", x, (1,))
    return linear_fit(np.column_stack([np.ones_like(abscissa), abscissa]), y, sd)


def bonferroni(p_values: ArrayLike) -> float:
    """Combine the p-values of several tests, however dependent, into one: min(1, m min p).

    Parameters
    ----------
    p_values : array
        Of m tests, any shape.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Unless there is at least one, and each is a number in [0, 1]: a NaN, of a test that could not be made,
        must not pass.

    Examples
    --------
    >>> bonferroni([0.01, 0.5, 0.9])
    0.03
    """
    values = finite_array("p_values", p_values)
    outside = values[(values < 0) | (values > 1)]
    if outside.size:
        raise ValueError(f"p_values: expected numbers in [0, 1], got {outside[0]:g}")
    return min(1.0, float(values.size * np.min(values)))


def passes(p_value: float, level: float) -> bool:
    """Tell whether a test does not reject, at false-alarm rate 1 - `level`."""
    return bool(p_value >= 1 - probability("level", level))


def _positive_sd(sd: ArrayLike, n: int) -> Array:
    values = finite_array("sd", sd, (1,))
    if len(values) != n or np.any(values <= 0):
        raise ValueError(f"sd: expected {n} positive numbers, got {values}")
    return values
