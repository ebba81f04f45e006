"""An algorithm's own text, run once over an oracle that records: the tape that compiled array games play.

Sums and multiples are not recorded at all. A vector is, for every player, a linear combination of registers, which
is written to a register of its own only where a product of the game (or the next state) needs it as one. What
cancels or is not needed is never computed. Coefficients are numbers, or one number an iteration where the rate changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gan_sde.games.lane_game import AbstractLaneGame
from gan_sde.symbolic.oracle import AbstractOracle

COMBINE, SQUARE, OVER_ROOT, GAME = 0, 1, 2, 3
"""Codes of instructions; those from GAME on are the game's pieces."""


@dataclass(frozen=True)
class Instruction:
    """Fill one register.

    Attributes
    ----------
    code
        COMBINE, SQUARE, OVER_ROOT, or GAME plus the number of a piece.
    out
        Number of the register.
    inputs
        Registers that it reads.
    batch
        Number of the batch that it reads, -1 for none.
    coefficients
        COMBINE: one an input; OVER_ROOT: epsilon.
    """

    code: int
    out: int
    inputs: tuple[int, ...]
    batch: int = -1
    coefficients: tuple[Any, ...] = ()


class Tape:
    """Registers and the instructions that fill them, each register once.

    Parameters
    ----------
    sizes
        Rows of the registers that hold the state.
    """

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.sizes = list(sizes)
        self.instructions: list[Instruction] = []
        self._known: dict[Any, int] = {}

    def record(
        self, code: int, size: int, inputs: tuple[int, ...], batch: int = -1, coefficients: tuple[Any, ...] = ()
    ) -> int:
        """Register with the result of an instruction; the same instruction is recorded once."""
        key = (code, size, inputs, batch, tuple(np.asarray(c, dtype=float).tobytes() for c in coefficients))
        if key not in self._known:
            self._known[key] = len(self.sizes)
            self.instructions.append(Instruction(code, len(self.sizes), inputs, batch, coefficients))
            self.sizes.append(size)
        return self._known[key]

    def combine(self, terms: Mapping[int, Any], size: int, *, apart: bool = False) -> int:
        """Register with a linear combination; a single register stands for itself, unless it is to be ``apart``."""
        if len(terms) == 1 and not apart:
            ((register, coefficient),) = terms.items()
            if np.all(coefficient == 1.0):
                return register
        return self.record(COMBINE, size, tuple(terms), -1, tuple(terms.values()))


@dataclass(frozen=True, eq=False)
class Combination:
    """A vector: for every player a linear combination of registers, coefficients by register."""

    blocks: tuple[dict[int, Any], ...]

    __array_ufunc__ = None  # arrays of rates leave arithmetic to this class

    def __add__(self, other: Any) -> Combination:
        if not isinstance(other, Combination):
            return NotImplemented
        return Combination(tuple(_sum(a, b) for a, b in zip(self.blocks, other.blocks, strict=True)))

    def __mul__(self, factor: Any) -> Combination:
        if isinstance(factor, Combination):
            return NotImplemented
        number = np.asarray(factor, dtype=float)[()]
        return Combination(tuple(_sum({}, {r: number * c for r, c in block.items()}) for block in self.blocks))

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Combination:
        return NotImplemented if isinstance(divisor, Combination) else self * (1.0 / np.asarray(divisor, dtype=float))

    def __neg__(self) -> Combination:
        return self * -1.0

    def __sub__(self, other: Any) -> Combination:
        return self + -other if isinstance(other, Combination) else NotImplemented


def _sum(left: Mapping[int, Any], right: Mapping[int, Any]) -> dict[int, Any]:
    total = dict(left)
    for register, coefficient in right.items():
        total[register] = total.get(register, 0.0) + coefficient
    return {register: coefficient for register, coefficient in total.items() if np.any(coefficient != 0.0)}


class RecordingOracle(AbstractOracle):
    """Oracle that records on a tape.

    Parameters
    ----------
    tape
        Where to.
    game
        Gives products as combinations of its pieces.
    one_batch
        Whether all batches are the same one: the deterministic limit.
    """

    def __init__(self, tape: Tape, game: AbstractLaneGame, one_batch: bool) -> None:
        self._tape, self._game, self._one_batch = tape, game, one_batch
        self._blocks = {player: block.stop - block.start for player, block in game.blocks.items()}
        self.batches = 0

    @property
    def players(self) -> tuple[str, ...]:
        return tuple(self._blocks)

    @property
    def is_zero_sum(self) -> bool:
        return self._game.is_zero_sum

    def fresh(self) -> int:
        self.batches = 1 if self._one_batch else self.batches + 1
        return self.batches - 1

    def F(self, x: Combination, batch: int) -> Combination:
        return self._recorded(self._game.field, batch, x)

    def jvp(self, x: Combination, v: Combination, batch: int) -> Combination:
        return self._recorded(self._game.jacobian_product, batch, x, v)

    def vjp(self, x: Combination, v: Combination, batch: int) -> Combination:
        return self._recorded(self._game.transposed_product, batch, x, v)

    def only(self, player: str, v: Combination) -> Combination:
        return Combination(tuple(b if p == player else {} for p, b in zip(self._blocks, v.blocks, strict=True)))

    def square(self, v: Combination) -> Combination:
        return self._by_entries(SQUARE, (), v)

    def over_root(self, v: Combination, w: Combination, epsilon: float) -> Combination:
        return self._by_entries(OVER_ROOT, (float(epsilon),), v, w)

    def registers(self, vector: Combination) -> tuple[int, ...]:
        """Registers that hold the vector, one a player."""
        pairs = zip(vector.blocks, self._blocks.values(), strict=True)
        return tuple(self._tape.combine(terms, size) for terms, size in pairs)

    def _recorded(self, product: Callable[..., Any], batch: int, *vectors: Combination) -> Combination:
        def piece(number: int, size: int, *inputs: int) -> int:
            return self._tape.record(GAME + number, size, inputs, batch)

        blocks = product(piece, *(self.registers(v) for v in vectors), self._one_batch)
        return Combination(tuple({r: float(c) for r, c in block.items()} for block in blocks))

    def _by_entries(self, code: int, coefficients: tuple[float, ...], *vectors: Combination) -> Combination:
        held = zip(*(self.registers(v) for v in vectors), strict=True)
        pairs = zip(held, self._blocks.values(), strict=True)
        results = (self._tape.record(code, size, inputs, -1, coefficients) for inputs, size in pairs)
        return Combination(tuple({register: 1.0} for register in results))
