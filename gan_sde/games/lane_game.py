"""Array games that also bring compiled pieces, for whole trainings in one compiled loop."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gan_sde.games.array_game import AbstractArrayGame

Piece = Callable[..., int]
"""``piece(number, rows, *inputs)``: register with a piece, computed from at most two other registers and the batch."""

Registers = tuple[int, ...]
"""A vector: one register a player."""

Pieces = tuple[Mapping[int, float], ...]
"""For every player, coefficients by register."""


class AbstractLaneGame(AbstractArrayGame):
    """Array game whose field and Jacobian products are linear combinations of compiled pieces.

    Vectors are given as registers, one a player. The batch is implied; ``exact`` tells whether it is the expected one.
    """

    batch_rows: int
    """Numbers of a batch that the pieces read."""
    normal_groups: tuple[int, ...]
    """Where a batch enters by first and second moments of its normals alone: how many of a sample's normals, in their
    order, form each of the groups within which they are multiplied. Empty: moments are not enough."""

    @property
    @abstractmethod
    def size(self) -> int:
        """A number of the game's own that ``perform`` is given."""

    @abstractmethod
    def field(self, piece: Piece, x: Registers, exact: bool) -> Pieces:
        """Return the batch field at x."""

    @abstractmethod
    def jacobian_product(self, piece: Piece, x: Registers, v: Registers, exact: bool) -> Pieces:
        """Return the Jacobian at x times v."""

    @abstractmethod
    def transposed_product(self, piece: Piece, x: Registers, v: Registers, exact: bool) -> Pieces:
        """Return the transposed Jacobian at x times v."""

    @abstractmethod
    def perform(self) -> Any:
        """Return the compiled ``perform(number, W, out, first, second, batch, exact, size)`` that fills one register.

        ``W`` is scratch memory, see `gan_sde.games.lanes`; ``out``, ``first``, ``second`` and ``batch`` are the rows at
        which registers and batch begin.
        """

    @abstractmethod
    def lane_batch(self, batch: Any) -> np.ndarray:
        """Return the numbers of a batch, ``(batch_rows, n)``, or ``(batch_rows, 1)`` if all are alike."""

    @abstractmethod
    def lane_batch_of_statistics(self, statistics: np.ndarray) -> np.ndarray:
        """Return the numbers of batches given by statistics of their normals.

        Parameters
        ----------
        statistics
            ``(rows, n)``: for every group of N normals, their batch mean ``ubar``, then row by row the lower triangle
            of a T with ``E[u u^T] = T T^T + ubar ubar^T`` in the batch.
        """

    @abstractmethod
    def batch_of_lanes(self, numbers: np.ndarray) -> Any:
        """Return the batch with these numbers, ``(batch_rows, n)``: the inverse of `lane_batch`."""
