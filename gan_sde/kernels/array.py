"""Stepper of a game in closed array form: the algorithm's own text, run on arrays of trajectories.

Random numbers follow the layout of explicit sampling in the fused kernels, so that a game that has both forms
runs through the same samples in either.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from gan_sde.games.array_game import AbstractArrayGame
from gan_sde.kernels.normals import normal_pair_64
from gan_sde.kernels.philox import BLOCK_LIMIT, STREAM_SHIFT, philox
from gan_sde.kernels.stepper import DIVERGENCE_BOUND, AbstractStepper, check_columns
from gan_sde.symbolic.algorithm import run_step
from gan_sde.symbolic.oracle import AbstractOracle, RatedOracle
from gan_sde.symbolic.training import Training, state_bounds


def array_stepper(
    training: Training,
    *,
    batch_size: float,
    seed: int,
    stream: int = 0,
    noise: bool = True,
    dtype: Any = "float64",
) -> ArrayStepper:
    """Stepper of a training whose game brings a closed array form.

    Raises
    ------
    ValueError
        If the game has free constants or ``dtype`` is not float64.
    """
    training.game.refuse_free_symbols()
    if np.dtype(dtype) != np.float64:
        raise ValueError(f"dtype: expected 'float64' for a game in array form, got {dtype!r}")
    return ArrayStepper(training, batch_size if noise else np.inf, seed, stream)


class ArrayStepper(AbstractStepper):
    """Runs ``algorithm.step`` over an `ArrayOracle`, all trajectories of a call at once."""

    def __init__(self, training: Training, batch_size: float, seed: int, stream: int) -> None:
        self._training = training
        self._game: AbstractArrayGame = training.game.arrays.bind(training.game.values)
        self._sampler = Sampler(self._game, batch_size, seed, stream)
        self._bounds = np.array(state_bounds(training.game, training.state))
        self.dim, self.dtype = len(training.state), np.dtype(np.float64)

    def advance(self, state, diverged, *, trajectory, step, rates):
        check_columns(self, state, diverged, trajectory, step, rates)
        x = np.ascontiguousarray(state.T)
        with np.errstate(over="ignore", invalid="ignore"):
            for k, rate in enumerate(rates):
                x = self._iterate(x, trajectory, step + k, rate)
                np.clip(x, self._bounds[:, 0], self._bounds[:, 1], out=x)
                bad = ~(np.abs(x) <= DIVERGENCE_BOUND).all(axis=1)
                x[bad] = np.nan
                diverged[bad & (diverged < 0)] = step + k + 1
        state[:] = x.T

    def _iterate(self, x: np.ndarray, trajectory: int, step: int, rate: float) -> np.ndarray:
        oracle: AbstractOracle = ArrayOracle(self._game, self._sampler, len(x), trajectory, step)
        if self._training.rates:
            oracle = RatedOracle(oracle, self._training.rates)
        # the state is the parameters followed by what the algorithm carries
        parameters, *memory = np.split(x, x.shape[1] // self._game.dim, axis=1)
        moved, carried = run_step(self._training.algorithm, oracle, parameters, tuple(memory), float(rate))
        return np.concatenate([moved, *carried], axis=1)


class ArrayOracle(AbstractOracle):
    """Oracle over arrays: states ``(n, d)``, one batch a trajectory."""

    def __init__(
        self, game: AbstractArrayGame, sampler: Sampler, width: int, trajectory: int = 0, step: int = 0
    ) -> None:
        self._game, self._sampler = game, sampler
        self._where = (width, trajectory, step)
        self._batches = 0

    @property
    def players(self) -> tuple[str, ...]:
        return tuple(self._game.blocks)

    @property
    def is_zero_sum(self) -> bool:
        return self._game.is_zero_sum

    def fresh(self) -> Any:
        self._batches += 1
        return self._sampler.batch(self._batches - 1, *self._where)

    def F(self, x: Any, batch: Any) -> Any:
        return self._game.F(x, batch)

    def jvp(self, x: Any, v: Any, batch: Any) -> Any:
        return self._game.jvp(x, v, batch)

    def vjp(self, x: Any, v: Any, batch: Any) -> Any:
        return self._game.vjp(x, v, batch)

    def only(self, player: str, v: Any) -> Any:
        result = np.zeros_like(v)
        block = self._game.blocks[player]
        result[..., block] = v[..., block]
        return result


class Sampler:
    """Batches of an array game, addressed by (seed, stream, trajectory, step, batch)."""

    def __init__(self, game: AbstractArrayGame, batch_size: float, seed: int, stream: int) -> None:
        self._game, self._infinite = game, batch_size == np.inf
        self._size = 0 if self._infinite else int(batch_size)
        self._padded = game.normals + game.normals % 2
        words = self._padded + (game.rows is not None)
        # two samples share a block of four words where one needs two; otherwise samples start on a block
        self._words = 2 if words <= 2 else -(-words // 4) * 4
        self._key = (np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32))
        self._stream = np.uint64(stream) << STREAM_SHIFT

    def batch(self, number: int, width: int, trajectory: int, step: int) -> Any:
        """Draw one batch a trajectory, the ``number``-th of an iteration."""
        if self._infinite:
            return self._game.expected_batch(width)
        first = number * self._size * self._words
        if first + self._size * self._words > 4 * BLOCK_LIMIT:
            raise ValueError(f"batch_size: expected fewer samples an iteration, got {self._size}")
        normals = np.empty((width, self._size, self._padded))
        rows = None if self._game.rows is None else np.empty((width, self._size), dtype=np.int64)
        place = np.array([first, self._words, trajectory, step], dtype=np.int64)
        _fill(normals, np.empty((0, 0), np.int64) if rows is None else rows, self._game.rows or 0, place,
              self._stream, *self._key)  # fmt: skip
        return self._game.batch(normals[..., : self._game.normals], rows)


@numba.njit(nogil=True, cache=True)
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
