"""Heavy-ball momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractMemoryAlgorithm
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_number, check_positive


@dataclass(frozen=True)
class Momentum(AbstractMemoryAlgorithm):
    """Every player descends with a velocity (Polyak 1964).

    Two scalings, with two different SDEs:

    - ``mu`` fixed: ``v' = mu v - F``, ``x' = x + eta v'``. The velocity is fast and is eliminated; on the clock
      ``e = eta / (1 - mu)`` the drift is ``-F - e (1 + mu) / (2 (1 - mu)) DF F``.
    - ``damping`` c, ``mu = 1 - c eta``: ``v' = v - eta (c v + F)``, ``x' = x + eta v'``. The velocity is slow and is
      part of the SDE's state.

    Parameters
    ----------
    mu
        Momentum in [0, 1), if fixed.
    damping
        Decay of the velocity in units of the learning rate; takes the place of ``mu``.
    """

    mu: float = 0.9
    damping: float | None = None

    def __post_init__(self) -> None:
        check_number("mu", self.mu)
        if not 0 <= self.mu < 1:
            raise ValueError(f"mu: expected a number in [0, 1), got {self.mu!r}")
        if self.damping is not None:
            check_positive("damping", self.damping)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("velocity",)

    def start(self, x: Any) -> tuple[Any, ...]:
        """At rest."""
        return (x * 0,)

    def step(self, oracle: AbstractOracle, x: Any, memory: tuple[Any, ...], eta: Any) -> tuple[Any, tuple[Any, ...]]:
        """One iteration."""
        (velocity,) = memory
        field = oracle.F(x, oracle.fresh())
        if self.damping is None:
            velocity = velocity * self.mu - field
        else:
            velocity = velocity - eta * (velocity * self.damping + field)
        return x + eta * velocity, (velocity,)
