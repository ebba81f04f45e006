"""What a training algorithm is, with and without memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from gan_sde.symbolic.oracle import AbstractOracle


class AbstractAlgorithm(ABC):
    """One iteration of a training method, written over an oracle.

    The text of `step` uses nothing but the oracle and arithmetic, so that it runs on sympy columns, arrays and
    tensors alike: the SDE, the kernel and the trainer of a method cannot disagree.
    """

    @abstractmethod
    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """Return the next state.

        Parameters
        ----------
        oracle
            Access to the game.
        x
            State, of the oracle's kind: ``d x 1`` or ``(n, d)``.
        eta
            Learning rate.
        """


class AbstractMemoryAlgorithm(ABC):
    """One iteration of a method that carries vectors beyond the state: velocities, past gradients, averages."""

    @property
    @abstractmethod
    def slots(self) -> tuple[str, ...]:
        """Names of the carried vectors, each of the state's shape."""

    @abstractmethod
    def start(self, x: Any) -> tuple[Any, ...]:
        """Return the carried vectors at the start, from the state at the start."""

    @abstractmethod
    def step(self, oracle: AbstractOracle, x: Any, memory: tuple[Any, ...], eta: Any) -> tuple[Any, tuple[Any, ...]]:
        """Return the next state and the next carried vectors; arguments as in `AbstractAlgorithm.step`."""


def run_step(
    algorithm: Any, oracle: AbstractOracle, x: Any, memory: tuple[Any, ...], eta: Any
) -> tuple[Any, tuple[Any, ...]]:
    """One iteration of any algorithm."""
    if isinstance(algorithm, AbstractMemoryAlgorithm):
        return algorithm.step(oracle, x, memory, eta)
    return algorithm.step(oracle, x, eta), ()


def slots_of(algorithm: Any) -> tuple[str, ...]:
    """Names of the vectors that an algorithm carries; none for one without memory."""
    return algorithm.slots if isinstance(algorithm, AbstractMemoryAlgorithm) else ()
