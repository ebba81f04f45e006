"""Symplectic gradient adjustment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm
from gan_sde.algorithms.products import second_batch
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_choice, check_number


@dataclass(frozen=True)
class SymplecticAdjustment(AbstractAlgorithm):
    """Descend ``F + weight A^T F`` with the antisymmetric part ``A = (J - J^T) / 2`` (Balduzzi et al., ICML 2018).

    Parameters
    ----------
    weight
        Weight of the adjustment, a fixed number.
    batches
        ``"independent"``: F and J of the adjustment on separate batches, unbiased; ``"shared"``: on one.
    """

    weight: float = 1.0
    batches: str = "independent"

    def __post_init__(self) -> None:
        check_number("weight", self.weight)
        check_choice("batches", self.batches, ("shared", "independent"))

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One iteration."""
        batch = oracle.fresh()
        field = oracle.F(x, batch)
        other = second_batch(oracle, batch, self.batches)
        adjustment = (oracle.vjp(x, field, other) - oracle.jvp(x, field, other)) / 2
        return x - eta * (field + adjustment * self.weight)
