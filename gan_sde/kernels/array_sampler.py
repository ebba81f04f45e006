"""Batches of games in array form: sample by sample, or by their first and second moments where these are enough.

The random numbers of samples are those of the fused kernels' explicit sampling.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gan_sde.games.array_game import AbstractArrayGame
from gan_sde.games.lane_game import AbstractLaneGame
from gan_sde.kernels.array_statistics import BartlettPlan
from gan_sde.kernels.compiled import compiled
from gan_sde.kernels.normals import normal_pair_64
from gan_sde.kernels.philox import BLOCK_LIMIT, STREAM_SHIFT, philox


class Sampler:
    """Batches of an array game, addressed by (seed, stream, trajectory, step, batch).

    Parameters
    ----------
    game
        The game, its constants bound.
    batch_size
        Samples in a batch; ``numpy.inf``: the expected batch.
    seed, stream
        Of the random numbers.
    statistics
        ``"auto"``: moments are drawn directly, at a cost that does not grow with the batch size, where the game has
        `normal_groups` and the batch is large enough. ``"never"``: sample by sample. ``"always"``: ValueError where
        they cannot be.
    """

    def __init__(
        self, game: AbstractArrayGame, batch_size: float, seed: int, stream: int, statistics: str = "auto"
    ) -> None:
        self._game, self._infinite = game, batch_size == np.inf
        self._size = 0 if self._infinite else int(batch_size)
        self._padded = game.normals + game.normals % 2
        words = self._padded + (game.rows is not None)
        # two samples share a block of four words where one needs two; otherwise samples start on a block
        self._words = 2 if words <= 2 else -(-words // 4) * 4
        self._key = (np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32))
        self._stream = np.uint64(stream) << STREAM_SHIFT
        self._plan = _plan(game, batch_size, statistics)

    @property
    def is_exact(self) -> bool:
        """Whether every batch is the expected one."""
        return self._infinite

    @property
    def numbers_a_batch(self) -> int:
        """Numbers that one batch takes, at least 1."""
        if self._plan is not None:
            return self._plan.rows
        return max(1, self._size * (self._padded + (self._game.rows is not None)))

    def batch(self, number: int, width: int, trajectory: int, step: int) -> Any:
        """Draw one batch a trajectory, the ``number``-th of an iteration."""
        if self._infinite:
            return self._game.expected_batch(width)
        if self._plan is not None:
            return self._lanes.batch_of_lanes(self.lane_batch(number, width, trajectory, step))
        first = number * self._size * self._words
        self._check(first + self._size * self._words)
        normals = np.empty((width, self._size, self._padded))
        rows = None if self._game.rows is None else np.empty((width, self._size), dtype=np.int64)
        place = np.array([first, self._words, trajectory, step], dtype=np.int64)
        _fill(normals, np.empty((0, 0), np.int64) if rows is None else rows, self._game.rows or 0, place,
              self._stream, *self._key)  # fmt: skip
        return self._game.batch(normals[..., : self._game.normals], rows)

    def lane_batch(self, number: int, width: int, trajectory: int, step: int) -> np.ndarray:
        """Numbers of the same batch, ``(batch_rows, width)`` or ``(batch_rows, 1)``, for games with compiled pieces."""
        if self._plan is None:
            return self._lanes.lane_batch(self.batch(number, width, trajectory, step))
        self._check((number + 1) * self._plan.words)
        drawn = self._plan.draw(number, width, (trajectory, step), self._stream, self._key)
        return self._lanes.lane_batch_of_statistics(drawn)

    @property
    def _lanes(self) -> AbstractLaneGame:
        assert isinstance(self._game, AbstractLaneGame)
        return self._game

    def _check(self, words: int) -> None:
        if words > 4 * BLOCK_LIMIT:
            raise ValueError(f"batch_size: expected fewer samples an iteration, got {self._size}")


def _plan(game: AbstractArrayGame, batch_size: float, statistics: str) -> BartlettPlan | None:
    if statistics not in ("auto", "always", "never"):
        raise ValueError(f"statistics: expected 'auto', 'always' or 'never', got {statistics!r}")
    groups = game.normal_groups if isinstance(game, AbstractLaneGame) else ()
    if statistics != "never" and BartlettPlan.fits(groups, batch_size):
        return BartlettPlan(groups, int(batch_size))
    if statistics == "always":
        raise ValueError(
            f"statistics: expected 'auto' or 'never' for this game at batch size {batch_size}, got 'always'"
        )
    return None


@compiled(nogil=True)
def _fill(normals, rows, count, place, stream, key0, key1):
    """Normals ``(n, B, padded)`` and row numbers ``(n, B)`` from the words of each sample."""
    width, size, padded = normals.shape
    first, words, trajectory, step = place
    for i in range(width):
        lane = np.uint64(trajectory + i)
        for s in range(size):
            start = first + s * words
            for w in range(0, padded, 2):
                block = philox(lane, np.uint64(step), np.uint64((start + w) // 4) | stream, np.uint64(0), key0, key1)
                if (start + w) % 4 == 0:
                    even, odd = normal_pair_64(block[0], block[1])
                else:
                    even, odd = normal_pair_64(block[2], block[3])
                normals[i, s, w], normals[i, s, w + 1] = even, odd
            if count:
                w = start + padded
                block = philox(lane, np.uint64(step), np.uint64(w // 4) | stream, np.uint64(0), key0, key1)
                word = block[w % 4]
                rows[i, s] = np.int64((word * np.uint64(count)) >> np.uint64(32))
