"""Hamiltonian gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm
from gan_sde.algorithms.products import second_batch
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_choice


@dataclass(frozen=True)
class Hamiltonian(AbstractAlgorithm):
    """Descend ``H = |F|^2 / 2``, along ``J^T F`` (Balduzzi et al., ICML 2018; Loizou et al., ICML 2020).

    Parameters
    ----------
    batches
        ``"independent"``: F and J on separate batches, unbiased; ``"shared"``: on one, which descends the mean of the
        squared batch field instead.
    """

    batches: str = "independent"

    def __post_init__(self) -> None:
        check_choice("batches", self.batches, ("shared", "independent"))

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One iteration."""
        batch = oracle.fresh()
        field = oracle.F(x, batch)
        return x - eta * oracle.vjp(x, field, second_batch(oracle, batch, self.batches))
