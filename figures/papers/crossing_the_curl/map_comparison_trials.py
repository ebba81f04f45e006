"""Trials of the comparison of maps on the N-dimensional LQ-GAN, and the maps on many data laws at once.

Laws and starts are those of the experiments of Gemp & Mahadevan (arXiv 1808.01531): mean 0, covariance ``L L^T`` with
the entries of L below the diagonal uniform on (-5, 5) and those on it uniform on (0, 10), at least 0.1; at the start W2
uniform on (-5, 5), w1 = 0, b = 0 and A a factor drawn like L.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from sympy import Rational

import gan_sde as gs
from figures.papers.crossing_the_curl.maps import MAPS
from gan_sde.games.lq_gan_arrays import LQGANArrays, Moments
from gan_sde.kernels.array import ArrayOracle, Sampler
from gan_sde.symbolic.training import state_bounds

REACH, SMALLEST = 5.0, 0.1
"""Range of the entries of L and W2, smallest entry on the diagonal of L."""
MINIMUM_SCALE = 1e-2
"""Bound of the diagonal of A."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Data laws and starts, one row a trial; trials of one law follow each other.

    Parameters
    ----------
    factors
        Cholesky factors of the data's covariances, ``(trials, N, N)``.
    starts
        ``(trials, N^2 + 3 N)`` in the order of the game: upper triangle of W2, w1, lower triangle of A, b.
    laws
        Number of the law of each trial, ``(trials,)``.
    """

    factors: np.ndarray
    starts: np.ndarray
    laws: np.ndarray

    @property
    def n(self) -> int:
        """Dimension N of the data."""
        return self.factors.shape[1]

    @cached_property
    def covariances(self) -> np.ndarray:
        """``(trials, N, N)``."""
        return self.factors @ np.swapaxes(self.factors, 1, 2)

    @cached_property
    def equilibria(self) -> np.ndarray:
        """``(trials, N^2 + 3 N)``: no discriminator, the factor, no shift."""
        return pack(np.zeros_like(self.factors), self.factors)

    @property
    def condition(self) -> np.ndarray:
        """Condition number of each covariance, ``(trials,)``."""
        return np.linalg.cond(self.factors) ** 2


def draw_trials(n: int, laws: int, starts: int, seed: int) -> Trials:
    """Draw ``laws`` covariances in dimension n, and ``starts`` starts for each."""
    rng = np.random.default_rng([seed, n])
    factors = np.repeat(draw_factors(rng, laws, n), starts, axis=0)
    discriminators = np.triu(rng.uniform(-REACH, REACH, factors.shape))
    return Trials(factors, pack(discriminators, draw_factors(rng, len(factors), n)), np.repeat(np.arange(laws), starts))


def draw_factors(rng: np.random.Generator, count: int, n: int) -> np.ndarray:
    """Lower triangular matrices ``(count, n, n)``."""
    factors = np.tril(rng.uniform(-REACH, REACH, (count, n, n)), -1)
    diagonal = np.maximum(rng.uniform(0, 2 * REACH, (count, n)), SMALLEST)
    factors[:, np.arange(n), np.arange(n)] = diagonal
    return factors


def pack(quadratic: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """States ``(trials, N^2 + 3 N)`` of matrices ``(trials, N, N)``, with w1 = 0 and b = 0."""
    n = scale.shape[1]
    zero = np.zeros((len(scale), n))
    return np.concatenate([quadratic[:, *np.triu_indices(n)], zero, scale[:, *np.tril_indices(n)], zero], axis=1)


def scales(states: np.ndarray, n: int) -> np.ndarray:
    """Matrices A of states, ``(trials, N, N)``."""
    size = n * (n + 1) // 2
    result = np.zeros((len(states), n, n))
    result[:, *np.tril_indices(n)] = states[:, size + n : 2 * size + n]
    return result


@cache
def bounds(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bounds of the game in dimension n, ``(N^2 + 3 N,)`` each."""
    game = gs.games.get("lq-gan", dim=n, minimum_scale=MINIMUM_SCALE)
    low, high = np.array(state_bounds(game, game.parameters)).T
    return low, high


# -------------------------------------------------------------------- maps


@dataclass(frozen=True, eq=False)
class ManyLaws(LQGANArrays):
    """The LQ-GAN with a normal law of its own for every trajectory; only its expected batch is used.

    Parameters
    ----------
    covariances
        ``(trajectories, N, N)``.
    """

    covariances: np.ndarray | None = None

    @cached_property
    def exact(self) -> Moments:
        """Exact moments, one law a trajectory."""
        assert self.covariances is not None
        mean = np.zeros(self.covariances.shape[:2])
        return Moments(mean, self.covariances, mean, np.broadcast_to(np.eye(self.n), self.covariances.shape))

    def expected_batch(self, n: int) -> Moments:
        """The exact moments; ``n`` is the number of laws."""
        return self.exact

    @cached_property
    def _numbers(self) -> tuple[np.ndarray, bool]:
        return super().lane_batch(self.exact)

    def lane_batch(self, batch: Moments) -> tuple[np.ndarray, bool]:
        """Numbers of a batch for the compiled field, those of the exact moments found once."""
        return self._numbers if batch is self.exact else super().lane_batch(batch)


@dataclass(frozen=True, eq=False)
class BatchedMap:
    """Expected move of an algorithm's iteration on many laws, ``(x - x') / rate`` with ``x'`` by the algorithm's text.

    The rate occurs in none of the maps, so it is 1.

    Parameters
    ----------
    algorithm
        One of the toolkit's.
    covariances
        ``(trajectories, N, N)``.
    sign
        1, or -1 for the map turned round.
    scaled
        In one dimension, divide the components of w2 and a by ``2 a^2``.
    """

    algorithm: Any
    covariances: np.ndarray
    sign: float = 1.0
    scaled: bool = False

    @cached_property
    def _parts(self) -> tuple[ManyLaws, Sampler]:
        game = ManyLaws(self.covariances.shape[1], covariances=self.covariances)
        return game, Sampler(game, np.inf, 0, 0)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The map at states ``(trajectories, d)``."""
        game, sampler = self._parts
        move = self.sign * (x - self.algorithm.step(ArrayOracle(game, sampler, len(x)), x, 1.0))
        if self.scaled:
            move[:, [0, 2]] /= 2 * x[:, [2]] ** 2
        return move

    def of(self, kept: np.ndarray) -> BatchedMap:
        """The map on some of the trajectories, ``kept`` a mask."""
        return replace(self, covariances=self.covariances[kept])


def batched_map(name: str, trials: Trials, *, sign: float = 1.0, scaled: bool = False) -> BatchedMap:
    """A map of the table `MAPS` on the laws of the trials."""
    algorithm, options = MAPS[name]
    numbers = {key: float(value) if isinstance(value, Rational) else value for key, value in options.items()}
    return BatchedMap(gs.algorithms.get(algorithm, **numbers), trials.covariances, sign, scaled)
