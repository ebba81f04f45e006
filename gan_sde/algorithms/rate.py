"""Rates inside an algorithm: tied to the learning rate, or fixed. The two have different SDEs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from gan_sde.symbolic.validation import check_number, shown


class Rate(ABC):
    """A secondary rate of an algorithm (extrapolation, unrolling, ...)."""

    @abstractmethod
    def at(self, eta: Any) -> Any:
        """Value at learning rate ``eta``."""


@dataclass(frozen=True)
class MultipleOfEta(Rate):
    """``factor * eta``: shrinks with the learning rate."""

    factor: Any

    def __post_init__(self) -> None:
        check_number("MultipleOfEta factor", self.factor)

    def at(self, eta: Any) -> Any:
        """``factor * eta``."""
        return self.factor * eta


@dataclass(frozen=True)
class Fixed(Rate):
    """``value`` whatever the learning rate."""

    value: Any

    def __post_init__(self) -> None:
        check_number("Fixed value", self.value)

    def at(self, eta: Any) -> Any:
        """``value``."""
        return self.value


def as_rate(name: str, value: Rate | float) -> Rate:
    """Read a plain number as a multiple of the learning rate."""
    if isinstance(value, Rate):
        return value
    try:
        return MultipleOfEta(value)
    except ValueError as error:
        raise ValueError(
            f"{name}: expected a number (a multiple of the learning rate) or Fixed(value), got {shown(value)}"
        ) from error
