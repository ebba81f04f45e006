"""The gradient-flow view of adversarial training, and what training does once it no longer holds.

Gu, Guo & Li (arXiv 2105.08037): to first order in the learning rate, adversarial training follows the gradient flow of
the clean loss plus a penalty of its input gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import analysis
from figures.papers.adversarial_training.robust_logistic import (
    POINTS,
    SAMPLES,
    START,
    Attack,
    input_gradient,
    loss,
    train_once,
)
from figures.papers.adversarial_training.robust_orders import CLEAN, OWN, SHARED, coefficients

ATTACKS = (CLEAN, SHARED, OWN)
END = 200.0


def flow(attack: Attack, lr: float, times: np.ndarray) -> np.ndarray:
    """Parameters ``(t, 2)`` along the drift of order 2, noise left out."""
    drift = coefficients(attack, 2, lr)
    solved = solve_ivp(
        lambda _, theta: drift(theta[None])[0][0], (0, times[-1]), START, t_eval=times, rtol=1e-9, atol=1e-12
    )
    return solved.y.T


@dataclass(frozen=True, eq=False)
class Ensemble:
    """One training: clean loss and input gradient of each run, ``(t, trajectories)``, and mean state, ``(t, 2)``."""

    times: np.ndarray
    state: np.ndarray
    loss: np.ndarray
    gradient: np.ndarray


def checkpoints(lr: float, count: int = 28) -> np.ndarray:
    """Iterations, about evenly spread over the logarithm of time from 1 to the end."""
    return np.unique(np.rint(np.geomspace(1, END, count) / lr).astype(int))


def ensemble(attack: Attack, lr: float, trajectories: int, seed: int) -> Ensemble:
    """Train step by step; the batches of a trajectory are the same for every attack."""
    rng = np.random.default_rng([seed, round(1 / lr)])
    theta, steps = np.tile(START, (trajectories, 1)), checkpoints(lr)
    states, losses, gradients = [], [], []
    for k in range(1, steps[-1] + 1):
        batch = POINTS[rng.integers(len(POINTS), size=(trajectories, SAMPLES))]
        theta = train_once(theta, batch, attack, lr)
        if k in steps:
            states.append(theta.mean(axis=0))
            losses.append(loss(theta))
            gradients.append(input_gradient(theta))
    return Ensemble(lr * steps, np.stack(states), np.stack(losses), np.stack(gradients))


def crossings(lr: float, attack: Attack = OWN) -> list[float]:
    """Times at which the flows' input gradients of adversarial and of plain training change order."""
    times = np.geomspace(1, END, 400)
    gap = input_gradient(flow(attack, lr, times)) - input_gradient(flow(CLEAN, lr, times))
    return [
        float(np.exp(brentq(lambda s: np.interp(s, np.log(times), gap), np.log(times[i]), np.log(times[i + 1]))))
        for i in np.flatnonzero(np.diff(np.sign(gap)))
    ]


def paired(first: np.ndarray, second: np.ndarray, level: float = 0.95) -> analysis.Estimate:
    """Mean difference of runs on the same batches, ``(trajectories,)`` each."""
    gap = first - second
    se = float(gap.std(ddof=1) / np.sqrt(len(gap)))
    return analysis.normal_estimate(float(gap.mean()), se, n=len(gap), level=level)


def nearest(times: np.ndarray, t: float) -> int:
    """Index of the checkpoint closest to a time."""
    return int(np.argmin(np.abs(times - t)))


def ensembles(lrs: Sequence[float], trajectories: int, seed: int) -> dict[tuple[Attack, float], Ensemble]:
    """All trainings at all rates."""
    return {(attack, lr): ensemble(attack, lr, trajectories, seed) for lr in lrs for attack in ATTACKS}
