"""Consensus optimisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm
from gan_sde.algorithms.products import second_batch
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_choice, check_number


@dataclass(frozen=True)
class Consensus(AbstractAlgorithm):
    """Descend the field plus a multiple of the gradient of half its square (Mescheder et al., arXiv 1705.10461).

    Parameters
    ----------
    weight
        Weight beta of ``J^T F``, a fixed number: the term stays in the flow as the learning rate falls.
    batches
        ``"independent"``: F and J of the extra term on separate batches, which makes it unbiased; ``"shared"``: one
        batch for everything, cheaper, with a bias of order 1/B.
    """

    weight: float = 0.1
    batches: str = "independent"

    def __post_init__(self) -> None:
        check_number("weight", self.weight)
        check_choice("batches", self.batches, ("shared", "independent"))

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One iteration."""
        batch = oracle.fresh()
        field = oracle.F(x, batch)
        other = second_batch(oracle, batch, self.batches)
        return x - eta * (field + self.weight * oracle.vjp(x, field, other))
