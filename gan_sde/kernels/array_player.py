"""Advances ensembles of a game that brings compiled pieces, on the tape of the algorithm's text."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gan_sde.games.lane_game import AbstractLaneGame
from gan_sde.games.lanes import WIDTH, scratch
from gan_sde.kernels.array_machine import machine
from gan_sde.kernels.array_program import Program, record_program
from gan_sde.kernels.array_sampler import Sampler
from gan_sde.symbolic.training import Training

SAMPLE_MEMORY = 1 << 16
"""Numbers that are drawn at once: so many that they stay in cache."""


class Player:
    """Records the text, draws batches, lets the machine play.

    Parameters
    ----------
    training
        Algorithm and rates of the players.
    game
        The game, its constants bound.
    sampler
        Source of its batches.
    bounds
        ``(D, 2)``.
    """

    def __init__(self, training: Training, game: AbstractLaneGame, sampler: Sampler, bounds: np.ndarray) -> None:
        self._training, self._game, self._sampler = training, game, sampler
        self._bounds = np.ascontiguousarray(bounds.T)
        self._machine = machine(game.perform())
        self._record = lru_cache(maxsize=256)(self._recorded)

    def understands_the_text(self) -> bool:
        """Whether the algorithm's text can be recorded: not where it multiplies vectors by each other, for instance."""
        try:
            self._record(np.full(1, 0.01).tobytes())
        except Exception:  # whatever the text cannot do here it may do on arrays; if not, it says so there
            return False
        return True

    def advance(self, state: np.ndarray, diverged: np.ndarray, trajectory: int, step: int, rates: np.ndarray) -> None:
        """Advance in place; see `gan_sde.kernels.stepper.AbstractStepper.advance`."""
        if not len(rates):
            return
        program = self._record((rates[:1] if (rates == rates[0]).all() else rates).tobytes())
        memory, count = scratch(program.rows), state.shape[1]
        if self._sampler.is_exact:
            self._play(program, state, diverged, (0, count), step, len(rates), program.coefficients, 0, memory)
            return
        size = max(1, SAMPLE_MEMORY // self._sampler.numbers_a_batch)
        size = -(-size // WIDTH) * WIDTH
        for start in range(0, count, size):
            columns = start, min(start + size, count)
            for k in range(len(rates)):
                weights = program.coefficients[k % len(program.coefficients)][None]
                self._play(program, state, diverged, columns, step + k, 1, weights, trajectory + start, memory)

    def _recorded(self, rates: bytes) -> Program:
        return record_program(self._training, self._game, np.frombuffer(rates), self._sampler.is_exact)

    def _play(self, program, state, diverged, columns, step, iterations, weights, trajectory, memory):
        width = columns[1] - columns[0]
        batches = [self._sampler.lane_batch(number, width, trajectory, step) for number in range(program.batches)]
        numbers = np.stack(batches) if batches else np.zeros((0, self._game.batch_rows, 1))
        self._machine(
            state, diverged, *columns, step, iterations, program.code, program.sources, weights, program.finals,
            self._bounds, numbers, program.batch_row, self._sampler.is_exact, self._game.size, memory,
        )  # fmt: skip
