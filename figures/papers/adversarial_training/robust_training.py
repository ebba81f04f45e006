"""Logistic regression trained against attacks on its inputs, for many seeds at once.

Every array leads with the seeds. A seed is a split of the data and an order of its batches, the same for every arm, so
that arms compare in pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TEST_PART = 0.3
RATES, FULL = (1 / 16, 1 / 4, 1.0, 4.0, 16.0), 1.0
"""Learning rates that are tried, and the one of the main comparison."""
RADII = np.linspace(0, 1.5, 13)
"""Of the attacks in testing, in multiples of that in training."""


@dataclass(frozen=True)
class Arm:
    """One way of training.

    Parameters
    ----------
    radius
        Of the attack in training, in standard deviations of a column (maximum norm); 0 for none.
    lr
        The learning rate; where it adapts, the highest that it may take.
    adaptive
        Whether the rate follows `AdaptiveRate`.
    """

    radius: float
    lr: float
    adaptive: bool = False

    @property
    def name(self) -> str:
        """For tables and legends."""
        rate = f"adaptive rate up to {self.lr:g}" if self.adaptive else f"rate {self.lr:g}"
        return f"{'attacked' if self.radius else 'clean'}, {rate}"


EPOCHS, BATCH = 40, 16
ATTACK_STEPS, TEST_STEPS = 4, 10
"""Ascents of the attack in training and in testing."""
MEMORY = 0.9
"""Weight of the past in the averages of the adaptive rate."""


@dataclass(frozen=True, eq=False)
class Splits:
    """Standardised data, split anew for each seed: ``x`` ``(seeds, rows, columns)`` with a last column of ones."""

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def make_splits(x: np.ndarray, y: np.ndarray, seeds: Sequence[int]) -> Splits:
    """Split rows at random, the labels 1 and -1 in their proportions; standardise by the training rows."""
    parts: list[list[np.ndarray]] = [[], [], [], []]
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        test = np.zeros(len(y), dtype=bool)
        for label in (-1, 1):
            rows = rng.permutation(np.flatnonzero(y == label))
            test[rows[: round(TEST_PART * len(rows))]] = True
        mean, deviation = x[~test].mean(axis=0), x[~test].std(axis=0)
        deviation = np.where(deviation > 0, deviation, 1)  # a column that never varies carries nothing
        for part, rows in enumerate((~test, test)):
            inputs = (x[rows] - mean) / deviation
            parts[2 * part].append(np.column_stack([inputs, np.ones(len(inputs))]))
            parts[2 * part + 1].append(y[rows].astype(float))
    return Splits(*(np.stack(part) for part in parts))


def slope(weights: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Derivative of ``log(1 + exp(-y s))`` in the score s, ``(seeds, rows)``."""
    return -y / (1 + np.exp(np.clip(y * np.einsum("sd,snd->sn", weights, x), -500, 500)))


def attack(weights: np.ndarray, x: np.ndarray, y: np.ndarray, radius: float, steps: int) -> np.ndarray:
    """Projected sign-gradient ascent of the loss in the inputs, from 0, in the maximum norm (Madry et al., 2018)."""
    delta = np.zeros_like(x)
    for _ in range(steps if radius else 0):
        gradient = slope(weights, x + delta, y)[..., None] * weights[:, None, :]
        gradient[..., -1] = 0  # the constant column is no input
        delta = np.clip(delta + 2.5 * radius / steps * np.sign(gradient), -radius, radius)
    return x + delta


def accuracy(weights: np.ndarray, x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    """Part of the rows still classified correctly under attack, ``(seeds,)``."""
    moved = attack(weights, x, y, radius, TEST_STEPS)
    return (y * np.einsum("sd,snd->sn", weights, moved) > 0).mean(axis=1)


def certified(weights: np.ndarray, x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    """The same under the strongest attack, which is known for a linear score: ``y s - radius |w|_1 > 0``."""
    margin = y * np.einsum("sd,snd->sn", weights, x) - radius * np.abs(weights[:, :-1]).sum(axis=1, keepdims=True)
    return (margin > 0).mean(axis=1)


def train(splits: Splits, arm: Arm, seeds: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Weights ``(seeds, columns)`` at the end and mean rates by epoch ``(seeds, epochs)``, started from weights 0."""
    rngs = [np.random.default_rng([seed, 2]) for seed in seeds]
    weights = np.zeros((len(seeds), splits.x.shape[-1]))
    rule = AdaptiveRate(arm.lr)
    each = np.arange(len(seeds))[:, None]
    rates = []
    for _ in range(EPOCHS):
        order = np.stack([rng.permutation(splits.x.shape[1]) for rng in rngs])
        used = []
        for first in range(0, order.shape[1] - BATCH + 1, BATCH):
            rows = order[:, first : first + BATCH]
            x, y = splits.x[each, rows], splits.y[each, rows]
            x = attack(weights, x, y, arm.radius, ATTACK_STEPS)
            c = slope(weights, x, y)
            rate = rule.follow(x, c) if arm.adaptive else np.full(len(seeds), arm.lr)
            used.append(rate)
            weights = weights - rate[:, None] * np.einsum("sn,snd->sd", c, x) / BATCH
        rates.append(np.mean(used, axis=0))
    return weights, np.stack(rates, axis=1)


class AdaptiveRate:
    """The rate that lowers the expected loss of the next iterate most, to second order, between 0 and the highest.

    ``|g|^2 / (g . H g + Tr(H Sigma) / B)`` with gradient g, Hessian H and covariance Sigma of the gradient of one
    sample: the one-step form of the optimal control of arXiv 2105.08037, with the loss under the present perturbations
    in place of the value function. The terms come from the batch at hand, averaged over past ones.
    """

    def __init__(self, highest: float) -> None:
        self._highest = highest
        self._top: np.ndarray | float = 0.0
        self._bottom: np.ndarray | float = 0.0

    def follow(self, x: np.ndarray, c: np.ndarray) -> np.ndarray:
        """Rates ``(seeds,)`` from the inputs as attacked and the slopes of the loss in the scores."""
        n = c.shape[1]
        gradients = c[..., None] * x
        mean = gradients.mean(axis=1)
        noise = ((gradients - mean[:, None]) ** 2).sum(axis=(1, 2)) / (n - 1)
        square = (mean**2).sum(axis=1) - noise / n  # without bias, so it may be negative
        # for the batch's own gradient g_B, E g_B . H g_B = g . H g + Tr(H Sigma) / B
        curvature = (np.abs(c) * (1 - np.abs(c)) * np.einsum("sd,snd->sn", mean, x) ** 2).mean(axis=1)
        self._top = MEMORY * self._top + (1 - MEMORY) * square
        self._bottom = MEMORY * self._bottom + (1 - MEMORY) * curvature
        return np.clip(self._top / np.maximum(self._bottom, 1e-300), 0.0, self._highest)
