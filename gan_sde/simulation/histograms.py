"""Counts of trajectories in bins of one or two state variables at every checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Bins:
    """Bins of one variable or of two.

    Bin 0 lies below the first edge, bin k is ``[edge k-1, edge k)``, the last one begins at the last edge.

    Attributes
    ----------
    names
        The variables, one or two.
    rows
        Their rows in the state.
    edges
        Increasing edges of each.
    """

    names: tuple[str, ...]
    rows: tuple[int, ...]
    edges: tuple[np.ndarray, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of bins a variable, those below and above included."""
        return tuple(len(edges) + 1 for edges in self.edges)

    @property
    def label(self) -> str:
        """Name of the histogram."""
        return "_".join(self.names)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of its axes: ``w1`` of one variable; ``w1_a_0`` and ``w1_a_1`` of the pair w1, a."""
        return (self.label,) if len(self.names) == 1 else (f"{self.label}_0", f"{self.label}_1")

    def count(self, state: np.ndarray) -> np.ndarray:
        """Trajectories ``(d, n)`` in each bin, int64."""
        places = [
            np.searchsorted(edges, state[row].astype(np.float64), side="right")
            for row, edges in zip(self.rows, self.edges, strict=True)
        ]
        size = int(np.prod(self.shape))
        flat = np.ravel_multi_index(tuple(places), self.shape)
        return np.bincount(flat, minlength=size).astype(np.int64).reshape(self.shape)


@dataclass(frozen=True, eq=False)
class Histograms:
    """Counts ``(checkpoints, *bins)`` of each requested histogram; merging is exact."""

    counts: tuple[np.ndarray, ...]

    @classmethod
    def empty(cls, checkpoints: int, bins: Sequence[Bins]) -> Histograms:
        """Histograms of no trajectory."""
        return cls(tuple(np.zeros((checkpoints, *each.shape), dtype=np.int64) for each in bins))

    def record(self, checkpoint: int, state: np.ndarray, bins: Sequence[Bins]) -> None:
        """Set one checkpoint from a block's state ``(d, n)``, diverged trajectories left out."""
        for counts, each in zip(self.counts, bins, strict=True):
            counts[checkpoint] = each.count(state)

    def merge(self, other: Histograms) -> None:
        """Take in another block."""
        for counts, more in zip(self.counts, other.counts, strict=True):
            counts[:] += more

    def arrays(self) -> dict[str, np.ndarray]:
        """Contents by name."""
        return {str(i): counts for i, counts in enumerate(self.counts)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Histograms:
        """Inverse of `arrays`."""
        return cls(tuple(arrays[str(i)] for i in range(len(arrays))))
