"""Normal form of expressions before they are printed: constants folded, uniform parts hoisted, logistics stable."""

from __future__ import annotations

import sympy
from sympy import Add, Basic, Expr, Float, Mul, Piecewise, Pow, Symbol
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, BooleanFalse, BooleanTrue, Or

CALLS: dict[type, str] = {
    sympy.exp: "exp", sympy.log: "log", sympy.tanh: "tanh", sympy.sin: "sin", sympy.cos: "cos", sympy.tan: "tan",
    sympy.sinh: "sinh", sympy.cosh: "cosh", sympy.atan: "arctan", sympy.erf: "erf", sympy.Abs: "absolute",
    sympy.sign: "sign", sympy.Max: "maximum", sympy.Min: "minimum", sympy.Heaviside: "heaviside",
}  # fmt: skip
"""Functions that lowered code may call, and their names in it."""

SIGMOID = sympy.Function("sigmoid", real=True)
SOFTPLUS = sympy.Function("softplus", real=True)
"""Stable logistic functions, which expressions with exponentials are rewritten in."""

_DIGITS = 20


class NormalForm:
    """Constants folded, uniform factors and terms hoisted, logistic expressions in their stable form."""

    def __init__(self, uniforms: set[Symbol], what: str, prefix: str = "u") -> None:
        self._what, self._prefix = what, prefix
        self._memo: dict[Basic, Expr] = {}
        self._uniform: dict[Basic, bool] = dict.fromkeys(uniforms, True)
        self._symbols: dict[Expr, Symbol] = {}

    def of(self, expression: Expr) -> Expr:
        """Normal form, in which a uniform expression stands as one symbol."""
        return self._hoist(self._rebuild(expression))

    def hoisted(self) -> list[tuple[Symbol, Expr]]:
        """The symbols that `of` introduced and what they stand for."""
        return [(symbol, expression) for expression, symbol in self._symbols.items()]

    def _is_uniform(self, expression: Basic) -> bool:
        """Whether no symbol varies; known of every part from then on, for the same parts come in many places."""
        known = self._uniform.get(expression)
        if known is None:
            known = not isinstance(expression, Symbol) and all(self._is_uniform(a) for a in expression.args)
            self._uniform[expression] = known
        return known

    def _hoist(self, expression: Expr) -> Expr:
        if not isinstance(expression, Expr) or expression.is_Number or not self._is_uniform(expression):
            return expression
        if expression not in self._symbols:
            self._symbols[expression] = Symbol(f"{self._prefix}{len(self._symbols)}", real=True)
        return self._symbols[expression]

    def _rebuild(self, expression: Basic) -> Expr:
        if expression not in self._memo:
            self._memo[expression] = self._rebuild_new(expression)
        return self._memo[expression]

    def _rebuild_new(self, e: Basic) -> Expr:
        if isinstance(e, (Symbol, BooleanTrue, BooleanFalse)):
            return e
        if isinstance(e, Expr) and e.is_number:
            return self._constant(e)
        if isinstance(e, Pow):
            exponent = _exact_half(e.exp) if e.exp.is_Number else self._rebuild(e.exp)
            return _stable_power(self._hoist_into(Pow, [self._rebuild(e.base), exponent]))
        self._check_known(e)
        args = [self._rebuild(a) for a in e.args]
        if isinstance(e, (Add, Mul)):
            return self._gather(e.func, args)
        if isinstance(e, sympy.log):
            return _stable_log(args[0]) or self._hoist_into(sympy.log, args)
        return self._hoist_into(e.func, args)

    def _hoist_into(self, function: type, args: list[Expr]) -> Expr:
        if not all(self._is_uniform(a) for a in args):
            args = [self._hoist(a) for a in args]
        return function(*args)

    def _gather(self, function: type, args: list[Expr]) -> Expr:
        """A sum or product with its uniform part as one symbol (its sign left outside, to be shared)."""
        varying = [a for a in args if not self._is_uniform(a)]
        uniform = function(*(a for a in args if self._is_uniform(a)))
        if varying and not uniform.is_number:
            sign = -1 if uniform.could_extract_minus_sign() else 1
            uniform = sign * self._hoist(sign * uniform)
        whole = function(uniform, *varying)
        return _stable_product(whole) if isinstance(whole, Mul) else _stable_sum(whole)

    def _constant(self, number: Expr) -> Expr:
        if number.is_Integer:
            return number
        value = number.evalf(_DIGITS)
        if not (value.is_Float or value.is_Integer):
            raise ValueError(f"{self._what}: expected real finite constants, got {number}")
        # A whole Float is not equal to the Integer, and would hide the 1 in 1.0 + exp(x).
        return sympy.Integer(int(value)) if _is_whole(value) else Float(value, _DIGITS)

    def _check_known(self, e: Basic) -> None:
        known = isinstance(e, (Add, Mul, And, Or, Piecewise, Relational, *CALLS)) or e.func.__name__ == "ExprCondPair"
        if not known:
            raise ValueError(f"{self._what}: the function {e.func.__name__} has no numerical form")
        if isinstance(e, Piecewise) and e.args[-1].cond != sympy.true:
            raise ValueError(f"{self._what}: expected a Piecewise with a default, got {e}")
        if isinstance(e, sympy.Heaviside) and e.args[1] != sympy.Rational(1, 2):
            raise ValueError(f"{self._what}: expected Heaviside with 1/2 at 0, got {e}")


def _exact_half(exponent: Expr) -> Expr:
    """A whole or half exponent as a rational number, also where it came as 2.0 or 0.5."""
    return sympy.Rational(int(2 * exponent), 2) if _is_whole(2 * exponent) else exponent


def _is_whole(number: Expr) -> bool:
    return bool(abs(number) < 2**53) and float(number).is_integer()


def _exponent_of_one_plus_exp(e: Expr) -> Expr | None:
    """``a`` if ``e`` is ``1 + exp(a)``."""
    if isinstance(e, Add) and len(e.args) == 2 and e.args[0] == 1 and isinstance(e.args[1], sympy.exp):
        return e.args[1].args[0]
    return None


def _stable_power(e: Expr) -> Expr:
    """``(1 + exp(a))^-n`` as a power of the logistic function, which does not overflow."""
    if isinstance(e, Pow) and e.exp.is_Integer and e.exp < 0:
        a = _exponent_of_one_plus_exp(e.base)
        if a is not None:
            return SIGMOID(-a) ** (-e.exp)
    return e


def _stable_sum(e: Expr) -> Expr:
    """``1 - sigmoid(a)`` as ``sigmoid(-a)``, which does not cancel."""
    if isinstance(e, Add) and len(e.args) == 2 and isinstance(1 - e, SIGMOID):
        return SIGMOID(-(1 - e).args[0])
    return e


def _stable_product(e: Expr) -> Expr:
    """``exp(k a) sigmoid(-a)^n`` as ``sigmoid(a)^k sigmoid(-a)^(n-k)``: no infinity times zero."""
    growth = next((f for f in e.args if isinstance(f, sympy.exp)), None)
    if growth is None:
        return e
    for factor in e.args:
        base, n = factor.as_base_exp()
        if not isinstance(base, SIGMOID) or not n.is_Integer:
            continue
        a = -base.args[0]
        for k in range(1, int(n) + 1):
            if (growth.args[0] - k * a).expand() == 0:
                rest = Mul(*(f for f in e.args if f not in (growth, factor)))
                return rest * SIGMOID(a) ** k * SIGMOID(-a) ** (n - k)
    return e


def _stable_log(argument: Expr) -> Expr | None:
    """Logarithms of ``1 + exp(a)`` and of the logistic function, by softplus."""
    a = _exponent_of_one_plus_exp(argument)
    if a is not None:
        return SOFTPLUS(a)
    base, n = argument.as_base_exp()
    if isinstance(base, SIGMOID):
        return -n * SOFTPLUS(-base.args[0])
    return None
