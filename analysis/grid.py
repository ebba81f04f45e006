"""Rectangular grids of equal cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis._validation import Array, count, finite_array, real_array

LARGEST_DIMENSION = 2


@dataclass(frozen=True, eq=False)
class Grid:
    """A box cut into equal cells; build it with `Grid.rectangle`.

    Attributes
    ----------
    low, high : array, shape (d,)
        Corners of the box, in the units of the state.
    shape : tuple of int
        Cells along each axis.

    Examples
    --------
    >>> grid = Grid.rectangle([0.0, -1.0], [1.0, 1.0], [10, 4])
    >>> grid.size, grid.spacing.tolist(), round(grid.volume, 12)
    (40, [0.1, 0.5], 0.05)
    """

    low: Array
    high: Array
    shape: tuple[int, ...]

    @classmethod
    def rectangle(cls, low: ArrayLike, high: ArrayLike, cells: int | Sequence[int]) -> "Grid":
        """Cut the box between two corners into cells.

        Parameters
        ----------
        low, high : float or array, shape (d,)
            Opposite corners, d = 1 or 2; numbers for d = 1.
        cells : int or sequence of int
            Cells along each axis, at least 3; one number for all axes.

        Raises
        ------
        ValueError
            Corners out of order, another dimension, or too few cells.
        """
        first, last = (np.atleast_1d(finite_array(n, v, (0, 1))) for n, v in (("low", low), ("high", high)))
        if first.shape != last.shape or not 1 <= len(first) <= LARGEST_DIMENSION:
            shapes = f"{first.shape} and {last.shape}"
            raise ValueError(f"low: expected corners of one dimension, 1 to {LARGEST_DIMENSION}, got shapes {shapes}")
        if np.any(first >= last):
            raise ValueError(f"high: expected a corner above {first.tolist()}, got {last.tolist()}")
        numbers = list(cells) if isinstance(cells, Sequence | np.ndarray) else [cells] * len(first)
        if len(numbers) != len(first):
            raise ValueError(f"cells: expected {len(first)} numbers, got {len(numbers)}")
        return cls(first, last, tuple(count("cells", n, 3) for n in numbers))

    @property
    def dimension(self) -> int:
        """Number d of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of cells."""
        return int(np.prod(self.shape))

    @property
    def spacing(self) -> Array:
        """Edge lengths of a cell, (d,)."""
        return (self.high - self.low) / self.shape

    @property
    def volume(self) -> float:
        """Volume of a cell."""
        return float(np.prod(self.spacing))

    @cached_property
    def axes(self) -> tuple[Array, ...]:
        """Midpoints of the cells along each axis."""
        parts = zip(self.low, self.spacing, self.shape, strict=True)
        return tuple(low + h * (np.arange(n) + 0.5) for low, h, n in parts)

    @cached_property
    def edges(self) -> tuple[Array, ...]:
        """Borders of the cells along each axis, one more than cells."""
        return tuple(
            np.linspace(low, high, n + 1) for low, high, n in zip(self.low, self.high, self.shape, strict=True)
        )

    @cached_property
    def centres(self) -> Array:
        """Midpoints of all cells, (size, d), the last axis running fastest."""
        return np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1).reshape(-1, self.dimension)

    @cached_property
    def boundary(self) -> NDArray[np.bool_]:
        """Cells that touch the border of the box, (size,)."""
        inner = np.zeros(self.shape, dtype=bool)
        inner[(slice(1, -1),) * self.dimension] = True
        return np.asarray(~inner.ravel())

    def refined(self, factor: int = 2) -> "Grid":
        """Cut every cell into `factor` along each axis."""
        return Grid(self.low, self.high, tuple(count("factor", factor, 1) * n for n in self.shape))

    def index(self, points: ArrayLike) -> NDArray[np.intp]:
        """Return the number of the cell of each point `(n, d)`; -1 outside of the box or not finite."""
        array = real_array("points", points, (2,))
        self.require_dimension("points", array.shape[1])
        with np.errstate(invalid="ignore"):
            place = np.floor((array - self.low) / self.spacing)
            inside = np.all((place >= 0) & (place < self.shape), axis=1)
        cells = np.ravel_multi_index(tuple(np.where(inside[:, None], place, 0).astype(np.intp).T), self.shape)
        return np.where(inside, cells, -1)

    def histogram(self, points: ArrayLike) -> NDArray[np.intp]:
        """Count points `(n, d)` per cell, shape `shape`; those outside of the box are not counted."""
        cells = self.index(points)
        return np.bincount(cells[cells >= 0], minlength=self.size).reshape(self.shape)

    def require_same(self, other: "Grid", name: str) -> None:
        """Raise ValueError about the argument `name` unless it lies on the same cells."""
        if self.shape != other.shape or not np.array_equal([self.low, self.high], [other.low, other.high]):
            raise ValueError(f"{name}: expected a density on the same grid, got one with {self.shape} cells")

    def require_dimension(self, name: str, d: int) -> None:
        """Raise ValueError about the argument `name` unless its points have as many coordinates as the grid."""
        if d != self.dimension:
            raise ValueError(f"{name}: expected {self.dimension} coordinates, got {d}")
