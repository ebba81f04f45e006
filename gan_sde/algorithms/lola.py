"""Learning with opponent-learning awareness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm
from gan_sde.algorithms.products import interaction_transposed, second_batch, two_players_zero_sum
from gan_sde.algorithms.rate import Rate, as_rate
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_choice


@dataclass(frozen=True)
class LOLA(AbstractAlgorithm):
    """Each player descends its loss after one anticipated step of the other (Foerster et al., arXiv 1709.04326).

    To first order in the anticipated step alpha, and keeping as that paper does only the term through which a player
    shapes the other's learning: ``F_i - alpha (D_i F_j)^T grad_j L_i``; in a zero-sum game ``grad_j L_i = -F_j``.

    Parameters
    ----------
    rate
        Anticipated step alpha: a number is a multiple of the learning rate, ``Fixed(alpha)`` does not shrink with it.
    batches
        ``"independent"``: the two factors on separate batches, unbiased; ``"shared"``: on one.
    """

    rate: Rate | float = 1
    batches: str = "independent"

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", as_rate("rate", self.rate))
        check_choice("batches", self.batches, ("shared", "independent"))

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One iteration."""
        two_players_zero_sum(oracle, "lola")
        batch = oracle.fresh()
        field = oracle.F(x, batch)
        shaping = interaction_transposed(oracle, x, field, second_batch(oracle, batch, self.batches))
        return x - eta * (field + self.rate.at(eta) * shaping)
