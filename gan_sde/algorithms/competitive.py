"""Competitive gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm
from gan_sde.algorithms.products import interaction, second_batch
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_choice, check_integer


@dataclass(frozen=True)
class Competitive(AbstractAlgorithm):
    """Move to the Nash equilibrium of the local bilinear game (Schaefer & Anandkumar, arXiv 1905.12103).

    The move solves ``(I + eta J_off) d = -eta F`` with the off-diagonal blocks of the Jacobian; here by the iteration
    ``d <- -eta (F + J_off d)``, which needs products only and is exact up to ``(eta |J_off|)^(iterations + 1)``.

    Parameters
    ----------
    iterations
        Terms of the series beyond the first; it converges where ``eta |J_off| < 1``.
    batches
        ``"independent"``: J on a batch of its own; ``"shared"``: F and J on one.
    """

    iterations: int = 4
    batches: str = "independent"

    def __post_init__(self) -> None:
        check_integer("iterations", self.iterations, 1)
        check_choice("batches", self.batches, ("shared", "independent"))

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One iteration."""
        batch = oracle.fresh()
        field = oracle.F(x, batch)
        other = second_batch(oracle, batch, self.batches)
        move = field * -1 * eta
        for _ in range(self.iterations):
            move = (field + interaction(oracle, x, move, other)) * -1 * eta
        return x + move
