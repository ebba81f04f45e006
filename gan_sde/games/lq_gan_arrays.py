"""Closed matrix form of the N-dimensional LQ-GAN, on batches of trajectories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gan_sde.games.array_game import AbstractArrayGame


class Moments(NamedTuple):
    """First and second moments of one batch a trajectory: all that the field sees of it."""

    data_mean: np.ndarray
    """``(n, N)``."""
    data_second: np.ndarray
    """``(n, N, N)``."""
    latent_mean: np.ndarray
    """``(n, N)``."""
    latent_second: np.ndarray
    """``(n, N, N)``."""


class Blocks(NamedTuple):
    """A state or a vector as matrices: ``W`` symmetric, ``w``, ``A`` lower triangular, ``b``."""

    quadratic: np.ndarray
    linear: np.ndarray
    scale: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True, eq=False)
class LQGANArrays(AbstractArrayGame):
    """The LQ-GAN through its moments.

    With the payoff ``V = phi . m(theta)`` linear in the discriminator, ``F = (-m, M^T phi)`` and
    ``J = [[0, -M], [M^T, H]]`` with ``M = dm/dtheta``: no Jacobian is ever formed.

    Parameters
    ----------
    n
        Dimension N of the data.
    data
        Data set ``(rows, N)``, or None for a normal law.
    mean, factor
        Mean ``(N,)`` and Cholesky factor ``(N, N)`` of the normal law.
    """

    n: int
    data: np.ndarray | None = None
    mean: np.ndarray | None = None
    factor: np.ndarray | None = None

    def __post_init__(self) -> None:
        n, s = self.n, self.n * (self.n + 1) // 2
        set_ = object.__setattr__
        set_(self, "dim", 2 * (s + n))
        set_(self, "blocks", {"discriminator": slice(0, s + n), "generator": slice(s + n, 2 * (s + n))})
        set_(self, "is_zero_sum", True)
        set_(self, "normals", n if self.data is not None else 2 * n)
        set_(self, "rows", None if self.data is None else len(self.data))
        set_(self, "_upper", np.triu_indices(n))
        set_(self, "_lower", np.tril_indices(n))

    def bind(self, values: Mapping[str, float]) -> LQGANArrays:
        if self.data is not None:
            return self
        name = "L_{}{}" if self.n < 10 else "L_{}_{}"
        mean = np.array([float(values[f"mu_{i + 1}"]) for i in range(self.n)])
        factor = np.zeros((self.n, self.n))
        for i, j in zip(*np.tril_indices(self.n), strict=True):
            factor[i, j] = float(values[name.format(i + 1, j + 1)])
        return LQGANArrays(self.n, None, mean, factor)

    # ---------------------------------------------------------------- batches

    def expected_batch(self, n: int) -> Moments:
        if self.data is not None:
            mean, second = self.data.mean(axis=0), self.data.T @ self.data / len(self.data)
        else:
            assert self.mean is not None and self.factor is not None
            mean, second = self.mean, self.factor @ self.factor.T + np.outer(self.mean, self.mean)
        shape = (n, self.n, self.n)
        return Moments(
            np.broadcast_to(mean, shape[:2]),
            np.broadcast_to(second, shape),
            np.zeros(shape[:2]),
            np.broadcast_to(np.eye(self.n), shape),
        )

    def batch(self, normals: np.ndarray, rows: np.ndarray | None) -> Moments:
        latent = normals[..., -self.n :]
        if rows is not None:
            assert self.data is not None
            real = self.data[rows]
        else:
            assert self.mean is not None and self.factor is not None
            real = self.mean + normals[..., : self.n] @ self.factor.T
        return Moments(*_moments(real), *_moments(latent))

    # ---------------------------------------------------------------- field and Jacobian products

    def F(self, x: np.ndarray, batch: Moments) -> np.ndarray:
        point = self._unpack(x)
        mean = _apply(point.scale, batch.latent_mean) + point.shift
        cross = point.scale @ batch.latent_second + _outer(point.shift, batch.latent_mean)
        second = cross @ _t(point.scale) + _outer(mean, point.shift)
        return self._join(second - batch.data_second, mean - batch.data_mean, *self._generator(point, point, batch))

    def jvp(self, x: np.ndarray, v: np.ndarray, batch: Moments) -> np.ndarray:
        point, direction = self._unpack(x), self._unpack(v)
        by_phi = self._generator(direction, point, batch)
        by_theta = self._curvature(point, direction, batch)
        return self._join(*self._mismatch(point, direction, batch), by_phi[0] + by_theta[0], by_phi[1] + by_theta[1])

    def vjp(self, x: np.ndarray, v: np.ndarray, batch: Moments) -> np.ndarray:
        point, direction = self._unpack(x), self._unpack(v)
        by_phi = self._generator(direction, point, batch)
        by_theta = self._curvature(point, direction, batch)
        second, mean = self._mismatch(point, direction, batch)
        return self._join(-second, -mean, by_theta[0] - by_phi[0], by_theta[1] - by_phi[1])

    def _generator(self, phi: Blocks, theta: Blocks, batch: Moments) -> tuple[np.ndarray, np.ndarray]:
        """``M(theta)^T phi``: the generator's gradient for discriminator ``phi``."""
        mean = _apply(theta.scale, batch.latent_mean) + theta.shift
        cross = theta.scale @ batch.latent_second + _outer(theta.shift, batch.latent_mean)
        scale = -2 * phi.quadratic @ cross - _outer(phi.linear, batch.latent_mean)
        return scale, -2 * _apply(phi.quadratic, mean) - phi.linear

    def _curvature(self, point: Blocks, v: Blocks, batch: Moments) -> tuple[np.ndarray, np.ndarray]:
        """``H v``: derivative of the generator's gradient along the generator's part of ``v``."""
        mean = _apply(v.scale, batch.latent_mean) + v.shift
        cross = v.scale @ batch.latent_second + _outer(v.shift, batch.latent_mean)
        return -2 * point.quadratic @ cross, -2 * _apply(point.quadratic, mean)

    def _mismatch(self, point: Blocks, v: Blocks, batch: Moments) -> tuple[np.ndarray, np.ndarray]:
        """``-M v``: derivative of the discriminator's gradient along the generator's part of ``v``."""
        mean = _apply(v.scale, batch.latent_mean) + v.shift
        cross = v.scale @ batch.latent_second + _outer(v.shift, batch.latent_mean)
        half = cross @ _t(point.scale) + _outer(mean, point.shift)
        return half + _t(half), mean

    # ---------------------------------------------------------------- packing

    def _unpack(self, x: np.ndarray) -> Blocks:
        n, s = self.n, self.n * (self.n + 1) // 2
        quadratic = np.zeros((*x.shape[:-1], n, n))
        quadratic[..., *self._upper] = x[..., :s]
        quadratic[..., *self._upper[::-1]] = x[..., :s]
        scale = np.zeros_like(quadratic)
        scale[..., *self._lower] = x[..., s + n : 2 * s + n]
        return Blocks(quadratic, x[..., s : s + n], scale, x[..., 2 * s + n :])

    def _join(self, second: np.ndarray, mean: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
        # an off-diagonal W_ij stands at two places of the symmetric matrix, so its gradient counts twice
        weight = np.where(self._upper[0] == self._upper[1], 1.0, 2.0)
        return np.concatenate([second[..., *self._upper] * weight, mean, scale[..., *self._lower], shift], axis=-1)


def _moments(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return samples.mean(axis=1), _t(samples) @ samples / samples.shape[1]


def _t(matrix: np.ndarray) -> np.ndarray:
    return np.swapaxes(matrix, -1, -2)


def _apply(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return (matrix @ vector[..., None])[..., 0]


def _outer(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return left[..., :, None] * right[..., None, :]
