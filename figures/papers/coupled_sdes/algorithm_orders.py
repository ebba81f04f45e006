"""Weak order of the SDE of every algorithm, from exact moments on a game with multiplicative and additive noise.

The expansion that Li, Tai & E (arXiv 1511.06251) prove for stochastic gradients and Cao & Guo (arXiv 2006.02047) for
two players is carried out by the toolkit on the text of each algorithm. Here each resulting SDE is held against its
algorithm: first and second moments at time 1, both without sampling, so that every row is a fact about formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sympy import ImmutableMatrix

import analysis
import gan_sde as gs
from figures.papers.coupled_sdes.finite_sum import SAMPLES
from figures.registry import Check
from gan_sde.algorithms import Fixed

LRS = tuple(2.0**-k for k in range(5, 10))
TIME, START, BATCH_SIZE = 1.0, (0.8, -0.5), 2
MARGIN = 0.01
"""No interval of an order may reach farther from it; a wrong order is at least 1 away."""


@dataclass(frozen=True)
class Case:
    """An algorithm with its options.

    Parameters
    ----------
    name, options
        As for ``gan_sde.algorithms.get``.
    label
        For tables and the figure.
    rates
        Multiples of the learning rate by player.
    """

    name: str
    options: Mapping[str, Any]
    label: str
    rates: Mapping[str, float] = field(default_factory=dict)

    def training(self, game: gs.Game | None = None) -> gs.Training:
        """The algorithm on a game; without one, on the quadratic game of three samples."""
        played = gs.games.get("quadratic", samples=SAMPLES) if game is None else game
        return gs.Training(played, gs.algorithms.get(self.name, **self.options), self.rates)


UNEQUAL = {"discriminator": 1.0, "generator": 2.5}
IN_TURN = {"order": "alternating"}
SHARED = {"batches": "shared"}
FAMILY = {"alpha": 1, "beta": 0.2, "gamma": 0.3}
CASES = (
    Case("sgda", {}, "descent, one batch"),
    Case("sgda", {"batches": "independent"}, "descent, two batches"),
    Case("sgda", {}, "descent, one batch, rates 1 : 2.5", UNEQUAL),
    Case("sgda", IN_TURN, "alternating"),
    Case("sgda", IN_TURN | {"first": "generator"}, "alternating, generator first"),
    Case("sgda", IN_TURN, "alternating, rates 1 : 2.5", UNEQUAL),
    Case("sgda", IN_TURN | {"inner_steps": {"discriminator": 2}}, "alternating, 2 discriminator steps"),
    Case("extragradient", {}, "extragradient, two batches"),
    Case("extragradient", SHARED, "extragradient, one batch"),
    Case("extragradient", {"extrapolation": Fixed(0.3)}, "extragradient, look-ahead 0.3"),
    Case("past-extragradient", {}, "past extragradient"),
    Case("optimistic", {}, "optimistic"),
    Case("consensus", {"weight": 0.5}, "consensus, two batches"),
    Case("consensus", {"weight": 0.5} | SHARED, "consensus, one batch"),
    Case("symplectic-adjustment", {}, "symplectic adjustment, two batches"),
    Case("symplectic-adjustment", SHARED, "symplectic adjustment, one batch"),
    Case("crossing-the-curl", {}, "Crossing-the-Curl, two batches"),
    Case("crossing-the-curl", SHARED, "Crossing-the-Curl, one batch"),
    Case("linear-family", FAMILY, "F + 0.2 JᵀF - 0.3 JF, two batches"),
    Case("linear-family", FAMILY | SHARED, "F + 0.2 JᵀF - 0.3 JF, one batch"),
    Case("hamiltonian", {}, "Hamiltonian, two batches"),
    Case("hamiltonian", SHARED, "Hamiltonian, one batch"),
    Case("gradient-regularised", {}, "gradient-regularised, two batches"),
    Case("gradient-regularised", SHARED, "gradient-regularised, one batch"),
    Case("unrolled", {}, "unrolled by lr, five batches"),
    Case("unrolled", SHARED, "unrolled by lr, one batch"),
    Case("lola", {}, "LOLA, two batches"),
    Case("lola", SHARED, "LOLA, one batch"),
    Case("competitive", {"iterations": 2}, "competitive, two batches"),
    Case("competitive", {"iterations": 2} | SHARED, "competitive, one batch"),
    Case("alex-gda", {}, "Alex-GDA"),
    Case("momentum", {"mu": 0.5}, "heavy ball, mu = 0.5"),
    Case("momentum", {"damping": 1.5}, "heavy ball, 1 - mu = 1.5 lr"),
    Case("averaging", {}, "descent with averaging"),
    Case("svag", {"refinement": 4}, "amplified noise (SVAG), l = 4"),
)
CROSS_NOISE, SIMULTANEOUS, ALTERNATING = CASES[0], CASES[1], CASES[3]
"""The case whose noise is also made independent between the players, which is wrong for one batch; and that whose SDE
is held against alternating training, which has another b1."""


# -------------------------------------------------------------------- measured


def orders(case: Case) -> dict[str, analysis.CorrectedOrder]:
    """Orders of the two SDEs of an algorithm, and of the second with its correction turned round."""
    training = case.training()
    first, second = (training.sde(order, noise="exact") for order in (1, 2))
    turned = replace(second, drift=ImmutableMatrix((2 * first.drift - second.drift).expand()))
    return {
        "order 1": exact_order(case, first),
        "order 2": exact_order(case, second),
        "wrong sign": exact_order(case, turned),
    }


def exact_order(case: Case, sde: gs.SDE, *, independent_players: bool = False) -> analysis.CorrectedOrder:
    """Order of the length of the error of all first and second moments of the parameters at time 1."""
    training = case.training()
    game = training.game
    blocks = tuple(game.players.values()) if independent_players else None
    discrete, continuous = gs.MomentDynamics.of_training(training), gs.MomentDynamics.of_sde(sde, blocks=blocks)
    start, reached, followed = np.array([START]), [], []
    for lr in LRS:
        options = {"time": TIME, "lr": lr, "batch_size": BATCH_SIZE}
        ends = (
            discrete.after(training.start(start, lr)[0], **options),
            continuous.after(sde.start(start, lr)[0], **options),
        )
        for all_moments, kept, dynamics in zip(ends, (reached, followed), (discrete, continuous), strict=True):
            kept.append(dynamics.select(all_moments, game.parameters))
    return order_of_moments(LRS, np.array(followed), np.array(reached), TIME)


def order_of_moments(
    lrs: Sequence[float], followed: np.ndarray, reached: np.ndarray, time: float, tolerance: float = 0.0
) -> analysis.CorrectedOrder:
    """Order of the length of ``followed - reached``, ``(rates, moments)`` each.

    What stands for the standard errors is a bound of the rounding: four units in the last place of the largest moment
    for every iteration, and ``tolerance``, what else may be wrong with a moment.
    """
    lengths = np.linalg.norm(followed - reached, axis=1)
    iterations, largest = time / np.array(lrs), np.abs(reached).max(axis=1)
    rounding = 4 * np.finfo(float).eps * iterations * largest + tolerance
    return analysis.corrected_weak_order(lrs, lengths, np.sqrt(reached.shape[1]) * rounding)


# -------------------------------------------------------------------- verdicts


def order_check(label: str, order: int, found: analysis.CorrectedOrder) -> Check:
    """Whether the order lies in its interval, and the interval within `MARGIN` of the order."""
    passed = found.confirms(order, MARGIN)
    return Check(f"{label}: order-{order} SDE", f"{order}, to ± {MARGIN:g}", found.value, found.interval, passed)


def control_check(what: str, found: Sequence[analysis.CorrectedOrder]) -> Check:
    """Whether every SDE that is wrong on purpose falls back to order 1."""
    values = [order.value for order in found]
    passed = all(order.confirms(1, MARGIN) for order in found)
    count = f"{len(values)} order-2 SDEs" if len(values) > 1 else "an order-2 SDE"
    return Check(
        f"control: {what}, {count}", f"{'all ' if len(values) > 1 else ''}1, to ± {MARGIN:g} (not 2)",
        f"{min(values):.4f} to {max(values):.4f}" if len(values) > 1 else f"{values[0]:.4f}", None, passed,
    )  # fmt: skip
