"""The optimal learning rate of a quadratic in closed form: full rate, a switch, then 1 / (1 + decay t)."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, finite_array, positive
from analysis.control.scalar_moment import ScalarMoment


@dataclass(frozen=True)
class OptimalRate:
    """The rate u in [0, U] that makes m(T) least for every horizon T at once.

    Write a for `decay`, q for `noise`. While m > q U / a the rate is U and m relaxes towards q U / (2 a); it passes
    q U / a at the switch. From there on u = a m / q, so that u' = -a u^2:

        t* = log(2 a m0 / (q U) - 1) / (2 a U),        u = U / (1 + a U (t - t*)),   m = q u / a.

    With m0 < q U / a the second phase starts at once, from u0 = a m0 / q.

    Attributes
    ----------
    moment : ScalarMoment
        The equation of m.
    start : float
        m at time 0.

    References
    ----------
    Li, Tai & E (2017), arXiv 1511.06251, section 4.1: there a is the curvature and q = a lr Sigma / 2.

    Examples
    --------
    >>> from analysis.control import quadratic_moment
    >>> best = optimal_rate(quadratic_moment(curvature=2.0, variance=4.0, lr=0.1), start=5.0)
    >>> round(best.switch_time, 4)
    0.973
    >>> best.rate([0.0, best.switch_time, best.switch_time + 0.5]).tolist()
    [1.0, 1.0, 0.5]
    """

    moment: ScalarMoment
    start: float

    @property
    def switch_time(self) -> float:
        """Time at which the rate leaves `largest`: 0 if never on it, infinity if never off it."""
        a, q, largest = self.moment.decay, self.moment.noise, self.moment.largest
        if a <= 0 or q <= 0:  # bang-bang: no interior rate is ever best
            return math.inf if float(self.moment.feedback(self.start)) == largest else 0.0
        ratio = 2 * a * self.start / (q * largest)
        return 0.0 if ratio <= 2 else math.log(ratio - 1) / (2 * a * largest)

    def rate(self, time: ArrayLike) -> Array:
        """Rate u at times (any shape, >= 0), as a multiple of the learning rate."""
        return self._first / self._slowing(self._after_switch(_times(time)))

    def value(self, time: ArrayLike) -> Array:
        """Moment m at times (any shape, >= 0); also the value function, with `time` the distance to the horizon."""
        times = _times(time)
        late = self._after_switch(times)
        constant = np.full((*times.shape, 1), self._first)
        return self.moment.evolve(self.start, constant, (times - late)[..., None])[..., -1] / self._slowing(late)

    def schedule(self, lr: float, steps: int) -> Array:
        """Learning rates by iteration, lr u((k + 1/2) lr), k = 0, ..., steps - 1.

        Midpoints, not the beginnings of the iterations: the mean of u over an iteration is its value in the middle
        to second order, whereas u(k lr) makes a falling schedule act lr / 2 too late, an error of order lr that an
        SDE of order 2 has to carry as the extra drift (lr / 2) u'(t) f' (Li, Tai & E, arXiv 1811.01558).

        Returns
        -------
        array, shape (steps,)
            Of the units of `lr`, as simulations take them.
        """
        clock = positive("lr", lr)
        return clock * self.rate((np.arange(count("steps", steps, 1)) + 0.5) * clock)

    @property
    def _first(self) -> float:
        return float(self.moment.feedback(self.start))

    def _after_switch(self, times: Array) -> Array:
        """Time spent since the switch; none where the best rate is an end of the interval for good."""
        interior = self.moment.decay > 0 and self.moment.noise > 0
        return np.maximum(times - self.switch_time, 0.0) if interior else np.zeros_like(times)

    def _slowing(self, late: Array) -> Array:
        """Factor by which rate and moment have fallen since the switch."""
        return 1 + self.moment.decay * self._first * late


def optimal_rate(moment: ScalarMoment, start: float) -> OptimalRate:
    """Solve the control problem "make m(T) least" for the equation of one moment, whatever T.

    Parameters
    ----------
    moment : ScalarMoment
        From `quadratic_moment`, `game_moment`, `adversarial_moment`, or any coefficients.
    start : float
        m at time 0, of the sign of `noise` (a mean loss and its noise both have the sign of the curvature).

    Returns
    -------
    OptimalRate

    Raises
    ------
    ValueError
        If `start` has the wrong sign.
    """
    m = float(finite_array("start", start, (0,)))
    if m * moment.noise < 0:
        wanted = ">= 0" if moment.noise > 0 else "<= 0"
        raise ValueError(f"start: expected a moment {wanted}, got {m:g}")
    return OptimalRate(moment, m)


def _times(time: ArrayLike) -> Array:
    times = finite_array("time", time)
    if np.any(times < 0):
        raise ValueError(f"time: expected numbers >= 0, got {float(np.min(times)):g}")
    return times
