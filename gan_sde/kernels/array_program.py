"""From an algorithm's text to the numbers that the machine of array games plays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gan_sde.games.lane_game import AbstractLaneGame
from gan_sde.kernels.array_tape import COMBINE, Combination, Instruction, RecordingOracle, Tape
from gan_sde.symbolic.algorithm import run_step, slots_of
from gan_sde.symbolic.oracle import AbstractOracle, RatedOracle
from gan_sde.symbolic.training import Training


@dataclass(frozen=True, eq=False)
class Program:
    """One iteration as arrays.

    Attributes
    ----------
    code
        ``(instructions, 8)``: what, first row of the result, rows, first rows of two inputs, first row of the batch,
        first term, terms. Rows 0 to D - 1 hold the state; then come the batches, then all else.
    sources, coefficients
        Terms of the linear combinations: first rows, ``(terms,)``, and numbers, ``(iterations or 1, terms)``.
    finals
        The next state, ``(blocks, 4)``: first row, rows, first term, terms. Blocks are written in order.
    batches
        Batches that an iteration draws.
    batch_row
        First row of the first batch.
    rows
        Rows of scratch memory.
    """

    code: np.ndarray
    sources: np.ndarray
    coefficients: np.ndarray
    finals: np.ndarray
    batches: int
    batch_row: int
    rows: int


def record_program(training: Training, game: AbstractLaneGame, rates: np.ndarray, one_batch: bool) -> Program:
    """Run the algorithm's text once and lay out what it asked for.

    Parameters
    ----------
    training
        The algorithm, and rates of the players.
    game
        The game in array form, its constants bound.
    rates
        Learning rates, one an iteration, or a single one for all: an array in either case, so that arithmetic with it
        rounds alike.
    one_batch
        Whether all batches are the same one.
    """
    sizes = [block.stop - block.start for block in game.blocks.values()]
    vectors = 1 + len(slots_of(training.algorithm))
    tape = Tape(tuple(sizes) * vectors)
    recorder = RecordingOracle(tape, game, one_batch)
    oracle: AbstractOracle = RatedOracle(recorder, training.rates) if training.rates else recorder
    held = (Combination(tuple({v * len(sizes) + p: 1.0} for p in range(len(sizes)))) for v in range(vectors))
    x, carried = run_step(training.algorithm, oracle, next(held), tuple(held), rates)
    results = [block for vector in (x, *carried) for block in vector.blocks]
    return _laid_out(tape, _apart(tape, results), recorder.batches, game.batch_rows)


def _apart(tape: Tape, results: Sequence[dict[int, Any]]) -> list[dict[int, Any]]:
    """Next state of which no block reads one that is written before it."""
    return [
        {tape.combine(terms, tape.sizes[i], apart=True): 1.0} if any(register < i for register in terms) else terms
        for i, terms in enumerate(results)
    ]


def _laid_out(tape: Tape, results: Sequence[dict[int, Any]], batches: int, batch_rows: int) -> Program:
    needed = _needed(tape.instructions, [register for terms in results for register in terms])
    dim = sum(tape.sizes[: len(results)])
    rows = _rows(tape, needed, results, dim + batches * batch_rows)
    sources: list[int] = []
    weights: list[Any] = []
    code, finals = [], []
    for each in needed:
        places = [rows.first[register] for register in each.inputs]
        batch = dim + each.batch * batch_rows
        one, two = (*places, 0, 0)[:2]
        place, size = rows.first[each.out], tape.sizes[each.out]
        code.append([each.code, place, size, one, two, batch, len(weights), len(places)])
        if each.coefficients:
            sources += places
            weights += each.coefficients if each.code == COMBINE else each.coefficients * len(places)
    for i, terms in enumerate(results):
        finals.append([rows.first[i], tape.sizes[i], len(weights), len(terms)])
        sources += [rows.first[register] for register in terms]
        weights += terms.values()
    coefficients = np.stack(np.broadcast_arrays(*map(np.atleast_1d, weights)), axis=1) if weights else np.zeros((1, 0))
    return Program(
        np.array(code, dtype=np.int64).reshape(-1, 8), np.array(sources, dtype=np.int64),
        np.ascontiguousarray(coefficients, dtype=float), np.array(finals, dtype=np.int64), batches, dim, rows.count,
    )  # fmt: skip


def _needed(instructions: Sequence[Instruction], results: Sequence[int]) -> list[Instruction]:
    """Instructions that the results depend on, in their order."""
    wanted, kept = set(results), []
    for each in reversed(instructions):
        if each.out in wanted:
            wanted |= set(each.inputs)
            kept.append(each)
    return kept[::-1]


@dataclass(frozen=True)
class _Rows:
    """First row of every register, and how many rows there are."""

    first: dict[int, int]
    count: int


def _rows(tape: Tape, needed: Sequence[Instruction], results: Sequence[dict[int, Any]], start: int) -> _Rows:
    """Give registers their rows; rows are free again after the last use, so that scratch memory stays in cache."""
    last = {r: i for i, each in enumerate(needed) for r in (*each.inputs, each.out)}
    last |= {register: len(needed) for terms in results for register in terms}
    places = np.cumsum([0, *tape.sizes[: len(results)]])
    first = {r: int(places[r]) for r in range(len(results))}
    free: dict[int, list[int]] = {}
    count = start
    for i, each in enumerate(needed):
        size = tape.sizes[each.out]
        if free.get(size):
            first[each.out] = free[size].pop()
        else:
            first[each.out], count = count, count + size
        for r in set((*each.inputs, each.out)):
            if last[r] == i and r >= len(results):
                free.setdefault(tape.sizes[r], []).append(first[r])
    return _Rows(first, count)
