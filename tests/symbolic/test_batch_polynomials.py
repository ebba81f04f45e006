"""Coefficients of batch means: those of `Poly`, also where they are functions that it takes as opaque."""

import numpy as np
import pytest
from sympy import Expr, Float, Integer, Rational, Symbol, exp, lambdify, sqrt, symbols, tanh

from gan_sde.symbolic.batch_polynomials import _by_poly, _Expansion, batch_polynomials
from gan_sde.symbolic.oracle import Batch

X, Y, M, N, P = symbols("x y m n p")
BATCHES = [Batch((M, N)), Batch((P,))]
KEYS = {M: (0, 0), N: (0, 1), P: (1, 0)}
T, S = tanh(X + Y), tanh(X - Y / 2)

CASES = [
    (M + T) * (N - S) ** 2 * Float(0.3) + (T - X) * P,
    ((M + T * N) ** 3 - M**3) * (1 - T**2) / 2,
    (T + S * (T + M * (S - N * (T + P)))) ** 2,
    sqrt(2) * M * T * (sqrt(6) * N - sqrt(2) * X) + Rational(1, 3) * T,
]


@pytest.mark.parametrize("entry", CASES, ids=range(len(CASES)))
def test_coefficients_are_those_of_poly(entry):
    """Two routes: numbers collected over all generators, and sympy's expressions as coefficients."""
    (row,) = batch_polynomials(BATCHES, [entry])
    expected = _by_poly(entry, [M, N, P], KEYS)
    assert _Expansion(KEYS).covers(entry)
    assert row.keys() == expected.keys()
    at = dict(zip((X, Y), (0.37, -1.21), strict=True))
    for monomial, coefficient in row.items():
        assert not coefficient.free_symbols & KEYS.keys()
        assert np.isclose(float(coefficient.subs(at)), float(expected[monomial].subs(at)), rtol=1e-12)


@pytest.mark.parametrize("entry", CASES, ids=range(len(CASES)))
def test_sum_over_monomials_is_the_entry(entry):
    """Values at 20 random points, to rounding."""
    (row,) = batch_polynomials(BATCHES, [entry])
    back = {key: symbol for symbol, key in KEYS.items()}
    whole: Expr = sum((c * np.prod([back[k] for k in m] or [Integer(1)]) for m, c in row.items()), start=Integer(0))
    symbols_ = (X, Y, M, N, P)
    points = np.random.default_rng(0).normal(size=(5, 20))
    found, expected = (lambdify(symbols_, e)(*points) for e in (whole, entry))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_what_cancels_is_left_out():
    entry = (T + M) ** 2 - (T - M) ** 2 - 4 * T * M + N
    assert batch_polynomials(BATCHES, [entry]) == [{((0, 1),): 1}]
    # only once the two roots have become a number
    entry = M * (T + sqrt(2)) * (T - sqrt(2)) - M * T**2 + 2 * M + N
    assert batch_polynomials(BATCHES, [entry]) == [{((0, 1),): 1}]
    assert _Expansion(KEYS).coefficients(T * (M - N) - T * M + T * N, KEYS) == {}


def test_entries_of_other_kinds_go_the_old_way():
    free, quotient = tanh(X) * Y, M * exp(X) / (1 + exp(X))
    assert not _Expansion(KEYS).covers(quotient)
    rows = batch_polynomials(BATCHES, [free, quotient, (M + X) ** 2])
    assert rows[0] == {(): free}
    assert rows[1].keys() == {((0, 0),)}
    assert rows[2] == {((0, 0), (0, 0)): 1, ((0, 0),): 2 * X, (): X**2}


@pytest.mark.parametrize("entry", [tanh(M), T * tanh(M + X) * N, X * exp(M)])
def test_other_functions_of_batch_means_are_refused(entry):
    with pytest.raises(ValueError, match=r"^algorithm: expected an update polynomial in the batch means"):
        batch_polynomials(BATCHES, [entry])


def test_symbols_of_one_name_stay_apart():
    other = Symbol("m", real=True)
    (row,) = batch_polynomials(BATCHES, [other * M * T])
    assert row == {((0, 0),): other * T}
