"""Adam for every player."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractMemoryAlgorithm
from gan_sde.algorithms.rate import Rate, as_rate
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_positive


@dataclass(frozen=True)
class Adam(AbstractMemoryAlgorithm):
    """Descent along ``m / (sqrt(v) + epsilon)`` with running means m of F and v of its square (Kingma & Ba 2015).

    Without bias correction: m starts at 0 and v at 1. The weights of the newest gradient are ``1 - beta_1`` and
    ``1 - beta_2``. Given as numbers they are multiples of the learning rate, and the SDE has the state (x, m, v); at
    ``Fixed`` weights there is no SDE, since v fluctuates at the pace of the gradients and enters non-linearly.

    Parameters
    ----------
    first, second
        Weights of the newest gradient in m and of the newest square in v.
    epsilon
        Floor of the denominator.
    """

    first: Rate | float = 1
    second: Rate | float = 1
    epsilon: float = 1e-3

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", as_rate("first", self.first))
        object.__setattr__(self, "second", as_rate("second", self.second))
        check_positive("epsilon", self.epsilon)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("first", "second")

    def start(self, x: Any) -> tuple[Any, ...]:
        """No gradient yet; unit squares."""
        return x * 0, x * 0 + 1

    def step(self, oracle: AbstractOracle, x: Any, memory: tuple[Any, ...], eta: Any) -> tuple[Any, tuple[Any, ...]]:
        """One iteration."""
        first, second = memory
        field = oracle.F(x, oracle.fresh())
        first = first + (field - first) * self.first.at(eta)
        second = second + (oracle.square(field) - second) * self.second.at(eta)
        return x - eta * oracle.over_root(first, second, self.epsilon), (first, second)
