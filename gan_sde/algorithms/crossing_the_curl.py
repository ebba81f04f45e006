"""Crossing-the-Curl."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm
from gan_sde.algorithms.products import second_batch
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_choice, check_flag


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
    scaled
        Multiply the direction by the game's scaling at the present point (`Game.with_scaling`): on the LQ-GAN in one
        dimension this divides the (w2, a) directions by ``2 a^2``, the paper's scaled map.
    """

    batches: str = "independent"
    scaled: bool = False

    def __post_init__(self) -> None:
        check_choice("batches", self.batches, ("shared", "independent"))
        check_flag("scaled", self.scaled)

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One iteration."""
        batch = oracle.fresh()
        field = oracle.F(x, batch)
        other = second_batch(oracle, batch, self.batches)
        direction = (oracle.vjp(x, field, other) - oracle.jvp(x, field, other)) / 2
        return x - eta * (oracle.scaled(x, direction) if self.scaled else direction)
