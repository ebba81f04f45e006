"""What the solvers of control problems refuse, in one line that names what was wrong."""

import numpy as np
import pytest

from analysis.control import ControlProblem, StateGrid, control_grid, solve_hjb, solve_isaacs, solve_open_loop


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
