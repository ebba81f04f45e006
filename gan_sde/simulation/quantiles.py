"""Quantiles of many trajectories from a summary of bounded size, deterministic and mergeable.

Sorted buffers of ``CAPACITY`` values stand for ``2^level`` trajectories a value. Two buffers of one level become one
of the next: their values are merged in order and every other one is kept (Munro & Paterson, Theoretical Computer
Science 12, 1980; Manku, Rajagopalan & Lindsay, SIGMOD 1998; the compactor of Karnin, Lang & Liberty,
arXiv 1603.05346, without its coin). Keeping the even places overstates a rank by 0 or ``2^level``, keeping the odd
places understates it by as much; the places alternate. The sum over what was done is a bound on the error of every
rank, known without reference to the data: at most about ``(log2(n / CAPACITY) + 1) n / (4 CAPACITY)`` for n
trajectories, 0.3 % of them for a million. Up to ``CAPACITY`` trajectories are exact.

A diverged trajectory counts as +infinity, so that all checkpoints and variables are compressed alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

CAPACITY = 1024
"""Values in a buffer."""


@dataclass(eq=False)
class QuantileSketch:
    """Summary of values ``(checkpoints, d)`` of many trajectories.

    Attributes
    ----------
    alive
        Trajectories that have not diverged, ``(checkpoints,)``.
    rest
        Values not yet in a buffer, ``(checkpoints, d, fewer than CAPACITY)``.
    levels
        Per level a sorted buffer ``(checkpoints, d, CAPACITY)`` or None.
    kept
        Per level, how often two buffers were merged keeping the even and the odd places, ``(levels, 2)``.
    """

    alive: np.ndarray
    rest: np.ndarray
    levels: list[np.ndarray | None] = field(default_factory=list)
    kept: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))

    @classmethod
    def empty(cls, checkpoints: int, dim: int) -> QuantileSketch:
        """Return the summary of no trajectory."""
        return cls(np.zeros(checkpoints, dtype=np.int64), np.empty((checkpoints, dim, 0)))

    @classmethod
    def of_values(cls, values: np.ndarray) -> QuantileSketch:
        """Summary of the values ``(checkpoints, d, n)`` of n trajectories; NaN stands for diverged."""
        summary = cls.empty(*values.shape[:2])
        for first in range(0, values.shape[-1], CAPACITY):
            part = values[..., first : first + CAPACITY]
            gone = np.isnan(part)
            summary.merge(cls((~gone[:, 0]).sum(axis=-1), np.where(gone, np.inf, part)))
        return summary

    @property
    def size(self) -> int:
        """Number of trajectories."""
        full = sum(CAPACITY << level for level, buffer in enumerate(self.levels) if buffer is not None)
        return full + self.rest.shape[-1]

    @property
    def rank_error(self) -> int:
        """Largest error of any rank, in trajectories."""
        weights = 2 ** np.arange(len(self.kept), dtype=np.int64)
        return int((weights[:, None] * self.kept).sum(axis=0).max(initial=0))

    def probability_error(self) -> np.ndarray:
        """Bound on the difference between a probability asked for and reached, ``(checkpoints,)``."""
        # the last finite value stands in for a place among the diverged, whose first place is uncertain as well
        factor = np.where(self.alive < self.size, 2, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.alive > 0, np.minimum(factor * self.rank_error / self.alive, 1.0), np.nan)

    def merge(self, other: QuantileSketch) -> None:
        """Take in another summary."""
        self.alive = self.alive + other.alive
        self._extend(max(len(self.levels), len(other.levels)))
        self.kept[: len(other.kept)] += other.kept
        for level, buffer in enumerate(other.levels):
            if buffer is not None:
                self._push(level, buffer)
        rest = np.concatenate([self.rest, other.rest], axis=-1)
        if rest.shape[-1] >= CAPACITY:
            self._push(0, np.sort(rest[..., :CAPACITY], axis=-1))
            rest = rest[..., CAPACITY:].copy()
        self.rest = rest

    def _push(self, level: int, buffer: np.ndarray) -> None:
        """Add a buffer; two of a level become one of the next."""
        self._extend(level + 1)
        while (present := self.levels[level]) is not None:
            places = int(self.kept[level, 1] < self.kept[level, 0])
            self.kept[level, places] += 1
            both = np.concatenate([present, buffer], axis=-1)
            both.sort(axis=-1)
            self.levels[level], buffer = None, both[..., places::2].copy()
            level += 1
            self._extend(level + 1)
        self.levels[level] = buffer

    def _extend(self, levels: int) -> None:
        missing = levels - len(self.levels)
        if missing > 0:
            self.levels += [None] * missing
            self.kept = np.concatenate([self.kept, np.zeros((missing, 2), dtype=np.int64)])

    def quantiles(self, probabilities: np.ndarray) -> np.ndarray:
        """Quantiles of those that did not diverge, ``(checkpoints, probabilities, d)``.

        For n trajectories, the value whose estimated rank first reaches ``p n``: where nothing was compressed, the
        ``"inverted_cdf"`` of `numpy.quantile`. NaN where none is left, or no more than `rank_error`.
        """
        buffers = [(buffer, 1 << level) for level, buffer in enumerate(self.levels) if buffer is not None]
        buffers.append((self.rest, 1))
        weights = np.concatenate([np.full(buffer.shape[-1], weight, dtype=np.int64) for buffer, weight in buffers])
        checkpoints, dim, _ = self.rest.shape
        found = np.full((checkpoints, len(probabilities), dim), np.nan)
        for checkpoint in range(checkpoints):
            values = np.concatenate([buffer[checkpoint] for buffer, _ in buffers], axis=-1)
            order = np.argsort(values, axis=-1, kind="stable")
            for i in range(dim):
                in_order, rank = values[i, order[i]], np.cumsum(weights[order[i]])
                finite = np.searchsorted(in_order, np.inf)
                if finite:
                    wanted = np.maximum(np.ceil(probabilities * self.alive[checkpoint]), 1)
                    place = np.searchsorted(rank[:finite], wanted)
                    found[checkpoint, :, i] = in_order[np.minimum(place, finite - 1)]
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Contents by name."""
        buffers = {f"level_{level}": buffer for level, buffer in enumerate(self.levels) if buffer is not None}
        return {"alive": self.alive, "rest": self.rest, "kept": self.kept, **buffers}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> QuantileSketch:
        """Inverse of `arrays`."""
        levels = [arrays.get(f"level_{level}") for level in range(len(arrays["kept"]))]
        return cls(arrays["alive"], arrays["rest"], levels, arrays["kept"])
