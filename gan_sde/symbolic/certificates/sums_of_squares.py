"""Search for a sign proof: factors, known signs term by term, and completed squares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sympy import Expr, Integer, Poly, Symbol, cancel, factor_list, fraction, oo, reduced

from gan_sde.symbolic.certificates.domain import Domain
from gan_sde.symbolic.certificates.signs import Lemma, SignProof, Term

DEPTH = 5
"""How often the search may go from an expression to smaller ones."""
MAX_TERMS = 400


def prove_sign(expression: Expr, domain: Domain, *, strict: bool = False) -> SignProof | None:
    """Prove ``expression >= 0`` (``> 0`` if strict) on a domain, or return None.

    Parameters
    ----------
    expression
        Rational function of the variables and constants of the domain, defined on all of it.
    domain
        What is known of the symbols.
    strict
        Whether the expression must not vanish.

    Notes
    -----
    Incomplete: None means that no proof was found, not that the claim is false.

    Examples
    --------
    >>> from sympy.abc import x, y
    >>> from gan_sde.symbolic.certificates.domain import POSITIVE, REAL
    >>> print(prove_sign(x**2 - x*y + y**2, Domain({x: REAL, y: POSITIVE}), strict=True))
    (3*y**2) = [3*y**2]
    (x**2 - x*y + y**2) = [(2*x - y)**2/4] + [3*y**2/4]
    hence x**2 - x*y + y**2 > 0
    """
    finder = _Finder(domain)
    expression = cancel(expression)
    if not finder.show(expression, strict, DEPTH):
        return None
    return SignProof(finder.chain(expression), strict)


class _Finder:
    """Collects lemmas; expressions that are known need no second one."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.known = domain.generators()
        self.lemmas: dict[Expr, Lemma] = {}
        self.failed: dict[tuple[Expr, bool], int] = {}

    def chain(self, expression: Expr) -> tuple[Lemma, ...]:
        """Lemmas that the claim needs, in order."""
        if expression not in self.lemmas:
            return (Lemma(expression, (Term(Integer(1), ((expression, 1),)),)),)
        needed = {expression}
        for lemma in reversed(self.lemmas.values()):
            if lemma.expression in needed:
                needed |= {f for f, _ in lemma.multiplier} | {f for t in lemma.terms for f, _ in t.factors}
        return tuple(lemma for e, lemma in self.lemmas.items() if e in needed)

    def show(self, expression: Expr, strict: bool, depth: int) -> bool:
        """Whether a sign can be shown; if so, it is known afterwards."""
        if self.known.get(expression, None) in ((True,) if strict else (True, False)):
            return True
        key = (expression, strict)
        if depth < 0 or self.failed.get(key, -1) >= depth:
            return False
        lemma = self._find(expression, strict, depth)
        if lemma is None:
            self.failed[key] = depth
            return False
        self.lemmas.pop(expression, None)
        self.lemmas[expression] = lemma
        self.known[expression] = any(term.is_positive(self.known) for term in lemma.terms)
        return True

    # ---------------------------------------------------------------- ways

    def _find(self, expression: Expr, strict: bool, depth: int) -> Lemma | None:
        if expression.is_Rational:
            if expression < 0 or (strict and expression == 0):
                return None
            return Lemma(expression, (Term(expression),) if expression else ())
        numerator, denominator = fraction(cancel(expression))
        above, below = factor_list(numerator), factor_list(denominator)
        single = len(above[1]) == 1 and above[1][0][1] == 1 and not below[1] and abs(above[0]) == 1
        if not single:
            return self._factored(expression, above, below, strict, depth)
        for way in (self._multiple, self._term_by_term, self._coefficients, self._square):
            lemma = way(expression.expand(), strict, depth)
            if lemma is not None:
                return Lemma(expression, lemma.terms, lemma.multiplier)
        return None

    def _factored(self, expression: Expr, above: tuple, below: tuple, strict: bool, depth: int) -> Lemma | None:
        coefficient = above[0] / below[0]
        factors: list[tuple[Expr, int]] = []
        multiplier: list[tuple[Expr, int]] = []
        square = Integer(1)
        for target, listed, must in ((factors, above[1], strict), (multiplier, below[1], True)):
            for factor, power in listed:
                if power % 2 == 0 and not must:
                    square *= factor ** (power // 2)
                    continue
                signed = self._signed(factor, must, depth - 1)
                if signed is None:
                    return None
                coefficient *= 1 if signed == factor else (-1) ** power
                target.append((signed, power))
        if coefficient <= 0:
            return None
        return Lemma(expression, (Term(coefficient, tuple(factors), square),), tuple(multiplier))

    def _signed(self, factor: Expr, strict: bool, depth: int) -> Expr | None:
        """The factor or its negative, whichever can be shown to be nonnegative."""
        for candidate in (factor, (-factor).expand()):
            if self.show(candidate, strict, depth):
                return candidate
        return None

    def _multiple(self, expression: Expr, strict: bool, depth: int) -> Lemma | None:
        for known, positive in self.known.items():
            ratio = cancel(expression / known)
            if ratio.is_Rational and ratio > 0 and (positive or not strict):
                return Lemma(expression, (Term(ratio, ((known, 1),)),))
        return None

    def _term_by_term(self, expression: Expr, strict: bool, depth: int) -> Lemma | None:
        for table, signs in self._views(expression):
            viewed = self._reduce(expression, table).expand()
            symbols = sorted(viewed.free_symbols, key=str)
            polynomial = Poly(viewed, *symbols) if symbols else None
            if polynomial is None or any(not c.is_Rational or c <= 0 for c in polynomial.coeffs()):
                continue
            terms = [_monomial(c, powers, symbols, signs) for powers, c in polynomial.terms()]
            proof = [t for t in terms if t is not None]
            for factor in {f for t in proof for f, _ in t.factors} - set(self.known):
                self.show(factor, False, 1)  # a product of two generators
            if len(proof) == len(terms) and (not strict or any(t.is_positive(self.known) for t in proof)):
                return Lemma(expression, tuple(proof))
        return None

    def _views(self, expression: Expr) -> Iterator[tuple[dict, dict[Symbol, Expr]]]:
        """Changes of variables with what their nonnegative symbols stand for."""
        everything = self.domain.everything
        present = [s for s in everything if s in expression.free_symbols]
        plain = {s: s for s, i in everything.items() if i.low == 0}
        yield {}, plain
        choices: list[tuple[dict, dict]] = [({}, dict(plain))]
        for s in present:
            low, high = everything[s].low, everything[s].high
            mark = Symbol(f"{s}_above__"), Symbol(f"{s}_below__"), Symbol(f"{s}_between__")
            options: list[tuple[dict, dict]] = []
            if low not in (-oo, 0):
                options.append(({s: low + mark[0]}, {mark[0]: (s - low).expand()}))
            if high != oo:
                options.append(({s: high - mark[1]}, {mark[1]: (high - s).expand()}))
            if low != -oo and high != oo:
                both = ((s - low) * (high - s)).expand()
                options.append(({mark[2]: both}, {mark[2]: both}))
            choices = [
                ({**t, **dt}, {k: v for k, v in {**g, **dg}.items() if k in dg or k not in dt})
                for t, g in choices
                for dt, dg in [({}, {}), *options]
            ]
        yield from (choice for choice in choices if choice[0])

    def _reduce(self, expression: Expr, table: dict) -> Expr:
        result = expression
        for symbol, value in table.items():
            if symbol in self.domain.everything:
                result = result.subs(symbol, value)
        for symbol, value in table.items():
            if symbol not in self.domain.everything:
                order = [s for s in self.domain.everything if s in value.free_symbols | result.free_symbols]
                result = reduced(result, [value - symbol], *order, order="lex")[1] if order else result
        return result

    def _coefficients(self, expression: Expr, strict: bool, depth: int) -> Lemma | None:
        """As a polynomial of one symbol: every coefficient nonnegative, every power too."""
        for symbol in self._symbols(expression):
            signed = self.domain.everything[symbol].low == 0
            terms = Poly(expression, symbol).terms()
            if len(terms) < 2 or any(n % 2 and not signed for (n,), _ in terms):
                continue
            if not all(self.show(c.expand(), False, depth - 1) for _, c in terms):
                continue
            found = [_power(symbol, n, c.expand(), signed) for (n,), c in terms]
            if strict and not any(t.is_positive(self.known) for t in found):
                constant = next((c.expand() for (n,), c in terms if n == 0), None)
                if constant is None or not self.show(constant, True, depth - 1):
                    continue
            return Lemma(expression, tuple(found))
        return None

    def _square(self, expression: Expr, strict: bool, depth: int) -> Lemma | None:
        """``4 A p = (2 A v^k + B)^2 + 4 A C - B^2`` for ``p = A v^2k + B v^k + C``."""
        for symbol in self._symbols(expression):
            parts = {n: c.expand() for (n,), c in Poly(expression, symbol).terms()}
            degree = max(parts)
            if degree % 2 or set(parts) - {0, degree // 2, degree} or degree // 2 not in parts:
                continue
            leading, middle, last = parts[degree], parts[degree // 2], parts.get(0, Integer(0))
            rest = (4 * leading * last - middle**2).expand()
            if len(rest.as_ordered_terms()) > MAX_TERMS or not self.show(leading, True, depth - 1):
                continue
            if self.show(rest, strict, depth - 1):
                quarter = Integer(1) / 4
                root = 2 * leading * symbol ** (degree // 2) + middle
                terms: tuple[Term, ...] = (Term(quarter, (), root),)
                terms += () if rest == 0 else (Term(quarter, ((rest, 1),)),)
                if leading.is_Rational:
                    terms = tuple(Term(t.coefficient / leading, t.factors, t.square) for t in terms)
                    return Lemma(expression, terms)
                return Lemma(expression, terms, ((leading, 1),))
        return None

    def _symbols(self, expression: Expr) -> Sequence[Symbol]:
        """Symbols without a sign first: they can be removed by a square only."""
        present = [s for s in self.domain.everything if s in expression.free_symbols]
        return sorted(present, key=lambda s: self.domain.everything[s].low == 0)


def _monomial(coefficient: Expr, powers: Sequence[int], symbols: Sequence[Symbol], signs: dict) -> Term | None:
    factors, square = [], Integer(1)
    for symbol, power in zip(symbols, powers, strict=True):
        if power and symbol in signs:
            factors.append((signs[symbol], power))
        elif power % 2:
            return None
        else:
            square *= symbol ** (power // 2)
    return Term(coefficient, tuple(factors), square)


def _power(symbol: Symbol, power: int, coefficient: Expr, signed: bool) -> Term:
    factors = ((coefficient, 1),) if not coefficient.is_Rational else ()
    number = coefficient if coefficient.is_Rational else Integer(1)
    if signed:
        return Term(number, (*factors, (symbol, power)) if power else factors)
    return Term(number, factors, symbol ** (power // 2))
