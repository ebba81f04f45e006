"""The linear family of Crossing-the-Curl."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm
from gan_sde.algorithms.products import second_batch
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_choice, check_flag, check_number


@dataclass(frozen=True)
class LinearFamily(AbstractAlgorithm):
    """Descend ``(alpha I + beta J^T - gamma J) F`` (Gemp & Mahadevan, arXiv 1808.01531).

    Contains descent (1, 0, 0), Hamiltonian descent (0, 1, 0), the infinitesimal extragradient direction ``-J F``
    (0, 0, 1), consensus (1, beta, 0) and Crossing-the-Curl (0, 1/2, 1/2).

    Parameters
    ----------
    alpha, beta, gamma
        Weights, fixed numbers.
    batches
        ``"independent"``: F and J on separate batches, unbiased; ``"shared"``: on one, with a bias of order 1/B.
    scaled
        Multiply the direction by the game's scaling at the present point (`Game.with_scaling`).
    """

    alpha: float = 0.0
    beta: float = 0.0
    gamma: float = 1.0
    batches: str = "independent"
    scaled: bool = False

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "gamma"):
            check_number(name, getattr(self, name))
        check_choice("batches", self.batches, ("shared", "independent"))
        check_flag("scaled", self.scaled)
        if not (self.alpha or self.beta or self.gamma):
            raise ValueError("alpha: expected a weight other than 0 among alpha, beta, gamma, got none")

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One iteration."""
        batch = oracle.fresh()
        field = oracle.F(x, batch)
        direction = field * self.alpha
        if self.beta or self.gamma:
            other = second_batch(oracle, batch, self.batches)
            if self.beta:
                direction = direction + oracle.vjp(x, field, other) * self.beta
            if self.gamma:
                direction = direction - oracle.jvp(x, field, other) * self.gamma
        return x - eta * (oracle.scaled(x, direction) if self.scaled else direction)
