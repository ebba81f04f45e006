"""Lowered code, run over numpy arrays, against sympy's own evaluation."""

import os
import subprocess
import sys

import numpy as np
import pytest
import sympy
from scipy.special import erf, expit
from sympy import Function, Heaviside, Max, Min, Piecewise, Rational, Symbol, pi, sqrt, symbols

from gan_sde.symbolic.lowering import FUNCTION_NAMES, Program, lower, lower_expressions
from gan_sde.symbolic.recipe import (
    INVERSE_BATCH,
    RATE,
    SUBSTEP,
    BatchDraws,
    GaussianDraws,
    Recipe,
)

X, Y = symbols("x y")
NAMES = {X: "a", Y: "b"}
NUMPY = {
    "softplus": lambda x: np.logaddexp(0, x),
    "sigmoid": expit,
    "erf": erf,
    "absolute": np.abs,
    "heaviside": lambda x: np.heaviside(x, 0.5),
} | {name: getattr(np, name) for name in FUNCTION_NAMES if hasattr(np, name) and name != "heaviside"}


def evaluate(program: Program, **values):
    scope = dict(NUMPY) | values
    for name, code in (*program.prologue, *program.body):
        scope[name] = eval(code, {}, scope)
    return [scope[name] for name in program.results]


def text(program: Program) -> str:
    return "\n".join(f"{name} = {code}" for name, code in (*program.prologue, *program.body))


POINTS = {"a": np.array([0.3, -1.7, 2.5, -0.2]), "b": np.array([1.1, 0.4, 2.0, 3.0])}
EXPRESSIONS = [
    X**5 * Y**3 - X**7 + Y**-3,
    X / Y - 1 / (Y * Y + 1) + Y ** Rational(-1, 2),
    Y ** Rational(3, 2) + Y ** Rational(5, 2) * X + Y ** Rational(1, 3),
    sqrt(2) * X * pi - Rational(1, 3) * Y + sympy.E,
    -X - Y - X * Y,
    -(X + Y) * (X - 2 * Y) / 3,
    (X + Y) ** 6 + (X + Y) ** 3 + Y**X,
    sympy.exp(X) * sympy.log(Y) + sympy.tanh(X * Y) + sympy.sin(X) - sympy.cos(Y) * sympy.tan(X / 4),
    sympy.sinh(X) * sympy.cosh(Y) + sympy.atan(X) + sympy.erf(X),
    sympy.Abs(X) * sympy.sign(X) + Max(X, Y, 0) - Min(X, Y, 1) + Heaviside(X),
    Piecewise((X, (X > 1) & (Y < 2)), (Y, (X < 0) | sympy.Eq(Y, 2)), (X * Y, True)),
    sum((X + k) ** 2 * Y**k for k in range(30)),
    sympy.Integer(3),
    X,
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_value(expression):
    (value,) = evaluate(lower_expressions([expression], NAMES), **POINTS)
    expected = [float(expression.subs({X: a, Y: b}).evalf(30)) for a, b in zip(*POINTS.values(), strict=True)]
    assert np.allclose(value, expected, rtol=1e-13, atol=0)


def test_many_expressions_share_their_work():
    together = lower_expressions(EXPRESSIONS, NAMES)
    assert together.cost < sum(lower_expressions([e], NAMES).cost for e in EXPRESSIONS)
    for value, alone in zip(evaluate(together, **POINTS), EXPRESSIONS, strict=True):
        (expected,) = evaluate(lower_expressions([alone], NAMES), **POINTS)
        assert np.allclose(value, expected, rtol=1e-13)


def test_uniform_parts_move_to_the_prologue():
    expression = X + 2 * RATE * sqrt(SUBSTEP) * Y - RATE * INVERSE_BATCH - sympy.exp(-RATE)
    program = lower_expressions([expression], NAMES)
    body = "\n".join(code for _, code in program.body)
    assert not any(word in body for word in ("rate", "substep", "inverse_batch", "sqrt", "exp"))
    uniform = {"rate": 0.1, "substep": 0.04, "inverse_batch": 0.5}
    (value,) = evaluate(program, **POINTS, **uniform)
    assert np.allclose(value, POINTS["a"] + 2 * 0.1 * 0.2 * POINTS["b"] - 0.05 - np.exp(-0.1), rtol=1e-14)


def test_powers_are_products():
    program = lower_expressions([X**12 + Y**-4 + X**3], NAMES)
    assert "**" not in text(program) and "power" not in text(program)
    assert text(program).count("*") <= 9


LOSSES = [
    (sympy.log(1 + sympy.exp(X)), lambda x: np.logaddexp(0, x)),
    (sympy.log(1 + sympy.exp(-X * Y)), lambda x: np.logaddexp(0, -x)),
    (sympy.log(1 / (1 + sympy.exp(-X))), lambda x: -np.logaddexp(0, -x)),
    (sympy.log(1 - 1 / (1 + sympy.exp(-X))), lambda x: -np.logaddexp(0, x)),
    (sympy.diff(sympy.log(1 + sympy.exp(X)), X), expit),
    (sympy.diff(sympy.log(1 + sympy.exp(X)), X, 2), lambda x: expit(x) * expit(-x)),
    (sympy.diff(sympy.log(1 + sympy.exp(-X)), X) / Y, lambda x: -expit(-x)),
]


@pytest.mark.parametrize(("expression", "stable"), LOSSES, ids=[str(e) for e, _ in LOSSES])
def test_logistic_losses_neither_overflow_nor_lose_digits(expression, stable):
    x = np.array([-800.0, -40.0, -1.0, 0.0, 1.0, 40.0, 800.0])
    with np.errstate(over="raise", invalid="raise"):
        (value,) = evaluate(lower_expressions([expression], NAMES), a=x, b=np.ones(7))
    assert np.allclose(value, stable(x), rtol=1e-12, atol=1e-300)


def test_names_of_recipes():
    x, n, s, m = symbols("x n s m")
    sde = Recipe((x,), (x + n * s * SUBSTEP,), GaussianDraws((n,), (s,)))
    values = {"x0": 1.0, "n0": 2.0, "s0": -1.0, "substep": 0.5, "rate": 1.0, "inverse_batch": 1.0}
    assert evaluate(lower(sde), **values) == [0.0]
    training = Recipe((x,), (x + m * RATE,), BatchDraws(((None,), (m,)), (n,), (n,)))
    assert evaluate(lower(training), x0=1.0, m1_0=3.0, rate=0.5) == [2.5]


def test_floats_are_as_good_as_exact_numbers():
    exact = [X**2 + sqrt(X) * Y, sympy.log(1 + sympy.exp(X)), Rational(1, 4) * X]
    floats = [X**2.0 + X**0.5 * Y, sympy.log(1.0 + sympy.exp(1.0 * X)), 0.25 * X]
    assert text(lower_expressions(floats, NAMES)) == text(lower_expressions(exact, NAMES))


def test_symbols_may_have_any_name():
    odd = symbols("lambda W_{11} t0 real".split())
    recipe = Recipe(tuple(odd), tuple(v**2 + RATE for v in odd), GaussianDraws(()))
    assert evaluate(lower(recipe), x0=2.0, x1=3.0, x2=4.0, x3=5.0, rate=1.0) == [5, 10, 17, 26]


def test_literals_take_the_format():
    program = lower_expressions([2 * X + Rational(1, 4)], NAMES, literal="number({})")
    assert "number(2.0)" in text(program) and "number(0.25)" in text(program)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (Symbol("q") + X, "expressions: expected only declared symbols, got q"),
        (Function("mystery")(X), "expressions: the function mystery has no numerical form"),
        (sympy.zeta(X), "expressions: the function zeta has no numerical form"),
        (sympy.I * X, "expressions: expected real finite constants, got I"),
        (X + sympy.oo, "expressions: expected real finite constants, got oo"),
        (Piecewise((X, X > 0)), "expressions: expected a Piecewise with a default"),
        (Heaviside(X, 0), "expressions: expected Heaviside with 1/2 at 0"),
    ],
)
def test_refusals(expression, message):
    with pytest.raises(ValueError) as caught:
        lower_expressions([expression], NAMES)
    assert str(caught.value).startswith(message)


def test_text_does_not_depend_on_the_process():
    script = (
        "from sympy import symbols; from gan_sde.symbolic.lowering import lower_expressions as lower;"
        "v = symbols('v0:6'); es = [sum((i - j + 2)*a*b**2 for i, a in enumerate(v) for j, b in enumerate(v[k:]))"
        " for k in range(3)]; print(lower(es, {s: s.name for s in v}))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
