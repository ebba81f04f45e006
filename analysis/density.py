"""Probability densities on a grid."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, finite_array
from analysis.grid import Grid

ROUNDING = 1e-9
"""Most negative value, relative to the largest, and deviation of the mass from 1 that count as rounding."""


@dataclass(frozen=True, eq=False)
class Density:
    """A probability density, constant on every cell of a grid.

    Attributes
    ----------
    grid : Grid
    values : array, shape grid.shape
        Probability per volume, >= 0 and of total mass 1 but for rounding; `Density.of` normalises.

    Raises
    ------
    ValueError
        Values of another shape, not finite, negative, or of another mass.

    Notes
    -----
    Moments take the mass of a cell to sit at its midpoint: their error is of second order in the spacing, like
    that of the schemes which make densities. `analysis.richardson` removes it.

    Examples
    --------
    >>> grid = Grid.rectangle(-8.0, 8.0, 400)
    >>> law = Density.of(grid, lambda x: np.exp(-x[:, 0] ** 2 / 2))
    >>> round(float(law.covariance[0, 0]), 6), round(law.expectation(lambda x: x[:, 0] ** 4), 6)
    (1.0, 3.0)
    """

    grid: Grid
    values: Array

    def __post_init__(self) -> None:
        values = finite_array("values", self.values)
        if values.shape != self.grid.shape:
            raise ValueError(f"values: expected shape {self.grid.shape}, got shape {values.shape}")
        if np.any(values < -ROUNDING * np.max(np.abs(values))):
            raise ValueError(f"values: expected numbers >= 0, got {float(np.min(values)):g}")
        object.__setattr__(self, "values", values)
        if abs(self.mass - 1) > ROUNDING:
            raise ValueError(f"values: expected a total mass of 1, got {self.mass:g} (Density.of normalises)")

    @classmethod
    def of(cls, grid: Grid, function: Callable[[Array], ArrayLike]) -> "Density":
        """Normalise a function of the midpoints, (n, d) -> (n,), over the grid."""
        raw = finite_array("function", function(grid.centres), (1,))
        if len(raw) != grid.size or np.any(raw < 0) or not np.any(raw > 0):
            raise ValueError(f"function: expected {grid.size} values >= 0 with a positive sum, got shape {raw.shape}")
        return cls(grid, (raw / raw.sum() / grid.volume).reshape(grid.shape))

    @classmethod
    def point(cls, grid: Grid, point: ArrayLike) -> "Density":
        """Spread a unit mass over the cells around a point, (d,), so that the mean is the point.

        Raises
        ------
        ValueError
            If the point lies outside of the midpoints of the outermost cells.
        """
        place = (np.atleast_1d(finite_array("point", point, (0, 1))) - grid.low) / grid.spacing - 0.5
        grid.require_dimension("point", len(place))
        if np.any(place < 0) or np.any(place > np.array(grid.shape) - 1):
            raise ValueError(f"point: expected one inside of the grid, got {np.asarray(point).tolist()}")
        corner = np.minimum(place.astype(int), np.array(grid.shape) - 2)
        weights = np.ones(())
        for share in place - corner:
            weights = np.multiply.outer(weights, [1 - share, share])
        values = np.zeros(grid.shape)
        values[tuple(slice(c, c + 2) for c in corner)] = weights / grid.volume
        return cls(grid, values)

    @property
    def probabilities(self) -> Array:
        """Mass of every cell, shape grid.shape."""
        return self.values * self.grid.volume

    @property
    def mass(self) -> float:
        """Total mass, 1 but for rounding."""
        return float(self.probabilities.sum())

    @property
    def boundary_mass(self) -> float:
        """Mass in the cells that touch the border of the box."""
        return float(self.probabilities.ravel()[self.grid.boundary].sum())

    def expectation(self, function: Callable[[Array], ArrayLike]) -> float:
        """Mean of a function of the state, (n, d) -> (n,)."""
        return float(self.probabilities.ravel() @ np.asarray(function(self.grid.centres), dtype=np.float64))

    @property
    def mean(self) -> Array:
        """Shape (d,)."""
        return np.asarray(self.probabilities.ravel() @ self.grid.centres)

    @property
    def covariance(self) -> Array:
        """Shape (d, d)."""
        centred = self.grid.centres - self.mean
        return np.asarray(centred.T * self.probabilities.ravel() @ centred)

    @property
    def third_moment(self) -> Array:
        """Central third moments, shape (d, d, d)."""
        centred = self.grid.centres - self.mean
        return np.einsum("n,ni,nj,nk->ijk", self.probabilities.ravel(), centred, centred, centred, optimize=True)

    def marginal(self, axis: int) -> "Density":
        """Density of one coordinate, on a grid of one dimension."""
        if not 0 <= axis < self.grid.dimension:
            raise ValueError(f"axis: expected 0 to {self.grid.dimension - 1}, got {axis!r}")
        others = tuple(k for k in range(self.grid.dimension) if k != axis)
        line = Grid(self.grid.low[[axis]], self.grid.high[[axis]], (self.grid.shape[axis],))
        return Density(line, self.probabilities.sum(axis=others) / line.volume)

    def total_variation(self, other: "Density") -> float:
        """Largest difference of the probability of any set of cells, against a density on the same grid."""
        other.grid.require_same(self.grid, "other")
        return float(np.abs(self.probabilities - other.probabilities).sum() / 2)

    def wasserstein(self, other: "Density", axis: int = 0) -> float:
        """1-Wasserstein distance between the marginals of one coordinate, the integral of |F - G|."""
        other.grid.require_same(self.grid, "other")
        here, there = self.marginal(axis), other.marginal(axis)
        gap = np.concatenate([[0.0], np.cumsum(here.probabilities - there.probabilities)])
        left, right = np.abs(gap[:-1]), np.abs(gap[1:])
        # the distribution functions are linear on a cell; where they cross, |F - G| is two triangles
        crossing = gap[:-1] * gap[1:] < 0
        total = np.where(crossing, left + right, 1.0)
        area = np.where(crossing, (left**2 + right**2) / total, left + right) / 2
        return float(area.sum() * here.grid.volume)
