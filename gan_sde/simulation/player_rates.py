"""Learning rates of the players that change apart: each a state variable of the kernel, set between iterations.

The algorithm sees the field ``U F`` with one multiple a player, as with constant rates a player, and the learning rate
of an iteration is the largest of the players'. A velocity or past gradient therefore carries the multiples of the
iterations that it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from sympy import Symbol

from gan_sde.kernels.stepper import AbstractStepper
from gan_sde.symbolic.recipe import Recipe
from gan_sde.symbolic.validation import check_positive, finite_array


def multiple_symbols(players: Sequence[str]) -> dict[str, Symbol]:
    """State variables that stand for the players' multiples of the learning rate."""
    return {player: Symbol(f"multiple_{k}__", positive=True) for k, player in enumerate(players)}


def carrying(recipe: Recipe, symbols: Sequence[Symbol]) -> Recipe:
    """Return the recipe with further state variables at the end, which an iteration leaves alone."""
    free = ((-np.inf, np.inf),) * len(symbols)
    return replace(
        recipe,
        state=(*recipe.state, *symbols),
        update=(*recipe.update, *symbols),
        bounds=(*recipe.bounds, *free) if recipe.bounds else (),
    )


def is_schedule(lr: Any) -> bool:
    """Whether a mapping of rates has an array for any player."""
    return isinstance(lr, Mapping) and any(np.ndim(value) > 0 for value in lr.values())


def split_rates(lr: Mapping[str, Any], players: Sequence[str], steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Largest rate of each iteration ``(steps,)`` and the players' multiples of it ``(players, steps)``.

    Parameters
    ----------
    lr
        For every player a number > 0 or one rate >= 0 an iteration, ``(steps,)``.

    Raises
    ------
    ValueError
        If a player is missing or unknown, or a rate is not as said.

    Examples
    --------
    >>> rates, multiples = split_rates({"p": [0.2, 0.1], "q": 0.1}, ("p", "q"), 2)
    >>> rates.tolist(), multiples.tolist()
    ([0.2, 0.1], [[1.0, 1.0], [0.5, 1.0]])
    """
    if set(lr) != set(players):
        raise ValueError(f"lr: expected a rate for each of {', '.join(players)}; got {', '.join(map(str, lr))}")
    rows = np.empty((len(players), steps))
    for row, player in zip(rows, players, strict=True):
        if np.ndim(lr[player]) == 0:
            check_positive(f"lr[{player}]", lr[player])
            row[:] = lr[player]
            continue
        values = finite_array(f"lr[{player}]", lr[player], "one rate a step")
        if values.shape != (steps,):
            raise ValueError(f"lr[{player}]: expected one rate a step, shape ({steps},), got shape {values.shape}")
        if (values < 0).any():
            raise ValueError(f"lr[{player}]: expected rates >= 0, got {values.min():g}")
        row[:] = values
    largest = rows.max(axis=0)
    return largest, np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0)


class PlayerRateStepper(AbstractStepper):
    """Advances a recipe whose last state variables are the players' multiples, which follow a table.

    Parameters
    ----------
    stepper
        Of the recipe ``carrying(recipe, multiple_symbols(players).values())``.
    multiples
        One row a player, one column an iteration.
    """

    def __init__(self, stepper: AbstractStepper, multiples: np.ndarray) -> None:
        self._stepper, self._multiples = stepper, multiples
        self.dim, self.dtype = stepper.dim - len(multiples), stepper.dtype

    def advance(
        self, state: np.ndarray, diverged: np.ndarray, *, trajectory: int, step: int, rates: np.ndarray
    ) -> None:
        """Advance in place, as `AbstractStepper.advance`; iterations of equal multiples are taken together."""
        full = np.concatenate([state, np.empty((len(self._multiples), state.shape[1]), dtype=state.dtype)])
        table = self._multiples[:, step : step + len(rates)]
        for first, stop in runs(table):
            full[self.dim :] = table[:, first, None]
            self._stepper.advance(full, diverged, trajectory=trajectory, step=step + first, rates=rates[first:stop])
        state[:] = full[: self.dim]


def runs(table: np.ndarray) -> list[tuple[int, int]]:
    """Ranges ``[first, stop)`` of equal columns."""
    changes = np.flatnonzero((table[:, 1:] != table[:, :-1]).any(axis=0)) + 1
    edges = [0, *changes.tolist(), table.shape[1]]
    return [(a, b) for a, b in pairwise(edges) if b > a]
