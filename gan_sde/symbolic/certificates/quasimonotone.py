"""Pseudo- and quasimonotone: what monotonicity implies, and positive multiples of monotone maps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sympy import Expr, Integer, cancel

from gan_sde.symbolic.certificates.monotone import prove_definite
from gan_sde.symbolic.certificates.properties import (
    AbstractProperty,
    Monotone,
    Pseudomonotone,
    Quasimonotone,
    implies,
)
from gan_sde.symbolic.certificates.results import AbstractArgument, Problem, Proved
from gan_sde.symbolic.certificates.signs import SignProof
from gan_sde.symbolic.certificates.sums_of_squares import prove_sign

POWERS = (-2, -1, -3, -4, 1, 2)
"""Powers of the positive variables that are tried as factors, the likeliest first."""


@dataclass(frozen=True)
class Implied(AbstractArgument):
    """A stronger property of the same map was proved."""

    stronger: Proved

    def establishes(self, problem: Problem, claim: AbstractProperty) -> bool:
        """Check the stronger proof for this very map."""
        return implies(self.stronger.claim, claim) and self.stronger.argument.establishes(problem, self.stronger.claim)


@dataclass(frozen=True)
class PositiveMultiple(AbstractArgument):
    """``factor * G`` with ``factor > 0`` is monotone; then G is pseudomonotone.

    If ``<G(y), x - y> >= 0``, then ``<factor(y) G(y), x - y> >= 0``, hence ``<factor(x) G(x), x - y> >= 0``.
    """

    factor: SignProof
    base: Proved

    def establishes(self, problem: Problem, claim: AbstractProperty) -> bool:
        """Expand the multiple and check the proof of its monotonicity."""
        if not isinstance(claim, (Pseudomonotone, Quasimonotone)) or not implies(self.base.claim, Monotone()):
            return False
        multiple = self.factor.expression * problem.map
        return (
            self.factor.strict
            and self.factor.holds(problem.domain)
            and self.base.problem.domain == problem.domain
            and all(cancel(e) == 0 for e in multiple - self.base.problem.map)
            and self.base.verify()
        )


def prove_pseudomonotone(
    problem: Problem, claim: AbstractProperty, factors: Iterable[Expr] | None = None
) -> AbstractArgument | None:
    """Prove pseudo- or quasimonotonicity through a monotone multiple, or return None.

    Parameters
    ----------
    factors
        Candidates for the factor; default: small powers of the positive variables.
    """
    for factor in (Integer(1), *(_powers(problem) if factors is None else factors)):
        multiple = problem.with_map((factor * problem.map).applyfunc(cancel)) if factor != 1 else problem
        argument = prove_definite(multiple, Monotone())
        if argument is None:
            continue
        base = Proved(multiple, Monotone(), argument)
        if factor == 1:
            return Implied(base)
        sign = prove_sign(factor, problem.domain, strict=True)
        if sign is not None:
            return PositiveMultiple(sign, base)
    return None


def _powers(problem: Problem) -> Iterator[Expr]:
    for variable in problem.variables:
        if problem.domain.generators().get(variable, False):
            yield from (variable**n for n in POWERS)
