"""Weak errors of the SDEs of adversarial training on the eight points, without sampling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from sympy import lambdify

import analysis
import gan_sde as gs
from figures.papers.adversarial_training.robust_logistic import HORIZON, POINTS, SAMPLES, START, Attack, outcomes
from figures.papers.adversarial_training.robust_semigroup import Coefficients, Plane
from gan_sde.algorithms.adversarial import AdversarialTraining, adversarial_sde
from gan_sde.games.adversarial_regression import adversarial_regression

OWN, SHARED, CLEAN = Attack(shared=False), Attack(shared=True), Attack(shared=False, inner_steps=0)
LRS = tuple(2.0**-k for k in range(2, 9))
FITTED = 5
"""Of the rates, the largest so many: at the smaller ones the error of the grid shows."""
GRID_ERROR = 3e-7
"""Of a moment, from grids of other sizes."""


@dataclass(frozen=True)
class Pair:
    """A training and the SDE that it is held against.

    Parameters
    ----------
    training
        What is enumerated.
    derived_for
        The attack whose SDE it is; another one than ``training`` makes a control.
    order
        Of the SDE.
    """

    training: Attack
    derived_for: Attack
    order: int

    @property
    def is_control(self) -> bool:
        """Whether the SDE is that of another training."""
        return self.training != self.derived_for

    @property
    def weak_order(self) -> int:
        """What the theorem says; an order-2 drift with a wrong penalty is no better than order 1."""
        return 1 if self.is_control else self.order

    @property
    def label(self) -> str:
        """One line for tables and legends."""
        text = f"{self.training.name}, order-{self.order} SDE"
        return f"{text} of {self.derived_for.name}" if self.is_control else text


PAIRS = (
    *(Pair(attack, attack, order) for order in (1, 2) for attack in (OWN, SHARED)),
    Pair(OWN, CLEAN, 2),
    Pair(SHARED, OWN, 2),
)


def training_of(attack: Attack) -> tuple[gs.Training, int]:
    """The library's training with an attack, and its batch size: samples a perturbation."""
    game = adversarial_regression("logistic", POINTS).subs(penalty=0)
    count = 1 if attack.shared else SAMPLES
    algorithm = AdversarialTraining(attack.inner_steps, attack.inner_rate, perturbations=count)
    return gs.Training(game, algorithm), SAMPLES // count


def sde_of(attack: Attack, order: int) -> tuple[gs.SDE, int]:
    """Its SDE in closed form, and the batch size."""
    training, batch_size = training_of(attack)
    return adversarial_sde(training, order), batch_size


@cache
def _numerical(attack: Attack, order: int):
    sde, batch_size = sde_of(attack, order)
    drift, noise = sde.drift[2:, :], sde.diffusion[2:, :]  # without the adversary's rows, which rest
    entries = [e.subs(sde.batch_size, batch_size) for e in (*drift, *noise)]
    return lambdify([*sde.parameters, sde.lr], entries, cse=True)


def coefficients(attack: Attack, order: int, lr: float) -> Coefficients:
    """Drift and covariance of the SDE in the model's two parameters."""
    function = _numerical(attack, order)

    def at(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = function(0.0, 0.0, theta[:, 0], theta[:, 1], lr)
        values = np.stack([np.broadcast_to(row, len(theta)) for row in rows], axis=1)
        noise = values[:, 2:].reshape(len(theta), 2, -1)
        return values[:, :2], noise @ noise.transpose(0, 2, 1)

    return at


def moments(theta: np.ndarray) -> np.ndarray:
    """First and second moments, ``(n, 5)``, of states ``(n, 2)``."""
    first, second = theta.T
    return np.stack([first, second, first**2, first * second, second**2], axis=1)


PLANE = Plane(centre=(0.8, -0.1), half_width=1.6, nodes=56)


def trained(attack: Attack, lr: float, plane: Plane = PLANE) -> np.ndarray:
    """Exact moments of the training at the horizon, ``(5,)``."""
    steps = round(HORIZON / lr)
    return plane.at(plane.after(moments(plane.points), lambda theta: outcomes(theta, attack, lr), steps), START)


def followed(attack: Attack, order: int, lr: float, plane: Plane = PLANE) -> np.ndarray:
    """Exact moments of the SDE at the horizon, ``(5,)``."""
    return plane.at(plane.after_sde(moments(plane.points), coefficients(attack, order, lr), HORIZON), START)


@dataclass(frozen=True, eq=False)
class Orders:
    """Weak errors of a pair at all rates, and the order by the largest ones."""

    errors: np.ndarray
    fit: analysis.CorrectedOrder
    slopes: np.ndarray


def weak_orders(pairs: Sequence[Pair] = PAIRS, lrs: Sequence[float] = LRS, plane: Plane = PLANE) -> dict[Pair, Orders]:
    """Length of the error of all first and second moments at the horizon, pair by pair."""
    exact = {attack: [trained(attack, lr, plane) for lr in lrs] for attack in {p.training for p in pairs}}
    kinds = {(p.derived_for, p.order) for p in pairs}
    sdes = {kind: [followed(*kind, lr, plane) for lr in lrs] for kind in kinds}
    found = {}
    for pair in pairs:
        ends = zip(sdes[pair.derived_for, pair.order], exact[pair.training], strict=True)
        errors = np.array([np.linalg.norm(sde - training) for sde, training in ends])
        fitted = errors[:FITTED]
        uncertain = np.full(len(fitted), np.sqrt(len(exact[pair.training][0])) * GRID_ERROR)
        fit = analysis.corrected_weak_order(lrs[:FITTED], fitted, uncertain)
        found[pair] = Orders(errors, fit, -np.diff(np.log(errors)) / np.log(2))
    return found
