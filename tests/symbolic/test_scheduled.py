"""SDEs under a schedule: weak order by exact moments, by simulation, and what is refused.

The oracle is written here: an affine stochastic iteration with rates ``lr u(k lr)`` and the moment equations of its
SDE, both in numpy; nothing is sampled but in the last test.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from sympy import Symbol, exp, lambdify, simplify, symbols

import gan_sde as gs
from gan_sde.symbolic.scheduled import scheduled

SAMPLES = np.array([[1.2, 0.9, 0.7, 0.2, -0.3], [0.7, 1.7, 1.2, -0.4, 0.2], [1.6, 0.5, 0.5, 0.1, 0.25]])
START = np.array([0.8, -0.5])
LRS = 2.0 ** -np.arange(5, 10)


def u(t):
    return 1 / (1 + 2 * t)


@pytest.fixture(scope="module")
def training():
    return gs.Training(gs.games.get("quadratic", samples=SAMPLES), gs.algorithms.get("sgda"))


def discrete_moments(lr, midpoint=False):
    """Mean and second moments of descent on batches of 1 at time 1; state (omega, theta)."""
    matrices = [np.array([[c, -lam], [lam, a]]) for a, lam, c, _, _ in SAMPLES]
    offsets = [np.array([-q, p]) for _, _, _, p, q in SAMPLES]
    m, s = START.copy(), np.outer(START, START)
    for k in range(round(1 / lr)):
        rate = lr * u((k + 0.5 * midpoint) * lr)
        steps = [(np.eye(2) - rate * j, -rate * f) for j, f in zip(matrices, offsets, strict=True)]
        s = np.mean([a @ s @ a.T + np.outer(a @ m, f) + np.outer(f, a @ m) + np.outer(f, f) for a, f in steps], axis=0)
        m = np.mean([a @ m + f for a, f in steps], axis=0)
    return np.array([*m, s[0, 0], s[0, 1], s[1, 1]])


def sde_moments(sde, lr):
    """The same moments of a scheduled SDE, by its moment equations; drift affine, covariance quadratic."""
    x, clock = list(sde.parameters[:-1]), sde.clock
    table = {sde.lr: lr, sde.batch_size: 1}
    # E of a quadratic covariance needs second moments: its coefficients by differentiation
    cov = [[sde.covariance[i, j].subs(table) for j in range(2)] for i in range(2)]
    hess = [[lambdify([clock], [[c.diff(p, q) / 2 for p in x] for q in x]) for c in row] for row in cov]
    zero = dict.fromkeys(x, 0)
    grad = [[lambdify([clock], [c.diff(p).subs(zero) for p in x]) for c in row] for row in cov]
    const = [[lambdify([clock], c.subs(zero)) for c in row] for row in cov]
    jac = lambdify([clock], [[e.subs(table).diff(p) for p in x] for e in sde.drift[:2]])
    offset = lambdify([clock], [e.subs(table).subs(zero) for e in sde.drift[:2]])

    def slope(t, y):
        m, s = y[:2], y[2:].reshape(2, 2)
        a, f = np.array(jac(t), float), np.array(offset(t), float)
        noise = np.array(
            [
                [np.sum(np.array(hess[i][j](t)) * s) + np.dot(grad[i][j](t), m) + const[i][j](t) for j in range(2)]
                for i in range(2)
            ],
            float,
        )
        ds = a @ s + s @ a.T + np.outer(f, m) + np.outer(m, f) + noise
        return np.concatenate([a @ m + f, ds.ravel()])

    start = np.concatenate([START, np.outer(START, START).ravel()])
    end = solve_ivp(slope, (0, 1), start, method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1]
    return end[[0, 1, 2, 3, 5]]


def slope_of(sde, **options):
    errors = [np.abs(sde_moments(sde, lr) - discrete_moments(lr, **options)).max() for lr in LRS]
    return np.polyfit(np.log(LRS), np.log(errors), 1)[0]


@pytest.mark.parametrize("order", [1, 2])
def test_weak_order_on_the_constant_clock(training, order):
    assert slope_of(training.sde(order, schedule=u)) == pytest.approx(order, abs=0.06)


def test_without_the_derivative_of_the_schedule_order_2_is_lost(training):
    """Negative control; and rates taken at midpoints make it unnecessary (Li, Tai & E 2019)."""
    right = training.sde(2, schedule=u)
    b0 = training.sde(1).drift
    extra = right.lr * b0 * u(right.clock).diff(right.clock) / 2
    wrong = replace(right, drift=right.drift + type(right.drift)([*extra, 0]))
    assert slope_of(wrong) == pytest.approx(1, abs=0.06)
    assert slope_of(wrong, midpoint=True) == pytest.approx(2, abs=0.06)
    assert slope_of(right, midpoint=True) == pytest.approx(1, abs=0.06)


def test_a_constant_schedule_is_a_rate(training):
    """u = 1/2 on the clock of lr is the SDE at lr / 2 in twice its time."""
    sde, plain = training.sde(2, schedule=0.5), training.sde(2)
    drift = plain.drift.subs(plain.lr, plain.lr / 2) / 2
    assert all(simplify(e) == 0 for e in (sde.drift[:2, :] - drift).expand())
    covariance = plain.covariance.subs(plain.lr, plain.lr / 2) / 2
    assert all(simplify(e) == 0 for e in (sde.covariance[:2, :2] - covariance).expand())
    assert sde.drift[2] == 1 and not any(sde.diffusion[2, :])


def test_schedules_as_functions_and_expressions(training):
    s = Symbol("s")
    by_function, by_expression = training.sde(2, schedule=lambda t: exp(-t)), training.sde(2, schedule=exp(-s))
    assert by_function.drift == by_expression.drift
    assert by_function.clock.name == "t"


def test_simulation_against_the_moments(training):
    """10^5 trajectories each, 5 moments, 4.5 standard errors: false alarms below 1e-4; the wrong schedule fails."""
    lr, n = 1 / 32, 100_000
    sde = training.sde(2, schedule=u)

    def gaps(process, rates, expected):
        end = gs.simulate(process, x0=START, lr=rates, steps=32, trajectories=n, seed=1).isel(step=-1)
        second, se = end.second_moment.values, end.second_moment_se.values
        values = np.array([*end["mean"].values, second[0, 0], second[0, 1], second[1, 1]])
        return np.abs(values - expected) / np.array([*end.mean_se.values, se[0, 0], se[0, 1], se[1, 1]])

    assert gaps(training, lr * u(np.arange(32) * lr), discrete_moments(lr)).max() < 4.5
    assert gaps(sde, lr, sde_moments(sde, lr)).max() < 4.5
    assert gaps(training.sde(2, schedule=lambda t: 1 / (1 + 3 * t)), lr, sde_moments(sde, lr)).max() > 10


def test_refusals(training):
    a, b = symbols("a b")
    with pytest.raises(ValueError, match=r"schedule: expected a function of a Symbol .* got a\*b"):
        training.sde(schedule=a * b)
    with pytest.raises(ValueError, match=r"schedule: expected a function of a Symbol .* got 'exp"):
        training.sde(schedule="exp(-t)")
    with pytest.raises(ValueError, match="diffusion_order: expected 1 with a schedule, got 2"):
        training.sde(2, diffusion_order=2, schedule=u)
    with pytest.raises(ValueError, match="schedule: expected an SDE at constant rate"):
        scheduled(training.sde(schedule=u), u)
    free = gs.Training(gs.games.get("quadratic"), gs.algorithms.get("sgda"))
    with pytest.raises(ValueError, match=r"schedule: expected a function of a Symbol .* got lam"):
        free.sde(schedule=symbols("lam"))  # a constant of the game is no clock
    with pytest.raises(ValueError, match="schedule: expected an algorithm without fast memory"):
        gs.Training(training.game, gs.algorithms.get("optimistic")).sde(schedule=u)


def test_the_clock_makes_way_for_the_game_s_own_names():
    t, w = symbols("t w")
    game = gs.Game.zero_sum(w * t, maximiser={"d": [w]}, minimiser={"g": [t]})
    assert gs.Training(game, gs.algorithms.get("sgda")).sde(schedule=u).clock.name == "time"
