"""What the solvers of control problems refuse, in one line that names what was wrong."""

import numpy as np
import pytest

from analysis.control import (
    ControlProblem,
    DiscreteMoment,
    StateGrid,
    control_grid,
    markov_chain,
    quadratic_moment,
    solve_hjb,
    solve_isaacs,
    solve_open_loop,
)


def plain(**functions):
    """Two states, two controls, one noise; nothing wrong but what is given."""
    good = {
        "drift": lambda t, x, u: u - x,
        "terminal": lambda x: x[..., 0] ** 2,
        "noise": lambda t, x, u: (u + 0 * x)[..., None],
        "running": lambda t, x, u: u[..., 0] ** 2,
    }
    return ControlProblem(**good | functions)


PLANE = StateGrid.of(np.linspace(-1, 1, 3), np.linspace(-1, 1, 3))
NINE = control_grid((0, 1, 3), (0, 1, 3))
"""As many as there are nodes, so that a shape (9, 1) could be of either."""


def solve_plain(problem):
    return solve_hjb(problem, PLANE, NINE, horizon=1.0, steps=2)


def play_plain(problem):
    return solve_isaacs(problem, PLANE, [0.0, 0.5, 1.0], [0.0, 0.5, 1.0], horizon=1.0, steps=2)


def schedule_plain(problem):
    return solve_open_loop(problem, PLANE, NINE, [0.5, 0.5], horizon=1.0, steps=2)


SOLVERS = [solve_plain, play_plain, schedule_plain]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("name", "function", "came"),
    [
        ("drift", lambda t, x, u: x[..., :1] + u[..., :1], r"\(9, 9, 1\)"),  # one component for both coordinates
        ("drift", lambda t, x, u: 1.0, r"\(\)"),
        ("noise", lambda t, x, u: u + 0 * x, r"\(9, 9, 2\)"),
        ("noise", lambda t, x, u: np.ones((1, 3)), r"\(1, 3\)"),
        ("running", lambda t, x, u: u[..., :1] ** 2, r"\(1, 9, 1\)"),
        ("running", lambda t, x, u: x[..., :1] ** 2, r"\(9, 1, 1\)"),
        ("running", lambda t, x, u: np.zeros(9), r"\(9,\)"),
        ("terminal", lambda x: x[..., :1], r"\(9, 1\)"),
        ("terminal", lambda x: x, r"\(9, 2\)"),
    ],
)
def test_shapes_of_the_problem_are_exact(solver, name, function, came):
    with pytest.raises(ValueError, match=f"^{name}: expected shape \\(.*\\).*, got {came}$"):
        solver(plain(**{name: function}))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ["drift", "noise", "running", "terminal"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_of_the_problem_are_finite(solver, name, value):
    """One bad number at one node."""
    good = getattr(plain(), name)

    def bad(*arguments):
        values = good(*arguments)
        values.ravel()[-1] = value
        return values

    with pytest.raises(ValueError, match=f"^{name}: expected finite numbers, got 1 non-finite of [0-9]+$"):
        solver(plain(**{name: bad}))


def test_constants_and_functions_of_one_argument_are_spread():
    """Whatever does not depend on states or controls may leave their axes out."""
    short = plain(drift=lambda t, x, u: -x, noise=lambda t, x, u: np.eye(2), running=lambda t, x, u: 0.3)
    full = plain(
        drift=lambda t, x, u: -x + 0 * u,
        noise=lambda t, x, u: np.eye(2) + 0 * (x + u)[..., None],
        running=lambda t, x, u: 0.3 + 0 * (x + u)[..., 0],
    )
    np.testing.assert_array_equal(solve_plain(short).value, solve_plain(full).value)


def test_trajectory_names_a_drift_that_is_not_finite_between_the_nodes():
    wall = plain(drift=lambda t, x, u: np.where(np.abs(x - 0.3) < 0.2, np.inf, 0.4) + 0 * u, noise=None)
    solution = solve_plain(wall)
    with pytest.raises(ValueError, match=r"^drift: expected finite numbers, got 2 non-finite of 2$"):
        solution.trajectory([0.0, 0.0])


# ------------------------------------------------------------ states, times, indices


@pytest.fixture(scope="module")
def solution():
    return solve_plain(plain(noise=None))


@pytest.mark.parametrize("states", [[0.1], [0.1, 0.2, 0.3], [[0.1]], 0.1])
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("states", lambda solution, states: solution.value_at(0, states)),
        ("states", lambda solution, states: solution.control_at(0, states)),
        ("start", lambda solution, states: solution.trajectory(np.ravel(states))),
        ("start", lambda solution, states: solution.schedule(np.ravel(states), 0.1, 5)),
        ("states", lambda solution, states: markov_chain(plain(), PLANE, NINE, 0.0, 0.1, np.atleast_2d(states))),
        ("points", lambda solution, states: PLANE.interpolation(np.atleast_2d(states))),
    ],
)
def test_states_have_a_number_for_each_axis(solution, states, name, call):
    with pytest.raises(
        ValueError, match=rf"^{name}: expected shape \(\.\.\., 2\) for the axes of the grid, got \(.*\)$"
    ):
        call(solution, states)


@pytest.mark.parametrize("step", [-1, 3, 99, 1.0, True, "0"])
def test_times_are_counted_from_the_first(solution, step):
    for last, call in ((2, solution.value_at), (1, solution.control_at)):
        with pytest.raises(ValueError, match=f"^step: expected an integer from 0 to {last}, got {step!r}$"):
            call(step, [0.1, 0.2])
    with pytest.raises(ValueError, match=r"^step: expected an integer from 0 to 1, got 2$"):
        solution.control_at(2, [0.1, 0.2])  # nothing is chosen at the horizon, which has a value
    assert solution.value_at(np.int64(2), [0.0, 1.0]) == 0.0


@pytest.mark.parametrize("initial", [[0.9, 1.9], [-1, 0], [0, 9], [0, 1, 2], [[0, 1]], 1])
def test_first_controls_are_indices(initial):
    with pytest.raises(ValueError, match=r"^initial: expected 2 indices below 9, got [^\n]*$"):
        solve_open_loop(plain(), PLANE, NINE, [0.5, 0.5], horizon=1.0, steps=2, initial=initial)


MOMENT = quadratic_moment(2.0, 4.0, 0.1)
CHAIN = DiscreteMoment(MOMENT, 4.0, 0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MOMENT.evolve(1.0, 0.1, 0.1), r"rates: expected an array of shape \(..., n\), got the number 0.1"),
        (lambda: MOMENT.evolve(1.0, [0.1], -0.1), "durations: expected numbers >= 0, got -0.1"),
        (lambda: MOMENT.evolve(1.0, [0.1, 0.2], [0.1] * 3), r"durations: expected one for all .*, got shape \(3,\)"),
        (lambda: MOMENT.evolve(1.0, [0.1], [[0.1]]), r"durations: expected one for all .*, got shape \(1, 1\)"),
        (lambda: MOMENT.evolve(np.nan, [0.1], 0.1), "start: expected finite numbers"),
        (lambda: MOMENT.evolve([1.0, 2.0], [0.1], 0.1), r"start: expected an array with 0 axes, got shape \(2,\)"),
        (lambda: CHAIN.evolve(1.0, 0.1), r"rates: expected an array of shape \(..., n\), got the number 0.1"),
        (lambda: CHAIN.evolve(np.inf, [0.1]), "start: expected finite numbers"),
        (lambda: CHAIN.optimal_schedule(np.nan, 3), "start: expected finite numbers"),
        (lambda: DiscreteMoment(MOMENT, np.inf, 0.1), "squared: expected finite numbers"),
        (lambda: control_grid(), "ranges: expected at least 1 range"),
        (lambda: control_grid((0, 1, 3), (0, 1, 0)), r"points of ranges\[1\]: expected an integer >= 1, got 0"),
        (lambda: control_grid((0, 1, 2.5)), r"points of ranges\[0\]: expected an integer >= 1, got 2.5"),
        (lambda: control_grid((0, 1)), r"ranges\[0\]: expected \(low, high, points\), got \(0, 1\)"),
        (lambda: control_grid(0, 1, 3), r"ranges\[0\]: expected \(low, high, points\), got 0"),
        (lambda: control_grid((0, np.nan, 3)), r"ranges\[0\]: expected finite numbers"),
        (lambda: StateGrid.of(), "axes: expected at least 1 axis, got none"),
        (lambda: PLANE.interpolation([[np.nan, 0.0]]), "points: expected finite numbers"),
        (lambda: markov_chain(plain(), PLANE, NINE, 0.0, -0.1), "step: expected a positive number, got -0.1"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match="^" + message):
        call()
