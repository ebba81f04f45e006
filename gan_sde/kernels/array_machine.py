"""Plays tapes of array games: all iterations of `WIDTH` trajectories in one compiled loop, scratch memory in cache."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numba
import numpy as np

from gan_sde.games.lanes import (
    LANE_JIT,
    WIDTH,
    beyond,
    clip,
    inlined,
    larger,
    load,
    magnitude,
    scaled_sum,
    splat,
    store,
)
from gan_sde.kernels.array_tape import COMBINE, GAME, SQUARE
from gan_sde.kernels.stepper import DIVERGENCE_BOUND


@inlined
def _combine(W, out, size, first, count, sources, weights):
    """Linear combination, two terms at a time."""
    for t in range(first, first + count, 2):
        alone = t + 1 == first + count
        one, two = sources[t], sources[t if alone else t + 1]
        a, b = weights[t], 0.0 if alone else weights[t + 1]
        for r in range(size):
            total = splat(0.0) if t == first else load(W, out + r)
            total = scaled_sum(a, load(W, one + r), total)
            store(W, out + r, total if alone else scaled_sum(b, load(W, two + r), total))
    for r in range(0 if count else size):
        store(W, out + r, splat(0.0))


@inlined
def _by_entries(W, code, out, size, first, second, epsilon):
    for r in range(size):
        for lane in range(WIDTH):
            v = W[first + r, lane]
            W[out + r, lane] = v * v if code == SQUARE else v / (W[second + r, lane] ** 0.5 + epsilon)


@inlined
def _finish(W, finals, sources, weights, bounds):
    """New state within its bounds; bit mask of the lanes that are not sound."""
    worst = magnitude(splat(0.0))
    for f in range(finals.shape[0]):
        place, size, first, count = finals[f, 0], finals[f, 1], finals[f, 2], finals[f, 3]
        if count == 2:
            one, two, a, b = sources[first], sources[first + 1], weights[first], weights[first + 1]
            for r in range(size):
                y = scaled_sum(b, load(W, two + r), scaled_sum(a, load(W, one + r), splat(0.0)))
                y = clip(y, bounds[0, place + r], bounds[1, place + r])
                worst = larger(worst, magnitude(y))
                store(W, place + r, y)
            continue
        for r in range(size):
            y = splat(0.0)
            for t in range(first, first + count):
                y = scaled_sum(weights[t], load(W, sources[t] + r), y)
            y = clip(y, bounds[0, place + r], bounds[1, place + r])
            worst = larger(worst, magnitude(y))
            store(W, place + r, y)
    return beyond(worst, DIVERGENCE_BOUND)


@inlined
def _mark(W, dim, unsound, width, flags, iteration):
    """NaN in all rows of the unsound lanes, and the iteration where that is new."""
    for lane in range(WIDTH):
        if (unsound >> np.uint64(lane)) & np.uint64(1):
            for r in range(dim):
                W[r, lane] = math.nan
            if lane < width and flags[lane] < 0:
                flags[lane] = iteration


@lru_cache(maxsize=16)
def machine(perform: Any) -> Any:
    """Compiled player of the tapes of one kind of game; compiles on first use, some seconds.

    Returns
    -------
    function
        ``play(state, diverged, start, stop, step, iterations, code, sources, coefficients, finals, bounds, batches,
        batch_row, exact, size, W)`` advances columns ``start`` to ``stop - 1`` of the state ``(D, n)`` and of
        ``diverged`` ``(n,)`` in place. The program is as in `gan_sde.kernels.array_program`; ``bounds`` is ``(2, D)``;
        ``batches`` is ``(batches, rows, stop - start)``, or ``(batches, rows, 1)`` for all alike, and serves all
        iterations.
    """

    @numba.njit(**LANE_JIT)
    def play(
        state, diverged, start, stop, step, iterations, code, sources, coefficients, finals, bounds, batches,
        batch_row, exact, size, W,
    ):  # fmt: skip
        dim = state.shape[0]
        for first in range(start, stop, WIDTH):
            width = min(WIDTH, stop - first)
            for r in range(dim):
                for lane in range(WIDTH):
                    W[r, lane] = state[r, first + min(lane, width - 1)]
            for b in range(batches.shape[0]):
                for r in range(batches.shape[1]):
                    for lane in range(WIDTH):
                        column = min(first - start + lane, batches.shape[2] - 1)
                        W[batch_row + b * batches.shape[1] + r, lane] = batches[b, r, column]
            for k in range(iterations):
                weights = coefficients[k if coefficients.shape[0] > 1 else 0]
                for i in range(code.shape[0]):
                    what, out, rows, one, two, batch, term, terms = code[i]
                    if what >= GAME:
                        perform(what - GAME, W, out, one, two, batch, exact, size)
                    elif what == COMBINE:
                        _combine(W, out, rows, term, terms, sources, weights)
                    else:
                        _by_entries(W, what, out, rows, one, two, weights[term])
                unsound = _finish(W, finals, sources, weights, bounds)
                if unsound:
                    _mark(W, dim, unsound, width, diverged[first:], step + k + 1)
            for r in range(dim):
                for lane in range(width):
                    state[r, first + lane] = W[r, lane]

    return play
