"""Derivatives by many symbols at once are those that sympy takes one at a time."""

from __future__ import annotations

import pytest
from sympy import Abs, ImmutableMatrix, Max, Piecewise, exp, log, sqrt, symbols, tanh

from gan_sde.symbolic.derivatives import Gradient, jacobian

X, Y, Z, S = symbols("x y z s")
R = symbols("r", real=True)

EXPRESSIONS = [
    X**2 * Y + 3 * (X + Y) * Z - 7,
    (X + 2 * Y) ** 3 * (Y - Z) * S,
    2 * (X + Y) * (Z + 0.3),
    X * tanh(Y * Z) + exp(X * S) / (1 + Y**2),
    log(1 + exp(-X * Y)) * sqrt(1 + Z**2) * X,
    Piecewise((X * Y, X > 0), (Z, True)) * Y,
    Max(X, Y) + Abs(R) * R * X,
    X * Y * Z * (X + Y + Z) * (X - Y),
    S**2 + 1,
]


@pytest.mark.parametrize("e", EXPRESSIONS, ids=str)
def test_gradient_is_that_of_sympy(e):
    found = Gradient([X, Y, Z, R])(e)
    for s in (X, Y, Z, R):
        assert found.get(s, 0) == e.diff(s)
    assert S not in found


def test_jacobian_is_that_of_sympy():
    vector = ImmutableMatrix(EXPRESSIONS)
    assert jacobian(vector, [X, Y, Z]) == vector.jacobian([X, Y, Z])
    assert jacobian([], [X, Y]).shape == (0, 2)
