"""The continuous side: exact moments of an SDE with affine drift and affine noise.

``dY = G Y dt + sqrt(lr / batch_size) dW`` with covariance ``E[N_s Y Y^T N_s^T]`` gives
``d vec E[Y Y^T] / dt = (G (x) I + I (x) G + (lr / batch_size) E[N_s (x) N_s]) vec E[Y Y^T]``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm

from tests.oracles.moments import Moments, null_moments, start_vec
from tests.oracles.samples import AffineSamples
from tests.oracles.schemes import Scheme, first_correction, leading_drift


@dataclass(frozen=True, eq=False)
class LinearSDE:
    """``drift`` acts on y = (z, 1); ``noise`` maps vec E[y y^T] to the vec of the mean covariance."""

    drift: np.ndarray
    noise: np.ndarray

    @property
    def generator(self) -> np.ndarray:
        identity = np.eye(len(self.drift))
        return np.kron(self.drift, identity) + np.kron(identity, self.drift) + self.noise

    def moments(self, z0: np.ndarray, time: float | Sequence[float]) -> Moments:
        """Moments at ``time``, or at each of several times, from the certain start z0."""
        start = start_vec(z0, len(self.drift) - 1)
        history = np.array([expm(self.generator * t) @ start for t in np.atleast_1d(time)])
        return Moments.from_vec(history[0] if np.ndim(time) == 0 else history)

    def stationary(self) -> Moments:
        """Moments of the invariant law; ValueError where the second moment grows."""
        growth = float(np.linalg.eigvals(self.generator[:-1, :-1]).real.max())
        if growth >= -1e-12:
            raise ValueError(f"generator: expected mean-square stability, got growth rate {growth:.6g}")
        return null_moments(self.generator)


def _noise_parts(samples: AffineSamples, scheme: Scheme, noise: str) -> tuple[np.ndarray, ...]:
    total = np.sqrt(sum(part**2 for part in scheme.parts))
    if noise == "own":
        return scheme.parts
    if noise == "none":
        return ()
    if noise == "full":
        return (total,)
    if noise == "block":
        masks = [np.isin(np.arange(samples.dim), list(indices)) for indices in samples.players.values()]
        return tuple(total * mask for mask in masks)
    raise ValueError(f"noise: expected 'own', 'none', 'block' or 'full', got {noise!r}")


def derive_sde(
    samples: AffineSamples,
    scheme: Scheme,
    *,
    order: int,
    lr: float,
    batch_size: float,
    noise: str = "own",
) -> LinearSDE:
    """SDE of ``scheme``: drift b0 (order 1) or b0 + lr b1 (order 2), time = lr x iterations.

    ``noise`` is the scheme's ``"own"``, or, right or wrong, ``"none"``, ``"block"`` (players uncorrelated) or
    ``"full"`` (one batch drives all players), always with the scheme's own variances.
    """
    if order not in (1, 2):
        raise ValueError(f"order: expected 1 or 2, got {order!r}")
    drift = leading_drift(samples, scheme)
    if order == 2:
        drift = drift + lr * first_correction(samples, scheme)
    size = (samples.dim + 1) ** 2
    parts = _noise_parts(samples, scheme, noise)
    covariance = sum((samples.noise_operator(part) for part in parts), np.zeros((size, size)))
    return LinearSDE(drift, covariance * (0.0 if math.isinf(batch_size) else lr / batch_size))


def sde_moments(
    samples: AffineSamples,
    scheme: Scheme,
    *,
    order: int,
    lr: float,
    batch_size: float,
    time: float | Sequence[float],
    z0: np.ndarray,
    noise: str = "own",
) -> Moments:
    """Exact moments at ``time`` of the SDE that `derive_sde` describes."""
    return derive_sde(samples, scheme, order=order, lr=lr, batch_size=batch_size, noise=noise).moments(z0, time)


def sde_stationary(
    samples: AffineSamples, scheme: Scheme, *, order: int, lr: float, batch_size: float, noise: str = "own"
) -> Moments:
    """Exact moments of the invariant law of that SDE."""
    return derive_sde(samples, scheme, order=order, lr=lr, batch_size=batch_size, noise=noise).stationary()
