"""The energy ``Hc = w2^2 + a^2 / 2 - s ln a`` along the maps of the LQ-GAN's variance stage, s = sigma^2.

Descent-ascent conserves it in continuous time and therefore circles. Along ``x' = -map(x)`` the other maps change it
at the rates below. The alternating iteration, at any rate, keeps the area in (w2, ln a) wherever ``1 + 2 rate w2`` of
the discriminator's new value is positive, so nothing inside the bounds can attract it.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp
from sympy import Expr, ImmutableMatrix, Integer, log, simplify

from figures.papers.crossing_the_curl.maps import ALPHA, BETA, PENALTY, SIGMA, W2, A, Function, direction

_S = SIGMA**2
ENERGY: Expr = W2**2 + A**2 / 2 - _S * log(A)


def _penalised(weight: Expr) -> Expr:
    return -weight * (A**2 - _S) ** 2


RATES: dict[str, Expr] = {
    "F": Integer(0),
    "F_alt": _penalised(2 * ALPHA),
    "F_unr": _penalised(4 * ALPHA),
    "F_reg": _penalised(4 * PENALTY),
    "F_con": -2 * BETA * ((A**2 - _S) ** 2 + W2**2 * (6 * A**2 - 2 * _S)),
    "F_eg": -2 * ((A**2 - _S) ** 2 + 2 * W2**2 * (A**2 + _S)),
    "F_cc": -2 * ((A**2 - _S) ** 2 + 4 * A**2 * W2**2),
}
"""dHc/dt along ``x' = -map(x)``. Only F_con's can be positive: near a = 0 where w2^2 > s / 2."""


def derived_rate(name: str) -> Expr:
    """dHc/dt along a map as the toolkit derives it."""
    slope = ImmutableMatrix([ENERGY]).jacobian([W2, A])
    return simplify(-(slope * direction(name, "variance"))[0])


def energy(w2: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Hc at sigma = 1."""
    return w2**2 + a**2 / 2 - np.log(a)


def flow_energy(map_: Function, start: tuple[float, float], duration: float) -> np.ndarray:
    """Hc along the flow ``x' = -map(x)`` of a map of the variance stage, at the integrator's own times."""
    solved = solve_ivp(
        lambda _, x: -map_(x), (0.0, duration), start, method="DOP853", rtol=1e-12, atol=1e-14
    )  # fmt: skip
    return energy(*solved.y)


def log_areas(iterate: Function, points: np.ndarray, reach: float = 1e-5) -> np.ndarray:
    """Factor by which an iteration of (w2, a) changes the area in (w2, ln a), at points ``(2, n)``.

    By central differences; ``iterate`` maps arrays ``(2, n)``.
    """

    def logged(y: np.ndarray) -> np.ndarray:
        w2, a = iterate(np.stack([y[0], np.exp(y[1])]))
        return np.stack([w2, np.log(a)])

    y = np.stack([points[0], np.log(points[1])])
    shifts = reach * np.eye(2)[:, :, None]
    (dw, du), (ew, eu) = [(logged(y + shift) - logged(y - shift)) / (2 * reach) for shift in shifts]
    return np.asarray(dw * eu - du * ew)
