"""Stochastic gradient descent-ascent: simultaneous and alternating."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_choice, check_integer, check_number, shown


@dataclass(frozen=True)
class SGDA(AbstractAlgorithm):
    """Every player descends its own loss.

    Parameters
    ----------
    order
        ``"simultaneous"``: all players move at once; ``"alternating"``: one after the other, each on a fresh batch
        and seeing the earlier moves (Cao & Guo, arXiv 2006.02047, SML and ALT).
    batches
        Simultaneous only: ``"shared"``, one batch for all players, or ``"independent"``, one a player.
    first
        Alternating only: the player that moves first; default the first player (the maximiser).
    inner_steps
        Alternating only: steps of each player in one iteration, default 1.
    rates
        Positive multiples of the learning rate by player, default 1.
    """

    order: str = "simultaneous"
    batches: str = "shared"
    first: str | None = None
    inner_steps: Mapping[str, int] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choice("order", self.order, ("simultaneous", "alternating"))
        check_choice("batches", self.batches, ("shared", "independent"))
        if self.order == "simultaneous" and (self.first is not None or self.inner_steps):
            raise ValueError("order: expected 'alternating' with first or inner_steps, got 'simultaneous'")
        if self.order == "alternating" and self.batches != "shared":
            raise ValueError("batches: expected the default when alternating (each move has a fresh batch)")
        for argument, value in (("inner_steps", self.inner_steps), ("rates", self.rates)):
            if not isinstance(value, Mapping):
                raise ValueError(f"{argument}: expected {{player: number}}, got {shown(value)}")
        for player, n in self.inner_steps.items():
            check_integer(f"inner_steps[{player!r}]", n, 1)
        for player, rate in self.rates.items():
            check_number(f"rates[{player!r}]", rate, positive=True)

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One iteration; with inner steps, one round of all players."""
        self._check_players(oracle)
        if self.order == "alternating":
            for player in self._sequence(oracle):
                x = x - eta * self._rate(player) * oracle.only(player, oracle.F(x, oracle.fresh()))
            return x
        moves = []
        for player in oracle.players:
            if not moves or self.batches == "independent":
                field = oracle.F(x, oracle.fresh())
            moves.append(self._rate(player) * oracle.only(player, field))
        return x - eta * reduce(add, moves)

    def _rate(self, player: str) -> Any:
        return self.rates.get(player, 1)

    def _sequence(self, oracle: AbstractOracle) -> tuple[str, ...]:
        first = oracle.players[0] if self.first is None else self.first
        order = (first, *(p for p in oracle.players if p != first))
        return tuple(p for p in order for _ in range(self.inner_steps.get(p, 1)))

    def _check_players(self, oracle: AbstractOracle) -> None:
        named = {
            "first": [self.first] if self.first else [],
            "inner_steps": self.inner_steps,
            "rates": self.rates,
        }
        for argument, players in named.items():
            for player in players:
                if player not in oracle.players:
                    known = ", ".join(oracle.players)
                    raise ValueError(f"{argument}: expected one of the players {known}, got {player!r}")
