"""Grid solutions of Hamilton-Jacobi-Bellman and Isaacs equations against closed forms and direct optimisation.

All is deterministic but `test_policy_of_the_seen_state_in_simulation`: 40,000 paths, bounds of 5 standard errors,
false alarm below 1e-6.
"""

import math

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.optimize import minimize

from analysis.control import (
    ControlProblem,
    ScalarMoment,
    StateGrid,
    control_grid,
    markov_chain,
    optimal_rate,
    quadratic_moment,
    solve_hjb,
    solve_isaacs,
)

A, LR, SIGMA, START, HORIZON = 2.0, 0.1, 4.0, 5.0, 3.0
MOMENT = quadratic_moment(A, SIGMA, LR)
BEST = optimal_rate(MOMENT, START)


def scalar_problem(moment):
    return ControlProblem(lambda t, m, u: moment.derivative(m, u), lambda m: m[..., 0])


def solve_scalar(moment, steps, rates):
    grid = StateGrid.of(np.geomspace(0.02, 6, 2 * steps))
    return solve_hjb(scalar_problem(moment), grid, control_grid((0, 1, rates)), horizon=HORIZON, steps=steps)


# ------------------------------------------------------------ the chain


@pytest.fixture(scope="module")
def noisy():
    return ControlProblem(
        drift=lambda t, x, u: -u * x + 0.3 * t,
        terminal=lambda x: np.sin(x).sum(-1),
        noise=lambda t, x, u: np.stack([u + 0 * x, np.cos(x) + 0 * u], axis=-1),
        running=lambda t, x, u: u[..., 0] ** 2,
    )


def test_transitions_are_probabilities_with_the_right_moments(noisy):
    """Rows of the chain: not negative, sum 1; mean and covariance those of the step, to the cell's size."""
    grid = StateGrid.of(np.linspace(-2, 2, 201), np.linspace(-2, 2, 161))
    start, controls, step = np.array([[0.31, -0.42]]), np.array([[0.5], [1.0]]), 0.01
    chain = markov_chain(noisy, grid, controls, 0.7, step, start)
    rows = chain.transition.toarray()
    assert rows.min() >= 0
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-13)
    np.testing.assert_allclose(chain.cost, step * controls.T**2)
    for row, u in zip(rows, controls[:, 0], strict=True):
        mean = row @ grid.nodes
        np.testing.assert_allclose(mean, start[0] + step * (-u * start[0] + 0.21), rtol=1e-12)  # linear: exact
        spread = np.stack([u * np.ones(2), np.cos(start[0])], axis=-1)
        found = (row[:, None] * (grid.nodes - mean)).T @ (grid.nodes - mean)
        np.testing.assert_allclose(found, step * spread @ spread.T, atol=0.026**2 / 4)


def test_scheme_is_monotone_and_contracts(noisy):
    """A larger value ahead is a larger value now, at any step, also at the boundary; extrapolation is neither."""
    rng = np.random.default_rng(0)
    grid = StateGrid.of(np.sort(rng.uniform(-1, 1, 12)), np.linspace(-1, 1, 9))
    for step in (0.001, 0.1, 5.0):
        chain = markov_chain(noisy, grid, np.array([[0.0], [1.0]]), 0.0, step)
        low = rng.normal(size=108)
        high = low + rng.uniform(0, 1, 108)
        gap = chain.cost_to_go(high).min(axis=1) - chain.cost_to_go(low).min(axis=1)
        assert gap.min() >= -1e-12
        assert gap.max() <= (high - low).max() + 1e-12
    weights = grid.interpolation([[3.0, 0.0]])
    assert weights.min() >= 0 and weights.sum() == pytest.approx(1)


def test_interpolation_is_exact_on_multilinear_functions():
    rng = np.random.default_rng(1)
    grid = StateGrid.of([-1.0, 0.2, 2.0], np.linspace(0, 1, 5), [0.0, 3.0])
    points = rng.uniform([-1, 0, 0], [2, 1, 3], (50, 3))

    def form(x):
        return 2 - x[:, 0] + 3 * x[:, 0] * x[:, 1] * x[:, 2] + x[:, 1] * x[:, 2]

    np.testing.assert_allclose(grid.interpolation(points) @ form(grid.nodes), form(points), rtol=1e-12)


# ------------------------------------------------------------ the optimal rate of a quadratic


def test_policy_and_value_converge_to_the_closed_form():
    """Sup norms over what rates in [0, 1] can reach from the start: policy to 1 % and better, first order or more."""
    policy, value, path, loss = [], [], [], []
    for steps, rates in ((60, 26), (120, 51), (240, 101)):
        solution = solve_scalar(MOMENT, steps, rates)
        nodes, times = solution.grid.axes[0], solution.times
        reach = (nodes >= BEST.value(times)[:, None]) & (nodes <= START)
        error = np.abs(solution.policy[..., 0] - MOMENT.feedback(nodes))
        policy.append(error[reach[:-1]].max())
        exact = np.array([[optimal_rate(MOMENT, m).value(HORIZON - t) for m in nodes] for t in times[::20]])
        value.append(np.abs(solution.value[::20] / exact - 1)[reach[::20]].max())
        states, controls = solution.trajectory([START])
        path.append(np.abs(controls[:, 0] - BEST.rate(times[:-1])).max())
        loss.append(states[-1, 0] / BEST.value(HORIZON) - 1)
    assert policy[2] < 0.01 and path[2] < 0.01 and 0 <= loss[2] < 2e-4
    for errors in (policy, value, path, loss):
        assert errors[0] > 1.6 * errors[1] > 1.6**2 * errors[2], errors
    assert value[2] < 0.06  # the scheme is of first order in the step: 18, 9, 5 %


def test_schedule_from_the_grid_is_the_closed_forms():
    solution = solve_scalar(MOMENT, 240, 201)
    np.testing.assert_allclose(solution.schedule([START], LR, 30)[:, 0], BEST.schedule(LR, 30), atol=0.02 * LR)


def test_wrong_noise_is_not_matched():
    solution = solve_scalar(ScalarMoment(A, 1.1 * MOMENT.noise), 60, 101)
    _, controls = solution.trajectory([START])
    assert np.abs(controls[:, 0] - BEST.rate(solution.times[:-1])).max() > 0.03


# ------------------------------------------------------------ two states


def test_one_rate_for_two_curvatures():
    """Slow and quiet beside fast and noisy: against direct optimisation of a schedule of 40 pieces."""
    modes, starts, horizon = (quadratic_moment(0.5, 1.0, LR), quadratic_moment(4.0, 16.0, LR)), (3.0, 2.0), 4.0

    def drift(t, m, u):
        return np.stack([mode.derivative(m[..., i], u[..., 0]) for i, mode in enumerate(modes)], axis=-1)

    def cost(rates):
        pieces = horizon / len(rates)
        return sum(mode.evolve(m, rates, pieces)[-1] for mode, m in zip(modes, starts, strict=True))

    tries = [minimize(cost, np.full(40, u), bounds=[(0, 1)] * 40, options={"ftol": 1e-14}) for u in (0.1, 0.5, 1.0)]
    direct = min(tries, key=lambda found: found.fun)
    gaps = []
    for steps, nodes in ((20, 25), (80, 60)):
        grid = StateGrid.of(np.geomspace(0.04, 4, nodes), np.geomspace(0.03, 3, nodes))
        problem = ControlProblem(drift, lambda m: m.sum(axis=-1))
        solution = solve_hjb(problem, grid, control_grid((0, 1, 61)), horizon=horizon, steps=steps)
        states, controls = solution.trajectory(starts)
        gaps.append((abs(solution.value_at(0, starts) / direct.fun - 1), states[-1].sum() / direct.fun - 1))
    assert gaps[1][0] < 0.35 * gaps[0][0] and gaps[1][0] < 0.07
    assert -1e-3 < gaps[1][1] < min(1e-3, 0.1 * gaps[0][1])  # 80 pieces may do a little better than 40
    assert np.abs(controls[1::2, 0] - direct.x).max() < 0.05  # at the middle of each piece
    assert min(cost(np.full(40, u)) for u in np.linspace(0, 1, 201)) > 1.005 * direct.fun
    for mode, m in zip(modes, starts, strict=True):  # neither mode's own optimum is the common one
        assert cost(optimal_rate(mode, m).rate((np.arange(40) + 0.5) / 10)) > 1.005 * direct.fun


def test_two_rates_of_a_coupled_game():
    """A nearly bilinear game without noise, a rate for each player: direct search with matrix exponentials.

    One common rate turns the state and contracts it by exp(-2 a T) at most; players that pause in turn do better.
    """
    a, lam, horizon = 0.2, 1.0, 2.0

    def drift(t, z, u):
        x, y = z[..., 0], z[..., 1]
        return np.stack([-u[..., 0] * (a * x + lam * y), u[..., 1] * (lam * x - a * y)], axis=-1)

    def cost(rates):
        z = np.ones(2)
        for p, q in rates.reshape(-1, 2):
            z = expm(horizon / 10 * np.array([[-p * a, -p * lam], [q * lam, -q * a]])) @ z
        return z @ z / 2

    rng = np.random.default_rng(0)
    tries = [minimize(cost, rng.uniform(0, 1, 20), bounds=[(0, 1)] * 20).fun for _ in range(2)]
    grid = StateGrid.of(np.linspace(-1.6, 1.6, 101), np.linspace(-1.6, 1.6, 101))
    problem = ControlProblem(drift, lambda z: (z**2).sum(axis=-1) / 2)
    solution = solve_hjb(problem, grid, control_grid((0, 1, 2), (0, 1, 2)), horizon=horizon, steps=60)
    states, _ = solution.trajectory([1.0, 1.0])
    reached = (states[-1] ** 2).sum() / 2
    assert 0.97 * min(tries) < reached < 1.005 * min(tries)  # 60 pieces may do a little better than 10
    assert solution.value_at(0, [1.0, 1.0]) == pytest.approx(reached, rel=0.06)
    assert math.exp(-2 * a * horizon) > 2 * reached
    both = solve_hjb(problem, grid, [[0.0, 0.0], [1.0, 1.0]], horizon=horizon, steps=60)
    assert (both.trajectory([1.0, 1.0])[0][-1] ** 2).sum() / 2 == pytest.approx(math.exp(-2 * a * horizon), rel=1e-6)


# ------------------------------------------------------------ noise


def riccati(steps, nodes):
    """Drive dX = u dt + s dW at cost u^2 / 2 and X(T)^2 / 2: V = p x^2 / 2 + s^2 log(1 + T) / 2, u = -p x."""
    problem = ControlProblem(
        lambda t, x, u: u,
        lambda x: x[..., 0] ** 2 / 2,
        noise=lambda t, x, u: 0.5 * np.ones_like(x)[..., None],
        running=lambda t, x, u: u[..., 0] ** 2 / 2,
    )
    grid = StateGrid.of(np.linspace(-4, 4, nodes))
    return solve_hjb(problem, grid, control_grid((-2, 2, 161)), horizon=1.0, steps=steps)


def test_linear_quadratic_regulator():
    errors = []
    for steps, nodes in ((10, 101), (20, 401)):
        solution = riccati(steps, nodes)
        x = np.linspace(-1.5, 1.5, 31)[:, None]
        exact = x[:, 0] ** 2 / 4 + 0.125 * math.log(2)
        rate = np.abs(solution.control_at(0, x)[:, 0] + x[:, 0] / 2).max()
        errors.append((np.abs(solution.value_at(0, x) - exact).max(), rate))
    assert errors[1][0] < 0.55 * errors[0][0] < 0.02
    assert errors[1][1] < 0.06


def test_time_dependent_drift():
    """X' = u cos(pi t), |u| <= 1, from 0: the largest |X(1)| is 2 / pi; a chain frozen at one time would miss it."""
    problem = ControlProblem(lambda t, x, u: u * np.cos(np.pi * t), lambda x: -np.abs(x[..., 0]), autonomous=False)
    grid = StateGrid.of(np.linspace(-1.5, 1.5, 301))
    solution = solve_hjb(problem, grid, [-1.0, 0.0, 1.0], horizon=1.0, steps=100)
    assert solution.value_at(0, [[0.0]])[0] == pytest.approx(-2 / np.pi, abs=0.02)


@pytest.mark.parametrize(("sign", "chosen"), [(1, 0.2), (-1, 0.5)])
def test_volatility_is_chosen_by_curvature(sign, chosen):
    """Least sign x E X^2 under dX = u dW, u in [0.2, 0.5], is sign x (x^2 + u^2 T) at one end."""
    problem = ControlProblem(
        lambda t, x, u: 0 * x, lambda x: sign * x[..., 0] ** 2, noise=lambda t, x, u: (u + 0 * x)[..., None]
    )
    grid = StateGrid.of(np.linspace(-4, 4, 801))
    solution = solve_hjb(problem, grid, np.linspace(0.2, 0.5, 4), horizon=1.0, steps=20)
    # interpolation lifts a parabola by at most dx^2 / 4 a step
    assert sign * solution.value_at(0, [[0.3]])[0] == pytest.approx(0.09 + chosen**2, abs=20 * 0.01**2 / 4)
    assert solution.control_at(0, [[0.3]])[0, 0] == chosen


def test_policy_of_the_seen_state_in_simulation():
    """Rates u(t, x) for dX = -a u X dt + u sqrt(lr Sigma) dW: better than any schedule, as the value says.

    The value lies below the simulated cost of its policy by the error of the scheme, and bounds the gain.
    """
    problem = ControlProblem(
        lambda t, x, u: -A * u * x,
        lambda x: A * x[..., 0] ** 2 / 2,
        noise=lambda t, x, u: (math.sqrt(LR * SIGMA) * u + 0 * x)[..., None],
    )
    grid = StateGrid.of(3.5 * np.sinh(4 * np.linspace(-1, 1, 201)) / np.sinh(4))
    solution = solve_hjb(problem, grid, control_grid((0, 1, 21)), horizon=HORIZON, steps=60)
    rng, x, length = np.random.default_rng(0), np.full(40_000, math.sqrt(5)), HORIZON / 60
    for k in range(60):
        u = np.interp(x, grid.axes[0], solution.policy[k, :, 0])
        x = x - A * u * x * length + math.sqrt(LR * SIGMA * length) * u * rng.normal(size=len(x))
    cost = A * x**2 / 2
    se = cost.std() / math.sqrt(len(x))
    value, schedule = solution.value_at(0, [[math.sqrt(5)]])[0], float(BEST.value(HORIZON))
    assert value - 5 * se < cost.mean() < 0.2 * schedule - 5 * se
    np.testing.assert_allclose(solution.policy, solution.policy[:, ::-1], atol=0.051)  # even in x, to a control
    assert np.all(solution.policy[:, 100] == 0)  # rest at the minimum


# ------------------------------------------------------------ two players


def test_separate_losses_have_the_difference_of_two_closed_forms():
    """The payoff m1 - m2, each player with its own rate and mode: V1 - V2, without a gap."""
    first, second = quadratic_moment(1.0, 4.0, LR), quadratic_moment(2.0, 1.0, LR)
    problem = ControlProblem(
        lambda t, m, u: np.stack(
            [first.derivative(m[..., 0], u[..., 0]), second.derivative(m[..., 1], u[..., 1])], axis=-1
        ),
        lambda m: m[..., 0] - m[..., 1],
    )
    errors = []
    for steps, nodes in ((20, 31), (40, 61)):
        axes = np.geomspace(0.05, 3, nodes), np.geomspace(0.01, 3, nodes)
        solution = solve_isaacs(
            problem, StateGrid.of(*axes), np.linspace(0, 1, 11), np.linspace(0, 1, 11), horizon=1.0, steps=steps
        )
        exact = [
            np.array([optimal_rate(moment, m).value(1.0) for m in axis])
            for moment, axis in zip((first, second), axes, strict=True)
        ]
        errors.append(np.abs(solution.upper[0] - (exact[0][:, None] - exact[1])).max())
        assert solution.gap < 1e-12
    assert errors[1] < 0.6 * errors[0] and errors[1] < 0.03
    # on the lowest face the box keeps the moment up, whatever the rate
    least = solution.minimiser[0, ..., 0] - first.feedback(axes[0])[:, None]
    most = solution.maximiser[0, ..., 0] - second.feedback(axes[1])
    assert np.abs(least[4:]).max() <= 0.05 + 1e-12 and np.abs(most[:, 4:]).max() <= 0.05 + 1e-12


def test_game_without_a_value_has_a_gap():
    """X' = u w, u, w in {-1, 1}: whoever moves second decides the sign: values |x| -+ T, far from 0."""
    problem = ControlProblem(lambda t, x, c: c[..., :1] * c[..., 1:], lambda x: np.abs(x[..., 0]))
    solution = solve_isaacs(problem, StateGrid.of(np.linspace(-3, 3, 61)), [-1, 1], [-1, 1], horizon=1.0, steps=10)
    assert solution.upper[0, 50] == pytest.approx(2 + 1)
    assert solution.lower[0, 50] == pytest.approx(2 - 1)
    assert solution.gap == pytest.approx(2.0)


def test_one_idle_player_leaves_the_hjb_equation():
    problem = ControlProblem(lambda t, x, c: -c[..., :1] * x + 0.1 * c[..., :1] ** 2, lambda x: x[..., 0])
    grid, rates = StateGrid.of(np.geomspace(0.01, 2, 40)), np.linspace(0, 1, 11)
    alone = solve_hjb(problem, grid, rates, horizon=1.0, steps=10)
    beside = solve_isaacs(problem, grid, rates, [7.0], horizon=1.0, steps=10)
    np.testing.assert_array_equal(alone.value, beside.upper)
    np.testing.assert_array_equal(alone.policy, beside.minimiser)


# ------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: StateGrid.of([1.0, 1.0]), r"axes\[0\]: expected at least 2 increasing coordinates, got \[1.0, 1.0\]"),
        (lambda: StateGrid.of([0.0, 1.0], [3.0]), r"axes\[1\]: expected at least 2 increasing coordinates"),
        (lambda: solve(controls=[[[1.0]]]), "controls: expected an array with 1 or 2 axes"),
        (lambda: solve(horizon=0), "horizon: expected a positive number, got 0"),
        (lambda: solve(steps=0), "steps: expected an integer >= 1, got 0"),
        (lambda: solve().schedule([1.0], 0.1, 11), "iterations: expected at most 10, got 11"),
        (lambda: riccati(2, 11).trajectory([1.0]), "problem: expected one without noise, got one with noise"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match="^" + message):
        call()


def solve(controls=(0.0, 1.0), horizon=1.0, steps=2):
    grid = StateGrid.of([0.1, 1.0, 2.0])
    return solve_hjb(scalar_problem(MOMENT), grid, controls, horizon=horizon, steps=steps)
