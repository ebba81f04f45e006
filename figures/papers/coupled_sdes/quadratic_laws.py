"""Stationary laws on the quadratic game with additive noise: from Lyapunov equations, and from long runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.stats import norm

import analysis
import gan_sde as gs

BATCH_SIZE = 4
CHAINS = 16
SPACING = 1.5
"""Physical time between draws, about the decay time of the slowest mode."""
SUBSTEPS = 8
"""Of the weak-order-2 integrator: its bias of the covariance is below a fifth of the standard error."""

Array = np.ndarray


@cache
def training() -> gs.Training:
    """Simultaneous descent-ascent with a shared batch; the players' noises are correlated."""
    game = gs.games.get("quadratic", covariance=[[2.0, 0.8], [0.8, 1.0]]).subs(a=1.0, lam=1.5, c=0.5)
    return gs.Training(game, gs.algorithms.get("sgda"))


def matrices() -> tuple[Array, Array]:
    """Jacobian of the field and per-sample noise covariance, both ``(2, 2)`` and constant."""
    game = training().game
    return np.array(game.jacobian, dtype=float), np.array(game.noise_covariance, dtype=float)


@dataclass(frozen=True)
class Process:
    """A process with the covariance that theory gives it.

    Parameters
    ----------
    name
        For tables and legends.
    make
        Makes what `gan_sde.simulate` takes.
    covariance
        Predicted stationary covariance ``(2, 2)`` at a learning rate.
    """

    name: str
    make: Callable[[], gs.Training | gs.SDE]
    covariance: Callable[[float], Array]

    @property
    def is_sde(self) -> bool:
        """Whether time is continuous."""
        return isinstance(self.make(), gs.SDE)


def _discrete(lr: float) -> Array:
    return analysis.discrete_stationary_covariance(*matrices(), lr, BATCH_SIZE)


def _continuous(lr: float) -> Array:
    return analysis.stationary_covariance(*matrices(), lr, BATCH_SIZE)


def _second_order(lr: float) -> Array:
    """Drift ``b0 + lr b1``, that is ``-(J + lr J^2 / 2) x``, with the diffusion of order 1."""
    jacobian, sigma = matrices()
    return analysis.stationary_covariance(jacobian + lr / 2 * jacobian @ jacobian, sigma, lr, BATCH_SIZE)


def _corrected(lr: float) -> Array:
    """The diffusion corrected as well: its factor is multiplied by ``I + lr J / 2``."""
    jacobian, sigma = matrices()
    factor = np.eye(2) + lr / 2 * jacobian
    return analysis.stationary_covariance(jacobian @ factor, factor @ sigma @ factor.T, lr, BATCH_SIZE)


TRAINING = Process("SGDA training", training, _discrete)
ORDER_1 = Process("SDE, order 1", lambda: training().sde(1), _continuous)
ORDER_2 = Process("SDE, order 2", lambda: training().sde(2), _second_order)
CORRECTED = Process("SDE, order 2, corrected diffusion", lambda: training().sde(2, diffusion_order=2), _corrected)
PROCESSES = (TRAINING, ORDER_1, ORDER_2, CORRECTED)


def sample(process: Process, lr: float, *, draws: int, seed: int) -> analysis.InvariantMeasure:
    """Run `CHAINS` independent chains and estimate the invariant measure after the burn-in found by MSER-5.

    Parameters
    ----------
    process
        What to run.
    lr
        Learning rate.
    draws
        Draws a chain, `SPACING` apart in time.
    seed
        Of the simulation.
    """
    every = round(SPACING / lr)
    run = gs.simulate(
        process.make(), lr=lr, steps=every * draws, trajectories=CHAINS, batch_size=BATCH_SIZE, seed=seed,
        record=("paths",), every=every, substeps=SUBSTEPS if process.is_sde else None, progress=False,
    )  # fmt: skip
    return analysis.invariant_measure(run["path"].values)


def trace(measure: analysis.InvariantMeasure) -> analysis.Estimate:
    """Trace of the covariance, with its own 95 % interval."""
    squares = np.sum((measure.samples - measure.mean.value) ** 2, axis=-1)
    return analysis.mean_estimate(squares)


def scores(measure: analysis.InvariantMeasure, covariance: Array) -> dict[str, Array]:
    """z-scores against the centred Gaussian of this covariance: of means, covariances and marginal quantiles."""
    gaussian = norm.ppf(measure.probabilities)[:, None] * np.sqrt(np.diag(covariance))
    upper = np.triu_indices(len(covariance))
    return {
        "mean": measure.mean.value / measure.mean.se,
        "covariance": ((measure.covariance.value - covariance) / measure.covariance.se)[upper],
        "quantiles": ((measure.quantiles.value - gaussian) / measure.quantiles.se).ravel(),
    }


def p_value(z_scores: Array) -> float:
    """Two-sided, Bonferroni over the scores."""
    return analysis.bonferroni(2 * norm.sf(np.abs(z_scores)))
