"""Balances against exact stationary moments, hand-written identities, and wrong rates that must fail."""

import numpy as np
import pytest
from sympy import Rational, expand, lambdify, symbols

import gan_sde as gs
from figures.papers.coupled_sdes.finite_sum import SAMPLES
from gan_sde.symbolic.balance import balance, player_balances, slow_coordinates, yaida_balances
from gan_sde.symbolic.update import BATCH_SIZE, ETA
from tests.oracles import alternating, discrete_stationary, finite_sum_game, simultaneous

LR, BATCH = 0.02, 2
CENTRE = {"omega": 0.3, "theta": -0.2}
ALGORITHMS = [
    ("sgda", {}),
    ("sgda", {"order": "alternating"}),
    ("momentum", {"mu": 0.5}),
    ("momentum", {"damping": 2.0}),
    ("optimistic", {}),
    ("averaging", {}),
]


def training(name="sgda", rates=None, **options):
    """Two players with multiplicative and additive noise, correlated between them."""
    return gs.Training(gs.games.get("quadratic", samples=SAMPLES), gs.algorithms.get(name, **options), rates or {})


def stationary(process, lr=LR, batch_size=BATCH):
    dynamics = gs.MomentDynamics.of_training(process)
    moments = dynamics.stationary(lr=lr, batch_size=batch_size)
    return lambda function: dynamics.expectation(moments, function)


def sides(found):
    names = [name.removeprefix("dissipation_") for name in found if name.startswith("dissipation_")]
    return {name: (found[f"dissipation_{name}"], found[f"fluctuation_{name}"]) for name in names}


@pytest.mark.parametrize(("name", "options"), ALGORITHMS)
def test_balances_hold_in_exact_moments(name, options):
    """Parameters and memory, unequal rates, a centre of no meaning; fluctuation at 1.1 times the rate fails."""
    process = training(name, {"generator": 0.7}, **options)
    mean, memory = stationary(process), hasattr(process.algorithm, "slots")
    found = sides(player_balances(process, centre=CENTRE, memory=memory, batch_size=BATCH))
    assert len(found) == (6 if memory else 2)
    for key, both in found.items():
        left, right = (side.subs(ETA, LR) for side in both)
        assert mean(left) == pytest.approx(mean(right), rel=1e-10, abs=1e-15), key
        if key in process.game.players:
            assert abs(mean(left) / mean(both[1].subs(ETA, 1.1 * LR)) - 1) > 0.02, key


def test_another_algorithm_or_batch_size_does_not_balance():
    """The generator, second to move: the first mover's relation is that of simultaneous descent."""
    mean = stationary(training(order="alternating"))
    for process, size in ((training(), BATCH), (training(order="alternating"), BATCH + 1)):
        left, right = sides(player_balances(process, centre=CENTRE, lr=LR, batch_size=size))["generator"]
        assert abs(mean(left) / mean(right) - 1) > 1e-3


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
def test_against_moments_of_an_independent_recursion(order):
    affine = finite_sum_game(SAMPLES)
    oracle = simultaneous(affine) if order == "simultaneous" else alternating(affine, ("omega", "theta"))
    moments = discrete_stationary(affine, oracle, lr=0.1, batch_size=BATCH)
    root = np.linalg.cholesky(moments.covariance)
    nodes = moments.mean + np.sqrt(2) * np.concatenate([root.T, -root.T])  # exact for degree 2
    process = training(order=order)
    assert [s.name for s in process.state] == ["omega", "theta"]
    for left, right in sides(player_balances(process, centre=CENTRE, lr=0.1, batch_size=BATCH)).values():
        values = [np.mean(lambdify(process.state, side)(*nodes.T)) for side in (left, right)]
        assert values[0] == pytest.approx(values[1], rel=1e-8)


def test_simultaneous_descent_by_hand():
    """``(x_p - c) . F_p`` and ``(lr / 2) (F_p^2 + Sigma_pp / B)``."""
    process = training()
    game = process.game
    found = sides(player_balances(process, centre=CENTRE))
    for i, (player, point) in enumerate(zip(game.players, CENTRE.values(), strict=True)):
        field, variance = game.field[i], game.noise_covariance[i, i]
        by_hand = (game.parameters[i] - point) * field, ETA / 2 * (field**2 + variance / BATCH_SIZE)
        for got, expected in zip(found[player], by_hand, strict=True):
            rest = lambdify([*game.parameters, ETA, BATCH_SIZE], got - expected)(0.7, -1.3, 0.2, 3)
            assert abs(rest) < 1e-12


def test_payoff_of_simultaneous_descent_by_hand():
    """Second relation: ``grad V . F`` and ``(lr / 2) (F . H F + Tr(Sigma H) / B)``, H the payoff's Hessian."""
    process = training()
    game = process.game
    mean_payoff = _mean_payoff(game)
    found = balance(process, mean_payoff, lr=LR, batch_size=BATCH)
    gradient = [mean_payoff.diff(s) for s in game.parameters]
    second = [[mean_payoff.diff(a, b) for b in game.parameters] for a in game.parameters]
    left = sum(g * f for g, f in zip(gradient, game.field, strict=True))
    right = sum(
        second[i][j] * (game.field[i] * game.field[j] + game.noise_covariance[i, j] / BATCH)
        for i in range(2)
        for j in range(2)
    )
    point = (0.4, -1.1)
    for got, expected in ((found["dissipation"], left), (found["fluctuation"], LR / 2 * right)):
        assert lambdify(game.parameters, got - expected)(*point) == pytest.approx(0, abs=1e-12)


def _mean_payoff(game):
    """Quadratic with the gradient ``(-F_1, F_2)``."""
    (x, y), (f, g) = game.parameters, game.field
    a, b = -f, g
    constant = {x: 0, y: 0}
    quadratic = a.diff(x) * x**2 / 2 + a.diff(y) * x * y + b.diff(y) * y**2 / 2
    return expand(quadratic + a.subs(constant) * x + b.subs(constant) * y)


def test_scalar_closed_form():
    """Variance ``lr s^2 / (B h (2 - lr h))`` of descent on ``h (x - y)^2 / 2`` makes both sides ``h Var``."""
    x, y, h, s = symbols("x y h s", positive=True)
    game = gs.Game.general_sum({"p": h * (x - y) ** 2 / 2}, parameters={"p": [x]}, data={y: gs.Normal(0, s)})
    found = balance(gs.Training(game, gs.algorithms.get("sgda")), x**2 / 2)
    variance = ETA * (h * s) ** 2 / (BATCH_SIZE * h * (2 - ETA * h))
    left, right = (side.subs(x**2, variance) for side in (found["dissipation"], found["fluctuation"]))
    assert (left - h * variance).simplify() == 0 == (left - right).simplify()


# -------------------------------------------------------------------- momentum


def test_yaida_form_of_the_heavy_ball():
    """Equal means in exact moments, and, before the mean, the combination of balances that is said."""
    mu = Rational(1, 2)
    process = training("momentum", mu=0.5)
    mean = stationary(process)
    for left, right in sides(yaida_balances(process, centre=CENTRE, lr=LR, batch_size=BATCH)).values():
        assert mean(left) == pytest.approx(mean(right), rel=1e-10)
        assert abs(mean(left) / mean(right / (1 + mu)) - 1) > 0.4  # without the factor of the momentum
    y, weight = slow_coordinates(process), (1 + mu + mu**2 / (1 - mu)) / (2 * (1 - mu))
    velocity = process.state[2:]
    for i, (player, (left, right)) in enumerate(sides(yaida_balances(process, centre=CENTRE)).items()):
        (s,) = process.game.players[player]
        combined = balance(process, (y[s] - CENTRE[s.name]) ** 2 / 2 - ETA**2 * weight * velocity[i] ** 2)
        gap = (1 - mu) * (combined["dissipation"] - combined["fluctuation"]) - (left - right)
        numbers = lambdify([*process.state, ETA, BATCH_SIZE], gap)(0.4, -0.3, 1.2, 0.7, 0.05, 3)
        assert abs(numbers) < 1e-12


@pytest.mark.parametrize(("name", "options", "gain"), [("momentum", {"mu": 0.6}, 1 / 0.4), ("optimistic", {}, 1.0)])
def test_slow_coordinates_move_like_plain_descent(name, options, gain):
    """``E (y_p - c) . F_p(x) = e / 2 E|F_B,p(x)|^2`` with e = gain lr; at the bare rate momentum fails."""
    process = training(name, **options)
    game, y, mean = process.game, slow_coordinates(process), stationary(process)
    for i, s in enumerate(game.parameters):
        work = ((y[s] - CENTRE[s.name]) * game.field[i]).subs(ETA, LR)
        square = game.field[i] ** 2 + game.noise_covariance[i, i] / BATCH
        assert mean(work) == pytest.approx(mean(gain * LR / 2 * square), rel=1e-10)
        found = balance(process, (y[s] - CENTRE[s.name]) ** 2 / 2, lr=LR, batch_size=BATCH)
        assert mean(found["dissipation"]) == pytest.approx(gain * mean(work), rel=1e-10)
        if gain != 1:
            assert abs(mean(work) / mean(LR / 2 * square) - 1) > 0.5


# -------------------------------------------------------------------- SDEs


@pytest.mark.parametrize("options", [{"order": 1}, {"order": 2}, {"order": 2, "diffusion_order": 2}])
def test_balances_of_the_sde_in_its_own_moments(options):
    process = training().sde(**options)
    dynamics = gs.MomentDynamics.of_sde(process)
    moments = dynamics.stationary(lr=LR, batch_size=BATCH)
    for left, right in sides(player_balances(process, centre=CENTRE, lr=LR, batch_size=BATCH)).values():
        left, right = (dynamics.expectation(moments, side) for side in (left, right))
        assert left == pytest.approx(right, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "slope"), [({"order": 1}, 1), ({"order": 2}, 1), ({"order": 2, "diffusion_order": 2}, 2)]
)
def test_order_of_the_gap_on_the_training(options, slope):
    """Exact stationary moments of the training: a better drift alone does not lower the order of the gap."""
    process = training()
    gaps = []
    for lr in (0.01, 0.005):
        mean = stationary(process, lr)
        both = sides(player_balances(process.sde(**options), lr=lr, batch_size=BATCH)).values()
        gaps.append([mean(left) / mean(right) - 1 for left, right in both])
    np.testing.assert_allclose(np.log2(np.divide(*gaps)), slope, atol=0.06)


def test_memory_of_a_slow_velocity_in_the_sde():
    process = training("momentum", damping=2.0).sde(2)
    dynamics = gs.MomentDynamics.of_sde(process)
    moments = dynamics.stationary(lr=LR, batch_size=BATCH)
    phi = process.parameters[0] * process.parameters[2]
    left, right = (dynamics.expectation(moments, e) for e in balance(process, phi, lr=LR, batch_size=BATCH).values())
    assert left == pytest.approx(right, rel=1e-9)


# -------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: balance(3, ETA), "process"),
        (lambda: balance(training(), symbols("nobody")), "phi"),
        (lambda: balance(training(), "omega"), "phi"),
        (lambda: balance(training(), ETA, lr=-1), "lr"),
        (lambda: balance(training(), ETA, batch_size=0), "batch_size"),
        (lambda: balance(training().sde(schedule=lambda t: 1 / (1 + t)), ETA), "process"),
        (lambda: player_balances(training(), centre=[1.0]), "centre"),
        (lambda: player_balances(training(), centre={"omega": 1.0}), "centre"),
        (lambda: player_balances(training(), centre=["a", 1.0]), "centre"),
        (lambda: player_balances(training().sde(), memory=True), "memory"),
        (lambda: yaida_balances(training()), "training"),
        (lambda: balance(gs.Training(_bounded(), gs.algorithms.get("sgda")), ETA), "process"),
    ],
)
def test_bad_input_is_named_in_one_line(call, name):
    with pytest.raises(ValueError, match=rf"^{name}: expected [^\n]*$"):
        call()


def _bounded():
    x, y = symbols("x y")
    return gs.Game.general_sum(
        {"p": (x - y) ** 2}, parameters={"p": [x]}, data={y: gs.Normal(0, 1)}, bounds={x: (0, 1)}
    )
