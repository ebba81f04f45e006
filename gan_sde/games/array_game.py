"""Closed array form of a game, for dimensions where symbols and unrolled kernels no longer serve."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np


class AbstractArrayGame(ABC):
    """Batch field and Jacobian products on arrays, one batch a trajectory.

    States have shape ``(n, d)``. A sample is made of ``normals`` standard normals and, where the data is a finite set,
    one row index; the kernels draw them, the game turns them into whatever it needs of a batch.
    """

    dim: int
    """Number d of parameters."""
    blocks: Mapping[str, slice]
    """Columns of each player, in state order."""
    is_zero_sum: bool
    """Whether the game has one payoff."""
    normals: int
    """Standard normals a sample."""
    rows: int | None
    """Number of rows of the finite data set, None if there is none."""

    @abstractmethod
    def bind(self, values: Mapping[str, float]) -> AbstractArrayGame:
        """Return the game with numbers for its free constants."""

    @abstractmethod
    def expected_batch(self, n: int) -> Any:
        """Return the deterministic limit of a batch, for n trajectories."""

    @abstractmethod
    def batch(self, normals: np.ndarray, rows: np.ndarray | None) -> Any:
        """Turn draws, ``(n, batch_size, normals)`` and ``(n, batch_size)``, into what the field needs of a batch."""

    @abstractmethod
    def F(self, x: np.ndarray, batch: Any) -> np.ndarray:
        """Batch field ``(n, d)``."""

    @abstractmethod
    def jvp(self, x: np.ndarray, v: np.ndarray, batch: Any) -> np.ndarray:
        """Jacobian of the batch field times ``v``, ``(n, d)``."""

    @abstractmethod
    def vjp(self, x: np.ndarray, v: np.ndarray, batch: Any) -> np.ndarray:
        """Transposed Jacobian of the batch field times ``v``, ``(n, d)``."""
