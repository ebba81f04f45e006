"""Where the projected flows ``x' = -map(x)`` of the LQ-GAN's variance stage end, and the edge of consensus's basin.

Consensus has, besides the equilibrium and the resting point ``w2* = (s - a_min^2) / (4 beta a_min^2)`` on the bound,
a third zero inside, where ``I + beta J^T`` is singular and F in its kernel:

    a^2 = (sqrt(9 + 32 beta^2 s) - 3) / (16 beta^2),    w2 = 1 / (2 beta) + 2 beta a^2.

It is a saddle. It exists inside the bound exactly if ``s > 3 a_min^2 + 8 beta^2 a_min^4``, and the two orbits that run
into it divide the starts that reach the equilibrium from those that end on the bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.integrate import RK45, solve_ivp
from sympy import Expr, ImmutableMatrix, lambdify, sqrt

from figures.papers.crossing_the_curl.basins_iteration import (
    CLOSE,
    HIGHEST,
    LOWEST,
    SPAN,
    End,
    Ends,
    squared_distance,
    stage_map,
)
from figures.papers.crossing_the_curl.map_energy import energy
from figures.papers.crossing_the_curl.maps import BETA, SIGMA, W2, A, Function, direction

DURATIONS = {
    "F": 100.0, "F_alt": 2000.0, "F_unr": 1000.0, "F_reg": 100.0, "F_con": 100.0,
    "F_eg": 20.0, "F_eg'": 20.0, "F_cc": 20.0, "F_cc'": 20.0,
}  # fmt: skip
"""Time that each flow is given. Near the equilibrium distances shrink like exp(-r t), r = 0.01 for F_alt, 0.02 for
F_unr, 0.4 for F_reg and F_con, 2 for the scaled maps and 4 for the others."""
RELATIVE, ABSOLUTE = 1e-6, 1e-8
"""Tolerances of a step in (w2, ln a)."""
LONGEST = 0.05
"""Longest step on the bound: the velocity is constant there, and no error would keep a step from leaping over the
point where the orbit leaves it."""

# -------------------------------------------------------------------- following all starts


@dataclass(frozen=True, eq=False)
class Flow:
    """How starts end under a flow.

    Attributes
    ----------
    ends
        As for an iteration; `Ends.taken` is a time.
    rise
        ``(n,)``: largest increase of the energy Hc in one step.
    """

    ends: Ends
    rise: np.ndarray


def logarithmic(map_: Function, floor: float) -> Function:
    """Velocity of (w2, ln a), held where ``ln a`` is at its floor, ``(2, n)`` to ``(2, n)``."""

    def velocity(y: np.ndarray) -> np.ndarray:
        a = np.exp(np.maximum(y[1], floor))
        w2_part, a_part = map_(np.stack([y[0], a]))
        upward = -a_part / a
        return np.stack([-w2_part, np.where((y[1] <= floor) & (upward < 0), 0.0, upward)])

    return velocity


def follow(name: str, starts: np.ndarray, *, lowest: float = LOWEST) -> Flow:
    """Follow the flow from every start by the Dormand-Prince pair, each with its own steps.

    Parameters
    ----------
    name
        Map; extragradient is none, its flow would be that of F.
    starts
        ``(2, n)``.
    lowest
        Bound of a.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of steps that are tried and refused
        return _follow(name, starts, float(np.log(lowest)))


def _follow(name: str, starts: np.ndarray, floor: float) -> Flow:
    velocity, duration = logarithmic(stage_map(name), floor), DURATIONS[name]
    count = starts.shape[1]
    final, end, taken = starts.copy(), np.full(count, End.ON_THE_WAY), np.full(count, duration)
    rise = np.full(count, -np.inf)
    running, time, touched = np.arange(count), np.zeros(count), np.full(count, np.inf)
    y = np.stack([starts[0], np.log(starts[1])])
    step = 0.01 / (1 + np.abs(velocity(y)).max(axis=0))
    while len(running):
        step = np.minimum(np.where(y[1] > floor, step, np.minimum(step, LONGEST)), duration - time)
        moved, error = _dormand_prince(velocity, y, step)
        kept = error <= 1
        moved[1] = np.maximum(moved[1], floor)
        before, after = _energy(y), _energy(moved)
        rise[running] = np.maximum(rise[running], np.where(kept, after - before, -np.inf))
        y, time = np.where(kept, moved, y), np.where(kept, time + step, time)
        step = step * np.clip(0.9 * np.maximum(error, 1e-10) ** -0.2, 0.2, 5.0)
        touched = np.where(y[1] > floor, np.inf, np.minimum(touched, time))
        x = np.stack([y[0], np.exp(y[1])])
        arrived = squared_distance(x) <= CLOSE**2
        over = arrived | (time >= duration * (1 - 1e-12))
        if over.any():
            left = running[over]
            final[:, left], taken[left] = x[:, over], time[over]
            end[left] = np.where(touched[over] <= duration / 2, End.AT_THE_BOUND, End.ON_THE_WAY)
            end[running[arrived]] = End.ARRIVED
            running, y, time, touched, step = (part[..., ~over] for part in (running, y, time, touched, step))
    return Flow(Ends(starts, final, end, taken), rise)


def _dormand_prince(velocity: Function, y: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One step of every start, and its error in units of the tolerance."""
    slopes = np.empty((7, *y.shape))
    slopes[0] = velocity(y)
    for stage in range(1, 6):
        slopes[stage] = velocity(y + step * np.tensordot(RK45.A[stage, :stage], slopes[:stage], 1))
    moved = y + step * np.tensordot(RK45.B, slopes[:6], 1)
    slopes[6] = velocity(moved)
    scale = ABSOLUTE + RELATIVE * np.maximum(np.abs(y), np.abs(moved))
    error = np.abs(step * np.tensordot(RK45.E, slopes, 1) / scale).max(axis=0)
    return moved, np.where(np.isfinite(error), error, np.inf)


def _energy(y: np.ndarray) -> np.ndarray:
    return energy(y[0], np.exp(y[1]))


# -------------------------------------------------------------------- the edge of consensus's basin

_S = SIGMA**2
SADDLE: tuple[Expr, Expr] = (
    1 / (2 * BETA) + (sqrt(9 + 32 * BETA**2 * _S) - 3) / (8 * BETA),
    sqrt((sqrt(9 + 32 * BETA**2 * _S) - 3) / (16 * BETA**2)),
)
"""(w2, a) of the third zero of F_con."""


def saddle() -> np.ndarray:
    """The saddle at sigma = 1, ``(2,)``."""
    return np.array([float(part.subs(SIGMA, 1)) for part in SADDLE])


def saddle_matrix() -> np.ndarray:
    """Jacobian of the flow of F_con at the saddle, sigma = 1, ``(2, 2)``."""
    map_ = ImmutableMatrix(direction("F_con", "variance").subs(SIGMA, 1))
    return -np.array(lambdify((W2, A), map_.jacobian([W2, A]), modules="numpy")(*saddle()), dtype=float)


@cache
def edge(lowest: float = LOWEST, reach: float = 1e-7) -> np.ndarray:
    """The two orbits that run into the saddle, as one curve ``(2, n)`` of (w2, a) from the bound upwards.

    Each is followed backwards from ``reach`` beside the saddle, along the eigenvector of the negative eigenvalue,
    to the bound ``lowest`` or out of the plane of starts.
    """
    values, vectors = np.linalg.eig(saddle_matrix())
    inward = np.real(vectors[:, np.argmin(np.real(values))])
    inward *= np.sign(inward[1])
    map_ = stage_map("F_con")

    def backward(_: float, y: np.ndarray) -> np.ndarray:
        w2_part, a_part = map_(np.array([y[0], np.exp(y[1])]))
        velocity = np.array([w2_part, a_part * np.exp(-y[1])])
        return velocity / np.hypot(0.1, np.linalg.norm(velocity))  # about unit speed: points at even distances

    def leaves(_: float, y: np.ndarray) -> float:
        return float(min(y[1] - np.log(lowest), np.log(1.5 * HIGHEST) - y[1], 2 * SPAN - abs(y[0])))

    leaves.terminal = True  # type: ignore[attr-defined]
    halves = []
    for sign in (-1, 1):
        first = saddle() + sign * reach * inward
        orbit = solve_ivp(
            backward, (0.0, 100.0), (first[0], np.log(first[1])), method="DOP853", events=leaves,
            rtol=1e-11, atol=1e-12, max_step=0.03,
        )  # fmt: skip
        halves.append(np.stack([orbit.y[0], np.exp(orbit.y[1])]))
    return np.hstack([halves[0][:, ::-1], saddle()[:, None], halves[1]])


def stuck_side(starts: np.ndarray) -> np.ndarray:
    """Whether starts lie on the side of the edge that ends at the bound: w2 above the edge's at their a, ``(n,)``."""
    w2, a = edge()
    return starts[0] > np.interp(np.log(starts[1]), np.log(a), w2)


def stuck_area() -> float:
    """Share of the plane of starts on that side."""
    a = np.linspace(LOWEST, HIGHEST, 20_001)
    w2, height = edge()
    inside = SPAN - np.clip(np.interp(np.log(a), np.log(height), w2), -SPAN, SPAN)
    return float(np.trapezoid(inside, a) / (2 * SPAN * (HIGHEST - LOWEST)))


def release(lowest: float) -> float:
    """The w2 at which an orbit of F_con that slides up along the bound leaves it, sigma = 1."""
    beta = float(BETA)
    return float((1 - np.sqrt(1 + 8 * beta**2 * (1 - lowest**2))) / (4 * beta))


def critical_bound() -> float:
    """The bound of a below which starts that touch it at w2 < 0 do not come back, sigma = 1.

    Such orbits leave the bound at `release`; the lower end of the edge passes through that point.
    """
    w2, a = edge(lowest=1e-8)
    w2, a = w2[a < 0.5], a[a < 0.5]
    leaving = np.array([release(each) for each in a])
    at = int(np.flatnonzero(w2 > leaving)[0])
    weight = (leaving[at - 1] - w2[at - 1]) / (w2[at] - leaving[at] - w2[at - 1] + leaving[at - 1])
    return float(np.exp(np.log(a[at - 1]) + weight * np.log(a[at] / a[at - 1])))
