"""The training rules of the deep experiments, written over an oracle; many weights at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from gan_sde.algorithms import AbstractAlgorithm, AbstractMemoryAlgorithm
from gan_sde.symbolic.oracle import AbstractOracle


@dataclass(frozen=True, eq=False)
class CurlTerm(AbstractAlgorithm):
    """Descend ``F - gamma J F`` with a weight for every replica, F and J on separate batches.

    At one weight it is the linear family ``(alpha I + beta J^T - gamma J) F`` at alpha = 1, beta = 0 (Gemp &
    Mahadevan, arXiv 1808.01531).

    Parameters
    ----------
    gamma
        Weights, shape ``(n, 1)``; 0 is plain descent-ascent, on the same batches.
    """

    gamma: torch.Tensor

    def step(self, oracle: AbstractOracle, x: Any, eta: Any) -> Any:
        """One iteration."""
        field, other = oracle.F(x, oracle.fresh()), oracle.fresh()
        if not self.gamma.any():
            return x - eta * field
        return x - eta * (field - self.gamma * oracle.jvp(x, field, other))


@dataclass(frozen=True, eq=False)
class RootMeanSquare(AbstractMemoryAlgorithm):
    """Move along ``g / (sqrt(v) + epsilon)``: g the direction of another algorithm, v the running mean of its square.

    The rule of RMSProp (Tieleman & Hinton 2012), v starting at 0.

    Parameters
    ----------
    inner
        Algorithm without memory that gives the direction.
    decay
        Weight of the past in v.
    epsilon
        Floor of the denominator.
    """

    inner: AbstractAlgorithm
    decay: float = 0.99
    epsilon: float = 1e-8

    @property
    def slots(self) -> tuple[str, ...]:
        return ("square",)

    def start(self, x: Any) -> tuple[Any, ...]:
        """No direction yet."""
        return (x * 0,)

    def step(self, oracle: AbstractOracle, x: Any, memory: tuple[Any, ...], eta: Any) -> tuple[Any, tuple[Any, ...]]:
        """One iteration."""
        (square,) = memory
        # x - step(x) cancels: states are held in double precision, whatever the networks are
        direction = (x - self.inner.step(oracle, x, eta)) / eta
        square = square * self.decay + oracle.square(direction) * (1 - self.decay)
        return x - eta * oracle.over_root(direction, square, self.epsilon), (square,)
