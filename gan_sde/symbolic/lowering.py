"""Expressions to straight-line code: common subexpressions, hoisted constants, products for powers.

The code is Python text that runs over numpy arrays and inside a numba loop alike. What the functions in it mean is
the backend's business; `FUNCTION_NAMES` lists them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy
from sympy import Add, Basic, Expr, Float, Mul, Piecewise, Pow, Symbol, default_sort_key
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, BooleanFalse, BooleanTrue, Or

from gan_sde.symbolic.recipe import INVERSE_BATCH, RATE, SUBSTEP, BatchDraws, Recipe

UNIFORM_NAMES = {RATE: "rate", SUBSTEP: "substep", INVERSE_BATCH: "inverse_batch"}
"""Names, in lowered code, of the symbols that have one value for all trajectories."""

_CALLS: dict[type, str] = {
    sympy.exp: "exp", sympy.log: "log", sympy.tanh: "tanh", sympy.sin: "sin", sympy.cos: "cos", sympy.tan: "tan",
    sympy.sinh: "sinh", sympy.cosh: "cosh", sympy.atan: "arctan", sympy.erf: "erf", sympy.Abs: "absolute",
    sympy.sign: "sign", sympy.Max: "maximum", sympy.Min: "minimum", sympy.Heaviside: "heaviside",
}  # fmt: skip
FUNCTION_NAMES = (*_CALLS.values(), "sqrt", "power", "where", "sigmoid", "softplus")
"""Every function that lowered code may call."""

_RELATIONS = {sympy.Gt: ">", sympy.Ge: ">=", sympy.Lt: "<", sympy.Le: "<=", sympy.Eq: "==", sympy.Ne: "!="}
_DIGITS = 20
_TERMS_PER_LINE = 24
_HORNER_LIMIT = 300
_COSTS = {"/": 8, "sqrt": 10, "where": 1, "maximum": 2, "minimum": 2, "absolute": 1, "sign": 2}
_CALL_COST = 30

_sigmoid = sympy.Function("sigmoid", real=True)
_softplus = sympy.Function("softplus", real=True)
_STABLE = {_sigmoid: "sigmoid", _softplus: "softplus"}


@dataclass(frozen=True)
class Program:
    """Straight-line code of several expressions.

    Attributes
    ----------
    prologue
        Assignments ``(name, code)`` that depend on the uniform symbols only: once an iteration, not once a trajectory.
    body
        Assignments that depend on the trajectory; the last ones are the results.
    results
        Names of the results, in the order of the expressions.
    cost
        Estimated cost of the body, in multiplications.
    """

    prologue: tuple[tuple[str, str], ...]
    body: tuple[tuple[str, str], ...]
    results: tuple[str, ...]
    cost: int


def lower(recipe: Recipe, literal: str = "{}") -> Program:
    """Straight-line code of a recipe's update.

    The names in the code: ``x{i}`` state, ``n{j}`` normals, ``s{j}`` signs, ``m{b}_{k}`` mean of feature k over
    batch b, ``rate``, ``substep``, ``inverse_batch``; results ``y{i}``.

    Parameters
    ----------
    recipe
        What to lower.
    literal
        Format of a number in the body; a backend that has to state the type says ``"real({})"``.

    Returns
    -------
    Program

    Raises
    ------
    ValueError
        For a free symbol that the recipe does not declare, or a function without numerical form.

    Examples
    --------
    >>> from gan_sde.symbolic.recipe import GaussianDraws
    >>> x = Symbol("x")
    >>> lower(Recipe((x,), (x - 2 * RATE * x**3,), GaussianDraws(()))).prologue
    (('u0', '2.0*rate'),)
    """
    names = {symbol: f"x{i}" for i, symbol in enumerate(recipe.state)} | draw_names(recipe)
    return lower_expressions(recipe.update, names, literal=literal, what="update")


def draw_names(recipe: Recipe) -> dict[Symbol, str]:
    """Names, in lowered code, of the random symbols of a recipe."""
    draws = recipe.draws
    if isinstance(draws, BatchDraws):
        return {
            symbol: f"m{b}_{k}"
            for b, batch in enumerate(draws.batches)
            for k, symbol in enumerate(batch)
            if symbol is not None
        }
    normals = {symbol: f"n{j}" for j, symbol in enumerate(draws.normals)}
    return normals | {symbol: f"s{j}" for j, symbol in enumerate(draws.signs)}


def lower_expressions(
    expressions: Sequence[Expr],
    names: Mapping[Symbol, str],
    *,
    literal: str = "{}",
    result: str = "y",
    what: str = "expressions",
) -> Program:
    """Straight-line code of any expressions.

    Parameters
    ----------
    expressions
        What to compute.
    names
        Names of the symbols that vary from trajectory to trajectory. The uniform ones need none.
    literal
        Format of a number in the body.
    result
        Prefix of the names of the results.
    what
        The argument that an error message blames.
    """
    canonical = {symbol: Symbol(name, real=True) for symbol, name in (*names.items(), *UNIFORM_NAMES.items())}
    normal_form = _NormalForm({canonical[symbol] for symbol in UNIFORM_NAMES}, what)
    exact = [sympy.sympify(e) for e in expressions]
    for symbol in sorted(set().union(*(e.free_symbols for e in exact)) - set(canonical), key=str):
        raise ValueError(f"{what}: expected only declared symbols, got {symbol}")
    ready = [normal_form.of(e.xreplace(canonical)) for e in exact]
    prologue = _Emitter("{}")
    for symbol, uniform in normal_form.hoisted():
        prologue.assign(symbol.name, uniform)
    bodies = [_emit_body(form, literal, result) for form in _candidate_forms(ready)]
    best = min(bodies, key=lambda emitter: emitter.cost)
    results = tuple(f"{result}{i}" for i in range(len(ready)))
    return Program(tuple(prologue.lines), tuple(best.lines), results, best.cost)


def _candidate_forms(expressions: list[Expr]) -> Iterable[list[Expr]]:
    yield expressions
    if all(e.is_polynomial() for e in expressions) and sum(e.count_ops() for e in expressions) < _HORNER_LIMIT:
        yield [sympy.horner(e) if e.free_symbols else e for e in expressions]


def _emit_body(expressions: list[Expr], literal: str, result: str) -> _Emitter:
    shared, reduced = sympy.cse(expressions, sympy.numbered_symbols("t", real=True), order="canonical")
    emitter = _Emitter(literal)
    for symbol, expression in shared:
        emitter.assign(symbol.name, expression)
    for i, expression in enumerate(reduced):
        emitter.assign(f"{result}{i}", expression)
    return emitter


class _NormalForm:
    """Constants folded, uniform factors and terms hoisted, logistic expressions in their stable form."""

    def __init__(self, uniforms: set[Symbol], what: str) -> None:
        self._uniforms = uniforms
        self._what = what
        self._memo: dict[Basic, Expr] = {}
        self._symbols: dict[Expr, Symbol] = {}

    def of(self, expression: Expr) -> Expr:
        """Normal form, in which a uniform expression stands as one symbol."""
        return self._hoist(self._rebuild(expression))

    def hoisted(self) -> list[tuple[Symbol, Expr]]:
        """The symbols that `of` introduced and what they stand for."""
        return [(symbol, expression) for expression, symbol in self._symbols.items()]

    def _is_uniform(self, expression: Basic) -> bool:
        return bool(expression.free_symbols <= self._uniforms)

    def _hoist(self, expression: Expr) -> Expr:
        if not isinstance(expression, Expr) or expression.is_Number or not self._is_uniform(expression):
            return expression
        if expression not in self._symbols:
            self._symbols[expression] = Symbol(f"u{len(self._symbols)}", real=True)
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
        known = isinstance(e, (Add, Mul, And, Or, Piecewise, Relational, *_CALLS)) or e.func.__name__ == "ExprCondPair"
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
            return _sigmoid(-a) ** (-e.exp)
    return e


def _stable_sum(e: Expr) -> Expr:
    """``1 - sigmoid(a)`` as ``sigmoid(-a)``, which does not cancel."""
    if isinstance(e, Add) and len(e.args) == 2 and isinstance(1 - e, _sigmoid):
        return _sigmoid(-(1 - e).args[0])
    return e


def _stable_product(e: Expr) -> Expr:
    """``exp(k a) sigmoid(-a)^n`` as ``sigmoid(a)^k sigmoid(-a)^(n-k)``: no infinity times zero."""
    growth = next((f for f in e.args if isinstance(f, sympy.exp)), None)
    if growth is None:
        return e
    for factor in e.args:
        base, n = factor.as_base_exp()
        if not isinstance(base, _sigmoid) or not n.is_Integer:
            continue
        a = -base.args[0]
        for k in range(1, int(n) + 1):
            if (growth.args[0] - k * a).expand() == 0:
                rest = Mul(*(f for f in e.args if f not in (growth, factor)))
                return rest * _sigmoid(a) ** k * _sigmoid(-a) ** (n - k)
    return e


def _stable_log(argument: Expr) -> Expr | None:
    """Logarithms of ``1 + exp(a)`` and of the logistic function, by softplus."""
    a = _exponent_of_one_plus_exp(argument)
    if a is not None:
        return _softplus(a)
    base, n = argument.as_base_exp()
    if isinstance(base, _sigmoid):
        return -n * _softplus(-base.args[0])
    return None


class _Emitter:
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
        return self._call(_STABLE.get(e.func) or _CALLS[e.func], self._code(e.args[0]))

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
            code = self._call(_CALLS[e.func], code, self._code(other))
        return code
