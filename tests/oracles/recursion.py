"""The discrete side: exact moments of a training algorithm by Kronecker recursion.

A step is ``y' = A y`` with a random matrix A on y = (z, 1), so ``vec E[y y^T]`` is multiplied by
``E[A (x) A]``. For a batch mean with replacement this is, exactly,
``mean (x) mean + (covariance of one sample) / batch_size``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from tests.oracles.moments import Moments, null_moments, start_vec
from tests.oracles.samples import AffineSamples
from tests.oracles.schemes import Scheme


@dataclass(frozen=True, eq=False)
class AffineRecursion:
    """``vec E[y y^T]`` after one iteration is ``operator`` ((d+1)^2, (d+1)^2) times that before it."""

    operator: np.ndarray

    @classmethod
    def from_maps(cls, maps: np.ndarray, weights: np.ndarray) -> AffineRecursion:
        """Build it from every map (k, d+1, d+1) that a step may apply and its probability (k,).

        This takes any affine method (extragradient, memory in an enlarged state, ...) that can be enumerated.
        """
        size = maps.shape[-1] ** 2
        return cls(np.einsum("k,kij,kab->iajb", weights, maps, maps).reshape(size, size))

    @property
    def dim(self) -> int:
        return math.isqrt(len(self.operator)) - 1

    def moments(self, z0: np.ndarray, steps: int | Sequence[int]) -> Moments:
        """Moments after ``steps`` iterations, or after each of an increasing sequence of them."""
        vec, now, history = start_vec(z0, self.dim), 0, []
        for step in np.atleast_1d(steps):
            vec = np.linalg.matrix_power(self.operator, int(step) - now) @ vec
            now = int(step)
            history.append(vec)
        return Moments.from_vec(history[0] if np.ndim(steps) == 0 else np.array(history))

    def stationary(self) -> Moments:
        """Moments of the invariant law; ValueError where the second moment grows."""
        radius = float(np.abs(np.linalg.eigvals(self.operator[:-1, :-1])).max())
        if radius >= 1 - 1e-12:
            raise ValueError(f"operator: expected mean-square stability, got spectral radius {radius:.6g}")
        return null_moments(self.operator - np.eye(len(self.operator)))


def discrete_recursion(samples: AffineSamples, scheme: Scheme, *, lr: float, batch_size: float) -> AffineRecursion:
    """One iteration of ``scheme`` on batches drawn with replacement; ``batch_size`` may be infinite."""
    operators = []
    for stage in scheme.stages:
        mean = np.eye(samples.dim + 1) + lr * np.append(sum(stage), 0.0)[:, None] * samples.mean
        noise = sum(samples.noise_operator(part) for part in stage)
        operators.append(np.kron(mean, mean) + lr**2 / batch_size * noise)
    return AffineRecursion(reduce(lambda before, stage: stage @ before, operators))


def discrete_moments(
    samples: AffineSamples,
    scheme: Scheme,
    *,
    lr: float,
    batch_size: float,
    steps: int | Sequence[int],
    z0: np.ndarray,
) -> Moments:
    """Exact moments of ``scheme`` after ``steps`` iterations from the certain start ``z0`` (d,)."""
    return discrete_recursion(samples, scheme, lr=lr, batch_size=batch_size).moments(z0, steps)


def discrete_stationary(samples: AffineSamples, scheme: Scheme, *, lr: float, batch_size: float) -> Moments:
    """Exact moments of the invariant law of ``scheme``."""
    return discrete_recursion(samples, scheme, lr=lr, batch_size=batch_size).stationary()
