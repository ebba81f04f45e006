"""What an algorithm sees of a game: fields, Jacobian products and fresh batches, never the game itself.

An algorithm is written once against `AbstractOracle`. Run over `SymbolicOracle` it yields the random update map from
which the SDE and the fused kernel come; run over an array or tensor oracle it trains.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sympy import Add, Basic, ImmutableMatrix, Symbol, sqrt

from gan_sde.symbolic.derivatives import jacobian
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.shared_trees import substitute


class AbstractOracle(ABC):
    """Interface between an algorithm and a game.

    ``x`` and all vectors are of the oracle's own kind: sympy columns ``d x 1``, or arrays ``(n, d)``.
    """

    @property
    @abstractmethod
    def players(self) -> tuple[str, ...]:
        """Names of the players in state order (the maximiser of a zero-sum game first)."""

    @property
    @abstractmethod
    def is_zero_sum(self) -> bool:
        """Whether the game has one payoff, which the first player maximises and the second minimises."""

    @abstractmethod
    def fresh(self) -> Any:
        """Return a new batch, independent of all earlier ones."""

    @abstractmethod
    def F(self, x: Any, batch: Any) -> Any:
        """Field averaged over a batch."""

    @abstractmethod
    def jvp(self, x: Any, v: Any, batch: Any) -> Any:
        """Jacobian of the batch field times ``v``."""

    @abstractmethod
    def vjp(self, x: Any, v: Any, batch: Any) -> Any:
        """Transposed Jacobian of the batch field times ``v``."""

    @abstractmethod
    def only(self, player: str, v: Any) -> Any:
        """``v`` with the blocks of all other players set to 0."""

    def scaled(self, x: Any, v: Any) -> Any:
        """The game's scaling at ``x`` times ``v``; ValueError where the game brings none in this form."""
        raise ValueError(
            "scaled: expected a game with a scaling (Game.with_scaling; 'lq-gan' in one dimension has one), got none"
        )

    def square(self, v: Any) -> Any:
        """Squares of the entries."""
        return v * v

    def over_root(self, v: Any, w: Any, epsilon: float) -> Any:
        """``v / (sqrt(w) + epsilon)``, entry by entry."""
        return v / (w**0.5 + epsilon)


@dataclass(frozen=True, eq=False)
class Batch:
    """A symbolic batch: one symbol for the batch mean of each chaos function of the field."""

    means: tuple[Symbol, ...]


class SymbolicOracle(AbstractOracle):
    """Oracle whose batches are symbols, so that running an algorithm derives its update.

    Parameters
    ----------
    game
        The game.

    Notes
    -----
    A batch enters only through the means of the m chaos functions: the batch field is
    ``F(x) + M(x) means`` exactly, and so is every derivative of it.
    """

    def __init__(self, game: Game) -> None:
        self._game = game
        self._fields: dict[Batch, ImmutableMatrix] = {}
        self._jacobians: dict[Batch, ImmutableMatrix] = {}
        self.batches: list[Batch] = []

    @property
    def players(self) -> tuple[str, ...]:
        return tuple(self._game.players)

    @property
    def is_zero_sum(self) -> bool:
        return self._game.payoff is not None

    def fresh(self) -> Batch:
        number = len(self.batches)
        batch = Batch(tuple(Symbol(f"xi_{number}_{k}__") for k in range(self._game.chaos.size)))
        self.batches.append(batch)
        return batch

    def F(self, x: Any, batch: Batch) -> ImmutableMatrix:
        return self._at(self.random_field(batch), x)

    def jvp(self, x: Any, v: Any, batch: Batch) -> ImmutableMatrix:
        return self._at(self.random_jacobian(batch), x) * v

    def vjp(self, x: Any, v: Any, batch: Batch) -> ImmutableMatrix:
        return self._at(self.random_jacobian(batch), x).T * v

    def only(self, player: str, v: Any) -> ImmutableMatrix:
        own = set(self._game.players[player])
        return ImmutableMatrix([e if s in own else 0 for s, e in zip(self._game.parameters, v, strict=True)])

    def scaled(self, x: Any, v: Any) -> ImmutableMatrix:
        if self._game.scaling is None:
            return super().scaled(x, v)
        return self._at(self._game.scaling, x) * v

    def square(self, v: Any) -> ImmutableMatrix:
        return v.multiply_elementwise(v)

    def over_root(self, v: Any, w: Any, epsilon: float) -> ImmutableMatrix:
        return ImmutableMatrix([a / (sqrt(b) + epsilon) for a, b in zip(v, w, strict=True)])

    def random_field(self, batch: Batch) -> ImmutableMatrix:
        """Batch field ``d x 1``, in the parameters and the batch means."""
        if batch not in self._fields:
            game = self._game
            modes = game.noise_modes
            self._fields[batch] = ImmutableMatrix(
                [
                    Add(f, *(g * s for g, s in zip(modes[i, :], batch.means, strict=True)))
                    for i, f in enumerate(game.field)
                ]
            )
        return self._fields[batch]

    def random_jacobian(self, batch: Batch) -> ImmutableMatrix:
        """Jacobian ``d x d`` of the batch field."""
        if batch not in self._jacobians:
            self._jacobians[batch] = jacobian(self.random_field(batch), self._game.parameters)
        return self._jacobians[batch]

    def _at(self, matrix: ImmutableMatrix, x: Any) -> ImmutableMatrix:
        table: dict[Basic, Basic] = {s: e for s, e in zip(self._game.parameters, x, strict=True) if s != e}
        return ImmutableMatrix(*matrix.shape, substitute(matrix, table)) if table else matrix


class RatedOracle(AbstractOracle):
    """Oracle of the rescaled field ``U F`` with one rate a player; its Jacobian is ``U J``."""

    def __init__(self, oracle: AbstractOracle, rates: Mapping[str, Any]) -> None:
        unknown = set(rates) - set(oracle.players)
        if unknown:
            raise ValueError(
                f"rates: expected players {', '.join(oracle.players)}, got {', '.join(sorted(map(str, unknown)))}"
            )
        self._oracle = oracle
        self._rates = {player: rates.get(player, 1) for player in oracle.players}

    @property
    def players(self) -> tuple[str, ...]:
        return self._oracle.players

    @property
    def is_zero_sum(self) -> bool:
        return self._oracle.is_zero_sum

    def fresh(self) -> Any:
        return self._oracle.fresh()

    def F(self, x: Any, batch: Any) -> Any:
        return self._scaled(self._oracle.F(x, batch))

    def jvp(self, x: Any, v: Any, batch: Any) -> Any:
        return self._scaled(self._oracle.jvp(x, v, batch))

    def vjp(self, x: Any, v: Any, batch: Any) -> Any:
        return self._oracle.vjp(x, self._scaled(v), batch)

    def only(self, player: str, v: Any) -> Any:
        return self._oracle.only(player, v)

    def scaled(self, x: Any, v: Any) -> Any:
        return self._oracle.scaled(x, v)

    def square(self, v: Any) -> Any:
        return self._oracle.square(v)

    def over_root(self, v: Any, w: Any, epsilon: float) -> Any:
        return self._oracle.over_root(v, w, epsilon)

    def _scaled(self, v: Any) -> Any:
        blocks = [self._rates[player] * self._oracle.only(player, v) for player in self.players]
        total = blocks[0]
        for block in blocks[1:]:
            total = total + block
        return total
