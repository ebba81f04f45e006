"""Polynomials multiplied out in dictionaries are the trees that sympy's own expansion makes."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Add, Expr, Float, Integer, Poly, Rational, Symbol, cos, exp, expand, pi, prod, sqrt, symbols

import gan_sde as gs
from gan_sde.symbolic.field import tidy
from gan_sde.symbolic.products import NoPolynomialError, Products

X, Y, Z = symbols("x y z")
SIGMA = Symbol("sigma", positive=True)

EXACT = [
    (X + Y) * (X - Y) / 2,
    (X + Rational(2, 3) * Y - 1) ** 3 * (Z - X) + X**2,
    X * (Y + 1) - X * Y - X,
    (X + Y) ** 2 - X**2 - 2 * X * Y - Y**2,
    sqrt(2) * (X + sqrt(6) * Y) * (X - sqrt(2)) / 3,
    SIGMA**2 * (X / SIGMA + Y * SIGMA) * (1 + 1 / SIGMA),
    3 * X * Y,
    X * 0 + 7,
]
ROUNDED = [
    (0.1 * X + 0.7 * Y) * (0.3 * X - 1.1 * Y) * Z,
    0.1 * X + (X + Y) * (0.2 + Z) + (Y - X) * 0.3,
    (0.1 * X + Y) ** 2 - 3 * X,
]
REFUSED = [exp(X), X * cos(Y), pi * X, 1 / (X + Y), (X + Y) ** Rational(1, 2), X ** Rational(1, 2), X**Y]


@pytest.mark.parametrize("e", EXACT + ROUNDED, ids=str)
def test_expansion_is_the_tree_of_sympy(e):
    assert Products().expanded(e) == expand(e)


@pytest.mark.parametrize("e", [e for e in EXACT if not e.has(SIGMA)] + ROUNDED, ids=str)
def test_coefficients_are_those_of_poly_in_its_order(e):
    found = Products().coefficients(e + X**2 + Y, (X, Y))
    assert list(found.items()) == Poly(e + X**2 + Y, X, Y).terms()


@pytest.mark.parametrize("e", [X * (1 + e) for e in REFUSED], ids=str)
def test_other_functions_are_left_to_sympy(e):
    with pytest.raises(NoPolynomialError):
        Products().expanded(X * (1 + e))


def test_numbers_that_sympy_would_round_otherwise_are_left_to_it():
    for e in (X * Y / 3 + Float(0.1) * X, sqrt(2) * X + Float(0.1) * Y, X / SIGMA):
        with pytest.raises(NoPolynomialError):
            Products().coefficients(e, (X,))
    with pytest.raises(NoPolynomialError):
        Products().expanded((X + 1) * (Y + Float(0.1, 30)))


def test_quotients_can_be_refused():
    assert Products().expanded((X + Y) / X) == 1 + Y / X
    with pytest.raises(NoPolynomialError):
        Products(quotients=False).expanded((X + Y) / X)


def test_total_is_the_expanded_sum_of_products():
    terms = [(X + Y, X - Y, Rational(1, 2)), (Y + 1, Y), (X + 1,)]
    assert Products().total(terms) == expand(sum(prod(t) for t in terms))
    assert Products().total([]) == 0


def random_game(seed: int, *, exact: bool) -> gs.Game:
    """A cubic game in 2 to 5 parameters with a normal, a uniform and a Bernoulli datum and a free constant."""
    rng, d = np.random.default_rng(seed), 2 + seed % 4
    x, data, s = symbols(f"x0:{d}"), symbols("y0:3"), Symbol("sigma")

    def number() -> Expr:
        return Rational(int(rng.integers(-9, 10)), int(rng.integers(1, 7))) if exact else Float(rng.standard_normal())

    def monomial() -> Expr:
        return prod(x[k] for k in rng.integers(0, d, rng.integers(0, 4)))

    payoff = Add(*(number() * monomial() for _ in range(2 * d))) + number() * (number() * x[0] + x[-1] - 1) ** 2 * x[0]
    for y in data:
        payoff += y * Add(*(number() * monomial() for _ in range(d))) + number() * y**2 * (x[0] - x[1]) + s * y * x[1]
    laws = [gs.Normal(Rational(1, 2), s), gs.Uniform(-1, 2), gs.Bernoulli(Rational(1, 3))]
    game = gs.Game.zero_sum(
        payoff, maximiser={"first": x[: d // 2]}, minimiser={"second": x[d // 2 :]},
        data=dict(zip(data, laws, strict=True)), x0={v.name: 0.1 for v in x},
    )  # fmt: skip
    return game if exact else game.subs(sigma=0.7)


def derived(game: gs.Game, order: str) -> list[Expr]:
    """Everything that is derived of a game and its training."""
    training = gs.Training(game, gs.algorithms.get("sgda", order=order))
    one, two = training.sde(1), training.sde(2)
    matrices = (game.field, game.jacobian, game.noise_modes, training.map[0], one.drift, two.drift, two.diffusion)
    return [e for matrix in matrices for e in matrix] + list(two.covariance)


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
@pytest.mark.parametrize("seed", range(4))
def test_a_game_derives_the_same_on_both_paths(seed, order, monkeypatch):
    """Two routes: sums of products, and sympy's trees where every expression counts as no polynomial."""
    fast = derived(random_game(seed, exact=True), order)
    refuse_everything(monkeypatch)
    slow = derived(random_game(seed, exact=True), order)
    assert fast == slow


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
def test_rounded_numbers_differ_in_the_covariance_alone_and_in_the_last_digits(order, monkeypatch):
    for seed in range(3):
        with monkeypatch.context() as patch:
            fast = derived(random_game(seed, exact=False), order)
            refuse_everything(patch)
            slow = derived(random_game(seed, exact=False), order)
        d = random_game(seed, exact=False).dim
        assert fast[: -(d * d)] == slow[: -(d * d)]
        for a, b in zip(fast, slow, strict=True):
            at = {s: 0.3 + 0.4 * k for k, s in enumerate(sorted(a.free_symbols | b.free_symbols, key=str))}
            assert np.isclose(float(a.subs(at)), float(b.subs(at)), rtol=1e-12, atol=1e-12)


def test_a_dense_game_has_the_sde_of_its_matrices():
    """By hand: for the payoff ``x^T A x / 2``, ``F = S x`` and the drift is ``-S x - eta S^2 x / 2``."""
    rng, d = np.random.default_rng(0), 12
    x = symbols(f"x0:{d}")
    a = rng.integers(-9, 10, (d, d))
    a = a + a.T
    payoff = Add(*(Rational(int(a[i, j]), 2) * x[i] * x[j] for i in range(d) for j in range(d)))
    game = gs.Game.zero_sum(payoff, maximiser={"first": x[:5]}, minimiser={"second": x[5:]})
    sde = gs.Training(game, gs.algorithms.get("sgda")).sde(2)
    slope = np.array(game.jacobian.tolist(), dtype=int)
    assert np.array_equal(slope, np.where(np.arange(d) < 5, -1, 1)[:, None] * a)
    at, lr = {s: Rational(int(n), 7) for s, n in zip(x, rng.integers(-9, 10, d), strict=True)}, Rational(1, 10)
    point = np.array([at[s] for s in x], dtype=object)
    expected = -slope @ point - lr * (slope @ (slope @ point)) / 2
    assert [e.subs(at | {sde.lr: lr}) for e in sde.drift] == list(expected)


def refuse_everything(patch: pytest.MonkeyPatch) -> None:
    """Leave all algebra to sympy."""

    def refuse(*_):
        raise NoPolynomialError

    patch.setattr(Products, "sum_of", refuse)


def test_what_cancels_overflows_or_is_too_long_is_left_to_sympy_or_out():
    x, y, m = symbols("x y m")
    root = sqrt(2)
    assert list(Products().coefficients((root * m + x) * (root * m - x) - 2 * m**2, (m,))) == [(0,)]
    for e in ((Integer(10) ** 400 * x + 1) * (0.5 * y + 1), x ** (3 * 10**6) * (y + 1)):
        with pytest.raises(NoPolynomialError):
            Products().sum_of(e)
        tidy(e)
