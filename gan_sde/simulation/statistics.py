"""Streaming means and variances of the state's first and second moments, without loss to cancellation.

A block of trajectories is reduced to ``(n, mean, sum of squared deviations)`` of each observable in two passes; blocks
are merged in a fixed order by the update of Chan, Golub & LeVeque (1979), so that the result does not depend on
which thread ran which block, nor on how large the mean is beside the spread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gan_sde.kernels.compiled import compiled


def observable_count(dim: int) -> int:
    """Number of observables: the d states and their ``d (d + 1) / 2`` products."""
    return dim + dim * (dim + 1) // 2


@compiled(nogil=True)
def _reduce(state: np.ndarray, mirror: np.ndarray, mean: np.ndarray, squares: np.ndarray) -> int:
    """Fill mean and sum of squared deviations of every observable over the columns that are not NaN.

    An observable's value in a column is its mean over the state and the mirror there, where there is a mirror: then it
    has as many rows as the state, else none.
    """
    dim, width = state.shape
    paired = len(mirror) > 0
    values = np.empty(width)
    count = 0
    for column in range(width):
        if state[0, column] == state[0, column]:
            count += 1
    if count == 0:
        mean[:] = 0.0
        squares[:] = 0.0
        return 0
    k = 0
    for i in range(-1, dim):
        for j in range(max(i, 0), dim):
            total = 0.0
            for column in range(width):
                value = np.float64(state[j, column])
                if i >= 0:
                    value *= np.float64(state[i, column])
                if paired:
                    image = np.float64(mirror[j, column])
                    if i >= 0:
                        image *= np.float64(mirror[i, column])
                    value = (value + image) / 2
                values[column] = value
                if value == value:
                    total += value
            centre = total / count
            spread = 0.0
            for column in range(width):
                value = values[column]
                if value == value:
                    spread += (value - centre) * (value - centre)
            mean[k] = centre
            squares[k] = spread
            k += 1
    return count


@dataclass(frozen=True, eq=False)
class Moments:
    """Streaming moments at every checkpoint.

    Attributes
    ----------
    count
        Independent trajectories counted, ``(checkpoints,)``; or antithetic pairs, each with the mean of its two.
    mean, squares
        Mean and sum of squared deviations of each observable, ``(checkpoints, observables)``.
    """

    count: np.ndarray
    mean: np.ndarray
    squares: np.ndarray

    @classmethod
    def empty(cls, checkpoints: int, dim: int) -> Moments:
        """Moments of no trajectory."""
        shape = (checkpoints, observable_count(dim))
        return cls(np.zeros(checkpoints, dtype=np.int64), np.zeros(shape), np.zeros(shape))

    def record(self, checkpoint: int, state: np.ndarray, mirror: np.ndarray | None = None) -> None:
        """Set one checkpoint from a block's state ``(d, width)``, of pairs also the other path's.

        Diverged (NaN) columns are left out.
        """
        other = state[:0] if mirror is None else mirror
        self.count[checkpoint] = _reduce(state, other, self.mean[checkpoint], self.squares[checkpoint])

    def merge(self, other: Moments) -> None:
        """Take in another block."""
        n, m = self.count[:, None], other.count[:, None]
        total = np.maximum(n + m, 1)
        shift = other.mean - self.mean
        self.squares[:] += other.squares + shift**2 * (n * m / total)
        self.mean[:] += shift * (m / total)
        self.count[:] += other.count

    def arrays(self) -> dict[str, np.ndarray]:
        """Contents by name."""
        return {"count": self.count, "mean": self.mean, "squares": self.squares}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Moments:
        """Inverse of `arrays`."""
        return cls(arrays["count"], arrays["mean"], arrays["squares"])

    def standard_error(self) -> np.ndarray:
        """Standard error of each mean, ``(checkpoints, observables)``; NaN for fewer than two counted."""
        n = self.count[:, None].astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(n > 1, np.sqrt(self.squares / ((n - 1) * n)), np.nan)


def unpack(observables: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Split observables ``(..., k)`` into first moments ``(..., d)`` and second moments ``(..., d, d)``."""
    first = observables[..., :dim]
    second = np.empty((*observables.shape[:-1], dim, dim))
    row, column = np.triu_indices(dim)
    second[..., row, column] = second[..., column, row] = observables[..., dim:]
    return first, second
