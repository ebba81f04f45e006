"""Stochastic variance-amplified gradients."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_integer


@dataclass(frozen=True)
class SVAG(AbstractAlgorithm):
    """Simultaneous descent with amplified noise, which simulates the SDE of descent without Gaussian noise.

    Two batches, weighted ``(1 + c) / 2`` and ``(1 - c) / 2`` with ``c = sqrt(2 l - 1)``: the mean of the field stays,
    its covariance is multiplied by l. At the learning rate ``lr / l``, for l times as many iterations, this is another
    discretisation of the order-1 SDE of `sgda` at the rate ``lr``; its distance from it is of order ``1 / l`` (Li,
    Malladi & Arora, arXiv 2102.12470, there for one loss; here for games, both players on one batch).

    Parameters
    ----------
    refinement
        l; 1 is plain simultaneous descent.
    """

    refinement: int = 4

    def __post_init__(self) -> None:
        check_integer("refinement", self.refinement, 1)

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One iteration."""
        first = oracle.F(x, oracle.fresh())
        if self.refinement == 1:
            return x - eta * first
        amplitude = sqrt(2 * self.refinement - 1)
        second = oracle.F(x, oracle.fresh())
        return x - eta * (first * ((1 + amplitude) / 2) + second * ((1 - amplitude) / 2))
