"""What every training algorithm is."""

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
