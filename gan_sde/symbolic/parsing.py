"""Mathematical text to sympy expressions by a whitelist: nothing that is written is ever evaluated as code.

The grammar is that of Python's arithmetic: ``+ - * / **``, parentheses, calls of listed functions. The parser
is a recursive descent, so that size and depth are bounded before memory is spent on them, and so that each
refusal says where in the text it stands. Numbers are exact: ``0.1`` is the rational 1/10, hence identities
between derived matrices hold identically and not up to rounding.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NoReturn

import sympy
from sympy import Expr, Integer, Rational, Symbol

MAX_LENGTH: Final = 10_000
"""Longest text that is read, in characters."""
MAX_NESTING: Final = 100
"""Deepest nesting of parentheses, calls, signs and powers."""
MAX_POWER: Final = 16
"""Largest magnitude of an integer power; powers within powers count by their product."""
MAX_ARGUMENTS: Final = 8
"""Most arguments of ``Max`` and ``Min``: sympy compares them pairwise."""

_TOKEN = re.compile(
    r"(?P<number>([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)|(?P<name>[^\W\d]\w*)|(?P<operator>\*\*|[-+*/(),])"
)
_HINTS = {
    "^": "; write ** for a power",
    "[": "; write ( )",
    "{": "; write ( )",
    "=": "; write the loss alone",
}


@dataclass(frozen=True)
class _Function:
    """A callable of the language: what it builds, its float twin, and its range of argument counts."""

    build: Callable[..., Expr]
    value: Callable[..., float]
    least: int = 1
    most: int = 1


def _softplus_value(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _sigmoid_value(x: float) -> float:
    return 0.5 * (1.0 + math.tanh(0.5 * x))


def _real_abs(x: Expr) -> Expr:
    """Build the modulus as of a real number: else ``Abs(exp(x))`` would become ``exp(re(x))``."""
    real = {symbol: sympy.Dummy(symbol.name, real=True) for symbol in x.free_symbols}
    return sympy.Abs(x.xreplace(real)).xreplace({dummy: symbol for symbol, dummy in real.items()})


_MAX = _Function(sympy.Max, max, 2, MAX_ARGUMENTS)
_MIN = _Function(sympy.Min, min, 2, MAX_ARGUMENTS)
_ABS = _Function(_real_abs, abs)
_FUNCTIONS: Final[dict[str, _Function]] = {
    "exp": _Function(sympy.exp, math.exp),
    "log": _Function(sympy.log, math.log),
    "sqrt": _Function(sympy.sqrt, math.sqrt),
    "sin": _Function(sympy.sin, math.sin),
    "cos": _Function(sympy.cos, math.cos),
    "tanh": _Function(sympy.tanh, math.tanh),
    "sigmoid": _Function(lambda x: 1 / (1 + sympy.exp(-x)), _sigmoid_value),
    "softplus": _Function(lambda x: sympy.log(1 + sympy.exp(x)), _softplus_value),
    "Abs": _ABS,
    "abs": _ABS,
    "Max": _MAX,
    "max": _MAX,
    "Min": _MIN,
    "min": _MIN,
}
_CONSTANTS: Final[dict[str, Expr]] = {"pi": sympy.pi}

RESERVED: Final[frozenset[str]] = frozenset(_FUNCTIONS) | frozenset(_CONSTANTS)
"""Names of functions and constants; a symbol cannot be called so."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


@dataclass(frozen=True)
class _Term:
    """A parsed part: the expression, its float value where constant, and the product of its nested powers."""

    expression: Expr
    value: float | None
    power: int = 1


def parse_expression(text: str, symbols: Mapping[str, Symbol], *, name: str = "expression") -> Expr:
    """Parse a formula in declared symbols.

    Parameters
    ----------
    text
        The formula: ``+ - * / **``, numbers, parentheses, the declared names, ``pi`` and the functions
        ``exp log sqrt sin cos tanh sigmoid softplus Abs Max Min``. At most 10,000 characters, nesting at most
        100, integer powers at most 16 in magnitude.
    symbols
        The declared names and the sympy symbols that they stand for.
    name
        What the text is called in error messages.

    Returns
    -------
    sympy.Expr
        The expression; decimal numbers become exact rationals.

    Raises
    ------
    ValueError
        On anything else, with one line that names the text, the offending part and its position.

    Examples
    --------
    >>> x, y = sympy.symbols("x y")
    >>> parse_expression("0.5*x**2 - log(1 + y)", {"x": x, "y": y})
    x**2/2 - log(y + 1)
    >>> parse_expression("x.__class__", {"x": x})
    Traceback (most recent call last):
        ...
    ValueError: expression: expected a formula, got '.' at character 2
    """
    if not isinstance(text, str):
        raise ValueError(f"{name}: expected a formula as text, got {text!r:.60}")
    if len(text) > MAX_LENGTH:
        raise ValueError(f"{name}: expected at most {MAX_LENGTH} characters, got {len(text)}")
    parser = _Parser(_tokenize(text, name), symbols, name)
    try:
        return parser.parse()
    except (
        RecursionError,
        MemoryError,
        OverflowError,
        ZeroDivisionError,
        TypeError,
        AttributeError,
    ) as error:
        # sympy's own simplifications may give up on a wild but well-formed text; that is bad input too.
        raise ValueError(f"{name}: expected a formula that sympy can hold, got {_quote(text)}") from error


def _tokenize(text: str, name: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            bad = text[position]
            raise ValueError(
                f"{name}: expected a formula, got {bad!r} at character {position + 1}{_HINTS.get(bad, '')}"
            )
        tokens.append(_Token(str(match.lastgroup), match.group(), position + 1))
        position = match.end()
    tokens.append(_Token("end", "", len(text) + 1))
    return tokens


def _quote(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


class _Parser:
    """Recursive descent over the tokens; sums and products are loops, so that only true nesting recurses."""

    def __init__(self, tokens: list[_Token], symbols: Mapping[str, Symbol], name: str) -> None:
        self._tokens = tokens
        self._symbols = symbols
        self._name = name
        self._index = 0
        self._depth = 0

    def parse(self) -> Expr:
        term = self._sum()
        if self._now.kind != "end":
            self._unexpected("an operator")
        return term.expression

    @property
    def _now(self) -> _Token:
        return self._tokens[self._index]

    def _fail(self, message: str, token: _Token) -> NoReturn:
        raise ValueError(f"{self._name}: {message} at character {token.position}")

    def _unexpected(self, expected: str) -> NoReturn:
        token = self._now
        self._fail(f"expected {expected}, got {_quote(token.text) if token.text else 'the end'}", token)

    def _take(self, *texts: str) -> _Token | None:
        token = self._now
        if token.kind == "operator" and token.text in texts:
            self._index += 1
            return token
        return None

    def _expect(self, text: str) -> None:
        if self._take(text) is None:
            self._unexpected(repr(text))

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            self._fail(f"expected nesting of at most {MAX_NESTING}, got more", self._now)

    def _settle(self, build: Callable[[], Expr], value: Callable[[], float] | None, power: int, token: _Token) -> _Term:
        """Build a part, after its float twin has shown that a constant one is a finite real number."""
        number: float | None = None
        try:
            number = value() if value is not None else None
        except (OverflowError, ValueError, ZeroDivisionError):
            number = math.nan
        if number is not None and not math.isfinite(number):
            self._fail(f"expected a finite real constant, got one that is not, by {_quote(token.text)}", token)
        expression = build()
        if number is None and expression.is_number:  # the symbols have cancelled
            number = _real_value(expression)
            if number is None:
                self._fail(f"expected a finite real value, got {expression!s:.40}", token)
        return _Term(expression, number, power)

    def _sum(self) -> _Term:
        start = self._now
        terms = [self._product()]
        while (sign := self._take("+", "-")) is not None:
            term = self._product()
            if sign.text == "-":
                term = _negative(term)
            terms.append(term)
        if len(terms) == 1:
            return terms[0]
        return self._join(sympy.Add, math.fsum, terms, start)

    def _product(self) -> _Term:
        start = self._now
        terms = [self._signed()]
        while (operator := self._take("*", "/")) is not None:
            token = self._now
            term = self._signed()
            terms.append(self._inverse(term, token) if operator.text == "/" else term)
        if len(terms) == 1:
            return terms[0]
        return self._join(sympy.Mul, math.prod, terms, start)

    def _join(
        self,
        build: Callable[..., Expr],
        value: Callable[[list[float]], float],
        terms: list[_Term],
        token: _Token,
    ) -> _Term:
        values = [term.value for term in terms]
        known = [v for v in values if v is not None]
        return self._settle(
            lambda: build(*(term.expression for term in terms)),
            (lambda: value(known)) if len(known) == len(values) else None,
            max(term.power for term in terms),
            token,
        )

    def _inverse(self, term: _Term, token: _Token) -> _Term:
        value = term.value
        if value == 0 or term.expression.is_zero:
            self._fail("expected a divisor other than zero, got zero", token)
        return self._settle(
            lambda: 1 / term.expression, None if value is None else (lambda: 1 / value), term.power, token
        )

    def _signed(self) -> _Term:
        sign = self._take("+", "-")
        if sign is None:
            return self._power()
        self._deeper()
        term = self._signed()
        self._depth -= 1
        return _negative(term) if sign.text == "-" else term

    def _power(self) -> _Term:
        base = self._atom()
        operator = self._take("**")
        if operator is None:
            return base
        token = self._now
        self._deeper()
        exponent = self._signed()
        self._depth -= 1
        if not isinstance(exponent.expression, Integer):
            self._fail("expected an integer power (sqrt and exp are functions), got another", token)
        count = int(exponent.expression)
        power = base.power * max(abs(count), 1)
        if power > MAX_POWER:
            self._fail(f"expected an integer power of at most {MAX_POWER}, got {power:.6g}", token)
        value = base.value
        if count < 0 and (value == 0 or base.expression.is_zero):
            self._fail("expected a divisor other than zero, got zero", token)
        return self._settle(
            lambda: base.expression ** Integer(count),
            None if value is None else (lambda: float(value**count)),
            power,
            operator,
        )

    def _atom(self) -> _Term:
        token = self._now
        if token.kind == "number":
            self._index += 1
            return self._number(token)
        if token.kind == "name":
            self._index += 1
            if self._now.text == "(":
                return self._call(token)
            return self._named(token)
        if self._take("(") is not None:
            self._deeper()
            term = self._sum()
            self._expect(")")
            self._depth -= 1
            return term
        self._unexpected("a number, a name or '('")

    def _number(self, token: _Token) -> _Term:
        value = float(token.text)
        mantissa = token.text.lower().partition("e")[0]
        # The text "1e-99999" is zero as a float, but would be a rational of 10^5 digits.
        if not math.isfinite(value) or len(mantissa) > 400 or (value == 0 and mantissa.strip("0.")):
            self._fail(f"expected a number in the range of a double, got {_quote(token.text)}", token)
        exact = Fraction(token.text) if value else Fraction(0)
        return _Term(Rational(exact.numerator, exact.denominator), value)

    def _named(self, token: _Token) -> _Term:
        if token.text in self._symbols:
            return _Term(self._symbols[token.text], None)
        if token.text in _CONSTANTS:
            return _Term(_CONSTANTS[token.text], float(_CONSTANTS[token.text]))
        if token.text in _FUNCTIONS:
            self._fail(f"expected '(' after the function {token.text}, got none", token)
        self._fail(f"expected a declared name, got {_quote(token.text)}", token)

    def _call(self, token: _Token) -> _Term:
        function = _FUNCTIONS.get(token.text)
        if function is None:
            known = "expected '*' before '('" if token.text in self._symbols else "expected a known function"
            self._fail(f"{known}, got {_quote(token.text + '(')}", token)
        self._expect("(")
        self._deeper()
        terms = [self._sum()]
        while self._take(",") is not None:
            terms.append(self._sum())
        self._expect(")")
        self._depth -= 1
        if not function.least <= len(terms) <= function.most:
            wanted = str(function.least) if function.least == function.most else f"2 to {function.most}"
            self._fail(f"expected {wanted} argument(s) of {token.text}, got {len(terms)}", token)
        return self._join(function.build, lambda values: function.value(*values), terms, token)


def _negative(term: _Term) -> _Term:
    return _Term(-term.expression, None if term.value is None else -term.value, term.power)


def _real_value(expression: Expr) -> float | None:
    """Return the value of a constant, or None where it is infinite, undefined or complex."""
    if expression.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo, sympy.I):
        return None
    try:
        value = float(expression)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None
