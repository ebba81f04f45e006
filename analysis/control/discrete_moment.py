"""The same moment under the iteration itself: exact, with its own optimal rate.

One iteration at rate lr u of `z' = z - lr u (J z + noise)` on a quadratic, or on an isotropic pair of a game, gives

    m' = (1 - 2 lr decay u + lr^2 squared u^2) m + lr noise u^2,

exact where the SDE is right to first order in lr only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, finite_array, positive
from analysis.control.scalar_moment import ScalarMoment, finite_number, rate_array


@dataclass(frozen=True)
class DiscreteMoment:
    """Exact recursion of the moment m under gradient steps of rate lr u.

    Attributes
    ----------
    moment : ScalarMoment
        The SDE's equation: `decay`, `noise` and the largest rate.
    squared : float
        Mean square of the Jacobian on the pair, |J z|^2 / |z|^2: a^2 on a quadratic, a^2 + lam^2 on a pair with
        coupling lam. Not below decay^2.
    lr : float
        Learning rate at u = 1.

    Examples
    --------
    >>> from analysis.control.scalar_moment import quadratic_moment
    >>> chain = DiscreteMoment(quadratic_moment(2.0, 4.0, lr=0.1), squared=4.0, lr=0.1)
    >>> float(chain.feedback(0.1)), float(chain.step(0.1, 0.5).round(6))
    (0.45454545454545453, 0.091)
    """

    moment: ScalarMoment
    squared: float
    lr: float

    def __post_init__(self) -> None:
        positive("lr", self.lr)
        finite_number("squared", self.squared)
        if not self.squared >= self.moment.decay**2 * (1 - 1e-12):
            raise ValueError(f"squared: expected at least decay^2 = {self.moment.decay**2:g}, got {self.squared:g}")

    def step(self, moment: ArrayLike, rate: ArrayLike) -> Array:
        """Moment m after one iteration at rate lr u; arrays broadcast."""
        m, v = np.asarray(moment, dtype=float), self.lr * np.asarray(rate, dtype=float)
        factor = 1 - 2 * self.moment.decay * v + self.squared * v**2
        return np.asarray(factor * m + self.moment.noise * v**2 / self.lr)

    def feedback(self, moment: ArrayLike) -> Array:
        """The rate u that makes the next m least, and the optimal one over any number of iterations.

        u = decay m / (lr squared m + noise), clipped. The factor of m in an iteration is not negative (squared >=
        decay^2), so that a smaller m now is a smaller m after any further rates: what is best for the next iteration
        is best for all. Against the SDE's u the denominator has gained lr squared m.
        """
        m = finite_array("moment", moment)
        bottom = self.lr * self.squared * m + self.moment.noise
        inner = self.moment.decay * m / np.where(bottom > 0, bottom, 1.0)
        largest = self.moment.largest
        ends = np.where(self.step(m, largest) <= m, largest, 0.0)
        return np.where(bottom > 0, np.clip(inner, 0.0, largest), ends)

    def evolve(self, start: float, rates: ArrayLike) -> Array:
        """Moment m before the first and after each iteration, under learning rates lr u of shape (..., steps).

        Parameters
        ----------
        start : float
            m before the first iteration.
        rates : array, shape (..., steps)
            Learning rates themselves, in the units of `lr`, as `OptimalRate.schedule` returns them.

        Returns
        -------
        array, shape (..., steps + 1)
        """
        u = rate_array(rates) / self.lr
        path = np.empty((*u.shape[:-1], u.shape[-1] + 1))
        path[..., 0] = finite_number("start", start)
        for k in range(u.shape[-1]):
            path[..., k + 1] = self.step(path[..., k], u[..., k])
        return path

    def optimal_schedule(self, start: float, steps: int) -> Array:
        """Learning rates that make the exact m least at every iteration, shape (steps,), in the units of `lr`."""
        m, rates = finite_number("start", start), np.empty(count("steps", steps, 1))
        for k in range(len(rates)):
            rate = self.feedback(m)
            rates[k], m = self.lr * rate, float(self.step(m, rate))
        return rates
