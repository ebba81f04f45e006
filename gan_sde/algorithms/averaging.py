"""A running average beside any algorithm without memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gan_sde.algorithms.algorithm import AbstractAlgorithm, AbstractMemoryAlgorithm
from gan_sde.algorithms.rate import Rate, as_rate
from gan_sde.algorithms.sgda import SGDA
from gan_sde.symbolic.oracle import AbstractOracle


@dataclass(frozen=True)
class Averaging(AbstractMemoryAlgorithm):
    """Exponential moving average of the parameters (Yazici et al., arXiv 1806.04498); the training itself is unchanged.

    Record it with ``record=("moments", "final", "memory")``: it is the block ``average_...``.

    Parameters
    ----------
    inner
        The algorithm that trains.
    weight
        Weight of the newest state: a number is a multiple of the learning rate (the average is then a slow part of the
        SDE's state), ``Fixed(w)`` a constant.
    """

    inner: AbstractAlgorithm = field(default_factory=SGDA)
    weight: Rate | float = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", as_rate("weight", self.weight))
        if isinstance(self.inner, AbstractMemoryAlgorithm):
            raise ValueError(f"inner: expected an algorithm without memory, got {self.inner}")

    @property
    def slots(self) -> tuple[str, ...]:
        return ("average",)

    def start(self, x: Any) -> tuple[Any, ...]:
        """The start itself."""
        return (x * 1,)

    def step(self, oracle: AbstractOracle, x: Any, memory: tuple[Any, ...], eta: Any) -> tuple[Any, tuple[Any, ...]]:
        """One iteration."""
        (average,) = memory
        x = self.inner.step(oracle, x, eta)
        return x, (average + (x - average) * self.weight.at(eta),)
