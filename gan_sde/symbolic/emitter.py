"""Printing of expressions as straight-line Python text."""

from __future__ import annotations

import sympy
from sympy import Add, Basic, Expr, Mul, Piecewise, Pow, Symbol, default_sort_key
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, BooleanFalse, BooleanTrue, Or

from gan_sde.symbolic.normal_form import CALLS, SIGMOID, SOFTPLUS

FUNCTION_NAMES = (*CALLS.values(), "sqrt", "power", "where", "sigmoid", "softplus")
"""Every function that lowered code may call."""

_RELATIONS = {sympy.Gt: ">", sympy.Ge: ">=", sympy.Lt: "<", sympy.Le: "<=", sympy.Eq: "==", sympy.Ne: "!="}
_STABLE = {SIGMOID: "sigmoid", SOFTPLUS: "softplus"}
_TERMS_PER_LINE = 24
_COSTS = {"/": 8, "sqrt": 10, "where": 1, "maximum": 2, "minimum": 2, "absolute": 1, "sign": 2}
_CALL_COST = 30


class Emitter:
    """Prints expressions as assignments; ``lines`` grows by what has to be named on the way."""

    def __init__(self, literal: str) -> None:
        self.lines: list[tuple[str, str]] = []
        self.cost = 0
        self._literal = literal
        self._powers: dict[tuple[Expr, int], str] = {}

    def assign(self, name: str, expression: Basic) -> None:
        """Append ``name = expression``."""
        self.lines.append((name, self._code(expression)))

    def _named(self, code: str) -> str:
        name = f"r{len(self.lines)}"
        self.lines.append((name, code))
        return name

    def _code(self, e: Basic) -> str:
        """Code of any expression, safe between parentheses or commas."""
        if isinstance(e, Symbol):
            return str(e.name)
        if e.is_Number:
            return self._literal.format(repr(float(e)))
        if isinstance(e, (BooleanTrue, BooleanFalse)):
            return str(bool(e))
        emitters = {Add: self._sum, Mul: self._product, Pow: self._power, Piecewise: self._piecewise}
        if e.func in emitters:
            return emitters[e.func](e)
        if isinstance(e, (And, Or)):
            sign = " & " if isinstance(e, And) else " | "
            return sign.join(f"({self._code(a)})" for a in sorted(e.args, key=default_sort_key))
        if isinstance(e, Relational):
            self.cost += 1
            return f"{self._factor(e.lhs)} {_RELATIONS[e.func]} {self._factor(e.rhs)}"
        if isinstance(e, (sympy.Max, sympy.Min)):
            return self._extremum(e)
        return self._call(_STABLE.get(e.func) or CALLS[e.func], self._code(e.args[0]))

    def _factor(self, e: Basic) -> str:
        """Code that may stand on either side of any operator."""
        code = self._code(e)
        root = isinstance(e, Pow) and e.exp == sympy.Rational(1, 2)
        bare = root or e.is_Symbol or isinstance(e, sympy.Function) or (e.is_Number and not e.is_negative)
        return code if bare else f"({code})"

    def _call(self, name: str, *args: str) -> str:
        self.cost += _COSTS.get(name, _CALL_COST)
        return f"{name}({', '.join(args)})"

    def _sum(self, e: Expr) -> str:
        code = ""
        for i, term in enumerate(sorted(e.args, key=default_sort_key)):
            if i and i % _TERMS_PER_LINE == 0:
                code = self._named(code)
            negative = term.as_coeff_Mul()[0].is_negative
            magnitude = -term if negative else term
            sign = (" - " if code else "-") if negative else (" + " if code else "")
            code += sign + (self._product(magnitude) if magnitude.is_Mul else self._factor(magnitude))
            self.cost += 1 if i else 0
        return code

    def _product(self, e: Expr) -> str:
        coefficient, rest = e.as_coeff_Mul()
        if coefficient.is_negative:
            positive = Mul(-coefficient, rest, evaluate=False) if coefficient != -1 else rest
            return "-" + (self._product(positive) if positive.is_Mul else self._factor(positive))
        above: list[Expr] = []
        below: list[Expr] = []
        for factor in sorted(e.args, key=default_sort_key):
            _, exponent = factor.as_base_exp()
            inverse = isinstance(factor, Pow) and exponent.is_Rational and exponent.is_negative
            (below if inverse else above).append(1 / factor if inverse else factor)
        self.cost += len(above) + len(below) - 2 if below else len(above) - 1
        numerator = "*".join(self._factor(f) for f in above) or self._literal.format("1.0")
        if not below:
            return numerator
        self.cost += _COSTS["/"]
        denominator = "*".join(self._factor(f) for f in below)
        return f"{numerator}/({denominator})"

    def _power(self, e: Expr) -> str:
        base, exponent = e.base, e.exp
        if not exponent.is_Rational or exponent.q > 2:
            return self._call("power", self._code(base), self._code(exponent))
        if exponent.is_negative:
            self.cost += _COSTS["/"]
            return f"{self._literal.format('1.0')}/{self._factor(1 / e)}"
        whole, half = divmod(int(exponent.p), exponent.q) if exponent.q == 2 else (int(exponent), 0)
        root = self._call("sqrt", self._code(base)) if half else ""
        product = self._integer_power(base, whole) if whole else ""
        self.cost += 1 if root and product else 0
        return "*".join(code for code in (product, root) if code)

    def _integer_power(self, base: Expr, n: int) -> str:
        """``base^n`` by repeated squaring; what is shared gets a name."""
        if n == 1:
            return self._atom(base)
        left, right = self._named_power(base, n - n // 2), self._named_power(base, n // 2)
        self.cost += 1
        return f"{left}*{right}"

    def _named_power(self, base: Expr, n: int) -> str:
        if n == 1:
            return self._atom(base)
        if (base, n) not in self._powers:
            self._powers[base, n] = self._named(self._integer_power(base, n))
        return self._powers[base, n]

    def _atom(self, base: Expr) -> str:
        if base.is_Symbol:
            return self._code(base)
        if (base, 1) not in self._powers:
            self._powers[base, 1] = self._named(self._code(base))
        return self._powers[base, 1]

    def _piecewise(self, e: Expr) -> str:
        *cases, default = e.args
        code = self._code(default.expr)
        for case in reversed(cases):
            code = self._call("where", self._code(case.cond), self._code(case.expr), code)
        return code

    def _extremum(self, e: Expr) -> str:
        first, *others = sorted(e.args, key=default_sort_key)
        code = self._code(first)
        for other in others:
            code = self._call(CALLS[e.func], code, self._code(other))
        return code
