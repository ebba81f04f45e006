"""The whitelist parser: what it reads, what it refuses, and that nothing but ValueError escapes."""

from __future__ import annotations

import math

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from gan_sde.symbolic.parsing import parse_expression

x, y, mu = sympy.symbols("x y mu")
SYMBOLS = {"x": x, "y": y, "mu": mu}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x + y*2 - mu/4", x + 2 * y - mu / 4),
        ("-x**2", -(x**2)),
        ("(-x)**2", x**2),
        ("2**-3", sympy.Rational(1, 8)),
        ("x - y - mu", x - y - mu),
        ("x/y/mu", x / (y * mu)),
        ("x/y*mu", x * mu / y),
        ("x**2**3", x**8),
        ("x**2.0", x**2),
        ("--x", x),
        ("0.1*x + .5 + 1.5e3", x / 10 + sympy.Rational(1, 2) + 1500),
        ("log(x)*exp(-y) + sqrt(mu)", sympy.log(x) * sympy.exp(-y) + sympy.sqrt(mu)),
        ("tanh(x) + sin(y) + cos(y)", sympy.tanh(x) + sympy.sin(y) + sympy.cos(y)),
        ("softplus(x)", sympy.log(1 + sympy.exp(x))),
        ("sigmoid(x)", 1 / (1 + sympy.exp(-x))),
        ("Max(x, 0) + min(x, y, 1) + abs(x)", sympy.Max(x, 0) + sympy.Min(x, y, 1) + sympy.Abs(x)),
        ("2*pi", 2 * sympy.pi),
        ("\n x +\t1 ", x + 1),
        ("Abs(exp(x))", sympy.exp(x)),
    ],
)
def test_reads_the_arithmetic_of_python(text, expected):
    assert parse_expression(text, SYMBOLS) == expected


def test_decimals_are_exact():
    assert parse_expression("0.1 + 0.2 - 0.3", {}) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("z + 1", ["declared name", "'z'", "character 1"]),
        ("x**17", ["power of at most 16", "17", "character 4"]),
        ("x**-17", ["power of at most 16"]),
        ("((x**4)**4)**2", ["power of at most 16", "32"]),
        ("9**9**9", ["power of at most 16"]),
        ("10**(10**(10**10))", ["power of at most 16"]),
        ("x**0.5", ["integer power"]),
        ("2**x", ["integer power"]),
        ("x**(1/2)", ["integer power"]),
        ("1/0", ["zero"]),
        ("1/(x - x)", ["zero"]),
        ("(x - x)**-1", ["zero"]),
        ("log(0)", ["finite real", "log"]),
        ("log(x - x)", ["finite real"]),
        ("sqrt(-1)", ["finite real", "sqrt"]),
        ("exp(exp(100))", ["finite real", "exp"]),
        ("1e999", ["range of a double"]),
        ("1e-999", ["range of a double"]),
        ("9" * 400, ["range of a double"]),
        ("x.real", ["'.'", "character 2"]),
        ("x[0]", ["'['"]),
        ("x^2", ["**"]),
        ("__import__('os')", ['"\'"', "character 12"]),
        ("__import__(x)", ["known function", "__import__("]),
        ("eval(x)", ["known function"]),
        ("lambda: x", ["':'"]),
        ("x if y else x", ["operator", "'if'"]),
        ("x == y", ["'='"]),
        ("x(y)", ["'*'"]),
        ("log", ["'('"]),
        ("log(x, y)", ["1 argument", "got 2"]),
        ("Max(x)", ["2 to 8"]),
        ("(x", ["')'", "the end"]),
        ("x y", ["operator", "'y'"]),
        ("2x", ["operator", "'x'"]),
        ("", ["the end"]),
        ("x//y", ["'/'"]),
        ("x # comment", ["'#'"]),
        ("\x00", ["character 1"]),
    ],
)
def test_refuses_in_one_line_that_names_the_place(text, words):
    with pytest.raises(ValueError) as caught:
        parse_expression(text, SYMBOLS, name="payoff")
    message = str(caught.value)
    assert message.startswith("payoff: ") and "\n" not in message and len(message) < 200
    assert all(word in message for word in words), message


@pytest.mark.parametrize("text", [7, None, ["x"], b"x", 1.5, True])
def test_refuses_what_is_no_text(text):
    with pytest.raises(ValueError, match="expected a formula as text"):
        parse_expression(text, SYMBOLS)


def test_length_is_bounded_at_ten_thousand_characters():
    assert parse_expression("x+" * 4999 + "xx"[:1] + " ", SYMBOLS) == 5000 * x
    assert len(" " * 9999 + "x") == 10_000 and parse_expression(" " * 9999 + "x", SYMBOLS) == x
    with pytest.raises(ValueError, match=r"expected at most 10000 characters, got 10001"):
        parse_expression(" " * 10_000 + "x", SYMBOLS)


@pytest.mark.parametrize("opening", ["(", "-", "exp(", "Max(x,", "(-", "x*(", "x**-"])
def test_nesting_is_bounded(opening):
    depth = 9000 // len(opening)
    text = opening * depth + "1" + ")" * min(depth * opening.count("("), 900)
    with pytest.raises(ValueError, match="nesting of at most 100"):
        parse_expression(text[:10_000], SYMBOLS)


def test_nesting_of_one_hundred_is_read():
    assert parse_expression("(" * 100 + "x" + ")" * 100, SYMBOLS) == x
    with pytest.raises(ValueError, match="nesting of at most 100"):
        parse_expression("(" * 101 + "x" + ")" * 101, SYMBOLS)


def test_a_declared_name_goes_before_a_constant():
    pi = sympy.Symbol("pi")
    assert parse_expression("pi", {"pi": pi}) == pi


_PIECES = [
    "x",
    "y",
    "z",
    "1",
    "0",
    "9",
    "1e9",
    "0.5",
    "+",
    "-",
    "*",
    "/",
    "**",
    "(",
    ")",
    ",",
    "log(",
    "sqrt(",
    "Max(",
]
_PIECES += [
    "exp(",
    "Abs(",
    "sigmoid(",
    "pi",
    " ",
    ".",
    "_",
    "e",
    "[",
    "'",
    "\\",
    "\n",
    "lambda ",
    "import ",
    "é",
    "²",
    "٣",
]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(_PIECES), max_size=25).map("".join) | st.text(max_size=60))
def test_only_value_errors_of_one_line_escape(text):
    try:
        expression = parse_expression(text, SYMBOLS)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert expression.free_symbols <= set(SYMBOLS.values())
        assert not expression.has(sympy.zoo, sympy.nan, sympy.oo)


_LEAF = st.sampled_from(["x", "y", "mu"]) | st.integers(0, 9).map(str) | st.sampled_from(["0.25", "1e-2", ".5"])
_FORMULA = st.recursive(
    _LEAF,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
        | inner.map(lambda t: f"-{t}")
        | inner.map(lambda t: f"tanh({t})")
        | inner.map(lambda t: f"softplus({t})")
        | st.tuples(inner, inner).map(lambda t: f"Max({t[0]}, {t[1]})")
    ),
    max_leaves=8,
)
_NAMESPACE = {
    "tanh": math.tanh,
    "softplus": lambda v: max(v, 0.0) + math.log1p(math.exp(-abs(v))),
    "Max": max,
    "x": 0.3,
    "y": -1.7,
    "mu": 2.5,
}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(_FORMULA)
def test_agrees_with_the_arithmetic_of_python(text):
    # The oracle is Python itself, on texts of our own making; the parser has no evaluator in it.
    expected = eval(text, {"__builtins__": {}}, _NAMESPACE)
    expression = parse_expression(text, SYMBOLS)
    got = float(expression.xreplace({s: sympy.Float(_NAMESPACE[n]) for n, s in SYMBOLS.items()}))
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-9)
