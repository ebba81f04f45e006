"""Warm-up by line searches: the rate at which a step still lowers a merit function."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, finite_array, positive, probability


@dataclass(frozen=True)
class LineSearch:
    """What a line search found.

    Attributes
    ----------
    rate : float
        Accepted rate; the first one tried where none was accepted.
    accepted : bool
    tries : int
        Evaluations of the merit function.
    """

    rate: float
    accepted: bool
    tries: int


def line_search(
    merit: Callable[[float], float],
    value: float,
    slope: float,
    *,
    first: float,
    factor: float = 0.5,
    decrease: float = 0.05,
    most: int = 20,
) -> LineSearch:
    """Try first, first factor, first factor^2, ... until the merit is at most value - decrease rate slope.

    Parameters
    ----------
    merit : callable
        Rate to the merit after a step of that rate.
    value, slope : float
        Merit now, and minus its derivative in the rate at rate 0. Where the slope is <= 0, or the merit not finite, no
        rate is accepted.
    first, factor, decrease : float
    most : int
        Largest number of tries.

    References
    ----------
    Armijo (1966), doi 10.2140/pjm.1966.16.1.

    Examples
    --------
    >>> line_search(lambda rate: (1 - rate) ** 2 / 2, 0.5, 1.0, first=4.0)  # 2 (1 - 0.05) > 1 is accepted
    LineSearch(rate=1.0, accepted=True, tries=3)
    """
    rate, shrink = positive("first", first), probability("factor", factor)
    share = probability("decrease", decrease)
    if not (slope > 0 and isfinite(value)):  # of an infinite merit every rate would look like a decrease
        return LineSearch(rate, False, 0)
    for tries in range(1, count("most", most, 1) + 1):
        if merit(rate) <= value - share * rate * slope:
            return LineSearch(rate, True, tries)
        rate *= shrink
    return LineSearch(first, False, tries)


@dataclass(frozen=True)
class SmoothedSearch:
    """A rate that follows line searches: each starts at twice the present rate, which moves towards what it found.

    Attributes
    ----------
    smoothing : float
        Fraction of the way that the rate moves, in (0, 1].
    factor, decrease : float
        Of `line_search`.

    References
    ----------
    Zhang, Lang, Liu & Xiao (2020), arXiv 2002.10597.

    Examples
    --------
    >>> SmoothedSearch(smoothing=0.5).follow(2.0, lambda rate: (1 - rate) ** 2 / 2, 0.5, 1.0)
    (1.5, LineSearch(rate=1.0, accepted=True, tries=3))
    """

    smoothing: float = 0.1
    factor: float = 0.5
    decrease: float = 0.05

    def __post_init__(self) -> None:
        if positive("smoothing", self.smoothing) > 1:
            raise ValueError(f"smoothing: expected a number in (0, 1], got {self.smoothing:g}")
        probability("factor", self.factor)
        probability("decrease", self.decrease)

    def follow(
        self, rate: float, merit: Callable[[float], float], value: float, slope: float
    ) -> tuple[float, LineSearch]:
        """Return the next rate, which stays where nothing was accepted, and the search behind it.

        Parameters
        ----------
        rate : float
            Present rate.
        merit, value, slope
            Of `line_search`.
        """
        found = line_search(merit, value, slope, first=2 * rate, factor=self.factor, decrease=self.decrease)
        return (rate + self.smoothing * (found.rate - rate) if found.accepted else rate), found


def armijo_warmup(
    field: Callable[[Array], ArrayLike],
    jacobian: Callable[[Array], ArrayLike],
    x0: ArrayLike,
    *,
    lr: float,
    steps: int,
    smoothing: float = 0.1,
    factor: float = 0.5,
    decrease: float = 0.05,
) -> Array:
    """Rates of simultaneous descent by line searches on H = |F|^2 / 2, along one path; shape (steps,).

    Every search starts at twice the present rate, and the rate moves by the fraction `smoothing` towards what it found
    (and stays where it found nothing).

    Parameters
    ----------
    field, jacobian : callable
        State (d,) to F (d,) and to DF (d, d); exact, or of a batch.
    x0 : array, shape (d,)
    lr : float
        First rate.
    steps : int
    smoothing, factor, decrease : float

    Notes
    -----
    With the exact field an accepted step lowers H, and where the slope F . DF F is positive (as for a strongly monotone
    game off its equilibrium) small enough rates are accepted: at least factor 2 (1 - decrease) slope / (L |F|^2), L the
    Lipschitz constant of grad H. Nothing is guaranteed

    - where DF is antisymmetric (bilinear games): the slope is 0 and no rate is accepted; rightly so, all diverge;
    - if each player searches on its *own* loss, the others held still: some rate is always accepted, but on x y every
      one is, and simultaneous descent diverges;
    - on batches: a rate is accepted that suits the batch. It is blind to noise, stays of the order of 1 / L and does
      not fall. Hence a warm-up only, to be followed by a rule of this package (as in SALSA).

    References
    ----------
    Zhang, Lang, Liu & Xiao (2020), arXiv 2002.10597 (SALSA: smoothed line search, then a test of stationarity).

    Examples
    --------
    >>> matrix = np.array([[1.0, 1.0], [-1.0, 1.0]])  # H falls up to the rate 1
    >>> rates = armijo_warmup(lambda x: matrix @ x, lambda x: matrix, [1.0, 1.0], lr=0.01, steps=100)
    >>> bool(0.4 < rates[-1] < 1)
    True
    """
    x = finite_array("x0", x0, (1,)).copy()
    search = SmoothedSearch(smoothing, factor, decrease)
    rate, rates = positive("lr", lr), np.empty(count("steps", steps, 1))
    for k in range(len(rates)):
        here = np.asarray(field(x), dtype=float)
        slope = float(here @ np.asarray(jacobian(x), dtype=float) @ here)
        merit = partial(_hamiltonian_after, field, x, here)
        value = float(here @ here) / 2
        rate, _ = search.follow(rate, merit, value, slope)
        rates[k] = rate
        x = x - rate * here
        if not np.isfinite(x).all():
            raise ValueError(f"lr: expected a path that stays finite, got one that does not at iteration {k}")
    return rates


def _hamiltonian_after(field: Callable[[Array], ArrayLike], x: Array, direction: Array, rate: float) -> float:
    return float(np.sum(np.square(field(x - rate * direction)))) / 2
