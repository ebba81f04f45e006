"""Alternating descent-ascent with extrapolation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gan_sde.algorithms.algorithm import AbstractMemoryAlgorithm
from gan_sde.algorithms.products import others
from gan_sde.symbolic.oracle import AbstractOracle
from gan_sde.symbolic.validation import check_number


@dataclass(frozen=True)
class AlexGDA(AbstractMemoryAlgorithm):
    """Alternate, each player at an extrapolation of the other's move (Lee, Cho & Yun, ICML 2024).

    The last player moves first, seeing the others extrapolated by ``delta`` along their latest move; then the others
    move, seeing it extrapolated by ``gamma``. ``gamma = 0, delta = 1`` is simultaneous, ``gamma = delta = 1``
    alternating descent-ascent. What is carried is the others' latest gradient.

    Parameters
    ----------
    gamma, delta
        Extrapolation factors.
    """

    gamma: float = 2.0
    delta: float = 2.0

    def __post_init__(self) -> None:
        check_number("gamma", self.gamma)
        check_number("delta", self.delta)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("latest",)

    def start(self, x: Any) -> tuple[Any, ...]:
        """No move yet."""
        return (x * 0,)

    def step(self, oracle: AbstractOracle, x: Any, memory: tuple[Any, ...], eta: Any) -> tuple[Any, tuple[Any, ...]]:
        """One round."""
        (latest,) = memory
        first = oracle.players[-1]
        seen = x - eta * latest * (self.delta - 1)
        move = oracle.only(first, oracle.F(seen, oracle.fresh()))
        reply = others(oracle, first, oracle.F(x - eta * move * self.gamma, oracle.fresh()))
        return x - eta * (move + reply), (reply,)
