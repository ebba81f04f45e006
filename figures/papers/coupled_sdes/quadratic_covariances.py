"""Stationary covariances of the quadratic game in closed form: no equation is left to be solved.

The game is ``a theta^2 / 2 + lam theta omega - c omega^2 / 2`` with additive gradient noise of covariance Sigma, in the
order (omega, theta) throughout. Its field has the Jacobian ``J = [[c, -lam], [lam, a]]``, of trace ``t = a + c`` and
determinant ``d = a c + lam^2``. In the plane both Lyapunov equations can be solved by hand, with ``adj J = t I - J``:

    SDE       ``C = (lr / B) [d Sigma + adj(J) Sigma adj(J)^T] / (2 t d)``
    training  ``C = (lr / B) [d N Sigma N^T / D + adj(J) Sigma adj(J)^T] / (2 d (t - lr d))``,
              ``N = (1 - lr t / 2) I + lr J / 2``,  ``D = 1 - lr t / 2 + lr^2 d / 4``

The second needs ``t > lr d`` and ``D > 0``: these are Jury's conditions, the first of them ``lr < 2 Re mu / |mu|^2``
for a complex pair of eigenvalues mu. It follows from the first, for ``R = (I - lr J / 2)^{-1} = N / D`` turns the
equation of the recursion into ``(J R) C + C (J R)^T = (lr / B) R Sigma R^T``. The SDE is that of Cao & Guo (arXiv
2006.02047), of order 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class QuadraticGame:
    """Constants of the game; an equilibrium that attracts needs ``a + c > 0`` and ``a c + lam^2 > 0``.

    Parameters
    ----------
    a, lam, c
        Curvature of theta's loss, coupling, curvature of omega's loss.
    var_omega, var_theta, covariance
        Of one sample's gradient noise.
    """

    a: float
    lam: float
    c: float
    var_omega: float
    var_theta: float
    covariance: float = 0.0

    @property
    def jacobian(self) -> Array:
        """Jacobian of the field, ``(2, 2)``."""
        return np.array([[self.c, -self.lam], [self.lam, self.a]])

    @property
    def noise(self) -> Array:
        """Covariance of one sample's field, ``(2, 2)``."""
        return np.array([[self.var_omega, self.covariance], [self.covariance, self.var_theta]])


ClosedForm = Callable[[QuadraticGame, float, float], Array]
"""Stationary covariance ``(2, 2)`` of a game at a learning rate and a batch size."""


def sde_covariance(game: QuadraticGame, lr: float, batch_size: float) -> Array:
    """Stationary covariance of the order-1 SDE, entry by entry.

    With ``beta = 2 B / lr`` and ``Dn = beta (a + c) (a c + lam^2)``, s1, s2 the variances of theta's and omega's noise
    and s12 their covariance::

        C_theta,theta = [s1 (a c + c^2 + lam^2) + lam^2 s2 - 2 c lam s12] / Dn
        C_theta,omega = [lam (c s1 - a s2) + 2 a c s12] / Dn
        C_omega,omega = [s2 (a^2 + a c + lam^2) + lam^2 s1 + 2 a lam s12] / Dn

    Raises
    ------
    ValueError
        If the equilibrium does not attract.

    Examples
    --------
    Equal players: the coupling turns the law and leaves it round.

    >>> game = QuadraticGame(a=2, lam=7, c=2, var_omega=1, var_theta=1)
    >>> sde_covariance(game, lr=0.4, batch_size=1).round(12).tolist()
    [[0.1, 0.0], [0.0, 0.1]]
    """
    a, lam, c, s1, s2, s12 = game.a, game.lam, game.c, game.var_theta, game.var_omega, game.covariance
    trace, determinant = a + c, a * c + lam**2
    if not (trace > 0 and determinant > 0):
        raise ValueError(f"game: expected a + c > 0 and a c + lam^2 > 0, got {trace:g} and {determinant:g}")
    scale = 2 * batch_size / lr * trace * determinant
    theta = s1 * (a * c + c**2 + lam**2) + lam**2 * s2 - 2 * c * lam * s12
    mixed = lam * (c * s1 - a * s2) + 2 * a * c * s12
    omega = s2 * (a**2 + a * c + lam**2) + lam**2 * s1 + 2 * a * lam * s12
    return np.array([[omega, mixed], [mixed, theta]]) / scale


def recursion_covariance(pull: Array, noise: Array) -> Array:
    """Stationary covariance of ``x' = (I - E) x + noise`` in the plane, with E the ``pull``, both ``(2, 2)``.

    With t and d the trace and determinant of E::

        C = [d N Q N^T / D + adj(E) Q adj(E)^T] / (2 d (t - d)),   N = (1 - t / 2) I + E / 2,  D = 1 - t / 2 + d / 4

    for noise of covariance Q.

    Raises
    ------
    ValueError
        If the recursion does not contract (Jury's conditions d > 0, t > d, D > 0).

    Examples
    --------
    >>> recursion_covariance(np.eye(2) / 2, np.eye(2)).tolist()  # 1 / (1 - 1/4)
    [[1.3333333333333333, 0.0], [0.0, 1.3333333333333333]]
    """
    trace, determinant = float(np.trace(pull)), float(pull[0, 0] * pull[1, 1] - pull[0, 1] * pull[1, 0])
    half = 1 - trace / 2 + determinant / 4
    if not (determinant > 0 and trace > determinant and half > 0):
        raise ValueError(f"pull: expected a recursion that contracts, got trace {trace:g}, determinant {determinant:g}")
    middle = (1 - trace / 2) * np.eye(2) + pull / 2
    adjugate = trace * np.eye(2) - pull
    inner = determinant / half * middle @ noise @ middle.T + adjugate @ noise @ adjugate.T
    return inner / (2 * determinant * (trace - determinant))


def training_covariance(game: QuadraticGame, lr: float, batch_size: float) -> Array:
    """Stationary covariance of simultaneous descent-ascent on one shared batch: `recursion_covariance` of ``lr J``."""
    return recursion_covariance(lr * game.jacobian, lr**2 / batch_size * game.noise)


def alternating_covariance(game: QuadraticGame, lr: float, batch_size: float) -> Array:
    """Stationary covariance of alternating descent-ascent, omega first, a fresh batch for each player.

    theta descends where omega has gone: ``I - E = (I - lr J_theta) (I - lr J_omega)`` with the rows of J for one player
    each, so that ``E = lr J - lr^2 J_theta J_omega``; omega's noise passes through theta's move, and the players'
    noises are independent whatever their covariance on one batch.
    """
    j_omega, j_theta = game.jacobian * [[1], [0]], game.jacobian * [[0], [1]]
    second = np.eye(2) - lr * j_theta
    noise = second @ np.diag([game.var_omega, 0]) @ second.T + np.diag([0, game.var_theta])
    return recursion_covariance(lr * (j_omega + j_theta) - lr**2 * j_theta @ j_omega, lr**2 / batch_size * noise)
