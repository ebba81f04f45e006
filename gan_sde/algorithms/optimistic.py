"""Optimistic descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractMemoryAlgorithm
from gan_sde.symbolic.oracle import AbstractOracle


@dataclass(frozen=True)
class Optimistic(AbstractMemoryAlgorithm):
    """``x' = x - 2 eta F(x) + eta F(past)`` with the stored past gradient (Daskalakis et al., arXiv 1711.00141).

    Its noise is correlated from step to step; only the long-run sum enters the SDE, whose noise is therefore that of
    plain descent and whose order-2 drift is ``-F + (eta / 2) DF F``.
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
        field = oracle.F(x, oracle.fresh())
        return x - eta * (field * 2 - past), (field,)
