"""Weak order of an SDE under a learning-rate schedule, from exact moments on the quadratic game.

The training's rate in iteration k is ``lr u(k lr)`` while an iteration still lasts lr; the order-2 SDE then has the
drift ``u b_0 + lr (u^2 b_1 - u' b_0 / 2)`` (Li, Tai & E, arXiv 1511.06251). Neither side is sampled.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import BarycentricInterpolator
from sympy import Expr, ImmutableMatrix

import analysis
import gan_sde as gs
from figures.papers.coupled_sdes.algorithm_orders import order_of_moments

NODES = 20
"""Chebyshev points in time between which the generator is interpolated, to rounding for smooth schedules."""
TOLERANCE = 1e-11
"""Of a moment, by the integration in time."""


def scheduled_order(
    training: gs.Training, sde: gs.SDE, x0: tuple[float, ...], time: float, lrs: tuple[float, ...], batch_size: float
) -> analysis.CorrectedOrder:
    """Order of the length of the error of all first and second moments.

    Parameters
    ----------
    training
        Without memory, on a game with affine field.
    sde
        ``training.sde(order, schedule=u)``; the training follows the same u.
    x0, time, lrs, batch_size
        Start, horizon, learning rates, samples a batch.
    """
    schedule, start = sde.options["schedule"], _monomials(np.array(x0))
    discrete = gs.MomentDynamics.of_training(training)
    nodes = (1 - np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)) * time / 2
    frozen = [gs.MomentDynamics.of_sde(_frozen(sde, float(t))) for t in nodes]
    followed, reached = [], []
    for lr in lrs:
        state = start
        for k in range(round(time / lr)):
            state = discrete.matrix(lr * float(schedule(k * lr)), batch_size) @ state
        generator = BarycentricInterpolator(nodes, np.array([f.matrix(lr, batch_size) for f in frozen]))
        options = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-14}
        run = solve_ivp(lambda t, y, matrix=generator: matrix(t) @ y, (0.0, time), start, **options)
        followed.append(run.y[:, -1])
        reached.append(state)
    return order_of_moments(lrs, np.array(followed), np.array(reached), time, TOLERANCE)


def without_rate_derivative(sde: gs.SDE) -> gs.SDE:
    """The order-2 SDE without ``-lr u' b_0 / 2``, which is wrong on the constant clock (a control)."""
    schedule = sde.options["schedule"]
    factor: Expr = schedule(sde.clock)
    drift = ImmutableMatrix(sde.drift[:-1, :])
    first = drift.xreplace({sde.lr: 0})
    restored = drift + first * (sde.lr * factor.diff(sde.clock) / (2 * factor))
    return replace(sde, drift=ImmutableMatrix([*restored.expand(), 1]))


def _frozen(sde: gs.SDE, time: float) -> gs.SDE:
    """The SDE with its coefficients as they are at one time, without the clock."""
    table = {sde.clock: time}
    return replace(
        sde,
        drift=ImmutableMatrix(sde.drift[:-1, :].subs(table).expand()),
        diffusion=ImmutableMatrix(sde.diffusion[:-1, :].subs(table)),
        parameters=sde.parameters[:-1],
        clock=None,
    )


def _monomials(x: np.ndarray) -> np.ndarray:
    """``(1, x_i, x_i x_j)`` in the order of `gan_sde.symbolic.moments.monomials`."""
    i, j = np.triu_indices(len(x))
    return np.concatenate([[1.0], x, x[i] * x[j]])
