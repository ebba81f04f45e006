"""Jacobian products that several algorithms are made of."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

from gan_sde.symbolic.oracle import AbstractOracle


def others(oracle: AbstractOracle, player: str, v: Any) -> Any:
    """``v`` with the player's own block set to 0."""
    return v - oracle.only(player, v)


def interaction(oracle: AbstractOracle, x: Any, v: Any, batch: Any) -> Any:
    """Off-diagonal blocks of the Jacobian times ``v``: how each player's gradient feels the others' move."""
    moves = [oracle.only(p, oracle.jvp(x, others(oracle, p, v), batch)) for p in oracle.players]
    return reduce(add, moves)


def interaction_transposed(oracle: AbstractOracle, x: Any, v: Any, batch: Any) -> Any:
    """Transposed off-diagonal blocks of the Jacobian times ``v``."""
    moves = [others(oracle, p, oracle.vjp(x, oracle.only(p, v), batch)) for p in oracle.players]
    return reduce(add, moves)


def second_batch(oracle: AbstractOracle, batch: Any, batches: str) -> Any:
    """The batch of the second factor of a product: the same one if shared, else a fresh one."""
    return batch if batches == "shared" else oracle.fresh()


def two_players_zero_sum(oracle: AbstractOracle, method: str) -> tuple[str, str]:
    """Maximiser and minimiser; ValueError unless the game is a zero-sum game of two players."""
    if not oracle.is_zero_sum:
        raise ValueError(f"game: expected a zero-sum game of two players for {method}, got a general-sum game")
    up, down = oracle.players
    return up, down
