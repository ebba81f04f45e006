"""Exact weak errors of the SDEs of simultaneous and alternating descent-ascent on an affine game."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
