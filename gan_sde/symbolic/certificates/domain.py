"""Boxes, half-lines and lines: where a map is studied, and what is known of the signs there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sympy import Expr, Symbol, oo, sympify


@dataclass(frozen=True)
class Interval:
    """Interval of one variable or constant; an end may be an expression of other constants.

    Examples
    --------
    >>> Interval(0, 1, open_low=True)
    Interval(low=0, high=1, open_low=True, open_high=False)
    """

    low: Any = -oo
    high: Any = oo
    open_low: bool = False
    open_high: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            object.__setattr__(self, name, sympify(getattr(self, name), strict=True))
        if (self.low < self.high) == False:  # noqa: E712  (a relation between symbols stays undecided)
            raise ValueError(f"interval: expected low < high, got ({self.low}, {self.high})")


REAL = Interval()
POSITIVE = Interval(0, open_low=True)
NONNEGATIVE = Interval(0)


@dataclass(frozen=True)
class Domain:
    """Product of intervals of variables and of constants; convex in the variables.

    Parameters
    ----------
    intervals
        Interval of every variable of the map.
    constants
        Interval of every other symbol: a statement on the domain holds for each value of each constant.
    """

    intervals: Mapping[Symbol, Interval]
    constants: Mapping[Symbol, Interval] = field(default_factory=dict)

    @property
    def everything(self) -> dict[Symbol, Interval]:
        """Intervals of variables and constants."""
        return {**self.intervals, **self.constants}

    def generators(self) -> dict[Expr, bool]:
        """Expressions that are nonnegative here by definition; the value says whether they are positive."""
        known: dict[Expr, bool] = {}
        for symbol, interval in self.everything.items():
            if interval.low != -oo:
                known[(symbol - interval.low).expand()] = interval.open_low
            if interval.high != oo:
                known[(interval.high - symbol).expand()] = interval.open_high
        return known

    def contains(self, point: Mapping[Symbol, Expr]) -> bool:
        """Whether a point with a rational number for every variable and constant lies in the domain."""
        if any(symbol not in point or not point[symbol].is_Rational for symbol in self.everything):
            return False
        for expression, strict in self.generators().items():
            value = expression.xreplace(dict(point))
            if not value.is_Rational or value < 0 or (strict and value == 0):
                return False
        return True
