"""Formulas of the state: read from text or sympy, and evaluated over arrays of trajectories."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import special
from sympy import Basic, Expr, Symbol, sympify

from gan_sde.symbolic.lowering import FUNCTION_NAMES, lower_expressions
from gan_sde.symbolic.parsing import parse_expression
from gan_sde.symbolic.validation import may_be_real, shown

_SPECIAL: dict[str, Callable[..., Any]] = {
    "sigmoid": special.expit,
    "softplus": lambda x: np.logaddexp(0.0, x),
    "heaviside": lambda x: np.heaviside(x, 0.5),
    "erf": special.erf,
}
NUMPY_FUNCTIONS: dict[str, Callable[..., Any]] = {name: getattr(np, name, None) for name in FUNCTION_NAMES} | _SPECIAL
"""Name in lowered code to function of float64 arrays."""


def read_expression(name: str, value: Any, symbols: Sequence[Symbol], hint: str = "") -> Expr:
    """Read a formula in state symbols.

    Parameters
    ----------
    name
        What the formula is called in error messages.
    value
        Text (`gan_sde.symbolic.parsing.parse_expression`), a number, or a sympy expression, whose symbols count by
        their names.
    symbols
        The symbols that it may use.
    hint
        Appended where an unknown symbol is refused.

    Raises
    ------
    ValueError
        For anything that is not a real formula of these symbols with a numerical form, in one line.

    Examples
    --------
    >>> x, y = Symbol("x"), Symbol("y")
    >>> read_expression("observe[energy]", "x**2 + y/2", [x, y])
    x**2 + y/2
    >>> read_expression("observe[energy]", Symbol("z"), [x, y])
    Traceback (most recent call last):
        ...
    ValueError: observe[energy]: expected only x, y, got z
    """
    table = {symbol.name: symbol for symbol in symbols}
    if isinstance(value, str):
        try:
            expression = parse_expression(value, table, name=name)
        except ValueError as error:
            unknown = hint and "expected a declared name" in str(error)
            raise ValueError(f"{error}{hint}" if unknown else str(error)) from error
    else:
        expression = _from_sympy(name, value, table, hint)
    if not may_be_real(expression):
        raise ValueError(f"{name}: expected a real expression, got {shown(expression)}")
    # refuses functions that no backend can compute
    lower_expressions([expression], {s: f"x{i}" for i, s in enumerate(symbols)}, what=name)
    return expression


def _from_sympy(name: str, value: Any, table: Mapping[str, Symbol], hint: str) -> Expr:
    try:
        expression = None if isinstance(value, (bool, np.bool_)) else sympify(value, strict=True)
    except (TypeError, ValueError):
        expression = None
    if not isinstance(expression, Expr):
        raise ValueError(f"{name}: expected a formula as text or sympy expression, got {shown(value)}")
    for symbol in sorted(expression.free_symbols, key=str):
        if getattr(symbol, "name", None) not in table:
            raise ValueError(f"{name}: expected only {', '.join(table)}, got {symbol}{hint}")
    return expression.xreplace({s: table[s.name] for s in expression.free_symbols if isinstance(s, Symbol)})


class Evaluator:
    """Numerical form of expressions over arrays of trajectories, by the lowering that the kernels use.

    Parameters
    ----------
    symbols
        The rows of the state, in order.
    expressions
        Functions of them.

    Examples
    --------
    >>> x, y = Symbol("x"), Symbol("y")
    >>> Evaluator([x, y], [x * y, x + 1])(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[3., 8.],
           [2., 3.]])
    """

    def __init__(self, symbols: Sequence[Symbol], expressions: Sequence[Basic]) -> None:
        program = lower_expressions(expressions, {s: f"x{i}" for i, s in enumerate(symbols)})
        used = set().union(*(e.free_symbols for e in expressions))
        lines = [f"x{i} = state[{i}]" for i, s in enumerate(symbols) if s in used]
        lines += [f"{name} = {code}" for name, code in (*program.prologue, *program.body)]
        text = "\n".join(["def evaluate(state):", *(f"    {line}" for line in lines)])
        names: dict[str, Any] = {"__builtins__": {}, **NUMPY_FUNCTIONS}
        # the printer's text, never a user's: names and functions come from the lowering's own lists
        exec(
            compile(f"{text}\n    return ({''.join(f'{name}, ' for name in program.results)})", "<values>", "exec"),
            names,
        )
        self._evaluate = names["evaluate"]
        self._arguments = (tuple(symbols), tuple(expressions))

    def __reduce__(self) -> tuple[Any, ...]:
        return Evaluator, self._arguments

    def __call__(self, state: np.ndarray) -> np.ndarray:
        """Values ``(expressions, n)`` in float64 of states ``(d, n)``; not finite outside an expression's domain."""
        values = np.empty((len(self._arguments[1]), state.shape[1]))
        with np.errstate(all="ignore"):
            for i, value in enumerate(self._evaluate(np.asarray(state, dtype=np.float64))):
                values[i] = value
        return values
