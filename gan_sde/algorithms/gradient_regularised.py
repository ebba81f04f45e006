"""Descent with the generator penalised by the discriminator's squared gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm
from gan_sde.algorithms.products import second_batch, two_players_zero_sum
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_choice, check_number


@dataclass(frozen=True)
class GradientRegularised(AbstractAlgorithm):
    """``F + weight (0, grad_theta |F_phi|^2)`` (Nagarajan & Kolter, arXiv 1706.04156).

    On a payoff linear in the discriminator it equals alternating training with a discriminator step of
    ``2 weight``, and unrolling k steps of size ``weight / k``.

    Parameters
    ----------
    weight
        Weight of the penalty, a fixed number.
    batches
        ``"independent"``: the two factors of the penalty's gradient on separate batches, unbiased; ``"shared"``: on
        one.
    """

    weight: float = 0.1
    batches: str = "independent"

    def __post_init__(self) -> None:
        check_number("weight", self.weight)
        check_choice("batches", self.batches, ("shared", "independent"))

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One iteration."""
        up, down = two_players_zero_sum(oracle, "gradient-regularised")
        batch = oracle.fresh()
        field = oracle.F(x, batch)
        penalty = oracle.vjp(x, oracle.only(up, field), second_batch(oracle, batch, self.batches)) * 2
        return x - eta * (field + oracle.only(down, penalty) * self.weight)
