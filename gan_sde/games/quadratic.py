"""Quadratic games: the ones with everything in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sympy import Expr, Integer, symbols

from gan_sde.symbolic.distributions import Empirical, Normal
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.validation import finite_array


def quadratic(
    samples: Sequence[Sequence[float]] | np.ndarray | None = None,
    covariance: Sequence[Sequence[float]] | np.ndarray | None = None,
) -> Game:
    """``Phi = a theta^2 / 2 + lam theta omega - c omega^2 / 2``, theta descends, omega ascends.

    Parameters
    ----------
    samples
        A finite sum: rows ``(a, lam, c, p, q)``, each one sample's payoff ``a theta^2/2 + lam theta omega -
        c omega^2/2 + p theta + q omega``. Multiplicative and additive noise together.
    covariance
        Without ``samples``: covariance ``2 x 2`` of the additive gradient noise in the order (omega, theta).
        Default: independent, standard deviations ``sigma_omega`` and ``sigma_theta``.

    Notes
    -----
    With independent noise the invariant law of the order-1 SDE is the Gaussian that solves
    ``A C + C A^T = (lr / B) Sigma``, ``A = [[c, -lam], [lam, a]]``.
    """
    a, lam, c, p, q = symbols("a lam c p q")
    omega, theta = symbols("omega theta")
    payoff = a * theta**2 / 2 + lam * theta * omega - c * omega**2 / 2
    common = {
        "maximiser": {"discriminator": [omega]},
        "minimiser": {"generator": [theta]},
        "name": "quadratic",
        "x0": {"omega": 1.0, "theta": 1.0},
    }
    if samples is not None:
        if covariance is not None:
            raise ValueError("covariance: expected none beside samples (they carry their own noise)")
        values = finite_array("samples", samples, "rows of finite numbers (a, lam, c, p, q)")
        if values.ndim != 2 or values.shape[1] != 5 or not len(values):
            raise ValueError(f"samples: expected rows (a, lam, c, p, q), got an array of shape {values.shape}")
        law = Empirical(values)
        return Game.zero_sum(payoff + p * theta + q * omega, data={(a, lam, c, p, q): law}, **common)
    noise, defaults = _noise(omega, theta, p, q, covariance)
    defaults = {"a": 1.0, "lam": 1.0, "c": 1.0, **defaults}
    return Game.zero_sum(payoff + noise, data={p: Normal(0, 1), q: Normal(0, 1)}, defaults=defaults, **common)


def _noise(
    omega: Expr, theta: Expr, p: Expr, q: Expr, covariance: Sequence[Sequence[float]] | np.ndarray | None
) -> tuple[Expr, dict[str, float]]:
    if covariance is None:
        sigma_omega, sigma_theta = symbols("sigma_omega sigma_theta")
        return sigma_omega * p * omega + sigma_theta * q * theta, {"sigma_omega": 1.0, "sigma_theta": 1.0}
    matrix = finite_array("covariance", covariance, "a symmetric 2 x 2 matrix of finite numbers")
    if matrix.shape != (2, 2) or not np.allclose(matrix, matrix.T):
        raise ValueError(f"covariance: expected a symmetric 2 x 2 matrix, got {matrix.tolist()}")
    values, vectors = np.linalg.eigh(matrix)
    if values[0] < -1e-12 * max(1.0, values[-1]):
        raise ValueError(f"covariance: expected a positive semidefinite matrix, got eigenvalue {values[0]:.4g}")
    # gradients are of each player's own loss, so the maximiser's noise enters the payoff with a minus
    factor = np.linalg.qr((vectors * np.sqrt(np.clip(values, 0, None))).T)[1].T
    draws = (p, q)
    rows = [sum((float(f) * s for f, s in zip(row, draws, strict=True) if f), Integer(0)) for row in factor]
    return -rows[0] * omega + rows[1] * theta, {}
