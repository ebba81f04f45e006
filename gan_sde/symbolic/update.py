"""An algorithm applied to the symbolic oracle: the random update map and its moments over the batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sympy import Expr, ImmutableMatrix, Integer, Poly, Symbol

from gan_sde.symbolic.field import tidy
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.jet import ETA_JET, Jet, JetOracle
from gan_sde.symbolic.oracle import AbstractOracle, Batch, RatedOracle, SymbolicOracle

if TYPE_CHECKING:
    from collections.abc import Sequence

ETA = Symbol("eta", positive=True)
BATCH_SIZE = Symbol("B", positive=True, integer=True)

Monomial = tuple[tuple[int, int], ...]
"""Product of batch means, as sorted ``(batch, function)`` pairs with repeats."""


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
    """

    game: Game
    terms: tuple[ImmutableMatrix, ImmutableMatrix]
    batches: tuple[Batch, ...]

    @property
    def means(self) -> tuple[Symbol, ...]:
        """All batch-mean symbols, batch by batch."""
        return tuple(s for batch in self.batches for s in batch.means)

    def polynomial(self, vector: Sequence[Expr]) -> list[dict[Monomial, Expr]]:
        """Coefficients of the products of batch means in each entry of a vector."""
        means = self.means
        keys = [(b, k) for b, batch in enumerate(self.batches) for k in range(len(batch.means))]
        rows: list[dict[Monomial, Expr]] = []
        for entry in vector:
            present = [s for s in means if entry.has(s)]
            if not present:
                rows.append({(): entry})
                continue
            poly = Poly(entry, *present)
            if any(c.has(*means) for c in poly.coeffs()):
                raise ValueError("algorithm: expected an update polynomial in the batch means, got another function")
            where = [keys[means.index(s)] for s in present]
            rows.append(
                {
                    tuple(sorted(key for key, n in zip(where, powers, strict=True) for _ in range(n))): c
                    for powers, c in poly.terms()
                }
            )
        return rows

    def moment(self, monomial: Monomial) -> Expr:
        """Exact mean of a product of batch means, a polynomial in 1/B."""
        result: Expr = Integer(1)
        for batch in sorted({b for b, _ in monomial}):
            result *= self.game.chaos.batch_moment([k for b, k in monomial if b == batch], BATCH_SIZE)
        return result.expand()

    def mean(self, vector: Sequence[Expr]) -> ImmutableMatrix:
        """Exact expectation over the batches of a vector of polynomials in the batch means, ``d x 1``."""
        return ImmutableMatrix(
            [tidy(sum((c * self.moment(m) for m, c in row.items()), start=Integer(0)))
             for row in self.polynomial(vector)]
        )  # fmt: skip


def derive_update(game: Game, algorithm: Any, rates: Mapping[str, Any] | None = None) -> Update:
    """Expand one iteration of an algorithm in the learning rate.

    Raises
    ------
    ValueError
        If the iteration does not reduce to the identity at learning rate 0.
    """
    symbolic = SymbolicOracle(game)
    x = Jet.constant(ImmutableMatrix(game.parameters))
    result = algorithm.step(_rated(JetOracle(game, symbolic), rates), x, ETA_JET)
    start, *terms = result.coefficients
    if any(tidy(e) != 0 for e in start - x.coefficients[0]):
        raise ValueError(f"algorithm: expected a step that is the identity at learning rate 0, got {algorithm}")
    first, second = (ImmutableMatrix(term.applyfunc(tidy)) for term in terms)
    return Update(game, (first, second), tuple(symbolic.batches))


def derive_map(
    game: Game, algorithm: Any, rates: Mapping[str, Any] | None = None
) -> tuple[ImmutableMatrix, tuple[Batch, ...]]:
    """One iteration in full, ``d x 1`` in the parameters, the batch means and `ETA`, and the batches that it drew."""
    symbolic = SymbolicOracle(game)
    result = algorithm.step(_rated(symbolic, rates), ImmutableMatrix(game.parameters), ETA)
    return ImmutableMatrix(result), tuple(symbolic.batches)


def _rated(oracle: AbstractOracle, rates: Mapping[str, Any] | None) -> AbstractOracle:
    return RatedOracle(oracle, rates) if rates else oracle
