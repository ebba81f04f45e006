"""Weak errors of the derived SDEs: exactly on an affine game, by coupled simulation on the LQ-GAN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

import analysis
import gan_sde as gs
from gan_sde.symbolic.moments import MomentDynamics

SCHEMES = {
    "shared": gs.algorithms.get("sgda"),
    "independent": gs.algorithms.get("sgda", batches="independent"),
    "alternating": gs.algorithms.get("sgda", order="alternating"),
}
"""Simultaneous training with one batch for both players or one each, and alternating training."""

SAMPLES = (
    (1.2, 0.9, 0.7, 0.2, -0.3),
    (0.7, 1.7, 1.2, -0.4, 0.2),
    (1.6, 0.5, 0.5, 0.1, 0.25),
)
"""Payoffs ``a theta^2/2 + lam theta omega - c omega^2/2 + p theta + q omega``: all terms differ, so all are noisy."""

COUPLED_SUBSTEPS = 4
"""Of the weak-order-2 integrator: its own bias is then (1/4)^2 of an O(lr^2) term and does not touch the order."""


@dataclass(frozen=True)
class Pair:
    """A training and the SDE that it is held against.

    Parameters
    ----------
    scheme
        The training, a key of `SCHEMES`.
    derived_from
        The training that the SDE was derived from; another one than ``scheme`` makes a control.
    drift_order
        1 (``b_0``) or 2 (``b_0 + lr b_1``).
    weak_order
        What the theorem says.
    block_noise
        Drop the covariance between the players (a control, for shared batches).
    """

    scheme: str
    derived_from: str
    drift_order: int
    weak_order: int
    block_noise: bool = False

    @property
    def is_control(self) -> bool:
        """Whether a part of the SDE is wrong on purpose."""
        return self.block_noise or self.derived_from != self.scheme

    @property
    def label(self) -> str:
        """One line for tables and legends."""
        if self.block_noise:
            return f"{self.scheme}, order-{self.drift_order} SDE without cross-covariance"
        if self.is_control:
            return f"{self.scheme}, order-{self.drift_order} SDE of simultaneous training"
        return f"{self.scheme}, order-{self.drift_order} SDE"


RIGHT = tuple(Pair(scheme, scheme, order, order) for order in (1, 2) for scheme in SCHEMES)
WRONG_NOISE = Pair("shared", "shared", 2, 1, block_noise=True)
WRONG_DRIFT = Pair("alternating", "independent", 2, 1)


def exact_orders(pairs: Sequence[Pair], lrs: Sequence[float]) -> dict[Pair, analysis.WeakOrder]:
    """Order of the largest error over all first and second moments at time 1; no sampling.

    The quadratic game is the finite sum over `SAMPLES` with batches of 2, started at (0.8, -0.5).
    """
    game = gs.games.get("quadratic", samples=SAMPLES)
    trainings = {name: gs.Training(game, algorithm) for name, algorithm in SCHEMES.items()}
    discrete = {name: MomentDynamics.of_training(trainings[name]) for name in {p.scheme for p in pairs}}
    orders = {}
    for pair in pairs:
        blocks = tuple(game.players.values()) if pair.block_noise else None
        continuous = MomentDynamics.of_sde(trainings[pair.derived_from].sde(pair.drift_order), blocks=blocks)
        ends = [
            [m.after((0.8, -0.5), 1.0, lr=lr, batch_size=2) for m in (continuous, discrete[pair.scheme])] for lr in lrs
        ]
        errors = [np.abs(sde - training).max() for sde, training in ends]
        orders[pair] = analysis.weak_order(lrs, errors, np.zeros(len(errors)))
    return orders


@dataclass(frozen=True, eq=False)
class Simulated:
    """Weak error of one pair from coupled runs.

    Parameters
    ----------
    order
        Fit of the largest error over all first and second moments.
    variance_reduction
        Variance of an uncoupled difference over that of the coupled one; median over moments and rates.
    """

    order: analysis.WeakOrder
    variance_reduction: float


@dataclass(frozen=True)
class CoupledEnsembles:
    """Trainings and SDEs on the one-dimensional LQ-GAN, driven by the same batches.

    Parameters
    ----------
    steps
        Iterations to time 1, one number a rate.
    trajectories
        Per rate.
    seed
        Of the first rate; every rate has its own.
    x0, batch_size
        Start and samples a batch. The default start makes the next-order terms small at these rates: from
        (0, 0, 0.5, 0) the same fit gives 1.7 for independent batches, with local slopes still rising towards 2.
    """

    steps: tuple[int, ...]
    trajectories: int
    seed: int
    x0: Mapping[str, float] = field(default_factory=lambda: {"w2": -0.2, "w1": 0.2, "a": 0.5, "b": 0.0})
    batch_size: int = 16

    @property
    def lrs(self) -> tuple[float, ...]:
        """Learning rates; the runs end at time 1."""
        return tuple(1 / n for n in self.steps)

    @cached_property
    def _trainings(self) -> dict[str, gs.Training]:
        game = gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0)
        return {name: gs.Training(game, algorithm) for name, algorithm in SCHEMES.items()}

    def errors(self, pairs: Sequence[Pair]) -> dict[Pair, Simulated]:
        """Weak errors of all pairs, each with its error bars."""
        rows: dict[Pair, list[tuple[np.ndarray, np.ndarray, float]]] = {pair: [] for pair in pairs}
        for number, steps in enumerate(self.steps):
            ends: dict[object, np.ndarray] = {}
            for pair in pairs:
                training = self._trainings[pair.scheme]
                sde = self._trainings[pair.derived_from].sde(pair.drift_order)
                # the order-1 SDEs of independent and of alternating batches are the same: simulate them once
                for key, process in ((pair.scheme, training), ((sde.drift, sde.diffusion), sde)):
                    if key not in ends:
                        ends[key] = self._moments_at_end(process, steps, number)
                rows[pair].append(_paired(ends[sde.drift, sde.diffusion], ends[pair.scheme]))
        return {pair: self._fitted(row) for pair, row in rows.items()}

    def _moments_at_end(self, process: gs.Training | gs.SDE, steps: int, number: int) -> np.ndarray:
        """First and second moments of each trajectory, ``(trajectories, 14)``."""
        run = gs.simulate(
            process, x0=self.x0, lr=1 / steps, steps=steps, trajectories=self.trajectories, batch_size=self.batch_size,
            seed=(self.seed * len(self.steps) + number) % 2**64, record=("final",), couple=True,
            substeps=COUPLED_SUBSTEPS, progress=False,
        )  # fmt: skip
        if lost := int((run["diverged"].values >= 0).sum()):
            raise ValueError(f"lr: expected finite trajectories at lr = {1 / steps:g}, got {lost} that diverged")
        x = run["final"].values
        rows, columns = np.triu_indices(x.shape[1])
        return np.concatenate([x, x[:, rows] * x[:, columns]], axis=1)

    def _fitted(self, row: Sequence[tuple[np.ndarray, np.ndarray, float]]) -> Simulated:
        errors, covariances, reductions = (np.array(column) for column in zip(*row, strict=True))
        return Simulated(analysis.weak_order(self.lrs, errors, covariances), float(np.median(reductions)))


def _paired(sde: np.ndarray, training: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean difference, its covariance, and per moment by what factor coupling lowered the variance."""
    difference = sde - training
    covariance = np.cov(difference, rowvar=False)
    uncoupled = sde.var(axis=0, ddof=1) + training.var(axis=0, ddof=1)
    return difference.mean(axis=0), covariance / len(difference), uncoupled / np.diag(covariance)
