"""An algorithm applied to the symbolic oracle: the random update map and its moments over the batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sympy import Expr, ImmutableMatrix, Integer, Symbol

from gan_sde.symbolic.algorithm import run_symbolic_step, slots_of
from gan_sde.symbolic.batch_polynomials import Monomial, batch_polynomials
from gan_sde.symbolic.field import tidy
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.jet import ETA_JET, Jet, JetOracle
from gan_sde.symbolic.memory import reduce_memory
from gan_sde.symbolic.oracle import AbstractOracle, Batch, RatedOracle, SymbolicOracle

ETA = Symbol("eta", positive=True)
BATCH_SIZE = Symbol("B", positive=True, integer=True)


@dataclass(frozen=True, eq=False)
class Update:
    """Random update ``x' = x + eta (U_0 + eta U_1 + ...)`` of one iteration.

    Parameters
    ----------
    game
        The game that is trained.
    terms
        ``(U_0, U_1)``, each ``d x 1``, in the parameters and the batch means.
    batches
        The batches that the iteration drew, in order.
    state
        The parameters, and the slow memory of an algorithm that has one.
    shift
        Displacement of the start in units of the learning rate, where a fast memory was eliminated: a function of the
        parameters and of the symbols of that memory.
    """

    game: Game
    terms: tuple[ImmutableMatrix, ImmutableMatrix]
    batches: tuple[Batch, ...]
    state: tuple[Symbol, ...]
    shift: ImmutableMatrix

    def polynomial(self, vector: Sequence[Expr]) -> list[dict[Monomial, Expr]]:
        """Coefficients of the products of batch means in each entry of a vector."""
        return batch_polynomials(self.batches, vector)

    def moment(self, monomial: Monomial) -> Expr:
        """Exact mean of a product of batch means, a polynomial in 1/B."""
        return batch_moment(self.game, monomial)

    def mean(self, vector: Sequence[Expr]) -> ImmutableMatrix:
        """Exact expectation over the batches of a vector of polynomials in the batch means, ``d x 1``."""
        return batch_expectation(self.game, self.batches, vector)

    def mean_of(self, rows: Sequence[Mapping[Monomial, Expr]]) -> ImmutableMatrix:
        """The same, from what `polynomial` made of the vector."""
        return expectation_of(self.game, rows)


def batch_moment(game: Game, monomial: Monomial) -> Expr:
    """Exact mean of a product of batch means, a polynomial in 1/B."""
    result: Expr = Integer(1)
    for batch in sorted({b for b, _ in monomial}):
        result *= game.chaos.batch_moment([k for b, k in monomial if b == batch], BATCH_SIZE)
    return result.expand()


def batch_expectation(game: Game, batches: Sequence[Batch], vector: Sequence[Expr]) -> ImmutableMatrix:
    """Exact expectation over the batches of a vector of polynomials in the batch means, a column."""
    return expectation_of(game, batch_polynomials(batches, vector))


def expectation_of(game: Game, rows: Sequence[Mapping[Monomial, Expr]]) -> ImmutableMatrix:
    """Exact expectation over the batches of polynomials given by their coefficients, a column."""
    means = []
    for row in rows:
        means.append(tidy(sum((c * batch_moment(game, m) for m, c in row.items()), start=Integer(0))))
    return ImmutableMatrix(means)


def memory_symbols(game: Game, algorithm: Any) -> tuple[tuple[Symbol, ...], ...]:
    """Symbols of the vectors that an algorithm carries, ``slot_parameter``, one tuple a slot."""
    return tuple(tuple(Symbol(f"{slot}_{s.name}") for s in game.parameters) for slot in slots_of(algorithm))


def derive_update(game: Game, algorithm: Any, rates: Mapping[str, Any] | None = None) -> Update:
    """Expand one iteration of an algorithm in the learning rate; a fast memory is eliminated.

    Raises
    ------
    ValueError
        If the iteration does not leave the parameters alone at learning rate 0.
    """
    symbolic = SymbolicOracle(game)
    slots = memory_symbols(game, algorithm)
    x = Jet.constant(ImmutableMatrix(game.parameters))
    memory = tuple(Jet.constant(ImmutableMatrix(slot)) for slot in slots)
    result, carried = run_symbolic_step(algorithm, _rated(JetOracle(game, symbolic), rates), x, memory, ETA_JET)
    if any(tidy(e) != 0 for e in result.coefficients[0] - x.coefficients[0]):
        raise ValueError(f"algorithm: expected a step that is the identity at learning rate 0, got {algorithm}")
    batches = tuple(symbolic.batches)
    mean = partial(batch_expectation, game, batches)
    flat = tuple(s for slot in slots for s in slot)
    reduced = reduce_memory(game.parameters, flat, result, carried, mean)
    return Update(game, reduced.terms, batches, reduced.state, reduced.shift)


def derive_map(
    game: Game, algorithm: Any, rates: Mapping[str, Any] | None = None
) -> tuple[ImmutableMatrix, tuple[Batch, ...]]:
    """One iteration in full and the batches that it drew.

    The map is a column of the next parameters, then of the next carried vectors slot by slot, in the parameters, the
    carried vectors, the batch means and `ETA`.
    """
    symbolic = SymbolicOracle(game)
    memory = tuple(ImmutableMatrix(slot) for slot in memory_symbols(game, algorithm))
    oracle = _rated(symbolic, rates)
    x, carried = run_symbolic_step(algorithm, oracle, ImmutableMatrix(game.parameters), memory, ETA)
    return ImmutableMatrix([e for column in (x, *carried) for e in column]), tuple(symbolic.batches)


def _rated(oracle: AbstractOracle, rates: Mapping[str, Any] | None) -> AbstractOracle:
    return RatedOracle(oracle, rates) if rates else oracle
