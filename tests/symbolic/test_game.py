"""Construction, substitution and bad input of games."""

import pytest
from sympy import Abs, Matrix, Rational, sign, symbols

import gan_sde as gs

x, y, z, mu, sigma = symbols("x y z mu sigma")


def zero_sum(**options):
    defaults = {"maximiser": {"up": [x]}, "minimiser": {"down": [y]}, "data": {z: gs.Normal(mu, sigma)}}
    return gs.Game.zero_sum(x * y * z, **{**defaults, **options})


def test_maximiser_comes_first_whatever_the_order_of_the_keywords():
    game = gs.Game.zero_sum(x * y, minimiser={"down": [y]}, maximiser={"up": [x]})
    assert game.parameters == (x, y)
    assert list(game.players) == ["up", "down"]


def test_general_sum_follows_parameters():
    game = gs.Game.general_sum(
        {"q": y**2 + x * y, "p": x**2 - y, "r": z**2 + x}, parameters={"p": [x], "q": [y], "r": [z]}
    )
    assert game.field == Matrix([2 * x, 2 * y + x, 2 * z]).as_immutable()


def test_subs_acts_on_losses_and_laws():
    game = zero_sum().subs(mu=2.0, **{"sigma": Rational(1, 2)})
    assert not game.free_symbols
    assert game.field == Matrix([-2.0 * y, 2.0 * x]).as_immutable()
    assert float(game.noise_covariance[0, 0].subs({x: 1, y: 3})) == pytest.approx(9 / 4)
    assert zero_sum().subs({mu: 1}).free_symbols == (sigma,)


def test_absolute_values_differentiate_as_real():
    game = gs.Game.zero_sum(Abs(x) * y, maximiser={"up": [x]}, minimiser={"down": [y]})
    assert game.field == Matrix([-y * sign(x), Abs(x)]).as_immutable()


def test_equilibria_respect_bounds():
    payoff = (x**2 - 1) * y
    free = gs.Game.zero_sum(payoff, maximiser={"up": [y]}, minimiser={"down": [x]})
    assert {p[x] for p in free.equilibria()} == {-1, 1}
    bound = gs.Game.zero_sum(payoff, maximiser={"up": [y]}, minimiser={"down": [x]}, bounds={x: (0, None)})
    assert [p[x] for p in bound.equilibria()] == [1]


def test_known_equilibria_are_verified():
    game = zero_sum(known_equilibria=({x: 1, y: 1},))
    with pytest.raises(ValueError, match="known_equilibria: expected a zero of the field"):
        game.equilibria()


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: zero_sum(maximiser={"up": [x], "also": [y]}), "maximiser: expected one entry"),
        (lambda: zero_sum(minimiser={"up": [y]}), "minimiser: expected a name other than the maximiser's"),
        (lambda: zero_sum(minimiser={"down": [x]}), "parameters: expected each symbol once, got 'x' twice"),
        (lambda: zero_sum(data={x: gs.Normal(0, 1)}), "data: expected each symbol once, got 'x' twice"),
        (lambda: zero_sum(data={z: 3}), "data[z]: expected a distribution"),
        (lambda: zero_sum(data={z: gs.Empirical([[1, 2], [3, 4]])}), "data[z]: expected a law of as many columns"),
        (lambda: zero_sum(bounds={z: (0, 1)}), "bounds: expected parameters of the game, got z"),
        (lambda: zero_sum(bounds={x: (1, 0)}), "bounds[x]: expected low < high, got (1.0, 0.0)"),
        (lambda: zero_sum(x0={"x": 1}), "x0: expected a value for each of x, y; got nothing for y"),
        (lambda: zero_sum(x0={"x": 1, "y": 0, "w": 1}), "x0: expected a value for each of x, y; got the unknown w"),
        (lambda: zero_sum(x0={"x": 1, "y": "0"}), "x0[y]: expected a number, got '0'"),
        (lambda: zero_sum().subs(nu=1), "subs: expected a free constant of the game (mu, sigma), got 'nu'"),
        (lambda: zero_sum().subs(x=1), "subs: expected a free constant"),
        (lambda: zero_sum().subs(mu="1+1"), "subs[mu]: expected a number, got '1+1'"),
        (lambda: zero_sum().subs(mu=float("nan")), "subs[mu]: expected"),
        (lambda: zero_sum().subs(sigma=-1), "Normal standard_deviation: expected a number >= 0, got -1"),
        (lambda: gs.Game.zero_sum("x*y", maximiser={"u": [x]}, minimiser={"d": [y]}), "payoff: expected a sympy"),
        (lambda: gs.Game.general_sum({"p": x}, parameters={"q": [x]}), "losses: expected one a player ['q']"),
    ],
)
def test_bad_input(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value).startswith(words)
    assert "\n" not in str(error.value)


def test_names_that_the_sde_needs_are_refused():
    (eta,) = symbols("eta,")
    game = gs.Game.zero_sum(eta * y, maximiser={"up": [eta]}, minimiser={"down": [y]})
    with pytest.raises(ValueError, match="game: expected names other than eta and B, got 'eta'"):
        gs.Training(game, gs.algorithms.get("sgda"))
