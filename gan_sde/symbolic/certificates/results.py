"""What a certificate says: proved, refuted, or unknown; and of what."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from sympy import Add, Expr, ImmutableMatrix, Integer, Symbol, cancel, eye, factor, fraction, oo

from gan_sde.symbolic.certificates.domain import Domain, Interval
from gan_sde.symbolic.certificates.properties import AbstractProperty
from gan_sde.symbolic.certificates.signs import Factors, Lemma, SignProof, Term
from gan_sde.symbolic.certificates.sums_of_squares import prove_sign
from gan_sde.symbolic.field import symmetric_part


@dataclass(frozen=True, eq=False)
class Problem:
    """A map on a domain.

    Parameters
    ----------
    map
        Column ``d x 1``, rational in the variables and constants.
    variables
        The d variables, in order.
    domain
        Intervals of variables and constants.
    """

    map: ImmutableMatrix
    variables: tuple[Symbol, ...]
    domain: Domain

    def __post_init__(self) -> None:
        object.__setattr__(self, "map", ImmutableMatrix(self.map).reshape(len(self.map), 1))
        if len(self.map) != len(self.variables):
            raise ValueError(f"map: expected {len(self.variables)} entries, one a variable, got {len(self.map)}")
        missing = self.map.free_symbols - set(self.domain.everything)
        if missing:
            names = ", ".join(sorted(map(str, missing)))
            raise ValueError(f"constants: expected an interval for every symbol of the map, got none for {names}")
        if set(self.variables) != set(self.domain.intervals):
            raise ValueError(f"domain: expected an interval for each of {self.variables}, got {self.domain.intervals}")

    @cached_property
    def jacobian(self) -> ImmutableMatrix:
        """``DG``, ``d x d``."""
        return ImmutableMatrix(self.map.jacobian(self.variables))

    @cached_property
    def symmetric(self) -> ImmutableMatrix:
        """Symmetric part of the Jacobian."""
        return symmetric_part(self.jacobian)

    def with_map(self, changed: ImmutableMatrix) -> Problem:
        """The same domain with another map."""
        return replace(self, map=changed)

    def at(self, point: Mapping[Symbol, Expr]) -> dict[Symbol, Expr]:
        """A point as a table of all variables.

        Raises
        ------
        ValueError
            If a variable has no value.
        """
        if set(point) != set(self.variables):
            raise ValueError(f"at: expected a value for each of {self.variables}, got {dict(point)}")
        return dict(point)


class AbstractArgument(ABC):
    """A proof that can be checked without the search that found it."""

    @abstractmethod
    def establishes(self, problem: Problem, claim: AbstractProperty) -> bool:
        """Check the proof against the map itself: identities by expansion, signs step by step."""


class AbstractCounterexample(ABC):
    """Something in exact numbers or symbols that a property forbids."""

    @abstractmethod
    def contradicts(self, problem: Problem, claim: AbstractProperty) -> bool:
        """Evaluate the counterexample exactly."""


@dataclass(frozen=True, eq=False)
class Proved:
    """The property holds for every value of the constants."""

    problem: Problem
    claim: AbstractProperty
    argument: AbstractArgument

    def verify(self) -> bool:
        """Check the argument once more, from the map."""
        return is_defined(self.problem) and self.argument.establishes(self.problem, self.claim)


@dataclass(frozen=True, eq=False)
class Refuted:
    """The property fails; `counterexample` says for which constants."""

    problem: Problem
    claim: AbstractProperty
    counterexample: AbstractCounterexample

    def verify(self) -> bool:
        """Evaluate the counterexample once more, exactly."""
        return self.counterexample.contradicts(self.problem, self.claim)


@dataclass(frozen=True, eq=False)
class Unknown:
    """Neither a proof nor a counterexample was found.

    Parameters
    ----------
    samples
        Points at which the local test was evaluated numerically.
    worst
        Its smallest value; a violation would be negative.
    constants
        Values of the constants in that search.
    """

    problem: Problem
    claim: AbstractProperty
    samples: int
    worst: float
    constants: Mapping[Symbol, Expr] = field(default_factory=dict)

    def verify(self) -> bool:
        """Nothing is claimed."""
        return True


Certificate: TypeAlias = Proved | Refuted | Unknown


def is_defined(problem: Problem) -> bool:
    """Whether the denominators of the map can be shown not to vanish; a proof needs it."""
    denominators = {fraction(cancel(entry))[1] for entry in problem.map}
    return all(d.is_Rational or prove_sign(d**2, problem.domain, strict=True) for d in denominators)


def inner(left: ImmutableMatrix, right: ImmutableMatrix) -> Expr:
    """``<left, right>``."""
    return sum((a * b for a, b in zip(left, right, strict=True)), start=Integer(0))


# -------------------------------------------------------------------- as text


def plain(value: Expr | Iterable[Expr]) -> str:
    """Write an expression, or several in parentheses, with ``^`` for powers.

    Examples
    --------
    >>> from sympy.abc import x, y
    >>> plain(x**2 - y / 2), plain([x, y**3])
    ('x^2 - y/2', '(x, y^3)')
    """
    if isinstance(value, Expr):
        return str(value).replace("**", "^")
    return f"({', '.join(plain(each) for each in value)})"


def values_text(values: Mapping[Symbol, Expr]) -> str:
    """Write values by name: ``w2 = 1/2, a = 3``."""
    return ", ".join(f"{symbol} = {plain(value)}" for symbol, value in values.items())


def matrix_text(matrix: ImmutableMatrix) -> str:
    """Write a matrix by rows, shorter if it is diagonal or has rows of the identity.

    Examples
    --------
    >>> from sympy.abc import x
    >>> [matrix_text(ImmutableMatrix(rows)) for rows in ([[1, x], [0, x]], [[x, 0], [0, 2]], [[0, 1, 0], [0, 0, 1]])]
    ['[1, x; 0, x]', 'diag(x, 2)', 'rows 2 to 3 of I']
    """
    size, width = matrix.shape
    if matrix == ImmutableMatrix(eye(width)[width - size :, :]):
        return "I" if size == width else f"rows {width - size + 1} to {width} of I"
    if size == width and matrix.is_diagonal():
        return f"diag{plain([factor(matrix[i, i]) for i in range(size)])}"
    return "[" + "; ".join(", ".join(plain(factor(e)) for e in matrix[i, :]) for i in range(size)) + "]"


def region_text(problem: Problem) -> str:
    """Write the intervals of the variables, then those of the constants.

    Examples
    --------
    >>> from sympy.abc import a, x, y
    >>> box = Domain({x: Interval(), y: Interval(0, a, open_low=True)}, {a: Interval(0, open_low=True)})
    >>> region_text(Problem(ImmutableMatrix([x, y]), (x, y), box))
    'x real, 0 < y <= a; constants a > 0'
    """
    variables = ", ".join(_interval_text(s, problem.domain.intervals[s]) for s in problem.variables)
    constants = ", ".join(_interval_text(s, i) for s, i in problem.domain.constants.items())
    return f"{variables}; constants {constants}" if constants else variables


def sign_text(proof: SignProof, domain: Domain) -> str:
    """Write what was shown to be positive as a product or a sum of [nonnegative terms], with the lemmas it needs.

    Examples
    --------
    >>> from sympy.abc import x, y
    >>> box = Domain({x: Interval(), y: Interval(0, open_low=True)})
    >>> sign_text(prove_sign(x**2 - x * y + y**2, box, strict=True), box)
    '[1/4*(2*x - y)^2] + [3*y^2/4] > 0'
    """
    known, lines = dict(domain.generators()), []
    for lemma in proof.lemmas[:-1]:
        positive = any(term.is_positive(known) for term in lemma.terms) or known.get(lemma.expression, False)
        known[lemma.expression] = positive
        if not _obvious(lemma):
            lines.append(f"{plain(lemma.expression)}{_shown(lemma)} {'>' if positive else '>='} 0")
    final = _shown(proof.lemmas[-1]).removeprefix(" = ") or plain(proof.expression)
    return f"{final} {'>' if proof.strict else '>='} 0" + (f" (where {'; '.join(lines)})" if lines else "")


def _shown(lemma: Lemma) -> str:
    """The right-hand side that shows the sign; empty if the expression, or what the domain says of it, does."""
    if _obvious(lemma) or (len(lemma.terms) == 1 and lemma.terms[0].factors == ((lemma.expression, 1),)):
        return ""
    texts = [_term_text(term) for term in lemma.terms]
    total = texts[0] if len(texts) == 1 else " + ".join(f"[{text}]" for text in texts)
    if not lemma.multiplier:
        return f" = {total}"
    below, bases = _powers(lemma.multiplier), [base for base, _ in lemma.multiplier]
    whole = len(bases) == 1 and (bases[0].is_Symbol or bases[0].has(Add))
    return f" = {total if len(texts) == 1 else f'({total})'}/{below if whole else f'({below})'}"


def _obvious(lemma: Lemma) -> bool:
    """Whether the expression is a sum of monomials, each nonnegative as it stands."""
    monomials = all(not any(f.has(Add) for f, _ in t.factors) and not t.square.has(Add) for t in lemma.terms)
    return monomials and not lemma.multiplier and Add(*(t.value for t in lemma.terms)) == lemma.expression


def _term_text(term: Term) -> str:
    if not term.value.has(Add):
        return plain(term.value)
    front = [] if term.coefficient == 1 and (term.factors or term.square != 1) else [plain(term.coefficient)]
    parts = [_powers(term.factors)] if term.factors else []
    parts += [_powers(((term.square, 2),))] if term.square != 1 else []
    return "*".join([*front, *parts])


def _powers(factors: Factors) -> str:
    """A product of powers, sums in parentheses."""
    texts = []
    for base, power in factors:
        whole = plain(base**power)
        text = plain(base) if base.is_Symbol else f"({plain(base)})"
        texts.append(whole if not base.has(Add) else text if power == 1 else f"{text}^{power}")
    return "*".join(texts)


def _interval_text(symbol: Symbol, interval: Interval) -> str:
    below, above = ("<" if is_open else "<=" for is_open in (interval.open_low, interval.open_high))
    if interval.low == -oo:
        return f"{symbol} real" if interval.high == oo else f"{symbol} {above} {plain(interval.high)}"
    if interval.high == oo:
        return f"{symbol} {below.replace('<', '>')} {plain(interval.low)}"
    return f"{plain(interval.low)} {below} {symbol} {above} {plain(interval.high)}"
