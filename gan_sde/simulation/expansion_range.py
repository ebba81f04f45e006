"""Whether a learning rate lies visibly beyond the range of the expansion that an SDE comes from.

The drift ``b_0 + lr b_1`` is the head of a series in the learning rate, and so is the start ``x0 + lr shift`` where a
fast memory was eliminated. Where the terms of order lr are as large as those before them, the head says nothing of the
sum. For stochastic gradients the quotient is ``lr |DF| / 2``, for the heavy ball ``(1 + mu) / (1 - mu)^2`` times
as much. Both quotients below stay as they are when the coordinates are moved.
"""

from __future__ import annotations

from math import inf

import numpy as np
from sympy import Expr, lambdify

from gan_sde.simulation.plan import Plan
from gan_sde.symbolic.kinks import refuse_kinks
from gan_sde.symbolic.sde import SDE

LARGEST_QUOTIENT = 0.5
"""Quotient of a term of order lr and the one before it, from which on a warning is due."""
_MOST_STARTS = 1000
_ENDLESS_BATCH = 1e15
"""Stands for an infinite batch, at which 1/B is below rounding and B/B is still a number."""


class ExpansionWarning(UserWarning):
    """The learning rate lies beyond the range of the expansion that the SDE comes from."""


def doubt(plan: Plan) -> str | None:
    """One line that says why an SDE may be far from its training at this learning rate; None if nothing shows it.

    Parameters
    ----------
    plan
        Of a simulation. Nothing is said of a training, nor under one schedule a player.

    Notes
    -----
    Two quotients at the start, over at most 1000 starts in root mean square: ``lr b_1`` to the motion of one
    iteration, and the change of ``b_0`` by the shift of the start to ``b_0``. The motion counts the noise, so that a
    start at an equilibrium, where ``b_0`` vanishes, raises no false alarm.
    """
    sde = plan.process
    if not isinstance(sde, SDE) or plan.multiples is not None or (sde.order == 1 and not is_shifted(sde)):
        return None
    lr, batch_size = float(plan.rates.max()), min(plan.batch_size, _ENDLESS_BATCH)
    rows = plan.x0[:_MOST_STARTS]
    start, shifted = sde.start(rows, 0.0), sde.start(rows, float(plan.rates[0]))
    moving = [k for k, s in enumerate(sde.parameters) if s != sde.clock]
    drift = [sde.drift[k] for k in moving]
    refuse_kinks(sde.game, drift)
    first = _values(sde, drift, start, 0.0, batch_size)
    second = _size(_values(sde, drift, start, lr, batch_size) - first) if sde.order > 1 else 0.0
    change = _size(_values(sde, drift, shifted, 0.0, batch_size) - first)
    pace = _size(first)
    if np.isfinite([second, change, pace]).all() and max(second, change) > LARGEST_QUOTIENT * pace and plan.noise:
        variances = [sde.covariance[k, k] for k in moving]
        pace = float(np.hypot(pace, np.sqrt(_values(sde, variances, start, lr, batch_size).sum(axis=1).mean() / lr)))
    found = []
    if LARGEST_QUOTIENT * pace < second < inf:
        found.append(f"the drift's term of order lr is {second / pace:.2g} times the motion without it")
    if LARGEST_QUOTIENT * pace < change < inf:
        found.append(f"eliminated memory shifts the start, which changes the drift by {change / pace:.2g} times itself")
    if not found or not 0 < pace < inf:
        return None
    enough = lr * LARGEST_QUOTIENT * pace / max(second, change)
    return (
        f"lr: expected a rate at which the expansion behind the SDE holds, got {lr:g}, where {' and '.join(found)}; "
        f"the SDE may be far from its training (try an lr below {enough:.2g})"
    )


def is_shifted(sde: SDE) -> bool:
    """Whether an SDE starts elsewhere than its training, since a fast memory was eliminated."""
    return any(entry != 0 for entry in sde.shift)


def _values(sde: SDE, entries: list[Expr], states: np.ndarray, lr: float, batch_size: float) -> np.ndarray:
    """Entries ``(n, k)`` at states ``(n, D)``; NaN and infinities are the caller's."""
    function = lambdify([*sde.parameters, sde.lr, sde.batch_size], entries)
    with np.errstate(all="ignore"):
        values = function(*states.T, lr, batch_size)
    return np.stack([np.broadcast_to(np.asarray(value, dtype=float), len(states)) for value in values], axis=1)


def _size(vectors: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.square(vectors).sum(axis=1).mean()))
