"""Every registered game through the same checks, and the small ones by hand."""

import numpy as np
import pytest
from sympy import Matrix, Rational, Symbol, expand, lambdify, log, simplify, symbols, zeros
from sympy import exp as e

import gan_sde as gs


@pytest.mark.parametrize("name", gs.games.names())
def test_protocol(name):
    game = gs.games.get(name)
    d = game.dim
    assert game.field.shape == (d, 1) and game.jacobian.shape == (d, d)
    assert game.noise_modes.rows == d and game.noise_covariance.shape == (d, d)
    assert simplify(game.noise_modes * game.noise_modes.T - game.noise_covariance) == zeros(d, d)
    assert len(game.x0) == d
    assert {s.name for s in game.free_symbols} == set(game.defaults)
    bound = game.with_defaults()
    assert not bound.free_symbols
    assert "F &=" in game.latex()
    for point in bound.equilibria():
        rest = np.array(bound.field.subs(point).evalf(), dtype=complex)
        assert np.abs(rest).max() < 1e-12


@pytest.mark.parametrize("name", gs.games.names())
def test_field_is_the_gradient_of_expected_losses(name):
    """Central finite differences of each player's loss, averaged over explicit draws of the data."""
    game = gs.games.get(name).with_defaults()
    rng = np.random.default_rng(1)
    x = np.array(game.x0) + 0.1 * rng.normal(size=game.dim)
    # fields here are at most quadratic in the data: three Gauss-Hermite nodes a normal are exact
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    grids = np.meshgrid(*[nodes] * len(game.data_symbols), indexing="ij")
    mass = np.ones(1)
    for _ in game.data_symbols:
        mass = np.multiply.outer(mass, weights / weights.sum()).reshape(-1)
    draws = [
        float(law.mean) + float(law.standard_deviation) * g.reshape(-1)
        for law, g in zip(game.data.values(), grids, strict=True)
    ]
    expected = np.array(lambdify(game.parameters, list(game.field))(*x), dtype=float)
    step, k = 1e-5, 0
    for player, block in game.players.items():
        loss = lambdify((*game.parameters, *game.data_symbols), game.losses[player])
        for _ in block:
            up, down = x.copy(), x.copy()
            up[k] += step
            down[k] -= step
            slope = np.sum(mass * (loss(*up, *draws) - loss(*down, *draws))) / (2 * step)
            assert slope == pytest.approx(expected[k], abs=1e-7)
            k += 1


def test_dirac_gan_by_hand():
    psi, theta = symbols("psi theta")
    game = gs.games.get("dirac-gan")
    sigmoid = 1 / (1 + e(psi * theta))
    assert simplify(game.field - Matrix([-theta * sigmoid, psi * sigmoid])) == zeros(2, 1)
    assert game.noise_modes.shape == (2, 0)
    assert simplify(game.payoff + log(1 + e(-psi * theta)) + log(2)) == 0


def test_linear_wgan_by_hand():
    omega, theta, c, mu, sigma, sigma_z = symbols("omega theta c mu sigma sigma_z")
    game = gs.games.get("linear-wgan")
    assert list(game.players) == ["discriminator", "generator"]
    assert expand(game.field - Matrix([c * omega + theta - mu, -omega])) == zeros(2, 1)
    assert expand(game.noise_covariance - Matrix([[sigma**2 + sigma_z**2, 0], [0, 0]])) == zeros(2, 2)


def test_quadratic_covariance_is_the_one_given():
    game = gs.games.get("quadratic", covariance=[[2.0, 0.7], [0.7, 1.0]])
    np.testing.assert_allclose(np.array(game.noise_covariance, dtype=float), [[2.0, 0.7], [0.7, 1.0]], rtol=1e-12)


def test_quadratic_refuses_a_covariance_that_is_not_psd():
    with pytest.raises(ValueError, match=r"^covariance: expected a positive semidefinite matrix, got eigenvalue -1"):
        gs.games.get("quadratic", covariance=[[1, 2], [2, 1]])


@pytest.mark.parametrize(
    "name, options, words",
    [
        ("bilinear", {"dim": 0}, "dim: expected an integer >= 1, got 0"),
        ("bilinear", {"dim": 10**9}, "dim: expected an integer >= 1 and <= 1000, got 1000000000"),
        ("bilinear", {"dim": 2.0}, "dim: expected an integer >= 1, got 2.0"),
        ("bilinear", {"noise": "no"}, "noise: expected True or False, got 'no'"),
        ("dirac-gan", {"penalty": 0.5}, "penalty: expected True or False, got 0.5"),
        ("dirac-gan", {"noise": "no"}, "noise: expected True or False, got 'no'"),
        ("quadratic", {"samples": "a"}, "samples: expected rows of finite numbers (a, lam, c, p, q), got 'a'"),
        (
            "quadratic",
            {"samples": [[1, 2, 3]]},
            "samples: expected rows (a, lam, c, p, q), got an array of shape (1, 3)",
        ),
        ("quadratic", {"samples": np.zeros((0, 5))}, "samples: expected rows (a, lam, c, p, q), got an array of shape"),
        ("quadratic", {"samples": [[1, 2, 3, 4, np.inf]]}, "samples: expected rows of finite numbers"),
        ("quadratic", {"covariance": "a"}, "covariance: expected a symmetric 2 x 2 matrix of finite numbers, got 'a'"),
        ("quadratic", {"covariance": [[1, np.nan], [np.nan, 1]]}, "covariance: expected a symmetric 2 x 2 matrix of"),
        ("quadratic", {"covariance": [[1, 0.5], [0, 1]]}, "covariance: expected a symmetric 2 x 2 matrix, got [[1.0,"),
    ],
)
def test_bad_options(name, options, words):
    with pytest.raises(ValueError) as error:
        gs.games.get(name, **options)
    assert str(error.value).startswith(words)
    assert "\n" not in str(error.value)


def test_options_of_numpy_and_exact_numbers_are_accepted():
    assert gs.games.get("bilinear", dim=np.int64(3), noise=np.False_).dim == 6
    exact = gs.games.get("quadratic", covariance=[[Rational(2), Rational(1, 2)], [Rational(1, 2), Rational(1)]])
    np.testing.assert_allclose(np.array(exact.noise_covariance, dtype=float), [[2.0, 0.5], [0.5, 1.0]], rtol=1e-12)


def test_quadratic_samples_by_hand():
    samples = np.array([(1.2, 0.9, 0.7, 0.2, -0.3), (0.7, 1.7, 1.2, -0.4, 0.2), (1.6, 0.5, 0.5, 0.1, 0.25)])
    game = gs.games.get("quadratic", samples=samples)
    a, lam, c, p, q = samples.T
    x = np.array([0.3, -0.8])  # omega, theta
    fields = np.stack([c * x[0] - lam * x[1] - q, a * x[1] + lam * x[0] + p], axis=1)
    at = dict(zip(game.parameters, x, strict=True))
    np.testing.assert_allclose(np.array(game.field.subs(at), dtype=float)[:, 0], fields.mean(axis=0), atol=1e-14)
    np.testing.assert_allclose(
        np.array(game.noise_covariance.subs(at), dtype=float), np.cov(fields.T, bias=True), atol=1e-14
    )


def test_unknown_name_suggests_a_near_one():
    with pytest.raises(ValueError, match=r"game: expected one of .*; got 'lqgan' \(did you mean 'lq-gan'\?\)"):
        gs.games.get("lqgan")


def test_register_a_game_of_ones_own():
    x, y = symbols("x y")
    gs.games.register(
        "own-test-game",
        lambda: gs.Game.zero_sum(x * y, maximiser={"p": [x]}, minimiser={"q": [y]}, x0={"x": 1, "y": 1}),
    )
    try:
        assert gs.games.get("own-test-game").field == Matrix([-Symbol("y"), Symbol("x")]).as_immutable()
        with pytest.raises(ValueError, match="not taken"):
            gs.games.register("own-test-game", lambda: None)
    finally:
        from gan_sde.games.registry import REGISTRY

        REGISTRY._factories.pop("own-test-game")
