"""Counterexamples to monotonicity and its relatives: two points in rational numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sympy import Expr, ImmutableMatrix, Rational, Symbol

from gan_sde.symbolic.certificates.properties import (
    AbstractProperty,
    Monotone,
    Pseudomonotone,
    Quasimonotone,
    StrictlyMonotone,
    StronglyMonotone,
)
from gan_sde.symbolic.certificates.results import AbstractCounterexample, Problem, inner


@dataclass(frozen=True)
class ViolatingPair(AbstractCounterexample):
    """Points y, x of the domain, in rational numbers, between which the inequality of a property fails.

    Parameters
    ----------
    y, x
        In the order of the variables.
    constants
        Values of the constants.
    """

    y: tuple[Rational, ...]
    x: tuple[Rational, ...]
    constants: Mapping[Symbol, Rational]

    def products(self, problem: Problem) -> tuple[Expr, Expr, Expr]:
        """``<G(y), x - y>``, ``<G(x), x - y>`` and ``|x - y|^2``, exactly."""
        difference = ImmutableMatrix([p - q for p, q in zip(self.x, self.y, strict=True)])
        values = [
            inner(problem.map.xreplace({**dict(zip(problem.variables, p, strict=True)), **self.constants}), difference)
            for p in (self.y, self.x)
        ]
        return values[0], values[1], inner(difference, difference)

    def contradicts(self, problem: Problem, claim: AbstractProperty) -> bool:
        """Evaluate the inequality in rational arithmetic."""
        for point in (self.y, self.x):
            table = {**dict(zip(problem.variables, point, strict=True)), **self.constants}
            if not problem.domain.contains(table):
                return False
        at_y, at_x, square = self.products(problem)
        return bool(at_y.is_Rational and at_x.is_Rational and violates(claim, at_y, at_x, square, self.constants))


def violates(claim: AbstractProperty, at_y: Expr, at_x: Expr, square: Expr, constants: Mapping[Symbol, Expr]) -> bool:
    """Whether the products of a pair contradict a property; see `ViolatingPair.products`."""
    if square == 0:
        return False
    if isinstance(claim, Quasimonotone):
        return bool(at_y > 0 and at_x < 0)
    if isinstance(claim, Pseudomonotone):
        return bool(at_y >= 0 and at_x < 0)
    if isinstance(claim, Monotone):
        return bool(at_x - at_y < 0)
    if isinstance(claim, StrictlyMonotone) or claim == StronglyMonotone(None):
        return bool(at_x - at_y <= 0)
    if isinstance(claim, StronglyMonotone) and claim.modulus is not None:
        modulus = claim.modulus.xreplace(dict(constants))
        return bool(modulus.is_Rational and at_x - at_y - modulus * square < 0)
    return False
