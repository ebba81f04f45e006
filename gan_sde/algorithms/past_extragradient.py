"""Extragradient with the past gradient for its look-ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractMemoryAlgorithm
from gan_sde.symbolic.oracle import AbstractOracle


@dataclass(frozen=True)
class PastExtragradient(AbstractMemoryAlgorithm):
    """``x' = x - eta F(x - eta past)``, which is also the next ``past`` (Popov 1980; Gidel et al., arXiv 1802.10551).

    One gradient an iteration where extragradient needs two.
    """

    @property
    def slots(self) -> tuple[str, ...]:
        return ("past",)

    def start(self, x: Any) -> tuple[Any, ...]:
        """No past gradient."""
        return (x * 0,)

    def step(self, oracle: AbstractOracle, x: Any, memory: tuple[Any, ...], eta: Any) -> tuple[Any, tuple[Any, ...]]:
        """One iteration."""
        (past,) = memory
        field = oracle.F(x - eta * past, oracle.fresh())
        return x - eta * field, (field,)
