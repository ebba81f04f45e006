"""Adversarial training of a logistic regression on eight points, written out by hand.

Knows nothing of the derivations that it is held against: losses, attacks and batches are plain loops over arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

POINTS = np.array(
    [
        (1.0, 0.5, 1), (0.8, -0.3, 1), (1.4, 0.9, 1), (0.3, 1.1, 1),
        (-0.9, -0.4, -1), (-0.6, 0.5, -1), (-1.3, -1.0, -1), (0.1, -0.9, -1),
    ]
)  # fmt: skip
"""Rows (x_1, x_2, label); a line through 0 separates the labels."""
START = (0.5, -0.5)
INNER_RATE, INNER_STEPS, SAMPLES, HORIZON = 2.0, 2, 2, 2.0


@dataclass(frozen=True)
class Attack:
    """Who shares a perturbation, and how far it climbs.

    Parameters
    ----------
    shared
        One perturbation for the whole minibatch, else one a sample.
    inner_steps, inner_rate
        K ascents, each of ``inner_rate`` times the learning rate.
    """

    shared: bool
    inner_steps: int = INNER_STEPS
    inner_rate: float = INNER_RATE

    @property
    def name(self) -> str:
        """For tables and legends."""
        if self.inner_steps == 0:
            return "no attack"
        return "shared by the batch" if self.shared else "one a sample"


def gradient(theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Coefficient c of the gradients of ``log(1 + exp(-y theta . x))``: c x in theta, c theta in x."""
    return -y / (1 + np.exp(y * np.sum(theta * x, axis=-1)))


def train_once(theta: np.ndarray, batch: np.ndarray, attack: Attack, lr: float) -> np.ndarray:
    """One iteration from states ``(..., 2)`` on batches ``(..., samples, 3)``."""
    x, y = batch[..., :2], batch[..., 2]
    here = theta[..., None, :]
    delta = np.zeros(np.broadcast_shapes(x.shape, here.shape))
    for _ in range(attack.inner_steps):
        ascent = gradient(here, x + delta, y)[..., None] * here
        delta = delta + attack.inner_rate * lr * (ascent.mean(axis=-2, keepdims=True) if attack.shared else ascent)
    descent = gradient(here, x + delta, y)[..., None] * (x + delta)
    return theta - lr * descent.mean(axis=-2)


def outcomes(theta: np.ndarray, attack: Attack, lr: float) -> Iterator[tuple[float, np.ndarray]]:
    """All equally likely batches of one iteration: probability and next states ``(..., 2)``."""
    rows = range(len(POINTS))
    for indices in product(rows, repeat=SAMPLES):
        if list(indices) == sorted(indices):  # the order within a batch does not matter
            weight = 1 if len(set(indices)) == 1 else 2
            yield weight / len(POINTS) ** SAMPLES, train_once(theta, POINTS[list(indices)], attack, lr)


def train(attack: Attack, lr: float, trajectories: int, seed: int) -> np.ndarray:
    """States ``(trajectories, 2)`` at the horizon."""
    rng = np.random.default_rng(seed)
    theta = np.tile(START, (trajectories, 1))
    for _ in range(round(HORIZON / lr)):
        theta = train_once(theta, POINTS[rng.integers(len(POINTS), size=(trajectories, SAMPLES))], attack, lr)
    return theta


def loss(theta: np.ndarray) -> np.ndarray:
    """Mean clean loss G at ``(..., 2)``."""
    score = theta @ POINTS[:, :2].T * POINTS[:, 2]
    return np.logaddexp(0, -score).mean(axis=-1)


def input_gradient(theta: np.ndarray) -> np.ndarray:
    """``E |grad_x L|^2`` at ``(..., 2)``."""
    score = theta @ POINTS[:, :2].T * POINTS[:, 2]
    return np.sum(theta**2, axis=-1) * (1 / (1 + np.exp(score)) ** 2).mean(axis=-1)
