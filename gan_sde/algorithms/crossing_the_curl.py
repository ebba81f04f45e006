"""Crossing-the-Curl."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm
from gan_sde.algorithms.products import second_batch
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_choice


@dataclass(frozen=True)
class CrossingTheCurl(AbstractAlgorithm):
    """Descend along ``(J^T - J) F / 2``, orthogonal to F: across the plane of rotation.

    Gemp & Mahadevan, arXiv 1808.01531. On a payoff linear in the discriminator, ``V = phi . m(theta)``, the
    generator descends the squared moment mismatch ``|m|^2 / 2`` and does not see the discriminator.

    Parameters
    ----------
    batches
        ``"independent"``: F and J on separate batches, so that the direction is unbiased; ``"shared"``: on one batch,
        which adds a bias of order 1/B and moves the equilibrium.
    """

    batches: str = "independent"

    def __post_init__(self) -> None:
        check_choice("batches", self.batches, ("shared", "independent"))

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One iteration."""
        batch = oracle.fresh()
        field = oracle.F(x, batch)
        other = second_batch(oracle, batch, self.batches)
        return x - eta * (oracle.vjp(x, field, other) - oracle.jvp(x, field, other)) / 2
