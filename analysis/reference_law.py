"""Predicted laws, with what their energy distance from a sample asks for: means of distances from their draws."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, hyp1f1

from analysis._validation import Array, covariance_matrix, finite_array
from analysis.density import Density
from analysis.energy import mean_distances_to

_CELLS = {1: 4096, 2: 128}
"""Cells along an axis, at least. On a box ten deviations wide, mass at midpoints and the same mass spread over the
cells then have a squared distance of 3e-7 in one dimension and of 4e-6 in two, where 1e4 independent draws have 1e-4
and 2e-4."""


@dataclass(frozen=True, eq=False)
class GaussianLaw:
    """A Gaussian prediction, for instance with the covariance `stationary_covariance(...)`.

    Attributes
    ----------
    mean : array, shape (d,)
    covariance : array, shape (d, d)
        Positive definite.

    Raises
    ------
    ValueError
        Shapes that do not fit, or a matrix that is not positive definite.
    """

    mean: ArrayLike
    covariance: ArrayLike

    def __post_init__(self) -> None:
        mean = finite_array("mean", self.mean, (1,))
        covariance = covariance_matrix("covariance", finite_array("covariance", self.covariance, (2,)), len(mean))
        whitening("covariance", covariance)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "covariance", covariance)


@dataclass(frozen=True, eq=False)
class AbstractReference(ABC):
    """A law in the frame in which it has mean 0 and covariance 1."""

    centre: Array
    whitening: Array

    def standardised(self, points: Array) -> Array:
        """Points `(n, d)` in that frame."""
        return (points - self.centre) @ self.whitening.T

    @abstractmethod
    def mean_distance(self, points: Array) -> Array:
        """E|z - Z| of standardised points z, `(n, d) -> (n,)`."""

    @property
    @abstractmethod
    def own_distance(self) -> float:
        """E|Z - Z'| of two independent draws."""


@dataclass(frozen=True, eq=False)
class GaussianReference(AbstractReference):
    """Closed forms of the standard normal law: Székely & Rizzo (2005), doi 10.1016/j.jmva.2003.12.002."""

    def mean_distance(self, points: Array) -> Array:
        d = points.shape[1]
        square = np.sum(points**2, axis=1)
        radius = np.sqrt(square)
        near = self.own_distance / np.sqrt(2) * hyp1f1(-0.5, d / 2, -np.minimum(square, 400.0) / 2)
        # E|z - Z| = r + (d - 1) / (2 r) + (d - 1)(3 - d) / (8 r^3) + O(r^-5): the series of 1F1 gets lost far out
        r = np.maximum(radius, 1.0)
        far = r + (d - 1) / (2 * r) + (d - 1) * (3 - d) / (8 * r**3)
        return np.where(radius < 20.0, near, far)

    @property
    def own_distance(self) -> float:
        d = len(self.centre)
        return float(2 * np.exp(gammaln((d + 1) / 2) - gammaln(d / 2)))


@dataclass(frozen=True, eq=False)
class DensityReference(AbstractReference):
    """A density on a grid, refined until its mass may sit at the midpoints of cells."""

    density: Density

    def mean_distance(self, points: Array) -> Array:
        mass = self.density.probabilities.ravel()
        held = mass > 1e-12 * mass.max()
        places = self.standardised(self.density.grid.centres[held])
        return mean_distances_to(points, places, mass[held] / mass[held].sum())

    @cached_property
    def own_distance(self) -> float:
        mass = self.density.probabilities / self.density.mass
        shape = [2 * n - 1 for n in mass.shape]
        axes = range(mass.ndim)
        lags = np.fft.irfftn(np.abs(np.fft.rfftn(mass, shape, axes)) ** 2, shape, axes)  # law of differences of cells
        steps = [h * m * np.fft.fftfreq(m) for h, m in zip(self.density.grid.spacing, shape, strict=True)]
        offsets = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1) @ self.whitening.T
        return float(np.sum(lags * np.linalg.norm(offsets, axis=-1)))


def reference(law: GaussianLaw | Density) -> AbstractReference:
    """Bring a law to its frame."""
    if isinstance(law, GaussianLaw):
        covariance = np.asarray(law.covariance)
        return GaussianReference(np.asarray(law.mean), whitening("covariance", covariance))
    if not isinstance(law, Density):
        raise ValueError(f"law: expected a GaussianLaw or a Density, got {type(law).__name__}")
    factor = max(1, -(-_CELLS[law.grid.dimension] // min(law.grid.shape)))
    values = law.values
    for axis in range(law.grid.dimension):
        values = np.repeat(values, factor, axis=axis)
    return DensityReference(law.mean, whitening("law", law.covariance), Density(law.grid.refined(factor), values))


def whitening(name: str, covariance: Array) -> Array:
    """Matrix W with W C W^T = 1; refuse a covariance that is not positive definite."""
    lowest, largest = np.linalg.eigvalsh(covariance)[[0, -1]]
    if lowest <= 1e-12 * largest:
        raise ValueError(f"{name}: expected a positive definite covariance, got smallest eigenvalue {lowest:.3g}")
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)))
