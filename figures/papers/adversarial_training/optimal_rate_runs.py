"""Solutions on a grid and simulated trainings of the problems of the optimal rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import analysis
import gan_sde as gs
from analysis.control import ControlProblem, HJBSolution, StateGrid, control_grid, solve_hjb
from figures.papers.adversarial_training.optimal_rate_problems import (
    ADVERSARIAL_START,
    INNER_RATE,
    LR,
    QUADRATIC,
    Problem,
)


def solve_moment(problem: Problem, steps: int, rates: int) -> HJBSolution:
    """Solve the control problem of the moment on a grid, knowing nothing of the closed form."""
    moment = problem.make(LR)
    low = 0.4 * float(problem.best().value(problem.horizon))
    return solve_hjb(
        ControlProblem(lambda t, m, u: moment.derivative(m, u), lambda m: m[..., 0]),
        StateGrid.of(np.geomspace(low, 1.2 * problem.start, 2 * steps)),
        control_grid((0, 1, rates)),
        horizon=problem.horizon,
        steps=steps,
    )


def policy_error(problem: Problem, solution: HJBSolution) -> float:
    """Largest difference of the grid's policy from the closed form's, where some schedule can bring the moment."""
    nodes = solution.grid.axes[0]
    lowest = problem.best().value(solution.times[:-1])
    reachable = (nodes >= lowest[:, None]) & (nodes <= problem.start)
    return float(np.abs(solution.policy[..., 0] - problem.make(LR).feedback(nodes))[reachable].max())


def solve_state(steps: int, nodes: int) -> HJBSolution:
    """The quadratic problem if the controller could see the state: rates u(t, x)."""
    a, variance = 2.0, 4.0
    stretched = np.sinh(4 * np.linspace(-1, 1, nodes)) / np.sinh(4)
    return solve_hjb(
        ControlProblem(
            lambda t, x, u: -a * u * x,
            lambda x: a * x[..., 0] ** 2 / 2,
            noise=lambda t, x, u: np.sqrt(LR * variance) * (u + 0 * x)[..., None],
        ),
        StateGrid.of(3.5 * stretched),
        control_grid((0, 1, 41)),
        horizon=QUADRATIC.horizon,
        steps=steps,
    )


# -------------------------------------------------------------------- simulation


@dataclass(frozen=True, eq=False)
class Simulated:
    """Moments of a simulated ensemble, and that of its end with an error bar."""

    time: np.ndarray
    moment: np.ndarray
    se: np.ndarray
    final: analysis.Estimate


def simulate(process: gs.Training | gs.SDE, problem: Problem, rates: np.ndarray, *, trajectories: int, seed: int):
    """Run an ensemble under learning rates by iteration."""
    run = gs.simulate(
        process, lr=rates, steps=len(rates), trajectories=trajectories, seed=seed, every=max(len(rates) // 15, 1),
        progress=False,
    )  # fmt: skip
    each = problem.weight * (run["final"].to_numpy() ** 2).sum(axis=1)
    diagonal = [np.diagonal(run[name].to_numpy(), axis1=1, axis2=2) for name in ("second_moment", "second_moment_se")]
    return Simulated(
        time=LR * run["step"].to_numpy(),
        moment=problem.weight * diagonal[0].sum(axis=1),
        se=problem.weight * diagonal[1].sum(axis=1),  # an upper bound where there are two coordinates
        final=mean_of(each),
    )


def mean_of(values: np.ndarray) -> analysis.Estimate:
    """Mean of independent numbers with its 95 % interval."""
    return analysis.normal_estimate(float(values.mean()), float(values.std() / np.sqrt(len(values))), n=len(values))


def ratio_of(top: analysis.Estimate, bottom: analysis.Estimate) -> analysis.Estimate:
    """Ratio of independent estimates, error bar by the delta method."""
    value = top.value / bottom.value
    return analysis.normal_estimate(
        value, abs(value) * float(np.hypot(top.se / top.value, bottom.se / bottom.value)), n=min(top.n, bottom.n)
    )


def run_seeing(solution: HJBSolution, *, trajectories: int, seed: int) -> analysis.Estimate:
    """Mean loss at the end of gradient descent whose rate is the policy at its own state."""
    rng = np.random.default_rng(seed)
    x = np.full(trajectories, np.sqrt(5.0))
    nodes, per_iteration = solution.grid.axes[0], (len(solution.times) - 1) // QUADRATIC.steps()
    for k in range(QUADRATIC.steps()):
        rate = LR * np.interp(x, nodes, solution.policy[k * per_iteration, :, 0])
        x = x - rate * (2 * x + 2 * rng.standard_normal(trajectories))
    return mean_of(x**2)


def run_adversarial(rates: np.ndarray, inner_steps: int, *, trajectories: int, seed: int) -> analysis.Estimate:
    """Train ``min_theta E max_delta (theta - y - delta)^2 / 2`` step by step, ascents of delta written out."""
    rng = np.random.default_rng(seed)
    theta = np.full(trajectories, np.sqrt(2 * ADVERSARIAL_START))
    for rate in rates:
        y, delta = 2 * rng.standard_normal(trajectories), np.zeros(trajectories)
        for _ in range(inner_steps):
            delta += INNER_RATE * LR * -(theta - y - delta)
        theta = theta - rate * (theta - y - delta)
    return mean_of(theta**2 / 2)
