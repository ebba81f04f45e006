"""Closed matrix form of the N-dimensional LQ-GAN, on batches of trajectories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gan_sde.games.lane_game import AbstractLaneGame, Piece, Pieces, Registers
from gan_sde.games.lq_gan_pieces import CROSS, CURVATURE, GENERATOR, MISMATCH, PRODUCTS, RESIDUAL


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


@dataclass(frozen=True, eq=False)
class LQGANArrays(AbstractLaneGame):
    """The LQ-GAN through its moments.

    With the payoff ``V = phi . m(theta)`` linear in the discriminator, ``F = (-m, M^T phi)`` and
    ``J = [[0, -M], [M^T, H]]`` with ``M = dm/dtheta``: no Jacobian is ever formed. Products are compiled on first use,
    a few seconds; `gan_sde.games.lq_gan_lanes` has the formulas.

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
        set_(self, "normal_groups", (n, n) if self.data is None else ())
        set_(self, "rows", None if self.data is None else len(self.data))
        set_(self, "_upper", np.triu_indices(n))
        set_(self, "batch_rows", 2 * (s + n))

    def bind(self, values: Mapping[str, float]) -> LQGANArrays:
        if self.data is not None:
            return self
        if self.n == 1:
            return LQGANArrays(1, None, np.array([float(values["mu"])]), np.array([[float(values["sigma"])]]))
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
        return self._product("FIELD", x, x, batch)

    def jvp(self, x: np.ndarray, v: np.ndarray, batch: Moments) -> np.ndarray:
        return self._product("JVP", x, v, batch)

    def vjp(self, x: np.ndarray, v: np.ndarray, batch: Moments) -> np.ndarray:
        return self._product("VJP", x, v, batch)

    def _product(self, kind: str, x: np.ndarray, v: np.ndarray, batch: Moments) -> np.ndarray:
        from gan_sde.games.lq_gan_products import products  # loads numba, which symbols do not need

        numbers, exact = self.lane_batch(batch), _is_exact(batch.latent_mean, batch.latent_second)
        if x.ndim != 2 or x.shape[1] != self.dim or v.shape != x.shape or numbers.shape[1] not in (1, len(x)):
            raise ValueError(
                f"x: expected states (n, {self.dim}), vectors of that shape and a batch for each, "
                f"got shapes {x.shape}, {v.shape} and {numbers.shape[1]} batches"
            )
        point, direction = (np.require(a.T, float, ["C", "W"]) for a in (x, v))
        result = np.empty_like(point)
        products(PRODUCTS.index(kind), point, direction, numbers, exact, self.n, result)
        return result.T

    # ---------------------------------------------------------------- pieces

    @property
    def size(self) -> int:
        return self.n

    def perform(self) -> Any:
        from gan_sde.games.lq_gan_lanes import perform

        return perform

    def lane_batch(self, batch: Moments) -> np.ndarray:
        alike = all(moment.strides[0] == 0 for moment in batch)
        data_mean, data_second, latent_mean, latent_second = (m[:1] if alike else m for m in batch)
        parts = (data_second[:, *self._upper], data_mean, latent_second[:, *self._upper], latent_mean)
        return np.concatenate([part.T for part in parts])

    def lane_batch_of_statistics(self, statistics: np.ndarray) -> np.ndarray:
        from gan_sde.games.lq_gan_moments import moments

        assert self.mean is not None and self.factor is not None
        result = np.empty_like(statistics)
        moments(statistics, np.ascontiguousarray(self.mean), np.ascontiguousarray(self.factor), result)
        return result

    def batch_of_lanes(self, numbers: np.ndarray) -> Moments:
        count, half, parts = self.n, self.dim // 2, []
        for row in (0, half):
            second = np.empty((numbers.shape[1], count, count))
            rows, columns = self._upper
            second[:, rows, columns] = second[:, columns, rows] = numbers[row : row + half - count].T
            parts += [np.ascontiguousarray(numbers[row + half - count : row + half].T), second]
        return Moments(*parts)

    def field(self, piece: Piece, x: Registers, exact: bool) -> Pieces:
        cross, half = self._cross(piece, x, exact), self.dim // 2
        return {piece(RESIDUAL, half, x[1], cross): 1.0}, {piece(GENERATOR, half, x[0], cross): 1.0}

    def jacobian_product(self, piece: Piece, x: Registers, v: Registers, exact: bool) -> Pieces:
        mismatch, generator, curvature = self._pieces(piece, x, v, exact)
        return {mismatch: 1.0}, {generator: 1.0, curvature: 1.0}

    def transposed_product(self, piece: Piece, x: Registers, v: Registers, exact: bool) -> Pieces:
        mismatch, generator, curvature = self._pieces(piece, x, v, exact)
        return {mismatch: -1.0}, {generator: -1.0, curvature: 1.0}

    def _cross(self, piece: Piece, x: Registers, exact: bool) -> int:
        """C and c; with exact latent moments these are A and b."""
        return x[1] if exact else piece(CROSS, self.n * (self.n + 1), x[1])

    def _pieces(self, piece: Piece, x: Registers, v: Registers, exact: bool) -> tuple[int, int, int]:
        cross, moved, half = self._cross(piece, x, exact), self._cross(piece, v, exact), self.dim // 2
        return (
            piece(MISMATCH, half, x[1], moved),
            piece(GENERATOR, half, v[0], cross),
            piece(CURVATURE, half, x[0], moved),
        )


def _moments(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return samples.mean(axis=1), np.swapaxes(samples, 1, 2) @ samples / samples.shape[1]


def _is_exact(mean: np.ndarray, second: np.ndarray) -> bool:
    """Whether latent moments are those of the standard normal law, not of samples."""
    mean, second = (m[:1] if m.strides[0] == 0 else m for m in (mean, second))
    return not mean.any() and bool((second == np.eye(second.shape[-1])).all())
