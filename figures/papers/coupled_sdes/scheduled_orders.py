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

NODES = 14
"""Chebyshev points in time between which the generator is interpolated, to rounding for smooth schedules."""


def scheduled_order(
    training: gs.Training, sde: gs.SDE, x0: tuple[float, ...], time: float, lrs: tuple[float, ...], batch_size: float
) -> analysis.WeakOrder:
    """Order of the largest error over all first and second moments.

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
    errors = []
    for lr in lrs:
        state = start
        for k in range(round(time / lr)):
            state = discrete.matrix(lr * float(schedule(k * lr)), batch_size) @ state
        generator = BarycentricInterpolator(nodes, np.array([f.matrix(lr, batch_size) for f in frozen]))
        options = {"method": "DOP853", "rtol": 1e-11, "atol": 1e-13}
        run = solve_ivp(lambda t, y, matrix=generator: matrix(t) @ y, (0.0, time), start, **options)
        errors.append(float(np.abs(run.y[:, -1] - state).max()))
    return analysis.weak_order(lrs, errors, np.zeros(len(errors)))


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
