"""Polynomials multiplied out: sums of products of generators over numbers, in time proportional to the terms.

sympy's `expand` asks every node of a tree a dozen questions, and its `Poly` takes a symbol that is no generator into
the coefficients, where each addition builds a tree anew: a dense game of 50 parameters takes minutes. Here a sum is a
dictionary from products to numbers; exact numbers stay exact, and the trees that come out are those of sympy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import groupby
from math import isfinite

from sympy import Add, Basic, Expr, Float, Integer, Mul, Pow, Rational, Symbol

Product = tuple[int, ...]
"""Numbers of the generators in it, ascending, with repeats."""
Coefficient = int | Fraction | float
Sum = dict[Product, Coefficient]

FLOAT_BITS = 53
"""Precision of the Floats that are Python's floats exactly."""


class NoPolynomialError(Exception):
    """An expression is none that is multiplied out here."""


MOST_POWER = 1000
"""Of a symbol: products are written out."""
FEW_TERMS = 6000
"""Up to here Floats are left to sympy, which adds them in an order of its own: recipes are known by their digits."""


class Products:
    """Expressions as sums of products of symbols, of their inverses and of roots of integers.

    Parameters
    ----------
    quotients
        Whether negative powers of symbols are allowed.

    Examples
    --------
    >>> from sympy import symbols
    >>> x, y = symbols("x y")
    >>> Products().expanded((x + y) * (x - y) / 2)
    x**2/2 - y**2/2
    """

    def __init__(self, *, quotients: bool = True) -> None:
        self._quotients = quotients
        self._generators: list[Expr] = []
        self._numbers: dict[Expr, int] = {}
        self._known: dict[Basic, Sum] = {}
        self._monomials: dict[Product, Expr] = {(): Integer(1)}

    def expanded(self, e: Expr) -> Expr:
        """What sympy's `expand` makes of it.

        Raises
        ------
        NoPolynomialError
            For an expression with other functions or with quotients of sums.
        """
        return e if _is_multiplied_out(e) else self.expression(self.sum_of(e))

    def total(self, terms: Iterable[Iterable[Expr]]) -> Expr:
        """Expanded sum of products of expressions; errors as in `expanded`."""
        return self.expression(added([self._product([self.sum_of(f) for f in factors]) for factors in terms]))

    def coefficients(self, e: Expr, generators: Sequence[Symbol]) -> dict[tuple[int, ...], Expr]:
        """What ``Poly(e, *generators).terms()`` holds, in its order.

        Raises
        ------
        NoPolynomialError
            As `expanded`; also for quotients and for numbers of which sympy makes others on the way.
        """
        terms = self.sum_of(e)
        used = {g for product in terms for g in product}
        if any(self._generators[g].is_Pow and self._generators[g].exp.is_negative for g in used):
            raise NoPolynomialError
        if any(type(c) is float for c in terms.values()):
            # sympy clears denominators first, which rounds; and it takes every number for a Float afterwards
            if any(type(c) is Fraction for c in terms.values()) or any(self._generators[g].is_number for g in used):
                raise NoPolynomialError
            terms = {product: float(c) for product, c in terms.items()}
        places = {self._numbers[s]: k for k, s in enumerate(generators) if s in self._numbers}
        found: dict[tuple[int, ...], Sum] = {}
        for product, c in terms.items():
            powers = [0] * len(generators)
            for g in product:
                if g in places:
                    powers[places[g]] += 1
            found.setdefault(tuple(powers), {})[tuple(g for g in product if g not in places)] = c
        coefficients = {powers: self.expression(found[powers]) for powers in sorted(found, reverse=True)}
        return {powers: e for powers, e in coefficients.items() if e != 0}  # roots of integers may cancel

    def expression(self, terms: Sum) -> Expr:
        """The sum as an expression."""
        return Add(*(Mul(_sympified(c), self._monomial(product)) for product, c in terms.items()))

    def sum_of(self, e: Basic) -> Sum:
        """An expression multiplied out; errors as in `expanded`."""
        if e not in self._known:
            try:
                self._known[e] = self._sum_of(e)
            except OverflowError as error:  # an exact number that no float can hold meets a float
                raise NoPolynomialError from error
        return self._known[e]

    def _sum_of(self, e: Basic) -> Sum:
        if isinstance(e, Symbol) and e.is_commutative:
            return {(self._number(e),): 1}
        if isinstance(e, (Rational, Float)):
            return {(): _number(e)} if e != 0 else {}
        if isinstance(e, Add):
            return added([self.sum_of(a) for a in e.args])
        if isinstance(e, Mul):
            # as sympy does: the sums among themselves first, so that Floats round as there
            sums = [self.sum_of(a) for a in e.args if isinstance(a, Add)]
            plain = [self.sum_of(a) for a in e.args if not isinstance(a, Add)]
            return self._product([*plain, _halved(sums)] if sums else plain)
        if isinstance(e, Pow):
            return self._power(e)
        raise NoPolynomialError

    def _power(self, e: Pow) -> Sum:
        base, exponent = e.args
        if isinstance(base, Integer) and isinstance(exponent, Rational) and base > 0:
            return {(self._number(e),): 1}
        if not isinstance(exponent, Integer):
            raise NoPolynomialError
        n = int(exponent)
        if n > MOST_POWER:
            raise NoPolynomialError
        if isinstance(base, Symbol) and base.is_commutative and (n > 0 or self._quotients):
            return {(self._number(base),) * n: 1} if n > 0 else {(self._number(e),): 1}
        if not isinstance(base, Add) or n < 0:
            raise NoPolynomialError
        terms = self.sum_of(base)
        if n > 2 and any(type(c) is float for c in terms.values()):
            raise NoPolynomialError  # sympy rounds other products
        return self._product([terms] * n)

    def _number(self, generator: Expr) -> int:
        if generator not in self._numbers:
            self._numbers[generator] = len(self._generators)
            self._generators.append(generator)
        return self._numbers[generator]

    def _monomial(self, product: Product) -> Expr:
        if product not in self._monomials:
            powers = ((self._generators[g], len(list(same))) for g, same in groupby(product))
            self._monomials[product] = Mul(*(g if n == 1 else g**n for g, n in powers))
        return self._monomials[product]

    @staticmethod
    def _product(factors: Sequence[Sum]) -> Sum:
        result = factors[0]
        for factor in factors[1:]:
            result = multiplied(result, factor)
        return result


def added(parts: Sequence[Sum]) -> Sum:
    """Sum of sums, single terms first as sympy takes them, so that Floats round as there."""
    total: Sum = {}
    for part in sorted(parts, key=lambda part: len(part) > 1):
        for product, c in part.items():
            total[product] = total[product] + c if product in total else c
    return _without_zeros(total)


def multiplied(left: Sum, right: Sum) -> Sum:
    """Product of two sums."""
    if len(left) == 1 and () in left and left[()] == 1 and type(left[()]) is int:
        return right
    terms: Sum = {}
    for p, a in left.items():
        for q, b in right.items():
            product = tuple(sorted(p + q)) if p and q else p or q
            terms[product] = terms[product] + a * b if product in terms else a * b
    return _without_zeros(terms)


def _halved(sums: Sequence[Sum]) -> Sum:
    if len(sums) == 1:
        return sums[0]
    half = len(sums) // 2
    return multiplied(_halved(sums[:half]), _halved(sums[half:]))


def _without_zeros(terms: Sum) -> Sum:
    if all(terms.values()):
        return terms
    if () in terms and not terms[()] and type(terms[()]) is float:
        raise NoPolynomialError  # sympy keeps a constant that cancels in rounded numbers
    return {product: c for product, c in terms.items() if c}


def _number(e: Rational | Float) -> Coefficient:
    if isinstance(e, Integer):
        return int(e)
    if isinstance(e, Rational):
        return Fraction(int(e.p), int(e.q))
    value = float(e)
    if e._prec != FLOAT_BITS or not isfinite(value):
        raise NoPolynomialError
    return value


def _sympified(c: Coefficient) -> Expr:
    if isinstance(c, float):
        if not isfinite(c):
            raise NoPolynomialError
        return Float(c)
    return Integer(c) if isinstance(c, int) else Rational(c.numerator, c.denominator)


def is_exact_and_multiplied_out(e: Basic) -> bool:
    """Whether this is a sum of products of numbers without rounding and of whole positive powers of symbols."""
    return isinstance(e, Add) and all(_is_product(a) and _is_exact(a) for a in e.args)


def _is_exact(product: Basic) -> bool:
    return all(
        not isinstance(f, Float) and not (isinstance(f, Pow) and f.exp.is_negative) for f in Mul.make_args(product)
    )


def _is_multiplied_out(e: Basic) -> bool:
    return all(map(_is_product, e.args)) if isinstance(e, Add) else _is_product(e)


def _is_product(e: Basic) -> bool:
    if isinstance(e, Mul):
        return all(_is_factor(a) for a in e.args)
    return _is_factor(e)


def _is_factor(e: Basic) -> bool:
    if isinstance(e, Pow):
        return isinstance(e.base, Symbol) and isinstance(e.exp, Integer)
    return isinstance(e, (Symbol, Rational, Float))
