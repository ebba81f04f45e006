"""The maps of the LQ-GAN: closed forms and identities (payoff linear in the discriminator, V = phi . m(theta)).

The direction of an algorithm is minus the order-1 drift of its SDE; F, m, M, H are taken from the game itself.
"""

import pytest
from sympy import ImmutableMatrix, Matrix, Rational, eye, hessian, simplify, symbols, zeros

import gan_sde as gs
from gan_sde.symbolic.update import ETA

FIXED = gs.algorithms.Fixed
K = Rational(1, 7)


@pytest.fixture(scope="module", params=[1, 2])
def game(request):
    return gs.games.get("lq-gan", dim=request.param)


@pytest.fixture(scope="module")
def parts(game):
    """F, phi, m, M = dm/dtheta and H = sum_k phi_k Hess(m_k)."""
    phi, theta = ImmutableMatrix(game.players["discriminator"]), ImmutableMatrix(game.players["generator"])
    m = -game.field[: len(phi), :]
    big_m = m.jacobian(theta)
    h = hessian((phi.T * m)[0], list(theta))
    return game.field, phi, m, big_m, h


def direction(game, name, **options):
    update = gs.Training(game, gs.algorithms.get(name, **options)).update
    return -update.mean(list(update.terms[0]))


def same(left, right):
    return (Matrix(left) - Matrix(right)).applyfunc(simplify) == zeros(*left.shape)


def test_structure(game, parts):
    field, phi, m, big_m, h = parts
    assert same(field, Matrix.vstack(-m, big_m.T * phi))
    n = len(phi)
    top, bottom = Matrix.hstack(zeros(n, n), -big_m), Matrix.hstack(big_m.T, h)
    assert same(game.jacobian, Matrix.vstack(top, bottom))


def test_crossing_the_curl(game, parts):
    field, phi, m, big_m, _ = parts
    result = direction(game, "crossing-the-curl")
    assert same(result, Matrix.vstack(big_m * big_m.T * phi, big_m.T * m))
    assert simplify((field.T * result)[0]) == 0
    generator = result[len(phi) :, :]
    assert not generator.free_symbols & set(phi)  # the generator does not see the discriminator


def test_infinitesimal_extragradient(game, parts):
    _, phi, m, big_m, h = parts
    result = direction(game, "linear-family", alpha=0, beta=0, gamma=1)
    assert same(result, Matrix.vstack(big_m * big_m.T * phi, big_m.T * m - h * big_m.T * phi))


def test_consensus(game, parts):
    field, phi, m, big_m, h = parts
    extra = Matrix.vstack(big_m * big_m.T * phi, big_m.T * m + h * big_m.T * phi)
    assert same(direction(game, "consensus", weight=K), field + K * extra)
    assert same(direction(game, "hamiltonian"), extra)
    assert same(direction(game, "linear-family", alpha=1, beta=K, gamma=0), field + K * extra)


def test_gradient_regularised(game, parts):
    field, phi, m, big_m, _ = parts
    expected = field + Matrix.vstack(zeros(len(phi), 1), 2 * K * big_m.T * m)
    assert same(direction(game, "gradient-regularised", weight=K), expected)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_unrolling_is_regularisation(game, steps):
    unrolled = direction(game, "unrolled", inner_steps=steps, rate=FIXED(K))
    assert same(unrolled, direction(game, "gradient-regularised", weight=steps * K))


def test_alternating_is_regularisation(game, parts):
    """One alternating round at rate alpha is, in full, a simultaneous step along F_reg with weight alpha / 2."""
    field, phi, m, big_m, _ = parts
    training = gs.Training(game, gs.algorithms.get("sgda", order="alternating"))
    update, batches = training.map
    still = {s: 0 for batch in batches for s in batch.means}
    move = (update.xreplace(still) - ImmutableMatrix(game.parameters)) / ETA
    expected = field + Matrix.vstack(zeros(len(phi), 1), ETA * big_m.T * m)
    assert same(move, -expected)


def test_the_family_holds_its_members(game):
    half = Rational(1, 2)
    family = direction(game, "linear-family", alpha=0, beta=half, gamma=half)
    assert same(family, direction(game, "crossing-the-curl"))
    assert same(direction(game, "linear-family", alpha=1, beta=0, gamma=0), game.field)
    adjusted = direction(game, "symplectic-adjustment", weight=K)
    assert same(adjusted, game.field + K * direction(game, "crossing-the-curl"))


def test_lola_and_competitive_on_a_bilinear_game():
    """V = lam omega theta: LOLA adds alpha (lam^2 x); CGD solves (I + eta J) d = -eta F exactly."""
    game = gs.games.get("bilinear", noise=False)
    lam = symbols("lam")
    x = ImmutableMatrix(game.parameters)
    lola, _ = gs.Training(game, gs.algorithms.get("lola", rate=FIXED(K))).map
    assert same(lola, x - ETA * (game.field + K * lam**2 * x))
    competitive, _ = gs.Training(game, gs.algorithms.get("competitive", iterations=3)).map
    exact = x - ETA * (eye(2) + ETA * game.jacobian).inv() * game.field
    difference = (competitive - exact).applyfunc(lambda e: e.series(ETA, 0, 5).removeO())
    assert same(difference, zeros(2, 1))
    assert not same((competitive - exact).applyfunc(lambda e: e.series(ETA, 0, 6).removeO()), zeros(2, 1))


@pytest.mark.parametrize("name", ["gradient-regularised", "unrolled", "lola"])
def test_general_sum_games_are_refused_by_name(name):
    x, y = symbols("x y")
    game = gs.Game.general_sum({"p": x * y, "q": x - y**2}, parameters={"p": [x], "q": [y]})
    with pytest.raises(ValueError, match=f"game: expected a zero-sum game of two players for {name}"):
        gs.Training(game, gs.algorithms.get(name)).sde()
