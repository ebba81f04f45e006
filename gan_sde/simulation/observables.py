"""Streaming means and covariances of several observables at every checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Observables:
    """Counts, means and co-moments, merged by the update of Chan, Golub & LeVeque (1979).

    Attributes
    ----------
    count
        Independent trajectories counted, ``(checkpoints,)``; or antithetic pairs, each with the mean of its two.
    mean
        ``(checkpoints, p)``.
    products
        Sums of products of deviations, ``(checkpoints, p, p)``.
    """

    count: np.ndarray
    mean: np.ndarray
    products: np.ndarray

    @classmethod
    def empty(cls, checkpoints: int, number: int) -> Observables:
        """Observables of no trajectory."""
        shape = (checkpoints, number)
        return cls(np.zeros(checkpoints, dtype=np.int64), np.zeros(shape), np.zeros((*shape, number)))

    def record(self, checkpoint: int, values: np.ndarray) -> None:
        """Set one checkpoint from the values ``(p, n)`` at a block's trajectories, those that diverged left out."""
        self.count[checkpoint] = values.shape[1]
        if values.shape[1] == 0:
            return
        with np.errstate(all="ignore"):
            mean = values.mean(axis=1)
            deviations = values - mean[:, None]
            self.mean[checkpoint] = mean
            # numpy's own loop: BLAS may round otherwise on another number of threads
            self.products[checkpoint] = np.einsum("in,jn->ij", deviations, deviations, optimize=False)

    def merge(self, other: Observables) -> None:
        """Take in another block."""
        n, m = self.count.astype(float), other.count.astype(float)
        total = np.maximum(n + m, 1.0)
        with np.errstate(all="ignore"):
            shift = other.mean - self.mean
            between = shift[:, :, None] * shift[:, None, :] * (n * m / total)[:, None, None]
            # a side without trajectories must not pass its values on, NaN or not
            self.products[:] += other.products + np.where((n * m > 0)[:, None, None], between, 0.0)
            self.mean[:] = np.where((m > 0)[:, None], self.mean + shift * (m / total)[:, None], self.mean)
        self.count[:] += other.count

    def covariance_of_mean(self) -> np.ndarray:
        """Covariance of the means, ``(checkpoints, p, p)``; NaN for fewer than two trajectories."""
        n = self.count[:, None, None].astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(n > 1, self.products / ((n - 1) * n), np.nan)

    def arrays(self) -> dict[str, np.ndarray]:
        """Contents by name."""
        return {"count": self.count, "mean": self.mean, "products": self.products}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Observables:
        """Inverse of `arrays`."""
        return cls(arrays["count"], arrays["mean"], arrays["products"])
