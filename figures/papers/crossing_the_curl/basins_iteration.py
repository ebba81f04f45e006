"""Where iterations of the LQ-GAN's maps on the variance stage end, start by start.

All maps are iterated by one rule, ``x <- P(x - rho map(x))`` with ``rho = 1/200``; P keeps ``a >= a_min``. At this
rate the alternating iteration moves exactly along F_alt. Extragradient evaluates F at ``P(x - rho F(x))`` instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from figures.papers.crossing_the_curl.maps import ALPHA, Function, function

RATE = float(ALPHA)
"""rho, the rate of the paper's alternating and unrolled runs."""
BUDGET = 10_000
"""Iterations, as in the paper's runs."""
LOWEST = 1e-2
"""a_min."""
CLOSE = 1e-3
"""Distance to (0, 1) that counts as arrival."""
FAR = 1e8
"""Distance that counts as divergence."""
SPAN, HIGHEST = 20.0, 10.0
"""Starts have ``|w2| <= SPAN`` and ``a_min <= a <= HIGHEST``."""

SCALED = {"F_eg'": "F_eg", "F_cc'": "F_cc"}
"""Maps divided by ``2 a^2``."""
NAMES = ("F", "F_alt", "F_unr", "EG", "F_reg", "F_con", "F_eg", "F_eg'", "F_cc", "F_cc'")


class End(IntEnum):
    """How a start ends."""

    ARRIVED = 0
    ON_THE_WAY = 1
    AT_THE_BOUND = 2
    DIVERGED = 3


@dataclass(frozen=True, eq=False)
class Ends:
    """How starts end.

    Attributes
    ----------
    starts, final
        ``(2, n)``: (w2, a).
    end
        ``(n,)`` of `End`. At the bound: held there, without a break, for at least the last half of the budget.
    taken
        ``(n,)``: iterations (of a flow: time) until arrival or divergence, else the budget.
    """

    starts: np.ndarray
    final: np.ndarray
    end: np.ndarray
    taken: np.ndarray

    def share(self, end: End) -> float:
        """Fraction of the starts that end so."""
        return float(np.mean(self.end == end))


def stage_map(name: str) -> Function:
    """A map of the variance stage at sigma = 1, ``(2, n)`` to ``(2, n)``; EG has that of F."""
    if name in SCALED:
        plain = function(SCALED[name], "variance")
        return lambda x: plain(x) / (2 * x[1] ** 2)
    return function("F" if name == "EG" else name, "variance")


def grid(columns: int, rows: int) -> np.ndarray:
    """Centres of the cells that divide the plane of starts, ``(2, rows * columns)``, w2 running fastest."""
    w2 = SPAN * ((2 * np.arange(columns) + 1) / columns - 1)
    a = LOWEST + (HIGHEST - LOWEST) * (np.arange(rows) + 0.5) / rows
    return np.stack(np.meshgrid(w2, a)).reshape(2, -1)


def project(x: np.ndarray) -> np.ndarray:
    """Projection on ``a >= a_min``."""
    return np.stack([x[0], np.maximum(x[1], LOWEST)])


def iteration(name: str, rate: float = RATE) -> Function:
    """One iteration, ``(2, n)`` to ``(2, n)``."""
    map_ = stage_map(name)
    if name == "EG":
        return lambda x: project(x - rate * map_(project(x - rate * map_(x))))
    return lambda x: project(x - rate * map_(x))


def squared_distance(x: np.ndarray) -> np.ndarray:
    """Squared distance to the equilibrium (0, 1), ``(n,)``."""
    return x[0] ** 2 + (x[1] - 1) ** 2


def iterate(name: str, starts: np.ndarray, *, budget: int = BUDGET, rate: float = RATE) -> Ends:
    """Iterate every start until it arrives, diverges, or the budget ends."""
    step = iteration(name, rate)
    count = starts.shape[1]
    final, end, taken = starts.copy(), np.full(count, End.ON_THE_WAY), np.full(count, budget)
    running, x, held = np.arange(count), starts.copy(), np.zeros(count, dtype=int)
    with np.errstate(over="ignore", invalid="ignore"):  # of starts that diverge
        for k in range(budget + 1):
            distance = squared_distance(x)
            inside = (distance > CLOSE**2) & (distance < FAR**2)
            if not inside.all():
                left = running[~inside]
                final[:, left], taken[left] = x[:, ~inside], k
                end[left] = np.where(distance[~inside] <= CLOSE**2, End.ARRIVED, End.DIVERGED)
                running, x, held = running[inside], x[:, inside], held[inside]
            if k == budget or not len(running):
                break
            x = step(x)
            held = np.where(x[1] <= LOWEST, held + 1, 0)
    final[:, running] = x
    end[running[held >= budget // 2]] = End.AT_THE_BOUND
    return Ends(starts, final, end, taken)
