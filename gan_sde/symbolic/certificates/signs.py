"""Proofs that an expression is positive or nonnegative: identities that anyone can check by expansion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sympy import Expr, Integer, Mul, Rational, cancel

from gan_sde.symbolic.certificates.domain import Domain

ONE = Integer(1)
Factors = tuple[tuple[Expr, int], ...]


@dataclass(frozen=True)
class Term:
    """``coefficient * product(factor ** power) * square ** 2``: nonnegative if the factors are."""

    coefficient: Rational
    factors: Factors = ()
    square: Expr = ONE

    @property
    def value(self) -> Expr:
        """The product."""
        return self.coefficient * _product(self.factors) * self.square**2

    def is_positive(self, known: Mapping[Expr, bool]) -> bool:
        """Whether it cannot vanish, given which factors cannot."""
        return self.square == 1 and all(known[factor] for factor, _ in self.factors)


@dataclass(frozen=True)
class Lemma:
    """``multiplier * expression == sum of terms``, where the multiplier is a product of positive expressions.

    Every factor is a generator of the domain or the expression of an earlier lemma.
    """

    expression: Expr
    terms: tuple[Term, ...]
    multiplier: Factors = ()

    @property
    def residual(self) -> Expr:
        """Difference of the two sides; the lemma's identity says that it vanishes."""
        return _product(self.multiplier) * self.expression - sum((t.value for t in self.terms), start=Integer(0))


@dataclass(frozen=True)
class SignProof:
    """A chain of lemmas; the last one is the claim.

    Parameters
    ----------
    lemmas
        In an order in which each needs earlier ones only.
    strict
        Whether ``expression > 0`` is claimed rather than ``expression >= 0``.
    """

    lemmas: tuple[Lemma, ...]
    strict: bool

    @property
    def expression(self) -> Expr:
        """What is claimed to be positive or nonnegative."""
        return self.lemmas[-1].expression

    def holds(self, domain: Domain) -> bool:
        """Check every identity by expansion and every sign by what was shown before it."""
        known = domain.generators()
        for lemma in self.lemmas:
            factors = [*lemma.multiplier, *(pair for term in lemma.terms for pair in term.factors)]
            if any(factor not in known or power < 1 for factor, power in factors):
                return False
            if not all(known[factor] for factor, _ in lemma.multiplier):
                return False
            if any(not term.coefficient.is_Rational or term.coefficient <= 0 for term in lemma.terms):
                return False
            if cancel(lemma.residual) != 0:
                return False
            strict = any(term.is_positive(known) for term in lemma.terms)
            known[lemma.expression] = strict or known.get(lemma.expression, False)
        return known[self.expression] or not self.strict

    def __str__(self) -> str:
        """One line a lemma."""
        lines = []
        for lemma in self.lemmas:
            left = f"({lemma.expression})"
            if lemma.multiplier:
                left = f"{_product(lemma.multiplier)} * {left}"
            lines.append(f"{left} = {' + '.join(f'[{term.value}]' for term in lemma.terms) or '0'}")
        return "\n".join([*lines, f"hence {self.expression} {'>' if self.strict else '>='} 0"])


def _product(factors: Factors) -> Expr:
    return Mul(*(factor**power for factor, power in factors))
