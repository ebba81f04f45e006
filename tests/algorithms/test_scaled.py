"""Scaled directions: the paper's maps on the LQ-GAN, any scaling of one's own, and what has none."""

import math

import numpy as np
import pytest
import torch
from sympy import ImmutableMatrix, Matrix, Rational, diag, simplify, symbols, zeros

import gan_sde as gs
from gan_sde.neural.oracle import TensorOracle
from gan_sde.symbolic.game_file import load_game
from gan_sde.symbolic.update import ETA

w2, w1, a, b, mu, sigma = symbols("w2 w1 a b mu sigma")
CROSSING = ("crossing-the-curl", {})
EXTRAGRADIENT = ("linear-family", {"alpha": 0, "beta": 0, "gamma": 1})


def drift(game, name, **options):
    return gs.Training(game, gs.algorithms.get(name, **options)).sde().drift


def same(left, right):
    return (Matrix(left) - Matrix(right)).applyfunc(simplify) == zeros(*left.shape)


@pytest.mark.parametrize(
    "algorithm, variance",
    [(CROSSING, [2 * w2, a - sigma**2 / a]), (EXTRAGRADIENT, [2 * w2, (a**2 - sigma**2 - 2 * w2**2) / a])],
)
def test_paper_s_scaled_maps_on_the_variance_stage(algorithm, variance):
    """Gemp & Mahadevan, arXiv 1808.01531: F_cc / (2 a^2) = [2 w2, a - s/a], F_eg / (2 a^2) beside it."""
    name, options = algorithm
    result = drift(gs.games.get("lq-gan"), name, scaled=True, **options).subs({w1: 0, b: mu, mu: 0})
    assert same(ImmutableMatrix([result[0], result[2]]), -ImmutableMatrix(variance))


def test_only_the_stage_of_w2_and_a_is_divided():
    game = gs.games.get("lq-gan")
    plain, scaled = (drift(game, "crossing-the-curl", scaled=s) for s in (False, True))
    assert same(scaled, diag(1 / (2 * a**2), 1, 1 / (2 * a**2), 1) * plain)


@pytest.fixture(scope="module")
def game():
    """A game with a scaling that is no diagonal matrix."""
    omega, theta, y = symbols("omega theta y")
    played = gs.Game.zero_sum(
        omega * (y - theta) - omega**2 / 4,
        maximiser={"critic": [omega]},
        minimiser={"generator": [theta]},
        data={y: gs.Normal(0, 1)},
    )
    return played.with_scaling(Matrix([[1 + omega**2, theta], [0, 2 + theta**2]]))


def test_second_order_sde_by_hand(game):
    """Order-2 drift without noise: the flow of the modified equation, -G - lr/2 DG G for G = P F_cc."""
    omega, theta = game.parameters
    training = gs.Training(game, gs.algorithms.get("crossing-the-curl", scaled=True))
    half = Rational(1, 2)
    move = ImmutableMatrix(game.scaling * (game.jacobian.T - game.jacobian) * game.field * half)
    sde = training.sde(order=2)
    expected = -move - sde.lr * half * move.jacobian((omega, theta)) * move
    assert same(sde.drift, expected)  # J is not random here, so that noise adds nothing to the drift


def test_tensors_follow_the_symbols(game):
    """One step on tensors without noise against the update map."""
    still = gs.Game.zero_sum(
        game.payoff.subs({game.data_symbols[0]: 0}),
        maximiser={"critic": [game.parameters[0]]},
        minimiser={"generator": [game.parameters[1]]},
        scaling=game.scaling,
    )
    algorithm = gs.algorithms.get("linear-family", alpha=1, beta=2, gamma=3, scaled=True)
    x = torch.tensor([[0.3, -0.7], [1.1, 0.2]], dtype=torch.float64)
    oracle = TensorOracle(still, batch_size=1, width=2, generator=torch.Generator())
    update, _ = gs.Training(still, algorithm).map
    values = [update.subs({ETA: 0.1, **dict(zip(still.parameters, row, strict=True))}) for row in x.tolist()]
    expected = np.array([[float(e) for e in value] for value in values])
    np.testing.assert_allclose(algorithm.step(oracle, x, 0.1), expected, rtol=1e-12)


def test_kernel_follows_the_closed_map():
    """The fused kernel without noise: a_{k+1} = a - lr (a - 1/a), w2_{k+1} = (1 - 2 lr) w2 on N(0, 1)."""
    training = gs.Training(gs.games.get("lq-gan").with_defaults(), gs.algorithms.get("crossing-the-curl", scaled=True))
    start = {"w2": 3.0, "w1": 0.0, "a": 0.2, "b": 0.0}
    run = gs.simulate(training, x0=start, lr=0.1, batch_size=math.inf, steps=20, trajectories=1)
    scale, weight = 0.2, 3.0
    for _ in range(20):
        scale, weight = scale - 0.1 * (scale - 1 / scale), 0.8 * weight
    np.testing.assert_allclose(run["final"].values[0], [weight, 0, scale, 0], rtol=1e-12, atol=1e-300)


def test_constants_of_a_scaling_are_constants_of_the_game():
    omega, theta, c = symbols("omega theta c")
    game = gs.Game.zero_sum(omega * theta, maximiser={"p": [omega]}, minimiser={"q": [theta]}, scaling={"omega": 1 / c})
    assert game.free_symbols == (c,)
    assert game.subs(c=2).scaling == diag(Rational(1, 2), 1)


def test_scaling_in_a_file(tmp_path):
    path = tmp_path / "game.toml"
    path.write_text(
        'payoff = "w * (y - t)"\n[maximiser]\nd = ["w"]\n[minimiser]\ng = ["t"]\n[data]\ny = {normal = [0, 1]}\n'
        '[scaling]\nt = "1 / (1 + t**2)"\n'
    )
    t = symbols("t")
    assert load_game(path).scaling == diag(1, 1 / (1 + t**2))
    path.write_text(path.read_text().replace("1 / (1 + t**2)", "y + 1"))
    with pytest.raises(ValueError, match="scaling: expected functions of parameters and constants, got the data sym"):
        load_game(path)


@pytest.mark.parametrize(
    "scaling, words",
    [
        ({"nobody": 1}, r"scaling: expected parameters of the game \(omega, theta\), got 'nobody'"),
        ({"omega": symbols("y")}, "scaling: expected functions of parameters and constants, got the data symbol y"),
        ({"omega": "1/omega"}, r"scaling\[omega\]: expected a sympy expression"),
        (Matrix([[1, 2]]), r"scaling: expected a matrix 2 x 2, got \(1, 2\)"),
        (3, r"scaling: expected \{parameter: expression\}, got 3"),
    ],
)
def test_bad_scalings(game, scaling, words):
    with pytest.raises(ValueError, match=words):
        game.with_scaling(scaling)


@pytest.mark.parametrize("dim", [2, 4])
def test_games_without_a_scaling_say_so(dim):
    """Symbols (N = 2) and arrays (N = 4) alike."""
    training = gs.Training(gs.games.get("lq-gan", dim=dim).with_defaults(), gs.algorithms.get(CROSSING[0], scaled=True))
    with pytest.raises(ValueError, match="scaled: expected a game with a scaling"):
        gs.simulate(training, lr=0.1, steps=1, trajectories=2, batch_size=4)
    with pytest.raises(ValueError, match="scaled: expected True or False, got 'yes'"):
        gs.algorithms.get("crossing-the-curl", scaled="yes")


def test_defaults_of_constants_that_only_the_scaling_has(tmp_path):
    x, y, k = symbols("x y k")
    game = gs.Game.zero_sum(
        x * y, maximiser={"p": [x]}, minimiser={"q": [y]}, scaling={"x": 1 / (1 + k * y**2)}, defaults={"k": 2}
    )
    assert game.with_defaults().scaling == diag(1 / (1 + 2 * y**2), 1)
    path = tmp_path / "game.toml"
    path.write_text(
        'payoff = "x * y"\nsymbols = ["k"]\n[maximiser]\np = ["x"]\n[minimiser]\nq = ["y"]\n'
        '[scaling]\nx = "1 / (1 + k * y**2)"\n[defaults]\nk = 2\n'
    )
    assert same(load_game(path).with_defaults().scaling, game.with_defaults().scaling)
