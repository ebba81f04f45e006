"""Policies for the learning rate of the shifted logistic game: solved on grids, and run in training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import gan_sde as gs
from analysis.control import (
    ControlProblem,
    HJBSolution,
    IsaacsSolution,
    OpenLoop,
    StateGrid,
    solve_hjb,
    solve_isaacs,
    solve_open_loop,
)
from figures.papers.adversarial_training.shifted_logistic import (
    HORIZON,
    ITERATIONS,
    LR,
    MARGINS,
    START,
    Array,
    gradients,
    moments,
    payoff,
    robust_loss,
    training,
)

RATES = np.concatenate([[0.0], np.geomspace(0.05, 1.0, 25)])
"""Multiples of the learning rate that a controller may choose from."""

Policy = Callable[[int, Array, Array], Array]
"""From iteration, theta and delta to a rate for each trajectory, or one for each player, last axis (theta, delta)."""


def grid(theta_nodes: int = 121, delta_nodes: int = 33) -> StateGrid:
    """Nodes, dense where training comes to rest; runs at the full rate throughout would leave it."""
    stretched = np.sinh(2.5 * np.linspace(-1, 1, theta_nodes)) / np.sinh(2.5)
    return StateGrid.of(0.65 + np.where(stretched < 0, 2.9, 2.1) * stretched, np.linspace(-1.0, 1.4, delta_nodes))


def _drift(t: float, state: Array, u: Array) -> Array:
    descent, _, ascent, _ = moments(state[..., 0], state[..., 1])
    return np.stack([-u[..., 0] * descent, u[..., -1] * ascent], axis=-1)


def _noise(t: float, state: Array, u: Array) -> Array:
    _, first, _, second = moments(state[..., 0], state[..., 1])
    theta, delta = np.broadcast_arrays(u[..., 0] * np.sqrt(LR * first), u[..., -1] * np.sqrt(LR * second))
    zero = np.zeros_like(theta)
    return np.stack([np.stack([theta, zero], axis=-1), np.stack([zero, delta], axis=-1)], axis=-2)


def common_rate(*, noise: bool = True) -> ControlProblem:
    """One rate for both players, for the least robust loss at the end."""
    return ControlProblem(_drift, lambda state: robust_loss(state[..., 0]), _noise if noise else None)


def feedback(*, noise: bool = True) -> HJBSolution:
    """Rate as a function of time and state."""
    return solve_hjb(common_rate(noise=noise), grid(), RATES, horizon=HORIZON, steps=ITERATIONS)


def clock_only() -> OpenLoop:
    """Best schedule; begun from 2 / (k + 1), for sweeps from the full rate end in worse local optima."""
    begin = np.abs(RATES - np.minimum(1, 2 / (1 + np.arange(ITERATIONS)))[:, None]).argmin(axis=1)
    return solve_open_loop(
        common_rate(), grid(), RATES, START, horizon=HORIZON, steps=ITERATIONS, initial=begin, sweeps=12
    )


def both_rates() -> IsaacsSolution:
    """Each player its own rate: the model for the least payoff at the end, the adversary for the largest."""
    problem = ControlProblem(_drift, lambda state: payoff(state[..., 0], state[..., 1]), _noise)
    few = np.array([0.0, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0])
    return solve_isaacs(problem, grid(61, 25), few, few, horizon=HORIZON, steps=ITERATIONS)


# -------------------------------------------------------------------- training


@dataclass(frozen=True, eq=False)
class Run:
    """Ends of trainings, ``(n,)`` each, and the mean rate by iteration."""

    theta: Array
    delta: Array
    rates: Array


def seen(policy: Array, nodes: StateGrid) -> Policy:
    """A policy on the grid, ``(steps, *grid.shape, k)``, as a function of the state; the nearest face outside."""

    def at(k: int, theta: Array, delta: Array) -> Array:
        weights = nodes.interpolation(np.column_stack([theta, delta]))
        return weights @ policy[k].reshape(-1, policy.shape[-1])

    return at


def shuffled(policy: Policy) -> Policy:
    """The same rule fed the state of the next trajectory: right on average, and blind."""
    return lambda k, theta, delta: policy(k, np.roll(theta, 1), np.roll(delta, 1))


def train(policy: Policy, count: int, seed: int) -> Run:
    """Descent-ascent written out, one sample a player and iteration."""
    rng = np.random.default_rng(seed)
    theta, delta, rates = np.full(count, START[0]), np.full(count, START[1]), []
    for k in range(ITERATIONS):
        u = np.broadcast_to(policy(k, theta, delta), (count, 2))
        descent, _ = gradients(theta, delta, rng.choice(MARGINS, count))
        _, ascent = gradients(theta, delta, rng.choice(MARGINS, count))
        theta, delta = theta - LR * u[:, 0] * descent, delta + LR * u[:, 1] * ascent
        rates.append(u.mean(axis=0))
    return Run(theta, delta, np.array(rates))


def train_by_schedule(rates: Array, count: int, seed: int) -> Array:
    """Robust losses at the end of the library's training under learning rates by iteration."""
    run = gs.simulate(
        training(), lr=rates, steps=len(rates), trajectories=count, seed=seed, record=("final",), progress=False
    )
    return robust_loss(run["final"].sel(param="theta").values)


def tuned(shape: Callable[[float], Array], values: Array, count: int = 20_000) -> Array:
    """Rates by iteration of the family's best member, by simulations with random numbers of their own."""
    losses = [train_by_schedule(LR * shape(v), count, 9_999).mean() for v in values]
    return LR * shape(float(values[int(np.argmin(losses))]))
