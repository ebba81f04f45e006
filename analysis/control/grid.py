"""Functions on a rectangular grid of states: where they live and how they are interpolated."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from analysis._validation import Array, finite_array


@dataclass(frozen=True, eq=False)
class StateGrid:
    """Nodes of a box in d dimensions; spacings may vary along an axis.

    Attributes
    ----------
    axes : tuple of arrays
        Increasing coordinates along each axis.

    Examples
    --------
    >>> grid = StateGrid.of([0.0, 1.0, 3.0])
    >>> (grid.interpolation([[2.0], [9.0]]) @ np.array([10.0, 20.0, 40.0])).tolist()
    [30.0, 40.0]
    """

    axes: tuple[Array, ...]

    @classmethod
    def of(cls, *axes: ArrayLike | Sequence[float]) -> "StateGrid":
        """Check the axes and make a grid."""
        if not axes:
            raise ValueError("axes: expected at least 1 axis, got none")
        checked = tuple(finite_array(f"axes[{i}]", axis, (1,)) for i, axis in enumerate(axes))
        for i, axis in enumerate(checked):
            if len(axis) < 2 or np.any(np.diff(axis) <= 0):
                raise ValueError(f"axes[{i}]: expected at least 2 increasing coordinates, got {axis.tolist()[:5]}")
        return cls(checked)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of nodes along each axis."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def nodes(self) -> Array:
        """All nodes, shape (n, d), the last axis fastest."""
        return np.stack([part.ravel() for part in np.meshgrid(*self.axes, indexing="ij")], axis=-1)

    def require_states(self, name: str, states: ArrayLike, ndims: tuple[int, ...] | None = None) -> Array:
        """Return finite states (..., d); refuse others in the name of an argument."""
        places, d = finite_array(name, states, ndims), len(self.axes)
        if places.ndim == 0 or places.shape[-1] != d:
            raise ValueError(f"{name}: expected shape (..., {d}) for the axes of the grid, got {places.shape}")
        return places

    def interpolation(self, points: ArrayLike) -> csr_array:
        """Matrix that takes values at the nodes to multilinear interpolants at points.

        Points outside the box are first moved to the nearest point of it. Rows are then probabilities (not
        negative, of sum 1): interpolation is an expectation over the corners of a cell, which is what makes schemes
        built on it monotone. Extrapolation would have negative weights.

        Parameters
        ----------
        points : array, shape (n, d)

        Returns
        -------
        csr_array, shape (n, number of nodes)
        """
        places = self.require_states("points", points, (2,))
        cells, weights = [], []
        for axis, place in zip(self.axes, places.T, strict=True):
            inside = np.clip(place, axis[0], axis[-1])
            cell = np.clip(np.searchsorted(axis, inside, side="right") - 1, 0, len(axis) - 2)
            cells.append(cell)
            weights.append((inside - axis[cell]) / (axis[cell + 1] - axis[cell]))
        columns, values = [], []
        for corner in product((0, 1), repeat=len(self.axes)):
            where = [cell + side for cell, side in zip(cells, corner, strict=True)]
            columns.append(np.ravel_multi_index(where, self.shape))
            values.append(np.prod([w if side else 1 - w for w, side in zip(weights, corner, strict=True)], axis=0))
        n, corners = len(places), len(columns)
        return csr_array(
            (np.stack(values, axis=-1).ravel(), np.stack(columns, axis=-1).ravel(), np.arange(n + 1) * corners),
            shape=(n, int(np.prod(self.shape))),
        )
