"""Stability limits and best schedules against closed forms, brute force and the full recursion of moments."""

import numpy as np
import pytest
from sympy import symbols

import gan_sde as gs
from gan_sde.symbolic.linearised import linearised


def training(game, name="sgda", **options):
    return gs.Training(gs.games.get(game).with_defaults(), gs.algorithms.get(name, **options))


@pytest.mark.parametrize(
    ("game", "name", "options", "limit"),
    [
        ("quadratic", "sgda", {}, 1.0),  # 2 Re / |.|^2 of 1 +- i
        ("linear-wgan", "sgda", {"order": "alternating"}, np.sqrt(5) - 1),  # x^2 - (2 - r - r^2) x + 1 - r at x = -1
        ("bilinear", "optimistic", {}, 1 / np.sqrt(3)),  # Mokhtari, Ozdaglar & Pattathil (2020), arXiv 1901.08511
    ],
)
def test_limits_known_in_closed_form(game, name, options, limit):
    near = linearised(training(game, name, **options))
    assert near.exact and near.stability_limit(8) == pytest.approx(limit, rel=1e-9)
    assert near.growth(0.99 * limit, 8) < 1 < near.growth(1.01 * limit, 8)


def test_limit_falls_under_multiplicative_noise():
    """w' = (1 - lr s) w with s = 1 or 3: E (1 - lr s)^2 = 1 - 4 lr + 5 lr^2 at B = 1, and 1 - 4 lr + 4.5 lr^2 at 2."""
    x, s = symbols("x s")
    game = gs.Game.general_sum(
        {"p": s * x**2 / 2}, parameters={"p": [x]}, data={s: gs.Empirical(np.array([1.0, 3.0]))}, x0={x: 1}
    )
    near = linearised(gs.Training(game, gs.algorithms.get("sgda")))
    for batch, second in ((1, 5), (2, 4.5)):
        assert near.stability_limit(batch) == pytest.approx(4 / second, rel=1e-9)


def test_errors_are_those_of_the_full_moments():
    process = training("linear-wgan", "momentum", mu=0.5)
    near, rates = linearised(process), np.array([0.1, 0.05, 0.02])
    dynamics = gs.MomentDynamics.of_training(process)
    x0 = (0.3, -0.4)
    moments = dynamics.stationary(lr=0.1, batch_size=4) * 0
    moments[0] = 1
    start = dict(zip(process.state, (*x0, 0, 0), strict=True))
    from gan_sde.symbolic.moments import monomials

    moments = np.array([float(m.subs(start)) if m != 1 else 1.0 for m in monomials(process.state)])
    for rate, error in zip(rates, near.errors(rates, x0, 4), strict=True):
        moments = dynamics.matrix(rate, 4) @ moments
        omega, theta = process.game.parameters
        assert error == pytest.approx(dynamics.expectation(moments, omega**2 + (theta - 1) ** 2), rel=1e-12)


def test_linearisation_of_a_curved_game():
    """The Jacobian of the mean iteration at the equilibrium decides without noise; not exact, and said so."""
    process = training("lq-gan", "crossing-the-curl")
    near = linearised(process)
    assert not near.exact
    mean = near.dynamics.matrix(0.1, 8)[1:5, 1:5]
    game = process.game
    jacobian = np.array(game.jacobian.subs(dict(zip(game.parameters, near.point, strict=True))), dtype=float)
    expected = np.eye(4) - 0.1 * (jacobian.T @ jacobian - jacobian @ jacobian) / 2
    np.testing.assert_allclose(mean, expected, atol=1e-12)


# -------------------------------------------------------------------- schedules


def scalar():
    """Curvature 1, noise of variance 1 a sample, x0 = 3: the best rates are known."""
    x, y = symbols("x y")
    game = gs.Game.general_sum({"p": (x - y) ** 2 / 2}, parameters={"p": [x]}, data={y: gs.Normal(0, 1)}, x0={x: 3})
    return linearised(gs.Training(game, gs.algorithms.get("sgda")))


def best_scalar(m, steps, batch):
    """m' = (1 - u)^2 m + u^2 / B is least at u = m / (m + 1 / B): greedy is optimal where errors grow with m."""
    for _ in range(steps):
        u = m / (m + 1 / batch)
        m = (1 - u) ** 2 * m + u**2 / batch
    return m


@pytest.mark.parametrize("greedy", [True, False])
def test_best_schedule_of_a_scalar(greedy):
    near = scalar()
    rates = near.optimal_rates([3.0], 40, batch_size=4, greedy=greedy)
    error, best = near.errors(rates, [3.0], 4)[-1], best_scalar(9.0, 40, 4)
    assert best * (1 - 1e-9) <= error < 1.01 * best
    assert best == pytest.approx(1 / (1 / 9 + 4 * 40), rel=1e-12)  # precisions add
    for constant in np.geomspace(1e-3, 1, 60):
        assert near.errors(np.full(40, constant), [3.0], 4)[-1] > 1.3 * error


def test_best_schedule_beats_random_ones_and_the_greedy_one():
    near = linearised(training("linear-wgan"))
    best, greedy = (near.optimal_rates((0.0, 0.0), 60, batch_size=16, greedy=g) for g in (False, True))
    error = near.errors(best, (0, 0), 16)[-1]
    assert error < near.errors(greedy, (0, 0), 16)[-1]
    rng = np.random.default_rng(0)
    for _ in range(200):
        exponent, offset, first = rng.uniform(0, 1.2), rng.uniform(1, 50), rng.uniform(0.02, 0.9)
        assert near.errors(first * (1 + np.arange(60) / offset) ** -exponent, (0, 0), 16)[-1] > error
    for _ in range(100):  # and it is a local optimum
        assert near.errors(best * rng.uniform(0.9, 1.1, 60), (0, 0), 16)[-1] > error * (1 - 1e-4)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: linearised(training("bilinear")).stability_limit(8), "training"),
        (lambda: linearised(training("quadratic"), [1.0, 0.0]), "point"),
        (lambda: linearised(training("quadratic"), [0.0]), "point"),
        (lambda: scalar().errors([0.1], [1.0, 2.0], 4), "x0"),
        (lambda: scalar().optimal_rates([1.0], 0, batch_size=4), "steps"),
    ],
)
def test_bad_input_is_named_in_one_line(call, name):
    with pytest.raises(ValueError, match=rf"^{name}: expected [^\n]*$"):
        call()


def test_bounds_are_never_exact():
    """Where the projection acts, the affine recursion is wrong: E (t - 0)^2 against 20,000 clipped trainings."""
    w, t, y = symbols("w t y")
    fields = {
        "maximiser": {"up": [w]}, "minimiser": {"down": [t]}, "data": {y: gs.Normal(0, 1)}, "x0": {"w": 1, "t": 1},
    }  # fmt: skip
    payoff = w * (y - t) - w**2 / 2
    sgda = gs.algorithms.get("sgda")
    free, bound = (
        gs.Training(gs.Game.zero_sum(payoff, bounds=bounds, **fields), sgda) for bounds in ({}, {"t": (0, None)})
    )
    rates = np.full(40, 0.3)
    moments = linearised(free).errors(rates, (1, 1), 1)[-1]
    assert linearised(bound).errors(rates, (1, 1), 1)[-1] == pytest.approx(moments)  # blind to the bounds
    for process, exact in ((free, True), (bound, False)):
        run = gs.simulate(process, lr=0.3, steps=40, trajectories=20_000, batch_size=1, seed=0, progress=False)
        errors = (run["final"].values ** 2).sum(axis=1)
        z = float((errors.mean() - moments) / (errors.std() / np.sqrt(len(errors))))
        # a true law fails with chance 1e-6; without bounds it must hold, with them it must not
        assert (abs(z) < 4.9) == exact and linearised(process).exact == exact
