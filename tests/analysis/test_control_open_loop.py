"""The best schedule of a process with noise: closed form, bounds on both sides, the exported array, bad input."""

import numpy as np
import pytest

from analysis.control import (
    ControlProblem,
    StateGrid,
    optimal_rate,
    quadratic_moment,
    solve_hjb,
    solve_open_loop,
)

CURVATURE, VARIANCE, LR, START, HORIZON = 2.0, 4.0, 0.1, 1.5, 2.0
MOMENT = quadratic_moment(CURVATURE, VARIANCE, LR)
BEST = optimal_rate(MOMENT, CURVATURE * START**2 / 2)


def problem():
    return ControlProblem(
        lambda t, x, u: -CURVATURE * u * x,
        lambda x: CURVATURE * x[..., 0] ** 2 / 2,
        lambda t, x, u: np.sqrt(LR * VARIANCE) * (u + 0 * x)[..., None],
    )


GRID = StateGrid.of(np.linspace(-3.5, 3.5, 1401))
CONTROLS = np.linspace(0, 1, 41)


@pytest.fixture(scope="module")
def found():
    return solve_open_loop(problem(), GRID, CONTROLS, [START], horizon=HORIZON, steps=20)


def test_schedule_is_that_of_the_closed_form(found):
    """On a quadratic the optimum is known: full rate, then 1 / (1 + a t), read off at the midpoints of the steps.

    The chain's steps are Euler's, so that its exact moment under the closed form's schedule is the yardstick.
    """
    middle = (np.arange(20) + 0.5) * HORIZON / 20
    assert np.abs(found.controls[:, 0] - BEST.rate(middle)).max() < 0.15
    exact = float(MOMENT.evolve(BEST.start, found.controls[:, 0], HORIZON / 20)[-1])
    assert 0 <= exact / float(BEST.value(HORIZON)) - 1 < 0.03
    constant = min(float(MOMENT.evolve(BEST.start, np.full(20, u), HORIZON / 20)[-1]) for u in CONTROLS)
    assert exact < 0.8 * constant  # the control: the best constant is a third worse


def test_cost_never_rises_and_lies_above_the_value_with_the_state_seen(found):
    assert np.all(np.diff(found.costs) <= 1e-12)
    value = solve_hjb(problem(), GRID, CONTROLS, horizon=HORIZON, steps=20).value_at(0, [[START]])[0]
    assert found.cost > 1.5 * value
    assert found.cost == found.costs[-1]


def test_export(found):
    rates = found.schedule(LR, 20)
    np.testing.assert_array_equal(rates, LR * found.controls[:, 0])
    np.testing.assert_array_equal(found.schedule(LR / 2, 40), LR / 2 * np.repeat(found.controls[:, 0], 2))
    with pytest.raises(ValueError, match="iterations: expected at most 20, got 30"):
        found.schedule(LR, 30)


def test_bad_input():
    arguments = {"horizon": 1.0, "steps": 3}
    with pytest.raises(ValueError, match="start: expected a state inside the grid"):
        solve_open_loop(problem(), GRID, CONTROLS, [9.0], **arguments)
    with pytest.raises(ValueError, match="initial: expected 3 indices below 41"):
        solve_open_loop(problem(), GRID, CONTROLS, [1.0], initial=[0, 41, 0], **arguments)
    moving = ControlProblem(lambda t, x, u: -u * x, lambda x: x[..., 0], autonomous=False)
    with pytest.raises(ValueError, match="problem: expected an autonomous one"):
        solve_open_loop(moving, GRID, CONTROLS, [1.0], **arguments)
