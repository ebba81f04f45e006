"""A game and an algorithm together: a discrete stochastic process, and the SDEs that follow it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from sympy import ImmutableMatrix, Symbol, lambdify

from gan_sde.symbolic.algorithm import check_algorithm, slots_of, started
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.oracle import Batch
from gan_sde.symbolic.recipe import RATE, BatchDraws, Recipe
from gan_sde.symbolic.scheduled import scheduled
from gan_sde.symbolic.sde import SDE, derive_sde
from gan_sde.symbolic.shared_trees import substitute, symbols_of
from gan_sde.symbolic.update import BATCH_SIZE, ETA, Update, derive_map, derive_update, memory_symbols
from gan_sde.symbolic.validation import check_number


@dataclass(frozen=True, eq=False)
class Training:
    """An algorithm training a game.

    Parameters
    ----------
    game
        The game.
    algorithm
        One of ``gan_sde.algorithms``, or any object with ``step(oracle, x, eta)``.
    rates
        Per player, a positive multiple of the learning rate: the algorithm then sees the field ``U F``.

    Raises
    ------
    ValueError
        If an argument is not as described, or the game has a name that the algorithm's memory takes.
    """

    game: Game
    algorithm: Any
    rates: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.game, Game):
            raise ValueError(f"game: expected a Game, got {self.game!r}; use gan_sde.games.get(name)")
        check_algorithm(self.algorithm)
        if not isinstance(self.rates, Mapping):
            raise ValueError(f"rates: expected {{player: number}}, got {self.rates!r}")
        for player, rate in self.rates.items():
            check_number(f"rates[{player!r}]", rate, positive=True)
        # the SDE is printed and stored by name, so its own symbols must not be mistaken for the game's
        for symbol in (*self.state, *self.game.free_symbols):
            if symbol.name in (ETA.name, BATCH_SIZE.name):
                raise ValueError(f"game: expected names other than {ETA} and {BATCH_SIZE}, got {symbol.name!r}")
        self._refuse_repeated_names()

    def _refuse_repeated_names(self) -> None:
        """Refuse a game one of whose names the algorithm's memory takes: one symbol would stand for both."""
        game = self.game
        taken = {s.name for s in (*game.parameters, *game.data_symbols, *game.free_symbols)}
        for symbol in self.state[game.dim :]:
            if symbol.name in taken:
                memory = ", ".join(f"{slot}_..." for slot in slots_of(self.algorithm))
                raise ValueError(
                    f"game: expected names other than those of the algorithm's memory ({memory}), got {symbol.name!r}"
                )
            taken.add(symbol.name)

    @cached_property
    def update(self) -> Update:
        """One iteration expanded in the learning rate, in symbols."""
        return derive_update(self.game, self.algorithm, self.rates)

    @cached_property
    def state(self) -> tuple[Symbol, ...]:
        """The parameters, then what the algorithm carries, slot by slot."""
        return (*self.game.parameters, *(s for slot in memory_symbols(self.game, self.algorithm) for s in slot))

    @cached_property
    def map(self) -> tuple[ImmutableMatrix, tuple[Batch, ...]]:
        """One iteration in full, a column in the order of `state`, and the batches that it draws."""
        return derive_map(self.game, self.algorithm, self.rates)

    def sde(self, order: int = 1, *, noise: str = "leading", diffusion_order: int = 1, schedule: Any = None) -> SDE:
        """SDE that approximates the training to weak order ``order``; see `gan_sde.symbolic.sde.derive_sde`.

        Parameters
        ----------
        order
            1 or 2.
        noise
            ``"leading"`` or ``"exact"`` in 1/B, where the update has products of batch means.
        diffusion_order
            1, or 2 for the stationary-covariance correction.
        schedule
            Factor ``u(t)`` of the learning rate, a function of a Symbol: iteration k has the rate ``lr u(k lr)`` and
            lasts ``lr``; see `gan_sde.symbolic.scheduled.scheduled`.
        """
        options: dict[str, Any] = {"order": order, "noise": noise, "diffusion_order": diffusion_order}
        sde = replace(derive_sde(self.update, **options), training=self, options=options)
        return sde if schedule is None else scheduled(sde, schedule)

    def with_rates(self, rates: Mapping[str, float]) -> Training:
        """Return the same training with per-player multiples of the learning rate, on top of those it has."""
        players = self.game.players
        return replace(self, rates={p: self.rates.get(p, 1) * rates.get(p, 1) for p in players})

    @cached_property
    def slots(self) -> tuple[tuple[int, int], ...]:
        """Batch means that an iteration uses, as (batch, function), in the order in which a kernel draws them."""
        update, batches = self.map
        used = symbols_of(update)
        return tuple((b, k) for b, batch in enumerate(batches) for k, s in enumerate(batch.means) if s in used)

    def recipe(self) -> Recipe:
        """One iteration for a kernel; the game must have no free constants."""
        self.game.refuse_free_symbols()
        expansion = self.game.chaos
        update, batches = self.map
        used = set(self.slots)
        draws = BatchDraws(
            batches=tuple(
                tuple(s if (b, k) in used else None for k, s in enumerate(batch.means))
                for b, batch in enumerate(batches)
            ),
            features=expansion.functions,
            normals=expansion.normals,
            uniforms=expansion.uniforms,
            tables=expansion.tables,
        )
        return Recipe(
            state=self.state,
            update=tuple(substitute(update, {ETA: RATE})),
            draws=draws,
            bounds=state_bounds(self.game, self.state),
        )

    def start(self, x: np.ndarray, lr: float) -> np.ndarray:
        """Complete starts ``(n, d)`` of the parameters to starts of the state, ``(n, D)``."""
        return np.concatenate([x, *started(self.algorithm, x)], axis=1)

    def start_of_sde(self, sde: SDE, x: np.ndarray, lr: float) -> np.ndarray:
        """Start ``(n, D)`` of one of this training's SDEs; see `SDE.start`."""
        full = self.start(x, lr)
        kept = full[:, [self.state.index(s) for s in sde.parameters if s != sde.clock]]
        shift = lambdify(self.state, list(sde.shift[: kept.shape[1]]), modules="numpy")(*full.T)
        return kept + lr * np.stack(np.broadcast_arrays(*shift, full[:, 0])[:-1], axis=1)


def state_bounds(game: Game, state: tuple[Symbol, ...]) -> tuple[tuple[float, float], ...]:
    """Bounds of every state variable, infinite where free."""
    free = (float("-inf"), float("inf"))
    return tuple(game.bounds.get(s, free) for s in state)
