"""Real zeros of fields: none lost and none made up, against many searches by `scipy.optimize.root`."""

import warnings

import numpy as np
import pytest
from scipy.optimize import brentq, root
from sympy import Float, I, Rational, cos, exp, lambdify, sin, sqrt, symbols

import gan_sde as gs
from gan_sde.symbolic.field import UndecidedWarning
from gan_sde.symbolic.linearised import nearest_equilibrium
from gan_sde.symbolic.real_zeros import MOST_ZEROS, real_zeros

x, y, z, c = symbols("x y z c")


def zero_sum(payoff, **options):
    return gs.Game.zero_sum(payoff, maximiser={"up": [x]}, minimiser={"down": [y]}, **options)


def searched(field, parameters, seed=0, starts=200):
    """Zeros that searches from normal starts of scale 3 lead to."""
    function = lambdify([list(parameters)], list(field), "numpy")
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for start in 3 * np.random.default_rng(seed).normal(size=(starts, len(parameters))):
            end = root(lambda v: np.array(function(v), dtype=float), start, tol=1e-12)
            if (
                end.success
                and np.abs(end.fun).max() < 1e-8
                and not any(np.allclose(end.x, f, atol=1e-5) for f in found)
            ):
                found.append(end.x)
    return found


def as_numbers(points, parameters):
    return np.array([[float(p[s]) for s in parameters] for p in points]).reshape(-1, len(parameters))


def test_an_equilibrium_without_radicals_is_found():
    game = zero_sum(x * y - x**4 / 8 + y**4 / 8 - 2 * x / 5)
    found = as_numbers(game.equilibria(), game.parameters)
    np.testing.assert_allclose(found, searched(game.field, game.parameters), atol=1e-9)
    np.testing.assert_allclose(nearest_equilibrium(game), found[0], atol=1e-15)


def quartic(seed):
    exponents = [(i, j) for i in range(5) for j in range(5) if 0 < i + j <= 4]
    weights = np.random.default_rng(seed).integers(-20, 21, len(exponents))
    return zero_sum(sum(Rational(int(w), 10) * x**i * y**j for w, (i, j) in zip(weights, exponents, strict=True)))


@pytest.mark.parametrize("seed", range(12))
def test_random_quartic_games(seed):
    """Every zero that 200 searches find is listed, and every listed one is a zero."""
    game = quartic(seed)
    found = as_numbers(game.equilibria(), game.parameters)
    field = lambdify([list(game.parameters)], list(game.field), "numpy")
    jacobian = lambdify([list(game.parameters)], game.jacobian.tolist(), "numpy")
    for point in found:
        off = np.linalg.solve(np.array(jacobian(point), dtype=float), np.array(field(point), dtype=float))
        assert np.abs(off).max() < 1e-12 * (1 + np.abs(point).max())
    for point in searched(game.field, game.parameters, seed):
        assert np.isclose(found, point, atol=1e-5).all(axis=1).sum() == 1


def test_the_random_games_differ():
    """Else the loop above would compare nothing."""
    counts = [len(quartic(seed).equilibria()) for seed in range(12)]
    assert sum(counts) > 12 and len(set(counts)) > 2


@pytest.mark.parametrize(
    ("field", "points"),
    [
        ([x**2 - 2, x * y - 2], [(-sqrt(2), -sqrt(2)), (sqrt(2), sqrt(2))]),
        ([x**2 - 2, y**3 - 3], [(-sqrt(2), 3 ** Rational(1, 3)), (sqrt(2), 3 ** Rational(1, 3))]),
        ([x**2 + 1, y], []),
        ([x * y - 1, x], []),
        ([x, 1 + 0 * y], []),
        ([x**2, y**2], [(0, 0)]),  # a multiple zero that is not curvilinear: needs the radical
        ([(x - 1) ** 2 + y**2, y * (x - 1)], [(1, 0)]),
        ([x**3 - x / 4, y - x], [(Rational(k, 2),) * 2 for k in (-1, 0, 1)]),
    ],
)
def test_exact_zeros(field, points):
    assert real_zeros(field, (x, y)) == [dict(zip((x, y), p, strict=True)) for p in points]


def test_real_zeros_whose_radicals_are_complex_are_numbers():
    """Three real zeros of a cubic: 2 cos(2 pi k / 9)."""
    found = real_zeros([x**3 - 3 * x + 1, y - x], (x, y))
    expected = sorted(2 * np.cos(2 * np.pi * k / 9) for k in (1, 2, 4))
    np.testing.assert_allclose(as_numbers(found, [x])[:, 0], expected, rtol=1e-14)
    assert all(isinstance(p[x], Float) and not p[x].has(I) for p in found)


@pytest.mark.parametrize(
    "field",
    [
        [x * y, x * (y - 1)],  # a line of zeros
        [sin(x), y],
        [x - sqrt(2), y],
        [x**5 - x - c, y],
        [x**9 - x, y**9 - y],
        [x ** (MOST_ZEROS + 1) - x, y],
    ],
)
def test_undecided(field):
    assert real_zeros(field, (x, y)) is None


def test_a_zero_on_a_bound_is_inside():
    """y = 0 exactly, although x is no radical and y is computed from it."""
    game = gs.Game.general_sum(
        {"p": x**6 / 6 - x**2 / 2 - x, "q": y**2 * x / 2}, parameters={"p": [x], "q": [y]}, bounds={"y": (0, None)}
    )
    (point,) = game.equilibria()
    assert point[y] == 0 and float(point[x]) == pytest.approx(1.1673039782614187, rel=1e-14)


def test_nothing_found_is_not_nothing():
    game = zero_sum(x**6 / 30 - c * x**2 / 2 - x + x * y**5 - y**2 * c)
    with pytest.warns(UndecidedWarning, match=r"^equilibria: expected zeros of the field [^\n]*$"):
        assert game.equilibria() == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert zero_sum(x * (y**2 + 1)).equilibria() == []


# -------------------------------------------------------------------- a search where nothing can be solved


CURVED = {"p": cos(y) * x - x**2 / 2, "q": x * exp(x) * y - y**2 / 2}


def general_sum(losses, start, **options):
    return gs.Game.general_sum(
        losses, parameters={"p": [x], "q": [y]}, x0=dict(zip("xy", start, strict=True)), **options
    )


def test_search_from_the_start():
    game = general_sum(CURVED, (0.5, 0.5))
    found = nearest_equilibrium(game)
    assert found[0] == pytest.approx(brentq(lambda v: np.cos(v * np.exp(v)) - v, 0, 1, xtol=1e-14), abs=1e-12)
    assert found[1] == pytest.approx(found[0] * np.exp(found[0]), abs=1e-12)


@pytest.mark.parametrize(
    ("losses", "start"),
    [
        ({"p": x * exp(-y) - sin(x), "q": exp(-y) * (1 + x**2)}, (0.3, 2.0)),  # only a flat tail
        (dict.fromkeys("pq", sin(x + y) - (x + y) ** 2 / 2), (0.3, 0.3)),  # a line of zeros
    ],
)
def test_search_refuses_what_is_no_isolated_zero(losses, start):
    with pytest.raises(ValueError, match=r"^point: expected an isolated equilibrium of the game, got none"):
        nearest_equilibrium(general_sum(losses, start))


def test_search_respects_bounds():
    with pytest.raises(ValueError, match=r"^point: expected an isolated equilibrium"):
        nearest_equilibrium(general_sum(CURVED, (0.5, 2.5), bounds={"y": (2, None)}))


def test_bounds_where_sympy_cannot_compare():
    """The real root of x^3 + x = c at c = sqrt(2), by radicals that sympy takes for complex."""
    losses = {"p": x**4 / 4 + x**2 / 2 - sqrt(2) * x, "q": y**2 / 2}
    root = brentq(lambda v: v**3 + v - np.sqrt(2), 0, 2, xtol=1e-14)
    inside, outside = (general_sum(losses, (1, 1), bounds={"x": b}).equilibria() for b in ((0, None), (1, None)))
    assert [complex(p[x]).real for p in inside] == [pytest.approx(root, abs=1e-12)] and outside == []
