"""Construction, substitution and bad input of games."""

import numpy as np
import pytest
from sympy import Abs, I, Matrix, Rational, Symbol, cos, exp, nan, oo, sign, symbols, zoo

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
        (lambda: gs.Game.general_sum([x], parameters={"q": [x]}), "losses: expected {player: loss}, got [x]"),
        (lambda: gs.Game.general_sum({}, parameters={}), "parameters: expected at least one player, got none"),
        (lambda: gs.Game.general_sum({3: x}, parameters={3: [x]}), "parameters: expected names of players, got 3"),
        (lambda: zero_sum(maximiser={"up": x}), "maximiser['up']: expected a list of at least one Symbol such as [w]"),
        (lambda: zero_sum(maximiser={"up": {x}}), "maximiser['up']: expected a list of at least one Symbol"),
        (lambda: zero_sum(minimiser={"down": []}), "minimiser['down']: expected a list of at least one Symbol"),
        (lambda: zero_sum(data={"z": gs.Normal(0, 1)}), "data: expected a Symbol or a tuple of Symbols for each law"),
        (lambda: zero_sum(data=[(z, gs.Normal(0, 1))]), "data: expected {symbol: distribution}, got [(z, Normal("),
        (lambda: zero_sum(data={z: gs.Normal(x, 1)}), "data[z]: expected a law of constants, got the parameter x in"),
        (
            lambda: zero_sum(data={z: gs.Normal(0, 1), mu: gs.Normal(z, 1)}),
            "data[mu]: expected a law of constants, got the data symbol z in",
        ),
        (lambda: zero_sum(bounds=[(x, 0, 1)]), "bounds: expected {parameter: (low, high)}, got [(x, 0, 1)]"),
        (lambda: zero_sum(bounds={x: 3}), "bounds[x]: expected (low, high), got 3"),
        (lambda: zero_sum(bounds={x: (0, 1, 2)}), "bounds[x]: expected (low, high), got (0, 1, 2)"),
        (lambda: zero_sum(bounds={x: ("a", 1)}), "bounds[x]: expected numbers or None for low and high, got 'a'"),
        (lambda: zero_sum(bounds={x: (0, float("nan"))}), "bounds[x]: expected numbers or None for low and high"),
        (lambda: zero_sum(bounds={x: (0, 1), "x": (0, 2)}), "bounds: expected each parameter once, got 'x' twice"),
        (lambda: zero_sum(bounds={"v": (0, 1)}), "bounds: expected parameters of the game, got 'v'"),
        (lambda: zero_sum(x0=[1, 2]), "x0: expected {parameter: number}, got [1, 2]"),
        (
            lambda: zero_sum(x0={"x": -1, "y": 2}, bounds={y: (0, 1)}),
            "x0[y]: expected a start within the bounds [0, 1], got 2",
        ),
        (
            lambda: zero_sum(bounds={y: (0.5, None)}).checked_start({"x": 1, "y": 0}),
            "x0[y]: expected a start within the bounds [0.5, inf], got 0",
        ),
        (lambda: zero_sum(x0=3), "x0: expected {parameter: number}, got 3"),
        (lambda: zero_sum(x_0={"x": 1, "y": 1}), "game: expected options x0, defaults, bounds, name, known_equilibria"),
        (
            lambda: gs.Game.general_sum({"q": x**2}, parameters={"q": [x]}, payoff=x),
            "game: expected options x0, defaults, bounds, name, known_equilibria, arrays, scaling; got 'payoff'",
        ),
        (lambda: zero_sum(defaults={"nu": 1}), "defaults: expected free constants of the game (mu, sigma), got 'nu'"),
        (lambda: zero_sum(defaults={"x": 1}), "defaults: expected free constants of the game (mu, sigma), got 'x'"),
        (lambda: zero_sum(defaults={"mu": "1"}), "defaults[mu]: expected a number, got '1'"),
        (lambda: zero_sum(defaults=["mu"]), "defaults: expected {constant: number}, got ['mu']"),
        (lambda: zero_sum(known_equilibria={x: 0, y: 0}), "known_equilibria: expected a list of {parameter: value}"),
        (lambda: zero_sum(known_equilibria=[{"v": 0}]), "known_equilibria: expected parameters of the game, got v"),
        (lambda: zero_sum(name=3), "name: expected a text, got 3"),
        (lambda: zero_sum().subs([1]), "subs: expected {constant: number}, got [1]"),
        (lambda: zero_sum().subs(mu=zoo), "subs[mu]: expected a finite real number, got zoo"),
    ],
)
def test_bad_input(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value).startswith(words)
    assert "\n" not in str(error.value)


def test_a_start_on_a_bound_is_inside():
    game = zero_sum(bounds={x: (0.7, 2), y: (None, -0.7)})
    assert float(np.float32(0.7)) < 0.7  # and so would the end of a run in single precision be
    for bound in (0.7, float(np.float32(0.7))):
        assert game.checked_start({"x": bound, "y": -bound}) == {"x": bound, "y": -bound}


def test_an_unknown_option_is_named():
    with pytest.raises(ValueError, match=r"got 'x_0'$"):
        zero_sum(x_0={"x": 1, "y": 1})


@pytest.mark.parametrize("value", [nan, oo, -oo, zoo, I, float("nan"), float("inf")], ids=str)
def test_a_payoff_that_is_no_real_number_is_refused(value):
    with pytest.raises(ValueError, match=r"^payoff: expected a finite real expression, got "):
        gs.Game.zero_sum(x * y + value, maximiser={"up": [x]}, minimiser={"down": [y]})
    with pytest.raises(ValueError, match=r"^losses\['p'\]: expected a finite real expression, got "):
        gs.Game.general_sum({"p": x**2 + value * x}, parameters={"p": [x]})


def other(name):
    """A symbol that prints like another one and is not equal to it."""
    return Symbol(name, real=True)


@pytest.mark.parametrize(
    "payoff, law, words",
    [
        (other("x") * y * z, gs.Normal(0, 1), "x: expected one Symbol of this name, got the parameter and another"),
        (x * y * other("z"), gs.Normal(0, 1), "z: expected one Symbol of this name, got the data symbol and another"),
        (x * y * z, gs.Normal(other("y"), 1), "y: expected one Symbol of this name, got the parameter and another"),
        (mu * x * y * z, gs.Normal(other("mu"), 1), "mu: expected one Symbol of this name, got the constant and"),
    ],
)
def test_one_name_for_two_symbols_is_refused(payoff, law, words):
    with pytest.raises(ValueError) as error:
        gs.Game.zero_sum(payoff, maximiser={"up": [x]}, minimiser={"down": [y]}, data={z: law})
    assert str(error.value).startswith(words) and "\n" not in str(error.value)


def test_symbols_with_assumptions_are_kept():
    w = other("w")
    game = gs.Game.zero_sum(w * y + mu * w, maximiser={"up": [w]}, minimiser={"down": [y]})
    assert game.parameters == (w, y) and game.free_symbols == (mu,)


@pytest.mark.parametrize("role", ["parameter", "data symbol", "constant", "constant of a law"])
def test_reserved_names_are_refused(role):
    s = Symbol("y__normal")
    w, v, c, m = (s if role == r else symbols("w v c m")[k] for k, r in enumerate(
        ("parameter", "data symbol", "constant", "constant of a law")
    ))  # fmt: skip
    with pytest.raises(ValueError, match=rf"^y__normal: expected a {role.split(' of')[0]} without '__' in its name"):
        gs.Game.zero_sum(c * w * y * v, maximiser={"up": [w]}, minimiser={"down": [y]}, data={v: gs.Normal(m, 1)})


def test_bounds_defaults_and_equilibria_by_name():
    game = gs.Game.zero_sum(
        mu * x * y,
        maximiser={"up": [x]},
        minimiser={"down": [y]},
        bounds={"x": [None, 1], y: np.array([0.5, 2])},
        defaults={mu: Rational(1, 2)},
        known_equilibria=[{"x": 0, y: 0}],
    )
    assert game.bounds == {x: (-np.inf, 1.0), y: (0.5, 2.0)}
    assert game.with_defaults().field == Matrix([-y / 2, x / 2]).as_immutable()
    assert game.equilibria() == []  # the only one lies below the bound of y
    free = gs.Game.zero_sum(x * y, maximiser={"up": [x]}, minimiser={"down": [y]}, known_equilibria=[{"x": 0, y: 0}])
    assert free.equilibria() == [{x: 0, y: 0}]


def test_a_field_that_sympy_cannot_solve_points_to_known_equilibria():
    losses = {"p": cos(y) * x - x**2 / 2, "q": x * exp(x) * y - y**2 / 2}
    game = gs.Game.general_sum(losses, parameters={"p": [x], "q": [y]})
    with pytest.raises(ValueError, match=r"^known_equilibria: expected the zeros of a field that sympy cannot solve"):
        game.equilibria()


def test_names_that_the_sde_needs_are_refused():
    (eta,) = symbols("eta,")
    game = gs.Game.zero_sum(eta * y, maximiser={"up": [eta]}, minimiser={"down": [y]})
    with pytest.raises(ValueError, match="game: expected names other than eta and B, got 'eta'"):
        gs.Training(game, gs.algorithms.get("sgda"))
