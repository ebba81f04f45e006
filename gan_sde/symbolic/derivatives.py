"""First derivatives by many symbols at once: each term is asked only for the symbols that occur in it.

sympy differentiates by one symbol at a time and visits every term for it, which for a dense game of d parameters makes
d visits to each of d^2 terms. The rules for sums and products below are those of sympy, so that the trees are its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sympy import Add, Basic, Expr, ImmutableMatrix, Integer, Mul, Symbol

Derivatives = dict[Symbol, Expr]
"""By symbol; those that are missing are 0."""


class Gradient:
    """Derivatives of expressions by some symbols; subtrees that come again are known.

    Parameters
    ----------
    symbols
        By which to differentiate.

    Examples
    --------
    >>> from sympy import symbols
    >>> x, y, z = symbols("x y z")
    >>> Gradient([x, y, z])(x**2 * y)
    {x: 2*x*y, y: x**2}
    """

    def __init__(self, symbols: Iterable[Symbol]) -> None:
        self._symbols = tuple(symbols)
        self._set = set(self._symbols)
        self._known: dict[Basic, Derivatives] = {}

    def __call__(self, e: Basic) -> Derivatives:
        """Derivatives of one expression that do not vanish, in the order of the symbols where sympy decides it."""
        if e not in self._known:
            found = self._derive(e)
            self._known[e] = {s: d for s, d in found.items() if d != 0}
        return self._known[e]

    def _derive(self, e: Basic) -> Derivatives:
        if isinstance(e, Symbol):
            return {e: Integer(1)} if e in self._set else {}
        if isinstance(e, Add):
            return {s: Add(*parts) for s, parts in _by_symbol(map(self, e.args)).items()}
        if isinstance(e, Mul) and e.is_commutative:
            return self._product_rule(e)
        if not e.args:
            return {}
        present = e.free_symbols & self._set
        return {s: e.diff(s) for s in self._symbols if s in present} if present else {}

    def _product_rule(self, e: Mul) -> Derivatives:
        args = e.args
        parts: dict[Symbol, list[Expr]] = {}
        # two factors in sympy's order, in which Floats round as there
        for k in (1, 0) if len(args) == 2 else range(len(args)):
            for s, d in self(args[k]).items():
                parts.setdefault(s, []).append(Mul(*args[:k], d, *args[k + 1 :]))
        return {s: Add(*terms) for s, terms in parts.items()}


def _by_symbol(derivatives: Iterable[Derivatives]) -> dict[Symbol, list[Expr]]:
    parts: dict[Symbol, list[Expr]] = {}
    for each in derivatives:
        for s, d in each.items():
            parts.setdefault(s, []).append(d)
    return parts


def jacobian(vector: Iterable[Expr], symbols: Sequence[Symbol]) -> ImmutableMatrix:
    """Matrix of the derivatives of a vector, one row an entry.

    Examples
    --------
    >>> from sympy import symbols
    >>> x, y = symbols("x y")
    >>> jacobian([x * y, y], [x, y])
    Matrix([
    [y, x],
    [0, 1]])
    """
    gradient, zero = Gradient(symbols), Integer(0)
    rows = [gradient(e) for e in vector]
    return ImmutableMatrix(len(rows), len(symbols), [row.get(s, zero) for row in rows for s in symbols])
