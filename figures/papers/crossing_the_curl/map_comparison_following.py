"""Ways of following a map from many states at once, each with its own step.

They and the control of the step are those of one trajectory in `maps`, row by row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from figures.papers.crossing_the_curl.map_comparison_trials import BatchedMap

CLOSE, MARK = 1e-3, 1e-2
"""Distances over the first one at which a trial has arrived, and at which its state is kept."""
TOLERANCE, FIRST_STEP, LONGEST = 1e-3, 1e-4, 1e-2
"""Step control of the experiments: Heun-Euler, tolerance on the largest entry."""
LOOK_AHEAD_STEP, SCALED_STEP = 1e-3, 0.1
"""Fixed steps of extragradient, and of the scaled maps in one dimension."""

Carry = tuple[np.ndarray, ...]
"""State, time so far, and what else a method hands on; all with the trials first."""


class AbstractFollower(ABC):
    """A way to follow ``x' = -map(x)`` within bounds, for a batch of trajectories."""

    @abstractmethod
    def start(self, map_: BatchedMap, x: np.ndarray) -> Carry:
        """What an iteration takes, from the states ``(trajectories, d)``."""

    @abstractmethod
    def advance(self, map_: BatchedMap, carry: Carry, low: np.ndarray, high: np.ndarray) -> Carry:
        """Make one iteration."""


@dataclass(frozen=True)
class Euler(AbstractFollower):
    """``x <- P(x - step map(x))``, or with the map taken at that point if ``look_ahead``: extragradient."""

    step: float
    look_ahead: bool = False

    def start(self, map_: BatchedMap, x: np.ndarray) -> Carry:
        return x, np.zeros(len(x))

    def advance(self, map_: BatchedMap, carry: Carry, low: np.ndarray, high: np.ndarray) -> Carry:
        x, time = carry
        moved = clip(x - self.step * map_(x), low, high)
        if self.look_ahead:
            moved = clip(x - self.step * map_(moved), low, high)
        return moved, time + self.step


@dataclass(frozen=True)
class HeunEuler(AbstractFollower):
    """Heun's method with a step that follows its error and the turning of the path, as in `maps.heun_euler`."""

    step: float = FIRST_STEP
    tolerance: float = TOLERANCE
    longest: float = LONGEST

    def start(self, map_: BatchedMap, x: np.ndarray) -> Carry:
        return x, np.zeros(len(x)), map_(x), np.full(len(x), self.step)

    def advance(self, map_: BatchedMap, carry: Carry, low: np.ndarray, high: np.ndarray) -> Carry:
        x, time, slope, step = carry
        ahead = clip(x - step[:, None] * slope, low, high)
        mean = (slope + map_(ahead)) / 2
        arrived = clip(x - step[:, None] * mean, low, high)
        new = map_(arrived)
        error = np.abs(arrived - ahead).max(axis=1)
        factor = phase_space_factors(mean, (slope + new) / 2)
        allowed = np.sqrt(np.divide(self.tolerance, error, out=np.full(len(x), np.inf), where=error > 0))
        return arrived, time + step, new, np.minimum(np.minimum(factor, allowed) * step, self.longest)


def clip(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Projection to the bounds."""
    return np.minimum(np.maximum(x, low), high)


def phase_space_factors(used: np.ndarray, trapezoid: np.ndarray) -> np.ndarray:
    """`maps.phase_space_factor` of every row."""
    size = np.abs(trapezoid).max(axis=1)
    difference = np.abs(used - trapezoid).max(axis=1)
    ratio = np.divide(difference, size, out=np.where(difference == 0, 0.1, np.inf), where=size > 0)
    return np.interp(ratio, [0.01, 0.1, 0.7], [5.0, 1.0, 0.5])
