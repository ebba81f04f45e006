"""Polynomials in the batch means: the coefficient of every product of them in an expression.

sympy's `Poly` takes coefficients that are no rational functions as opaque expressions, and simplifies each after each
addition. Where they are polynomials in functions like ``tanh(theta)``, the expansion below collects numbers only: it
takes such functions as further generators, and remembers what it made of a shared subtree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sympy import Add, Basic, Expr, Function, Integer, Mul, Poly, PolynomialError, Pow, Symbol

from gan_sde.symbolic.oracle import Batch
from gan_sde.symbolic.products import NoPolynomialError, Products
from gan_sde.symbolic.shared_trees import symbols_of

Monomial = tuple[tuple[int, int], ...]
"""Product of batch means, as sorted ``(batch, function)`` pairs with repeats."""


def batch_polynomials(batches: Sequence[Batch], vector: Sequence[Expr]) -> list[dict[Monomial, Expr]]:
    """Coefficients of the products of batch means in each entry of a vector.

    Parameters
    ----------
    batches
        Whose means are the generators.
    vector
        Expressions polynomial in them.

    Raises
    ------
    ValueError
        If an entry is another function of the batch means.

    Examples
    --------
    >>> from sympy import symbols, tanh
    >>> x, m, n = symbols("x m n")
    >>> batch_polynomials([Batch((m, n))], [(m + tanh(x)) * (m - tanh(x)) + n])
    [{((0, 0), (0, 0)): 1, ((0, 1),): 1, (): -tanh(x)**2}]
    """
    keys = {s: (b, k) for b, batch in enumerate(batches) for k, s in enumerate(batch.means)}
    expansion, products = _Expansion(keys.keys()), Products()
    rows: list[dict[Monomial, Expr]] = []
    for entry in vector:
        present = sorted(symbols_of([entry]) & keys.keys(), key=lambda s: keys[s])
        if not present:
            rows.append({(): entry})
            continue
        try:
            rows.append(_by_monomial(products.coefficients(entry, present), present, keys))
        except NoPolynomialError:
            if entry.is_rational_function() or not expansion.covers(entry):
                rows.append(_by_poly(entry, present, keys))
            else:
                rows.append(expansion.coefficients(entry, keys))
    return rows


def _by_monomial(
    terms: Mapping[tuple[int, ...], Expr], present: Sequence[Symbol], keys: Mapping[Symbol, tuple[int, int]]
) -> dict[Monomial, Expr]:
    """Coefficients by powers of the batch means that occur, by product of them."""
    where = [keys[s] for s in present]
    return {
        tuple(sorted(key for key, n in zip(where, powers, strict=True) for _ in range(n))): c
        for powers, c in terms.items()
    }


def _by_poly(entry: Expr, present: Sequence[Symbol], keys: Mapping[Symbol, tuple[int, int]]) -> dict[Monomial, Expr]:
    """What sympy makes of it."""
    message = "algorithm: expected an update polynomial in the batch means, got another function"
    try:
        poly = Poly(entry, *present)
    except PolynomialError as error:
        raise ValueError(message) from error
    if any(c.free_symbols & set(present) for c in poly.coeffs()):
        raise ValueError(message)
    return _by_monomial(dict(poly.terms()), present, keys)


_Product = tuple[int, ...]
"""Numbers of the generators of a product, sorted, with repeats."""


class _Expansion:
    """Expressions multiplied out over numbers; symbols, functions and irrational numbers are generators."""

    def __init__(self, means: Iterable[Symbol]) -> None:
        self._means = set(means)
        self._generators: list[Expr] = []
        self._covered: dict[Basic, bool] = {}
        self._known: dict[Basic, dict[_Product, Expr]] = {}

    def covers(self, e: Basic) -> bool:
        """Whether this is a polynomial in symbols and in functions free of the batch means."""
        if e not in self._covered:
            if isinstance(e, (Add, Mul)) or _is_whole_power(e):
                self._covered[e] = all(self.covers(a) for a in e.args)
            elif isinstance(e, Function):
                self._covered[e] = not symbols_of([e]) & self._means
            else:
                self._covered[e] = isinstance(e, Symbol) or bool(e.is_number)
        return self._covered[e]

    def coefficients(self, e: Expr, keys: Mapping[Symbol, tuple[int, int]]) -> dict[Monomial, Expr]:
        """Coefficients of the products of batch means, each a sum of products."""
        found: dict[Monomial, list[Expr]] = {}
        for product, number in self._expand(e).items():
            factors = [self._generators[g] for g in product]
            monomial = tuple(sorted(keys[f] for f in factors if f in keys))
            found.setdefault(monomial, []).append(Mul(number, *(f for f in factors if f not in keys)))
        sums = {monomial: Add(*terms) for monomial, terms in found.items()}
        return {monomial: sums[monomial] for monomial in sorted(sums, key=_degree_first) if sums[monomial] != 0}

    def _expand(self, e: Basic) -> dict[_Product, Expr]:
        if e not in self._known:
            if isinstance(e, Add):
                self._known[e] = _sum(self._expand(a) for a in e.args)
            elif isinstance(e, Mul):
                self._known[e] = _product(self._expand(a) for a in e.args)
            elif _is_whole_power(e):
                self._known[e] = _product([self._expand(e.args[0])] * int(e.args[1]))
            elif e.is_Number:
                self._known[e] = {(): e}
            else:
                self._known[e] = {(len(self._generators),): Integer(1)}
                self._generators.append(e)
        return self._known[e]


def _is_whole_power(e: Basic) -> bool:
    return isinstance(e, Pow) and bool(e.exp.is_Integer) and bool(e.exp.is_positive)


def _degree_first(monomial: Monomial) -> tuple[int, Monomial]:
    """Key of an order that is the same in every process."""
    return -len(monomial), monomial


def _sum(parts: Iterable[dict[_Product, Expr]]) -> dict[_Product, Expr]:
    total: dict[_Product, Expr] = {}
    for part in parts:
        for product, number in part.items():
            total[product] = total[product] + number if product in total else number
    return {product: number for product, number in total.items() if number != 0}


def _product(factors: Iterable[dict[_Product, Expr]]) -> dict[_Product, Expr]:
    result: dict[_Product, Expr] = {(): Integer(1)}
    for factor in factors:
        terms: dict[_Product, Expr] = {}
        for left, a in result.items():
            for right, b in factor.items():
                product = tuple(sorted(left + right))
                terms[product] = terms[product] + a * b if product in terms else a * b
        result = {product: number for product, number in terms.items() if number != 0}
    return result
