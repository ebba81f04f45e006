"""The most recent part of a long series, in bounded memory."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, count, finite_array, probability


class Record:
    """A leaky bucket: means over blocks of the most recent fraction of a series.

    Where the blocks become too many, neighbours merge, so that memory is bounded however long the series.

    Parameters
    ----------
    keep : float
        Fraction of all observations since the last `clear` that stays, in (0, 1).
    capacity : int
        Blocks kept, at least; at most twice as many.

    Examples
    --------
    >>> record = Record(keep=0.5)
    >>> record.add([[1.0], [1.0], [3.0], [5.0]])
    >>> record.mean
    array([4.])
    """

    def __init__(self, keep: float = 0.5, capacity: int = 512) -> None:
        self._keep, self._capacity = probability("keep", keep), count("capacity", capacity, 2)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._count, self._length = 0, 1
        self._blocks: Array | None = None
        self._pending: Array | None = None

    def __len__(self) -> int:
        """Observations that are kept, in whole blocks."""
        return 0 if self._blocks is None else len(self._blocks) * self._length

    def add(self, values: ArrayLike) -> None:
        """Append observations, shape (n, ...)."""
        rows, known = finite_array("values", values), self._pending
        if rows.ndim == 0 or (known is not None and rows.shape[1:] != known.shape[1:]):
            shape = "(n, ...)" if known is None else str(("n", *known.shape[1:])).replace("'", "")
            raise ValueError(f"values: expected shape {shape}, got {rows.shape}")
        self._count += len(rows)
        if known is not None and len(known):
            rows = np.concatenate([known, rows])
        whole = len(rows) // self._length
        cut = whole * self._length
        means = rows[:cut].reshape(whole, self._length, *rows.shape[1:]).mean(axis=1)
        self._pending = rows[cut:].copy()
        self._blocks = means if self._blocks is None else np.concatenate([self._blocks, means])
        self._leak()

    def _leak(self) -> None:
        """Drop what is too old; halve the number of blocks where they are too many."""
        assert self._blocks is not None and self._pending is not None
        wanted = self._keep * self._count
        surplus = int((len(self) + len(self._pending) - wanted) // self._length)
        self._blocks = self._blocks[max(min(surplus, len(self._blocks)), 0) :]
        while len(self._blocks) > 2 * self._capacity:
            even = self._blocks[len(self._blocks) % 2 :]
            self._blocks = (even[::2] + even[1::2]) / 2
            self._length *= 2

    @property
    def mean(self) -> Array:
        """Mean of what is kept."""
        if self._blocks is None or not len(self._blocks):
            raise ValueError("mean: expected at least one block of observations, got none")
        return np.asarray(self._blocks.mean(axis=0))

    def batches(self, number: int) -> Array | None:
        """Means of `number` equal batches of the most recent blocks, (number, ...); None if there are too few."""
        size = 0 if self._blocks is None else len(self._blocks) // number
        if self._blocks is None or size == 0:
            return None
        used = self._blocks[len(self._blocks) - size * number :]
        return np.asarray(used.reshape(number, size, *used.shape[1:]).mean(axis=1))

    def state_dict(self) -> dict[str, Any]:
        """Everything that was observed, as numbers and lists."""
        arrays = (self._blocks, self._pending)
        blocks, pending = (None if a is None else a.tolist() for a in arrays)
        return {"count": self._count, "length": self._length, "blocks": blocks, "pending": pending}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self._count, self._length = int(state["count"]), int(state["length"])
        self._blocks, pending = (
            None if state[k] is None else np.array(state[k], dtype=float) for k in ("blocks", "pending")
        )
        self._pending = pending
        if self._blocks is not None and pending is not None:  # an empty list has forgotten its other axes
            shape = self._blocks.shape[1:] if self._blocks.size else pending.shape[1:]
            self._blocks, self._pending = self._blocks.reshape(-1, *shape), pending.reshape(-1, *shape)
