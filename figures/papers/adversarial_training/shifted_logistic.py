"""A logistic regression against one shift of all its inputs: two players, two numbers, no quadratic anywhere.

``J(theta, delta) = E log(1 + exp(-theta (s - delta))) - c delta^2 / 2`` with s the input times its label: the model
descends in theta, the adversary ascends in delta, which moves every input towards the wrong side. Two of eight inputs
lie there already, so that theta has a finite optimum and gradients are noisy at rest.

The problem is a reduced form of that of Gu, Guo & Li, arXiv 2105.08037 (control of the learning rate by a
Hamilton-Jacobi-Bellman equation), and of Guo & Mounjid, arXiv 2112.00222 (both players' rates, Isaacs).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from sympy import symbols

import gan_sde as gs
from gan_sde.games.adversarial_regression import softplus

MARGINS = np.array([2.5, 1.8, 1.3, 1.0, 0.8, 0.4, -0.6, -1.2])
"""Inputs times labels."""
PENALTY = 1.0
LR, ITERATIONS = 0.5, 40
HORIZON = LR * ITERATIONS
START = (-1.5, 0.0)

Array = np.ndarray


def gradients(theta: Array, delta: Array, margins: Array) -> tuple[Array, Array]:
    """Derivatives of the payoff of single samples in theta and in delta; arrays broadcast."""
    slope = 1 / (1 + np.exp(theta * (margins - delta)))
    return -slope * (margins - delta), slope * theta - PENALTY * delta


def payoff(theta: Array, delta: Array) -> Array:
    """J at states of any shape."""
    score = np.asarray(theta)[..., None] * (MARGINS - np.asarray(delta)[..., None])
    return np.logaddexp(0, -score).mean(axis=-1) - PENALTY * np.asarray(delta) ** 2 / 2


def robust_loss(theta: Array) -> Array:
    """``max_delta J``, by Newton's method in delta."""
    t, delta = np.asarray(theta, float), np.zeros(np.shape(theta))
    for _ in range(30):
        slope = 1 / (1 + np.exp(t[..., None] * (MARGINS - delta[..., None])))
        first = slope.mean(axis=-1) * t - PENALTY * delta
        second = (slope * (1 - slope)).mean(axis=-1) * t**2 - PENALTY
        delta = delta - first / np.minimum(second, -0.2 * PENALTY)
    return payoff(t, delta)


def least_robust_loss() -> float:
    """Value of the game ``min_theta max_delta J``."""
    return float(minimize_scalar(lambda t: robust_loss(np.array(t)), bounds=(-1, 3), method="bounded").fun)


def training() -> gs.Training:
    """Simultaneous descent-ascent, one sample a player."""
    theta, delta, s = symbols("theta delta s")
    game = gs.Game.zero_sum(
        softplus(-theta * (s - delta)) - PENALTY * delta**2 / 2,
        maximiser={"adversary": [delta]},
        minimiser={"model": [theta]},
        data={s: gs.Empirical(MARGINS)},
        x0={"theta": START[0], "delta": START[1]},
    )
    return gs.Training(game, gs.algorithms.get("sgda", batches="independent"))


def moments(theta: Array, delta: Array) -> tuple[Array, Array, Array, Array]:
    """Means and variances of one sample's derivatives: of theta's, of delta's."""
    first, second = gradients(np.asarray(theta)[..., None], np.asarray(delta)[..., None], MARGINS)
    return first.mean(axis=-1), first.var(axis=-1), second.mean(axis=-1), second.var(axis=-1)
