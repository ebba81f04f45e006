"""What the linearisation says of the number of iterations that Crossing-the-Curl needs.

With the payoff ``phi . m(theta)`` and ``M = dm/dtheta``, the Jacobian of F_cc and of F_eg at the equilibrium is
``diag(M M^T, M^T M)``: every mode decays like ``exp(-s^2 t)``, s the singular values of M. Explicit steps longer than
``2 / s_max^2`` make the fastest mode grow, and step control keeps them about there or at its longest step; so the
slowest mode takes about ``ln(1000) / (s_min^2 min(longest, 2 / s_max^2))`` iterations to fall by 1000.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from figures.papers.crossing_the_curl.map_comparison_following import CLOSE, LONGEST
from figures.papers.crossing_the_curl.map_comparison_runs import Runs
from figures.papers.crossing_the_curl.map_comparison_trials import Trials
from gan_sde.games.lq_gan_arrays import LQGANArrays


class Linearisation:
    """Modes of F_cc at the generators of states, with no discriminator.

    The shift b and w1 start at their equilibrium, mean 0, and stay there: the modes are those of (W2, A).

    Parameters
    ----------
    trials
        Whose law and start it is.
    states
        ``(trials, N^2 + 3 N)``; default the equilibria.
    """

    def __init__(self, trials: Trials, states: np.ndarray | None = None) -> None:
        self._trials, self._states = trials, trials.equilibria if states is None else states

    @cached_property
    def mismatch(self) -> np.ndarray:
        """M: minus the block of W2 and A in the field's Jacobian, ``(trials, s, s)``."""
        n, (count, d) = self._trials.n, self._states.shape
        game = LQGANArrays(n, None, np.zeros(n), np.eye(n))
        size = n * (n + 1) // 2
        along = np.eye(d)[d // 2 : d // 2 + size]
        where = np.repeat(self._states, size, axis=0)
        products = game.jvp(where, np.tile(along, (count, 1)), game.expected_batch(len(where)))
        return -np.swapaxes(products.reshape(count, size, d)[:, :, :size], 1, 2)

    @cached_property
    def _decomposition(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.linalg.svd(self.mismatch)

    @property
    def rates(self) -> np.ndarray:
        """Rates ``s^2`` in falling order, ``(trials, s)``."""
        return self._decomposition[1] ** 2

    @property
    def step(self) -> np.ndarray:
        """Longest step that the fastest mode allows, or that step control does, ``(trials,)``."""
        return np.minimum(LONGEST, 2 / self.rates[:, 0])

    @property
    def forecast(self) -> np.ndarray:
        """Iterations in which the slowest mode falls to `CLOSE`, ``(trials,)``."""
        return np.log(1 / CLOSE) / (self.rates[:, -1] * self.step)

    def tail_times(self, runs: Runs) -> np.ndarray:
        """Times that the linear flow takes from the marked state to the distance at the end, ``(trials,)``.

        NaN for trials that have no mark or did not arrive.
        """
        left, _, right = self._decomposition
        size, d = left.shape[1], self._trials.equilibria.shape[1]
        offset = runs.mark_states - self._trials.equilibria
        outer = np.einsum("tij,ti->tj", left, offset[:, :size]) ** 2
        inner = np.einsum("tij,tj->ti", right, offset[:, d // 2 : d // 2 + size]) ** 2
        goal = runs.ratio**2 * ((self._trials.starts - self._trials.equilibria) ** 2).sum(axis=1)
        valid = runs.arrived & (runs.mark_iterations >= 0)
        times = np.full(len(goal), np.nan)
        times[valid] = _time_to((outer + inner)[valid], self.rates[valid], goal[valid])
        return times


def _time_to(weights: np.ndarray, rates: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Solve ``sum weights exp(-2 rates t) = goal`` for t, row by row, by Newton's method on the logarithm.

    The logarithm of the sum is convex and falls, so that the iterates rise to the root from 0.
    """
    time = np.zeros(len(goal))
    for _ in range(100):
        parts = weights * np.exp(-2 * rates * time[:, None])
        total = parts.sum(axis=1)
        time += np.log(total / goal) * total / (2 * (rates * parts).sum(axis=1))
    return time
