"""Where training with a shared batch comes to rest: the zero of its SDE's drift against simulation.

Crossing-the-Curl multiplies the Jacobian with the field. Taken from one batch of B samples, the product of their means
has terms of order 1/B, and the drift of the derived SDE contains them exactly. On the 1-d LQ-GAN with data
``N(mu, sigma^2)`` its zeros with a > 0 satisfy

    b (1 - 1/B) - 4 b^3 / B = mu,        (1 + 2/B) (a^2 + b^2) = sigma^2 + mu^2 - 1 / (2 B).

For mu = 0 the generated variance is ``a^2 = (B sigma^2 - 1/2) / (B + 2)``. The left side of the first equation has the
maximum ``(2/3) (1 - 1/B) sqrt((B - 1) / 12)``: for larger means there is no such zero, and a falls to its bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.integrate import solve_ivp
from sympy import lambdify, symbols

import analysis
import gan_sde as gs

SPREAD = 1.0
"""Standard deviation of the data, everywhere in this figure."""
MINIMUM_SCALE = 0.01
"""Bound below which a is projected back."""
_HORIZON = 1e5
_BURN = 6.0


@dataclass(frozen=True)
class Spec:
    """Where a variance is measured.

    Parameters
    ----------
    batch_size
        Samples a batch.
    mean
        Mean of the data.
    lr
        Learning rate, the larger one where two are used.
    time
        Length of a run, ``lr x iterations``, several times the slowest relaxation time.
    """

    batch_size: int
    mean: float
    lr: float
    time: float


@dataclass(frozen=True)
class Point:
    """A measured variance of the generator beside its prediction."""

    spec: Spec
    predicted: float
    measured: analysis.Estimate


def training(algorithm: str, mean: float, **options: str) -> gs.Training:
    """Training of the LQ-GAN on normal data of the given mean."""
    game = gs.games.get("lq-gan", minimum_scale=MINIMUM_SCALE).subs(mu=mean, sigma=SPREAD)
    return gs.Training(game, gs.algorithms.get(algorithm, **options))


@cache
def mean_drift(batches: str) -> Callable[[np.ndarray, float, float], np.ndarray]:
    """Drift of the first-order SDE of Crossing-the-Curl as ``f(x, mean, batch_size)``."""
    game = gs.games.get("lq-gan").subs(sigma=SPREAD)
    sde = gs.Training(game, gs.algorithms.get("crossing-the-curl", batches=batches)).sde(order=1)
    compiled = lambdify([sde.parameters, symbols("mu"), sde.batch_size], list(sde.drift))
    return lambda x, mean, batch_size: np.array(compiled(x, mean, batch_size), dtype=float)


def rest_point(drift: Callable[[np.ndarray, float, float], np.ndarray], mean: float, batch_size: float) -> np.ndarray:
    """Where the flow of the drift, started at the equilibrium of the game, comes to rest.

    Its component a is the lower bound of the game where no zero with a > 0 attracts it: the drift of a has the factor
    a, so that the flow tends to 0 without crossing it, and the projection stops it at the bound.
    """
    flow = solve_ivp(
        lambda _, x: drift(x, mean, batch_size), (0.0, _HORIZON), start_at(mean), method="LSODA", rtol=1e-9, atol=1e-12
    )
    w2, w1, a, b = flow.y[:, -1]
    return np.array([w2, w1, max(a, MINIMUM_SCALE), b])


def start_at(mean: float) -> np.ndarray:
    """Equilibrium of the game, in the order w2, w1, a, b."""
    return np.array([0.0, 0.0, SPREAD, mean])


def critical_mean(batch_size: float) -> float:
    """Mean of the data beyond which the shared-batch drift has no zero with a > 0 near the equilibrium.

    Valid while the zero exists up to the fold, as it does at B = 16 and unit variance.
    """
    return 2 / 3 * (1 - 1 / batch_size) * float(np.sqrt((batch_size - 1) / 12))


def measure(batches: str, spec: Spec, trajectories: int, seed: int, level: float, *, limit: bool = True) -> Point:
    """Measure the stationary ``E a^2`` and predict it.

    The stationary value is ``a*^2 + c lr + O(lr^2)``, with a* the rest point of the drift; twice the value at
    ``lr / 2`` less that at ``lr`` leaves the limit of small rates.

    Parameters
    ----------
    batches
        ``"shared"`` or ``"independent"``.
    spec
        Where to measure.
    trajectories
        Of each run.
    seed
        Seed of the run at ``lr``; that at ``lr / 2`` takes the next, so that the two are independent.
    level
        Coverage of the interval.
    limit
        Extrapolate; False returns the value at ``lr`` itself.
    """
    process = training("crossing-the-curl", spec.mean, batches=batches)
    value, se = second_moment(process, spec, spec.lr, trajectories, seed)
    if limit:
        half, half_se = second_moment(process, spec, spec.lr / 2, trajectories, seed + 1)
        value, se = 2 * half - value, float(np.hypot(2 * half_se, se))
    predicted = float(rest_point(mean_drift(batches), spec.mean, spec.batch_size)[2] ** 2)
    return Point(spec, predicted, analysis.normal_estimate(value, se, n=trajectories, level=level))


def second_moment(process: gs.Training, spec: Spec, lr: float, trajectories: int, seed: int) -> tuple[float, float]:
    """Return ``E a^2`` at the end of runs that start at the equilibrium of the game, and its standard error."""
    steps = round(spec.time / lr)
    run = gs.simulate(
        process, x0=start_at(spec.mean), lr=lr, batch_size=spec.batch_size, steps=steps, every=steps,
        trajectories=trajectories, seed=seed % 2**64, record=("moments",),
    )  # fmt: skip
    if int(run["n"][-1]) < trajectories:  # a moment of the survivors would say nothing
        return float("nan"), float("nan")
    last = run.isel(step=-1).sel(param="a", param_="a")
    return float(last["second_moment"]), float(last["second_moment_se"])
