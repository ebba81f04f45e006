"""Walks over expressions that share subtrees, in time proportional to the distinct ones.

Attacks, look-aheads and other compositions put one subexpression into many places: what is a thousand distinct nodes in
memory may be millions when written out. sympy's own walks (`xreplace`, `free_symbols`, the ordering inside `cse`) visit
every copy. Those below remember each subtree, and give the same results.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sympy import Add, Basic, Expr, Float, Mul, Symbol, Tuple, srepr
from sympy.core.sorting import default_sort_key
from sympy.simplify.cse_main import Unevaluated, opt_cse


def symbols_of(expressions: Iterable[Basic]) -> set[Symbol]:
    """All symbols in expressions without bound ones.

    Examples
    --------
    >>> from sympy import symbols
    >>> x, y = symbols("x y")
    >>> sorted(symbols_of([x + y**2, x]), key=str)
    [x, y]
    """
    seen: set[Basic] = set()
    waiting = list(expressions)
    while waiting:
        e = waiting.pop()
        if e not in seen:
            seen.add(e)
            waiting.extend(e.args)
    return {e for e in seen if isinstance(e, Symbol)}


def substitute(expressions: Iterable[Expr], table: Mapping[Basic, Basic]) -> list[Expr]:
    """What `xreplace` makes of each expression.

    Examples
    --------
    >>> from sympy import symbols
    >>> x, y = symbols("x y")
    >>> substitute([x**2 + y], {x: y})
    [y**2 + y]
    """
    done: dict[Basic, Basic] = dict(table)

    def of(e: Basic) -> Basic:
        if e not in done:
            args = [of(a) for a in e.args]
            changed = any(new is not old for new, old in zip(args, e.args, strict=True))
            done[e] = e.func(*args) if changed else e
        return done[e]

    return [of(e) for e in expressions]


class TreeSize:
    """Number of nodes of expressions when written out; a Float counts one half, as in sympy's ordering."""

    def __init__(self) -> None:
        self._known: dict[Basic, float] = {}

    def __call__(self, e: Basic) -> float:
        """Count the nodes of one expression."""
        if e not in self._known:
            self._known[e] = 0.5 if e.is_Float else 1 + sum(self(a) for a in e.args)
        return self._known[e]

    def ordered(self, args: Iterable[Expr]) -> list[Expr]:
        """Arguments from small to large; those of one size as sympy sorts them."""
        groups: dict[float, list[Expr]] = {}
        for a in args:
            groups.setdefault(self(a), []).append(a)
        return [a for _, group in sorted(groups.items()) for a in _sorted(group)]


class TreeDigest:
    """Hash of an expression that is the same in every process, from its root and the hashes of its arguments.

    Text of an expression would not do: sympy prints a sum in an order of its own, in which 1/2 and 0.5 come neither
    before nor after one another, and the order of a set, other in every process, decides. The order in which a sum
    holds its arguments is the same everywhere. Floats count by value, not by the precision that they carry.

    Examples
    --------
    >>> from sympy import symbols
    >>> x, y = symbols("x y")
    >>> digest = TreeDigest()
    >>> digest(x + y) == digest(y + x), digest(x - y) == digest(y - x)
    (True, False)
    """

    def __init__(self) -> None:
        self._known: dict[Basic, bytes] = {}

    def __call__(self, e: Basic) -> bytes:
        """Hash of one expression, 32 bytes."""
        if e not in self._known:
            if isinstance(e, Float):
                parts = [f"Float{tuple(map(int, e._mpf_[:3]))}".encode()]
            else:
                head = type(e).__name__ if e.args else srepr(e)
                parts = [f"{head} {len(e.args)} ".encode(), *(self(a) for a in e.args)]
            self._known[e] = hashlib.sha256(b"".join(parts)).digest()
        return self._known[e]


def _sorted(group: list[Expr]) -> list[Expr]:
    return sorted(group, key=default_sort_key) if len(group) > 1 else group


def common_subexpressions(
    expressions: Sequence[Expr], names: Iterator[Symbol]
) -> tuple[list[tuple[Symbol, Expr]], list[Expr]]:
    """Names for the subexpressions that occur more than once, and the expressions in them: `sympy.cse` in its order.

    Parameters
    ----------
    expressions
        Scalar expressions.
    names
        Fresh symbols; those whose names occur in the expressions are left out.
    """
    return _Elimination(expressions, names).run()


class _Elimination:
    """First which subtrees repeat, then a rebuilding in which each of them is one symbol."""

    def __init__(self, expressions: Sequence[Expr], names: Iterator[Symbol]) -> None:
        self._expressions = expressions
        self._better = opt_cse(expressions)  # sums and products that share several terms, regrouped
        self._size = TreeSize()
        self._repeated: set[Basic] = set()
        self._seen: set[Basic] = set()
        for e in expressions:
            self._find(e)
        taken = {e.name for e in symbols_of(expressions)}
        self._names = (symbol for symbol in names if symbol.name not in taken)
        self._done: dict[Basic, Basic] = {}
        self._shared: list[tuple[Symbol, Expr]] = []

    def run(self) -> tuple[list[tuple[Symbol, Expr]], list[Expr]]:
        """Pairs of a name and what it stands for, and the expressions in them."""
        reduced = [self._rebuild(e) for e in self._expressions]
        return self._shared, reduced

    def _find(self, e: Basic | Unevaluated | int) -> None:
        if isinstance(e, int) or (isinstance(e, Basic) and e.is_Atom):
            return  # sympy writes a quotient with the exponent -1 as a plain int
        if not isinstance(e, Tuple):  # a pair of a Piecewise is no expression
            if e in self._seen:
                self._repeated.add(e)
                return
            self._seen.add(e)
            e = self._better.get(e, e)
        for a in e.args:
            self._find(a)

    def _rebuild(self, e: Basic | Unevaluated | int) -> Basic:
        if isinstance(e, int) or not e.args:
            return e
        if isinstance(e, Tuple):
            return e.func(*(self._rebuild(a) for a in e.args))
        if e not in self._done:
            new = self._with_new_args(self._better.get(e, e))
            if e in self._repeated:
                symbol = next(self._names)
                self._shared.append((symbol, new))
                new = symbol
            self._done[e] = new
        return self._done[e]

    def _with_new_args(self, e: Basic | Unevaluated) -> Basic:
        if not isinstance(e, (Add, Mul)):
            return e.func(*(self._rebuild(a) for a in e.args))
        old = self._size.ordered(e.args_cnc()[0] if isinstance(e, Mul) else e.args)
        new = [self._rebuild(a) for a in old]
        return e.func(*new) if new != old else e
