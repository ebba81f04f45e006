"""An update as a matrix times monomials: the form in which a dense game of many parameters runs in loops.

Written out, d dense rows of d terms take a compiler minutes above d of about 30, and fill the instruction cache. Where
the update is polynomial in state and random numbers, it is ``x' = c x + sum_f u_f (C_f v)`` instead: ``v`` holds the
monomials, the u_f are the few factors that depend on the learning rate and the batch size only, the matrices C_f and
the vector c are constant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sympy import Add, Expr, Integer, Mul, Pow, Symbol

from gan_sde.symbolic.lowering import draw_names
from gan_sde.symbolic.recipe import Recipe

FEWEST_TERMS = 900
"""Below, the update is written out: up to 16 dense parameters or so."""
MOST_TERMS = 2_000_000
MOST_FACTORS = 16
LEAST_DENSITY = 0.2
"""Share of the matrix that has to be filled, or most of the work would be on zeros."""

Monomial = tuple[int, ...]
"""Numbers of the variables in it, ascending, with repetition."""
_Terms = dict[tuple[Monomial, Expr], float]


@dataclass(frozen=True, eq=False)
class PolynomialForm:
    """The update of a recipe in coefficients.

    Attributes
    ----------
    monomials
        The K distinct monomials; variables are numbered as in ``names``.
    names
        Names, in lowered code, of the variables: the state ``x{i}``, then the random symbols.
    factors
        The F factors u_f, expressions of the uniform symbols.
    matrices
        ``(F, d, K)``.
    carry
        ``(d,)``: the constant multiple of ``x_i`` itself in row i, kept apart since it outweighs the increments.
    """

    monomials: tuple[Monomial, ...]
    names: tuple[str, ...]
    factors: tuple[Expr, ...]
    matrices: np.ndarray
    carry: np.ndarray


def polynomial_form(recipe: Recipe) -> PolynomialForm | None:
    """Coefficients of an update with many terms; None if it is small, sparse, no polynomial, or shorter in factors.

    Examples
    --------
    >>> from sympy import symbols
    >>> from gan_sde.symbolic.recipe import RATE, GaussianDraws
    >>> x = symbols("x0:40")
    >>> update = tuple(xi - RATE * sum((i + j + 1) * xj for j, xj in enumerate(x)) for i, xi in enumerate(x))
    >>> form = polynomial_form(Recipe(x, update, GaussianDraws(())))
    >>> form.matrices.shape, form.factors, float(form.matrices[0, 2, 3])
    ((1, 40, 40), (eta__,), -6.0)
    """
    symbols = {symbol: f"x{i}" for i, symbol in enumerate(recipe.state)} | draw_names(recipe)
    numbers = {symbol: k for k, symbol in enumerate(symbols)}
    if sum(len(Add.make_args(e)) for e in recipe.update) * (len(numbers) + 1) < FEWEST_TERMS:
        return None
    collector = _Collector(numbers)
    rows: list[_Terms] = []
    for expression in recipe.update:
        terms = collector.terms(expression)
        if terms is None or sum(map(len, rows)) + len(terms) > MOST_TERMS:
            return None
        rows.append(terms)
    carry = np.array([row.pop(((i,), Integer(1)), 0.0) for i, row in enumerate(rows)])
    monomials = sorted({monomial for row in rows for monomial, _ in row}, key=lambda m: (len(m), m))
    factors = tuple(sorted({factor for row in rows for _, factor in row}, key=str))
    count = sum(len({monomial for monomial, _ in row}) for row in rows)
    written_out = sum(int(e.count_ops()) for e in recipe.update)
    sparse = count < LEAST_DENSITY * len(rows) * len(monomials)
    if count < FEWEST_TERMS or sparse or count > written_out or len(factors) > MOST_FACTORS:
        return None
    place = {monomial: k for k, monomial in enumerate(monomials)}
    layer = {factor: f for f, factor in enumerate(factors)}
    matrices = np.zeros((len(factors), len(rows), len(monomials)))
    for i, row in enumerate(rows):
        for (monomial, factor), value in row.items():
            matrices[layer[factor], i, place[monomial]] = value
    return PolynomialForm(tuple(monomials), tuple(symbols.values()), factors, matrices, carry)


class _Collector:
    """Multiplies expressions out into terms; remembers what is uniform."""

    def __init__(self, numbers: Mapping[Symbol, int]) -> None:
        self._numbers = numbers
        self._varying = set(numbers)
        self._uniform: dict[Expr, bool] = {}
        self._products: dict[tuple[Expr, Expr], Expr] = {}

    def terms(self, e: Expr) -> _Terms | None:
        """Monomial and uniform factor to number; None if the expression is no short polynomial of the variables."""
        if e in self._numbers:
            return {((self._numbers[e],), Integer(1)): 1.0}
        if self._is_uniform(e):
            number, factor = e.as_coeff_Mul()
            value = float(number) if number.is_real else math.nan
            return {((), factor): value} if math.isfinite(value) else None
        if isinstance(e, Add):
            return self._sum(e)
        if isinstance(e, Mul):
            factors = e.args
        elif isinstance(e, Pow) and e.exp.is_Integer and 0 < e.exp <= 16:
            factors = (e.base,) * int(e.exp)
        else:
            return None
        result: _Terms = {((), Integer(1)): 1.0}
        for factor in factors:
            terms = self.terms(factor)
            if terms is None or len(terms) * len(result) > MOST_TERMS:
                return None
            result = self._product(result, terms)
        return result

    def _is_uniform(self, e: Expr) -> bool:
        known = self._uniform.get(e)
        if known is None:
            known = (not e.args and e not in self._varying) or (bool(e.args) and all(map(self._is_uniform, e.args)))
            self._uniform[e] = known
        return known

    def _sum(self, e: Expr) -> _Terms | None:
        total: _Terms = {}
        for part in e.args:
            terms = self.terms(part)
            if terms is None:
                return None
            for key, value in terms.items():
                total[key] = total.get(key, 0.0) + value
        return total

    def _product(self, left: _Terms, right: _Terms) -> _Terms:
        total: _Terms = {}
        for (m, u), a in left.items():
            for (n, v), b in right.items():
                key = (tuple(sorted(m + n)), self._times(u, v))
                total[key] = total.get(key, 0.0) + a * b
        return total

    def _times(self, u: Expr, v: Expr) -> Expr:
        if u == 1 or v == 1:
            return v if u == 1 else u
        if (u, v) not in self._products:
            self._products[u, v] = u * v
        return self._products[u, v]
