"""The LQ-GAN against expressions derived by hand, and its array form against its symbols."""

from dataclasses import replace

import numpy as np
import pytest
from sympy import ImmutableMatrix, Matrix, expand, lambdify, simplify, sqrt, symbols, zeros

import gan_sde as gs
from gan_sde.games.lq_gan_arrays import LQGANArrays
from gan_sde.kernels.array import ArrayStepper
from gan_sde.kernels.reference import reference_stepper
from gan_sde.symbolic.algorithm import slots_of

w2, w1, a, b, mu, sigma = symbols("w2 w1 a b mu sigma")


@pytest.fixture(scope="module")
def game():
    return gs.games.get("lq-gan", dim=1)


def test_field_by_hand(game):
    # V = w2 (sigma^2 + mu^2 - a^2 - b^2) + w1 (mu - b); the discriminator minimises -V
    assert game.parameters == (w2, w1, a, b)
    expected = Matrix([a**2 + b**2 - sigma**2 - mu**2, b - mu, -2 * w2 * a, -2 * w2 * b - w1])
    assert expand(game.field - expected) == zeros(4, 1)


def test_jacobian_by_hand(game):
    expected = Matrix([[0, 0, 2 * a, 2 * b], [0, 0, 0, 1], [-2 * a, 0, -2 * w2, 0], [-2 * b, -1, 0, -2 * w2]])
    assert expand(game.jacobian - expected) == zeros(4, 4)
    assert game.symmetric + game.antisymmetric == game.jacobian
    assert game.antisymmetric.T == -game.antisymmetric


def test_noise_covariance_by_hand(game):
    # per sample: F_w2 = x^2 - y^2, F_w1 = x - y, F_a = -(2 w2 x + w1) z, F_b = -(2 w2 x + w1) with x = a z + b
    var_x2, var_y2 = 2 * a**4 + 4 * a**2 * b**2, 2 * sigma**4 + 4 * mu**2 * sigma**2
    slope = 2 * w2 * b + w1  # F_a = -(2 w2 a z^2 + slope z), F_b = -(2 w2 a z + slope)
    expected = zeros(4, 4)
    expected[0, 0] = var_x2 + var_y2
    expected[0, 1] = 2 * a**2 * b + 2 * mu * sigma**2
    expected[1, 1] = a**2 + sigma**2
    expected[0, 2] = -(2 * a**2 * 2 * w2 * a + 2 * a * b * slope)
    expected[0, 3] = -(2 * a * b * 2 * w2 * a)
    expected[1, 2] = -a * slope
    expected[1, 3] = -2 * w2 * a**2
    expected[2, 2] = 8 * w2**2 * a**2 + slope**2
    expected[2, 3] = 2 * w2 * a * slope
    expected[3, 3] = 4 * w2**2 * a**2
    for i in range(4):
        for j in range(i):
            expected[i, j] = expected[j, i]
    assert expand(game.noise_covariance - expected) == zeros(4, 4)


def test_noise_modes_are_hermite(game):
    by_hand = ImmutableMatrix(
        [
            [-2 * mu * sigma, -sqrt(2) * sigma**2, 2 * a * b, sqrt(2) * a**2],
            [-sigma, 0, a, 0],
            [0, 0, -(2 * w2 * b + w1), -2 * sqrt(2) * w2 * a],
            [0, 0, -2 * w2 * a, 0],
        ]
    )
    assert expand(game.noise_modes - by_hand) == zeros(4, 4)


@pytest.mark.parametrize("dim", [1, 2])
def test_modes_factor_the_covariance_identically(dim):
    game = gs.games.get("lq-gan", dim=dim)
    difference = (game.noise_modes * game.noise_modes.T - game.noise_covariance).applyfunc(simplify)
    assert difference == zeros(game.dim, game.dim)


def test_names_of_two_dimensions():
    game = gs.games.get("lq-gan", dim=2)
    assert [s.name for s in game.parameters] == (
        ["W_11", "W_12", "W_22", "w_1", "w_2", "A_11", "A_21", "A_22", "b_1", "b_2"]
    )
    assert [s.name for s in game.free_symbols] == ["L_11", "L_21", "L_22", "mu_1", "mu_2"]


def test_packed_field_doubles_off_diagonals():
    # F_W[i, j] = 2 (A A^T + b b^T - Sigma - mu mu^T)_ij for i < j
    game = gs.games.get("lq-gan", dim=2)
    A_11, A_21, b_1, b_2, L_11, L_21, mu_1, mu_2 = symbols("A_11 A_21 b_1 b_2 L_11 L_21 mu_1 mu_2")
    expected = 2 * (A_11 * A_21 + b_1 * b_2 - L_11 * L_21 - mu_1 * mu_2)
    assert expand(game.field[1] - expected) == 0


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_equilibrium_is_the_data(dim):
    game = gs.games.get("lq-gan", dim=dim)
    (point,) = game.equilibria()  # verified against the field inside
    generated = [point[s] for s in game.players["generator"]]
    assert all(point[s] == 0 for s in game.players["discriminator"])
    assert set(generated) == set(game.free_symbols)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("empirical", [False, True])
def test_array_form_equals_symbols(dim, empirical):
    rng = np.random.default_rng(3)
    data = rng.normal(size=(7, dim)) if empirical else None
    game = gs.games.get("lq-gan", dim=dim, data=data)
    values = {s.name: abs(rng.normal()) for s in game.free_symbols}
    if dim == 1:
        arrays = LQGANArrays(1, data, np.array([values.get("mu", 0)]), np.array([[values.get("sigma", 1)]]))
    else:
        arrays = LQGANArrays(dim, data).bind(values)
    game = game.subs(values)
    x, v = rng.normal(size=(2, 5, game.dim))
    batch = arrays.expected_batch(5)
    field, jacobian = lambdify(game.parameters, game.field), lambdify(game.parameters, game.jacobian)
    for i in range(5):
        np.testing.assert_allclose(arrays.F(x, batch)[i], field(*x[i])[:, 0], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(arrays.jvp(x, v, batch)[i], jacobian(*x[i]) @ v[i], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(arrays.vjp(x, v, batch)[i], jacobian(*x[i]).T @ v[i], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("empirical", [False, True])
def test_array_form_runs_the_same_batches_as_the_symbols(empirical):
    """Array stepper and reference kernel at N = 2: same samples, same numbers, for every algorithm."""
    data = np.random.default_rng(4).normal(size=(7, 2)) if empirical else None
    game = gs.games.get("lq-gan", dim=2, data=data).with_defaults()
    arrays_game = replace(game, arrays=LQGANArrays(2, data))
    rng = np.random.default_rng(0)
    start = np.ascontiguousarray((np.array(game.x0) + 0.3 * rng.normal(size=(6, game.dim))).T)
    for name in gs.algorithms.names():
        algorithm = gs.algorithms.get(name)
        rates = np.full(3, 0.02)
        memory = algorithm.start(start) if slots_of(algorithm) else ()
        by_symbols = np.concatenate([start, *memory])
        by_arrays = by_symbols.copy()
        flags = np.full(6, -1), np.full(6, -1)
        reference_stepper(gs.Training(game, algorithm).recipe(), batch_size=5, seed=9, statistics="never").advance(
            by_symbols, flags[0], trajectory=2, step=4, rates=rates
        )
        ArrayStepper(gs.Training(arrays_game, algorithm), 5, 9, 0).advance(
            by_arrays, flags[1], trajectory=2, step=4, rates=rates
        )
        np.testing.assert_allclose(by_arrays, by_symbols, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"dim": 0}, "dim: expected an integer >= 1, got 0"),
        ({"dim": 65}, "dim: expected an integer >= 1 and <= 64, got 65"),
        ({"dim": "2"}, "dim: expected an integer >= 1, got '2'"),
        ({"data": np.zeros((3, 65))}, "data: expected at most 64 columns, got 65"),
        ({"data": "a"}, "data: expected an array (rows, dim) of finite numbers, got 'a'"),
        (
            {"data": [[1.0], [2.0, 3.0]]},
            "data: expected an array (rows, dim) of finite numbers, got [[1.0], [2.0, 3.0]]",
        ),
        ({"data": [1.0, np.nan]}, "data: expected an array (rows, dim) of finite numbers, got nan at (1,)"),
        ({"data": [1 + 2j]}, "data: expected an array (rows, dim) of finite numbers, got [(1+2j)]"),
        ({"data": [["1"]]}, "data: expected an array (rows, dim) of finite numbers, got [['1']]"),
        ({"data": []}, "data: expected shape (rows, dim), got (0, 1)"),
        ({"minimum_scale": "a"}, "minimum_scale: expected a positive number, got 'a'"),
        ({"minimum_scale": 0}, "minimum_scale: expected a positive number, got 0"),
        ({"dim": 2, "data": [[1.0], [2.0]]}, "data: expected shape (rows, 2), got (2, 1)"),
        ({"size": 3}, "game lq-gan: expected options"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(ValueError) as error:
        gs.games.get("lq-gan", **options)
    assert str(error.value).startswith(words)
