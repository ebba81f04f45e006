"""Control of the extrapolation of stochastic extragradient on an isotropic pair of a game.

The pair is a x^2 / 2 + lam x y - a y^2 / 2 with gradient noise of variance s^2 a player, m = E|z|^2 / 2; the step is
`z' = z - lr F(z - rho F(z))` with rho fixed as lr -> 0. Its SDE gives, with one batch for both evaluations,

    m' = -2 [a + rho (lam^2 - a^2)] m + lr s^2 [(1 - rho a)^2 + rho^2 lam^2],

and with a batch each the last bracket is 1 + rho^2 (a^2 + lam^2).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, finite_array, positive


@dataclass(frozen=True)
class Extragradient:
    """The moment of extragradient on a pair as a function of the extrapolation rho, and the best rho.

    Attributes
    ----------
    curvature, coupling : float
        a and lam.
    variance : float
        s^2 / B, of the batch's gradient in each coordinate.
    lr : float
        Learning rate of the move.
    shared : bool
        Whether both evaluations use one batch.

    References
    ----------
    Compagnoni et al. (2024), arXiv 2402.12508: the SDE; the control follows by completing the square in rho.

    Examples
    --------
    >>> game = Extragradient(curvature=1.0, coupling=2.0, variance=1.0, lr=0.01)
    >>> rest = game.stationary(game.rest_extrapolation)
    >>> round(game.rest_extrapolation, 12), round(float(game.extrapolation(rest)), 12)
    (0.333333333333, 0.333333333333)
    """

    curvature: float
    coupling: float
    variance: float
    lr: float
    shared: bool = True

    def __post_init__(self) -> None:
        finite_array("curvature", self.curvature, (0,))
        finite_array("coupling", self.coupling, (0,))
        positive("variance", self.variance)
        positive("lr", self.lr)
        if self.coupling == 0:
            raise ValueError("coupling: expected a number other than 0, got 0 (two separate losses, no game)")

    def derivative(self, moment: ArrayLike, extrapolation: ArrayLike) -> Array:
        """Derivative m' in the SDE; arrays broadcast."""
        rho = np.asarray(extrapolation, dtype=float)
        decay = self.curvature + rho * (self.coupling**2 - self.curvature**2)
        return np.asarray(-2 * decay * np.asarray(moment, dtype=float) + self._gain(rho))

    def stationary(self, extrapolation: ArrayLike) -> Array:
        """Moment m at rest for a constant rho, infinite where the SDE has no stationary law."""
        rho = np.asarray(extrapolation, dtype=float)
        decay = 2 * (self.curvature + rho * (self.coupling**2 - self.curvature**2))
        return np.where(decay > 0, self._gain(rho) / np.where(decay > 0, decay, 1.0), np.inf)

    def extrapolation(self, moment: ArrayLike) -> Array:
        """The rho at which m falls fastest, hence best at every horizon for the SDE.

        rho = [(lam^2 - a^2) m / (lr s^2) + a] / (a^2 + lam^2), without the last a if the batches are independent.
        It grows like m / lr, while the SDE needs rho small against 1 / (lr |J|^2): it holds near rest only. Far
        away take `discrete_extrapolation`.
        """
        m = finite_array("moment", moment)
        pull = (self.coupling**2 - self.curvature**2) * m / (self.lr * self.variance)
        return (pull + (self.curvature if self.shared else 0.0)) / self._square

    @property
    def rest_extrapolation(self) -> float:
        """The constant rho with the least stationary m: the fixed point of `extrapolation`.

        1 / (a + |lam|) for a shared batch; with independent ones the root of a quadratic. Raises ValueError for
        a = -|lam|, where no rho settles.
        """
        a, gap, square = self.curvature, self.coupling**2 - self.curvature**2, self._square
        if a == -abs(self.coupling):
            raise ValueError(f"curvature: expected a number other than -|coupling|, got {a:g} (nothing settles)")
        if self.shared:
            return 1 / (a + abs(self.coupling))
        # least of (1 + rho^2 square) / (a + rho gap): rho^2 square gap + 2 rho square a = gap
        return float(gap / (square * a + np.sqrt((square * a) ** 2 + square * gap**2)))

    def step(self, moment: ArrayLike, extrapolation: ArrayLike) -> Array:
        """Exact m after an iteration: |1 - lr J + lr rho J^2|^2 m + lr x the SDE's gain, with J = a + i lam."""
        rho = np.asarray(extrapolation, dtype=float)
        jacobian = complex(self.curvature, self.coupling)
        factor = np.abs(1 - self.lr * jacobian + self.lr * rho * jacobian**2) ** 2
        return np.asarray(factor * np.asarray(moment, dtype=float) + self.lr * self._gain(rho))

    def discrete_extrapolation(self, moment: ArrayLike) -> Array:
        """The rho that makes the next m least, exactly; optimal over any number of iterations.

        The factor of m is a square, so that a smaller m now is a smaller m later whatever follows. As lr -> 0 with
        m / lr fixed this is `extrapolation`.
        """
        m = finite_array("moment", moment)
        square, a = self._square, self.curvature
        pull = ((self.coupling**2 - a**2) / self.lr + a * square) * m
        return (pull + (a * self.variance if self.shared else 0.0)) / (square * (square * m + self.variance))

    @property
    def _square(self) -> float:
        return self.curvature**2 + self.coupling**2

    def _gain(self, rho: Array) -> Array:
        """What noise adds to m in a unit of time."""
        if self.shared:
            bracket = (1 - rho * self.curvature) ** 2 + (rho * self.coupling) ** 2
        else:
            bracket = 1 + rho**2 * self._square
        return self.lr * self.variance * bracket
