"""All real zeros of a square system of polynomials with rational coefficients.

Solvers by radicals drop the zeros that have none. Here a Groebner basis shows how many complex zeros there are, and one
more variable ``u``, a sum of multiples of the others that tells all zeros apart, turns it into ``p(u) = 0``,
``x_i = g_i(u)`` (the shape lemma; Rouillier, AAECC 9 (1999) 433). The real zeros then are those of one polynomial in
one variable, which are isolated exactly: none is lost and none is made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

from mpmath import mp, mpf, polyval
from sympy import QQ, Dummy, Expr, Float, GroebnerBasis, Integer, Poly, Symbol, groebner, nsimplify, roots
from sympy.polys.matrices import DomainMatrix

MOST_BEZOUT = 64
"""Product of the degrees up to which a basis is computed."""
MOST_ZEROS = 32
"""Complex zeros, counted with multiplicity, up to which they are told apart: ten seconds."""
SEPARATING = 8
"""Sums of the variables that are tried as ``u``."""
DIGITS = (60, 120, 240, 480)
"""Working precisions, tried in turn."""
RESIDUAL = 1e-30
"""Largest sum of a polynomial's terms at a zero, in units of the sum of their absolute values."""


def real_zeros(field: Sequence[Expr], parameters: Sequence[Symbol]) -> list[dict[Symbol, Expr]] | None:
    """All real zeros of a field, sorted, or None where that is not decided.

    Parameters
    ----------
    field
        As many expressions as parameters.
    parameters
        The variables.

    Returns
    -------
    list or None
        Points ``{parameter: value}``. Coordinates are exact where they have real radicals that are found, else (and in
        a field with decimal fractions) numbers of double precision. None where an entry is no polynomial with rational
        coefficients, the zeros are infinitely many, or the system is too large.

    Examples
    --------
    >>> from sympy.abc import x, y
    >>> real_zeros([x**2 - 2, x * y - 2], (x, y))
    [{x: -sqrt(2), y: -sqrt(2)}, {x: sqrt(2), y: sqrt(2)}]
    >>> real_zeros([x**5 - x - 1, y - x**2], (x, y))  # no radicals
    [{x: 1.16730397826142, y: 1.36259857766493}]
    """
    polynomials = _read(field, parameters)
    if polynomials is None:
        return None
    if any(p.is_ground and not p.is_zero for p in polynomials):
        return []
    if prod(p.total_degree() for p in polynomials) > MOST_BEZOUT:
        return None
    basis = groebner(polynomials, *parameters, order="grevlex", domain=QQ)
    if basis.exprs == [1]:
        return []
    if not basis.is_zero_dimensional or _count(basis) > MOST_ZEROS:
        return None
    shape = _shape(basis, parameters)
    if shape is None:
        return None
    last, images = shape
    rough = any(e.has(Float) for e in field)
    found: list[tuple[list[float], dict[Symbol, Expr]]] = []
    for factor, _ in last.factor_list()[1]:
        coordinates = [image.rem(factor) for image in images]
        minimal = [_minimal_polynomial(g, factor) for g in coordinates]
        for u in factor.real_roots():
            values = _values(u, coordinates, polynomials)
            if values is None:
                return None
            exact = [Float(v) if rough else _named(v, m) for v, m in zip(values, minimal, strict=True)]
            found.append(([float(v) for v in values], dict(zip(parameters, exact, strict=True))))
    return [point for _, point in sorted(found, key=lambda pair: pair[0])]


def _read(field: Sequence[Expr], parameters: Sequence[Symbol]) -> list[Poly] | None:
    polynomials = []
    for entry in field:
        # a decimal fraction stands for what was written, not for the binary number next to it
        exact = nsimplify(entry, rational=True) if entry.has(Float) else entry
        if not exact.is_polynomial(*parameters) or exact.free_symbols - set(parameters):
            return None
        polynomial = Poly(exact, *parameters)
        if not (polynomial.domain.is_ZZ or polynomial.domain.is_QQ):
            return None
        polynomials.append(polynomial.set_domain(QQ))
    return polynomials


def _count(basis: GroebnerBasis) -> int:
    """Complex zeros with multiplicity: monomials that no leading monomial divides."""
    leading = [p.monoms(order=basis.order)[0] for p in basis.polys]
    corners = [min(m[i] for m in leading if sum(m) == m[i]) for i in range(len(basis.gens))]
    return sum(
        not any(all(a >= b for a, b in zip(m, lead, strict=True)) for lead in leading)
        for m in product(*(range(corner) for corner in corners))
    )


def _shape(basis: GroebnerBasis, parameters: Sequence[Symbol]) -> tuple[Poly, list[Poly]] | None:
    """``p`` and the ``g_i``, with all zeros at ``x_i = g_i(u)``, ``p(u) = 0``; None where no sum that is tried does."""
    u = Dummy("u")
    for radical in (False, True):
        # where zeros are multiple, it may take the square-free eliminants too (Seidenberg's lemma)
        generators = [*basis.exprs, *(_eliminants(basis) if radical else ())]
        for t in range(1, SEPARATING + 1):
            total = sum((t**i * s for i, s in enumerate(parameters)), start=Integer(0))
            whole = groebner([*generators, u - total], *parameters, u, order="grevlex", domain=QQ).fglm("lex")
            *firsts, last = whole.exprs
            images = [(s - e).expand() for s, e in zip(parameters, firsts, strict=False)]
            if len(firsts) == len(parameters) and all(e.free_symbols <= {u} for e in images):
                return Poly(last, u, domain=QQ).sqf_part(), [Poly(e, u, domain=QQ) for e in images]
    return None


def _eliminants(basis: GroebnerBasis) -> list[Expr]:
    """Square-free polynomials, one in each variable, that vanish at all zeros."""
    found = []
    for s in basis.gens:
        order = [*(r for r in basis.gens if r != s), s]
        last = groebner(basis.exprs, *order, order="grevlex", domain=QQ).fglm("lex").exprs[-1]
        found.append(Poly(last, s, domain=QQ).sqf_part().as_expr())
    return found


def _values(u: Expr, images: Sequence[Poly], polynomials: Sequence[Poly]) -> list[Any] | None:
    """Coordinates at one zero, to twice double precision, verified by the residuals; None where none suffices."""
    for digits in DIGITS:
        with mp.workdps(digits):
            at = mpf(u.evalf(digits)._to_mpmath(mp.prec))
            values = [polyval([_number(c) for c in g.all_coeffs()], at) for g in images]
            # a coordinate of 0 must not fail a bound at 0 for a rounding error
            values = [v if abs(v) > RESIDUAL else mpf(0) for v in values]
            if all(_vanishes(p, values) for p in polynomials):
                return values
    return None


def _vanishes(polynomial: Poly, values: Sequence[Any]) -> bool:
    terms = [
        _number(c) * prod((v**n for v, n in zip(values, m, strict=True)), start=mpf(1)) for m, c in polynomial.terms()
    ]
    return bool(abs(sum(terms)) <= RESIDUAL * sum(abs(t) for t in terms))


def _number(rational: Expr) -> Any:
    return mpf(int(rational.p)) / int(rational.q)


def _minimal_polynomial(image: Poly, factor: Poly) -> Poly | None:
    """Minimal polynomial of ``g(u)`` where ``factor(u) = 0``, if its degree is at most four; else None."""
    degree, powers = factor.degree(), [Poly(1, factor.gen, domain=QQ)]
    for k in range(1, 5):
        powers.append((powers[-1] * image).rem(factor))
        if degree % k == 0:
            rows = [[p.coeff_monomial(factor.gen**i) for p in powers] for i in range(degree)]
            relation = DomainMatrix.from_list_sympy(degree, k + 1, rows).convert_to(QQ).nullspace().to_Matrix()
            if relation.rows:
                return Poly(list(relation[0, :])[::-1], factor.gen, domain=QQ)
    return None


def _named(value: Any, minimal: Poly | None) -> Expr:
    """A real algebraic number by radicals, if sympy can tell that they are real; else rounded."""
    rounded = Float(value)
    for root in roots(minimal) if minimal is not None else ():
        if root.is_real and abs(root.evalf(30) - Float(value, 30)) <= 1e-20 * (1 + abs(rounded)):
            return root
    return rounded
