"""How the stationary law of x' = x + eta (b(x) + noise) leaves its Gaussian limit, to the first orders in eta.

Near an equilibrium x* the scaled deviation Y = (x - x*) / sqrt(eta) moves, in units of eta, by the generator of an
Ornstein-Uhlenbeck process and sqrt(eta) times

    (1/2) D^2 b[y, y] . grad + b_1(x*) . grad + (1/2) DS[y] : grad^2 + (1/6) T : grad^3,

with S the covariance of the noise of one step, T its third cumulant and b_1 the drift of order eta. Asking that means
of y and of y y y be stationary gives the shift m and the third cumulant kappa of Y, both times sqrt(eta):

    A m + (1/2) D^2 b : C + b_1 = 0,
    sym[A kappa] + sym[D^2 b[C, C]] + sym[DS[C]] + T = 0,     A C + C A^T + S = 0, A = Db.

Where the equilibrium is a centre of symmetry, both vanish, and the law departs at order eta: by a correction of the
covariance, to which the step itself adds A C A^T, and by a fourth cumulant.

With Z normal, the quantiles of a direction of unit variance shift by sqrt(eta) (m + kappa (Z^2 - 1) / 6) (Cornish &
Fisher), or by eta (v Z / 2 + kappa_4 (Z^3 - 3 Z) / 24): their mean squares are those of the 2-Wasserstein distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy.stats import norm

import analysis

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Derivatives:
    """Taylor coefficients of an iteration at its equilibrium; all of one step divided by eta.

    Parameters
    ----------
    drift
        Db, D^2 b, D^3 b: ``(d, d)``, ``(d, d, d)``, ``(d, d, d, d)``, the component first.
    correction
        ``b_1(x*)``, ``(d,)``: what the mean step has beyond eta b, over eta^2.
    noise
        S, DS, D^2 S: ``(d, d)`` and one more axis for each derivative, last.
    third, fourth
        Third and fourth cumulants of the noise of one step.
    """

    drift: tuple[Array, Array, Array]
    correction: Array
    noise: tuple[Array, Array, Array]
    third: Array
    fourth: Array


@dataclass(frozen=True, eq=False)
class Expansion:
    """First cumulants of ``(x - x*) / sqrt(eta)``.

    Parameters
    ----------
    covariance
        C of the limit.
    shift, third
        Mean and third cumulant over sqrt(eta).
    second, fourth
        Correction of the covariance and fourth cumulant over eta; valid where shift and third vanish, the third
        cumulant of the noise does not change with x and the mean step is eta b(x).
    """

    covariance: Array
    shift: Array
    third: Array
    second: Array
    fourth: Array

    @property
    def symmetric(self) -> bool:
        """Whether nothing happens at order sqrt(eta)."""
        return max(np.abs(self.shift).max(), np.abs(self.third).max()) < 1e-12

    @property
    def power(self) -> float:
        """Predicted exponent of eta in the distance."""
        return 1.0 if self.symmetric else 0.5

    def along(self, directions: Array) -> tuple[Array, Array, Array, Array]:
        """Shift, third, second, fourth along directions ``(m, d)``, in deviations of the limit along each."""
        deviation = np.sqrt(np.einsum("mi,ij,mj->m", directions, self.covariance, directions))
        u = directions / deviation[:, None]
        return (
            u @ self.shift,
            np.einsum("ijk,mi,mj,mk->m", self.third, u, u, u),
            np.einsum("ij,mi,mj->m", self.second, u, u),
            np.einsum("ijkl,mi,mj,mk,ml->m", self.fourth, u, u, u, u),
        )

    def square(self, directions: Array) -> Array:
        """Squared 2-Wasserstein distance over ``eta^(2 power)`` along each direction, in deviations of the limit."""
        shift, third, second, fourth = self.along(directions)
        return second**2 / 4 + fourth**2 / 96 if self.symmetric else shift**2 + third**2 / 18

    def first(self, directions: Array) -> Array:
        """1-Wasserstein distance over ``eta^power`` along each direction, in deviations of the limit."""
        z, (shift, third, second, fourth) = norm.ppf((np.arange(20_000) + 0.5) / 20_000), self.along(directions)
        if self.symmetric:
            moved = np.outer(second / 2, z) + np.outer(fourth / 24, z**3 - 3 * z)
        else:
            moved = shift[:, None] + np.outer(third / 6, z**2 - 1)
        return np.abs(moved).mean(axis=1)


def expand(taylor: Derivatives) -> Expansion:
    """Solve for the cumulants order by order.

    Raises
    ------
    ValueError
        If the equilibrium is not stable.
    """
    (a, bend, twist), (s, tilt, curve) = taylor.drift, taylor.noise
    c = analysis.stationary_covariance(-a, s)
    shift = np.linalg.solve(a, -(np.einsum("ijk,jk->i", bend, c) / 2 + taylor.correction))
    pushed = np.einsum("iab,aj,bk->ijk", bend, c, c)
    spread = np.einsum("ijl,lk->ijk", tilt, c)
    third = _solve(a, _symmetrise(pushed, 3) + _symmetrise(spread, 3) + taylor.third)
    cubic = np.einsum("iabc,ab,cj->ij", twist, c, c) / 2
    second = _solve(a, cubic + cubic.T + np.einsum("ijab,ab->ij", curve, c) / 2 + a @ c @ a.T)
    quartic = np.einsum("iabc,aj,bk,cl->ijkl", twist, c, c, c)
    noisy = np.einsum("ijab,ak,bl->ijkl", curve, c, c)
    fourth = _solve(a, _symmetrise(quartic, 4) + _symmetrise(noisy, 6) + taylor.fourth)
    return Expansion(c, shift, third, second, fourth)


def _symmetrise(tensor: Array, terms: int) -> Array:
    """Sum of a tensor over the ``terms`` distinct ways to place its indices."""
    orders = list(permutations(range(tensor.ndim)))
    return sum(np.transpose(tensor, order) for order in orders) * terms / len(orders)


def _solve(a: Array, forcing: Array) -> Array:
    """The symmetric tensor that A, acting on every index and summed, takes to minus the forcing."""
    d, order = len(a), forcing.ndim
    operator = np.zeros((d**order, d**order))
    for place in range(order):
        operator += np.kron(np.kron(np.eye(d**place), a), np.eye(d ** (order - 1 - place)))
    return np.linalg.solve(operator, -forcing.ravel()).reshape(forcing.shape)
