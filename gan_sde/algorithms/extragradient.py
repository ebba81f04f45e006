"""Extragradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm
from gan_sde.algorithms.rate import Rate, as_rate
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_choice


@dataclass(frozen=True)
class Extragradient(AbstractAlgorithm):
    """Move by the field found at an extrapolated point (Korpelevich 1976; stochastic: Juditsky et al. 2011).

    Parameters
    ----------
    extrapolation
        Rate of the look-ahead step: a number is a multiple of the learning rate; ``Fixed(rho)`` does not shrink
        with it (and has another SDE: Compagnoni et al., arXiv 2402.12508).
    batches
        ``"independent"``: look-ahead and move on separate batches; ``"shared"``: on the same one.
    """

    extrapolation: Rate | float = 1
    batches: str = "independent"

    def __post_init__(self) -> None:
        object.__setattr__(self, "extrapolation", as_rate("extrapolation", self.extrapolation))
        check_choice("batches", self.batches, ("shared", "independent"))

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One extrapolation and one move."""
        batch = oracle.fresh()
        ahead = x - self.extrapolation.at(eta) * oracle.F(x, batch)
        return x - eta * oracle.F(ahead, batch if self.batches == "shared" else oracle.fresh())
