"""The extrapolation rate of extragradient as a control: exact optimum, rivals, and controlled training.

On an isotropic pair with additive noise ``m = E|z|^2 / 2`` obeys one exact recursion whatever the extrapolation rates
rho_k, ``m' = |1 - lr w + lr rho w^2|^2 m + lr^2 s^2 |1 - rho w|^2`` with ``w = a + i lam``. The factor of m is never
negative, so that the rho with the least next m is the best for every number of iterations: about ``1 / (lr |w|^2)`` far
away, where one step all but ends the rotation, then down to the rate of the least stationary variance. The SDE's
optimum is the same near rest, but grows like m / lr and is of no use far away.

Compagnoni, Orvieto, Kersting, Proske & Lucchi (2024), arXiv 2402.12508 (the SDE); the control: own derivation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

import gan_sde as gs
from analysis.control import Extragradient
from figures.papers.minimax_sdes.games import extragradient, quadratic

LR, SIGMA, STEPS, ENERGY = 0.05, 0.1, 30, 0.5


@dataclass(frozen=True)
class Pair:
    """A game ``a x^2 / 2 + lam x y - a y^2 / 2`` whose extrapolation is controlled."""

    name: str
    a: float
    lam: float

    @property
    def law(self) -> Extragradient:
        """Exact recursion and rules."""
        return Extragradient(self.a, self.lam, SIGMA**2, LR)

    @property
    def longest(self) -> float:
        """Best rate without noise, the largest that the exact optimum ever takes."""
        square = self.a**2 + self.lam**2
        return ((self.lam**2 - self.a**2) / LR + self.a * square) / square**2


BILINEAR, MONOTONE = Pair("bilinear", 0.0, 2.0), Pair("strongly monotone", 1.0, 3.0)
PAIRS = (BILINEAR, MONOTONE)
AT_REST, CONSTANT, HARMONIC, OPTIMAL, RULE, SEEN = (
    "best at rest", "best constant", "best 1/k", "exact optimum", "SDE's rule, capped", "feedback on |z|²",
)  # fmt: skip


def follow(pair: Pair, rhos: np.ndarray) -> np.ndarray:
    """Exact m before and after each iteration under rates ``(..., n)``; ``(..., n + 1)``."""
    path = [np.full(rhos.shape[:-1], ENERGY)]
    for k in range(rhos.shape[-1]):
        path.append(pair.law.step(path[-1], rhos[..., k]))
    return np.stack(path, axis=-1)


def greedy(pair: Pair, *, cap: float | None = None, exact: bool = True) -> np.ndarray:
    """Rates of a rule of m that is fed the exact m, ``(STEPS,)``."""
    m, rhos = ENERGY, []
    for _ in range(STEPS):
        rho = float(pair.law.discrete_extrapolation(m) if exact else pair.law.extrapolation(m))
        rhos.append(rho if cap is None else min(rho, cap))
        m = float(pair.law.step(m, rhos[-1]))
    return np.array(rhos)


def best_peak(pair: Pair, shape: np.ndarray) -> np.ndarray:
    """Rates of a shape at the height that is best for the exact m at the end."""
    heights = np.linspace(0, 2 * pair.longest / shape.max(), 400)[1:]
    coarse = heights[int(np.argmin(follow(pair, heights[:, None] * shape)[:, -1]))]
    found = minimize_scalar(
        lambda height: float(follow(pair, height * shape)[-1]), bounds=(0.7 * coarse, 1.3 * coarse), method="bounded"
    )
    return float(found.x) * shape


def schedules(pair: Pair) -> dict[str, np.ndarray]:
    """Rates by iteration of all policies that are fixed in advance."""
    return {
        AT_REST: np.full(STEPS, pair.law.rest_extrapolation),
        CONSTANT: best_peak(pair, np.ones(STEPS)),
        HARMONIC: best_peak(pair, 1 / (1 + np.arange(STEPS))),
        RULE: greedy(pair, cap=pair.longest, exact=False),
        OPTIMAL: greedy(pair),
    }


def random_rates(pair: Pair, count: int, seed: int) -> np.ndarray:
    """Rivals of three kinds, ``(3 count, STEPS)``: falling, geometric, and the optimum with 10 % of disturbance."""
    rng = np.random.default_rng(seed)
    k = np.arange(STEPS)
    top, low = pair.longest, pair.law.rest_extrapolation
    falling = low + (top - low) * -np.sort(-(rng.uniform(0, 1, (count, STEPS)) ** 4))
    geometric = low + rng.uniform(0, 1.2 * top, (count, 1)) * rng.uniform(0, 1, (count, 1)) ** k
    near = greedy(pair) * (1 + 0.1 * rng.standard_normal((count, STEPS)))
    return np.concatenate([falling, geometric, near])


def train(pair: Pair, trajectories: int, seed: int) -> dict[str, np.ndarray]:
    """Energies ``(trajectories, STEPS + 1)`` of trainings under every policy.

    The rate is a coordinate of the state that no iteration moves; it is set anew before each one.
    """
    training = extragradient(quadratic(pair.a, pair.lam, SIGMA))
    fixed = schedules(pair)
    names = (*fixed, SEEN)
    state = np.full((len(names), trajectories, 3), np.sqrt(ENERGY))
    path = [(state[..., :2] ** 2).sum(axis=-1) / 2]
    for k in range(STEPS):
        for group, name in enumerate(names):
            state[group, :, 2] = fixed[name][k] if name in fixed else pair.law.discrete_extrapolation(path[-1][group])
        run = gs.simulate(
            training, x0=state.reshape(-1, 3), lr=LR, steps=1, trajectories=len(names) * trajectories,
            seed=(1000 * seed + k) % 2**64, record=("final",), progress=False,
        )  # fmt: skip
        state = run["final"].values.reshape(state.shape)
        path.append((state[..., :2] ** 2).sum(axis=-1) / 2)
    return dict(zip(names, np.stack(path, axis=-1), strict=True))
