"""Stepper of a game in closed array form: the algorithm's own text, run on arrays of trajectories.

Samples follow the layout of explicit sampling in the fused kernels, so that a game that has both forms runs through
the same ones in either. Where the game says that moments are enough, they are drawn without samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gan_sde.games.array_game import AbstractArrayGame
from gan_sde.games.lane_game import AbstractLaneGame
from gan_sde.kernels.array_player import Player
from gan_sde.kernels.array_sampler import Sampler as Sampler
from gan_sde.kernels.stepper import DIVERGENCE_BOUND, AbstractStepper, check_columns
from gan_sde.symbolic.algorithm import run_step
from gan_sde.symbolic.oracle import AbstractOracle, RatedOracle
from gan_sde.symbolic.training import Training, state_bounds

COLUMNS = 32
"""Trajectories whose batches are held at once where the text runs as it is."""


def array_stepper(
    training: Training,
    *,
    batch_size: float,
    seed: int,
    stream: int = 0,
    noise: bool = True,
    dtype: Any = "float64",
    statistics: str = "auto",
) -> ArrayStepper:
    """Stepper of a training whose game brings a closed array form.

    Parameters
    ----------
    training
        Algorithm, game and rates of the players.
    batch_size, seed, stream, noise, dtype
        As for `gan_sde.kernels.cpu.cpu_stepper`.
    statistics
        Whether batch moments are drawn without samples; see `Sampler`.

    Raises
    ------
    ValueError
        If the game has free constants, ``dtype`` is not float64 or ``statistics`` does not apply.
    """
    training.game.refuse_free_symbols()
    if np.dtype(dtype) != np.float64:
        raise ValueError(f"dtype: expected 'float64' for a game in array form, got {dtype!r}")
    return ArrayStepper(training, batch_size if noise else np.inf, seed, stream, statistics)


class ArrayStepper(AbstractStepper):
    """Runs ``algorithm.step`` over arrays.

    Where the game brings compiled pieces and the text is made of sums, multiples and calls of the oracle, it is
    recorded once and the tape is played; else the text itself runs at every iteration.
    """

    def __init__(self, training: Training, batch_size: float, seed: int, stream: int, statistics: str = "auto") -> None:
        self._training = training
        self._game: AbstractArrayGame = training.game.arrays.bind(training.game.values)
        self._sampler = Sampler(self._game, batch_size, seed, stream, statistics)
        self._bounds = np.array(state_bounds(training.game, training.state))
        self.dim, self.dtype = len(training.state), np.dtype(np.float64)
        self._player = None
        if isinstance(self._game, AbstractLaneGame):
            player = Player(training, self._game, self._sampler, self._bounds)
            self._player = player if player.understands_the_text() else None

    def advance(self, state, diverged, *, trajectory, step, rates):
        check_columns(self, state, diverged, trajectory, step, rates)
        if self._player is not None:
            self._player.advance(state, diverged, trajectory, step, rates)
            return
        for first in range(0, state.shape[1], COLUMNS):
            columns = slice(first, first + COLUMNS)
            self._advance_columns(state[:, columns], diverged[columns], trajectory + first, step, rates)

    def _advance_columns(self, state, diverged, trajectory, step, rates):
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
