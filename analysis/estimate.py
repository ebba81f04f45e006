"""A number with its error bar."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from analysis._validation import probability

T = TypeVar("T", float, NDArray[np.float64])


@dataclass(frozen=True, eq=False)
class Estimate(Generic[T]):
    """An estimate with its standard error and confidence interval.

    Scalar or array-valued; for arrays every field but `level` has the shape of `value`.

    Attributes
    ----------
    value : float or array
        The point estimate.
    se : float or array
        Standard error, in the units of `value`.
    interval : tuple
        `(low, high)`, two-sided with coverage `level`, entry by entry (not simultaneous).
    n : float or array
        Number of observations; the *effective* number where samples are correlated.
    level : float
        Nominal coverage of `interval`.
    dof : float or array, optional
        Degrees of freedom of `se`, for Student's t; None or infinite where `se` counts as known.

    Examples
    --------
    >>> print(normal_estimate(0.98, 0.01, n=200))
    0.980 ± 0.010 (95 % 0.960 … 1.000, n = 200)
    """

    value: T
    se: T
    interval: tuple[T, T]
    n: T
    level: float = 0.95
    dof: Any = None

    def contains(self, number: Any) -> Any:
        """Tell, entry by entry, whether `number` lies inside the interval."""
        low, high = self.interval
        return (low <= number) & (number <= high)

    def __getitem__(self, index: Any) -> "Estimate[Any]":
        """Pick entries of an array-valued estimate."""
        low, high = (np.asarray(end)[index] for end in self.interval)
        value, se = np.asarray(self.value)[index], np.asarray(self.se)[index]
        n = np.broadcast_to(self.n, np.shape(self.value))[index]
        dof = None if self.dof is None else np.broadcast_to(self.dof, np.shape(self.value))[index]
        return Estimate(value, se, (low, high), n, self.level, dof)

    def __str__(self) -> str:
        if np.ndim(self.value) == 0:
            return _one_line(float(self.value), self)
        return "; ".join(f"{list(index)} {self[index]}" for index in np.ndindex(np.shape(self.value)))

    def __format__(self, spec: str) -> str:
        """Format the one-line text like a string, so that `f"{estimate:>50}"` pads it."""
        return format(str(self), spec)


def normal_estimate(value: T, se: T, *, n: Any, level: float = 0.95, dof: Any = None) -> Estimate[T]:
    """Build an estimate with a symmetric interval: Gaussian, or Student's t with `dof` degrees of freedom.

    Parameters
    ----------
    value, se : float or array
        Point estimate and standard error.
    n : float or array
        Number of (effective) observations.
    level : float
        Coverage, in (0, 1).
    dof : float or array, optional
        Degrees of freedom of `se`; left out, `se` counts as known.

    Returns
    -------
    Estimate
    """
    half = quantile_of_level(probability("level", level), dof) * se
    low, high = value - half, value + half
    if np.ndim(value) == 0:
        low, high = float(low), float(high)
    return Estimate(value, se, (cast(T, low), cast(T, high)), n, level, dof)


def quantile_of_level(level: float, dof: Any = None) -> Any:
    """Return the two-sided quantile of the standard normal law, or of Student's t.

    Examples
    --------
    >>> round(float(quantile_of_level(0.95)), 3), round(float(quantile_of_level(0.95, 4)), 3)
    (1.96, 2.776)
    """
    tail = (1 + level) / 2
    return ndtri(tail) if dof is None else stdtrit(dof, tail)


def _one_line(value: float, estimate: Estimate[Any]) -> str:
    se = float(estimate.se)
    low, high = (_number(float(end), se) for end in estimate.interval)
    body = f"{_number(value, se)} ± {_number(se, se)}"
    return f"{body} ({100 * estimate.level:g} % {low} … {high}, n = {float(estimate.n):.6g})"


def _number(number: float, se: float) -> str:
    """Round to the second significant digit of the standard error."""
    if not (np.isfinite(number) and np.isfinite(se) and se > 0):
        return f"{number:.6g}"
    last = int(np.floor(np.log10(se))) - 1
    largest = max(abs(number), se)
    if last < -6 or largest >= 1e6:
        digits = max(int(np.floor(np.log10(largest))) - last, 0)
        return f"{number:.{digits}e}"
    return f"{round(number, -last) + 0.0:.{max(-last, 0)}f}"
