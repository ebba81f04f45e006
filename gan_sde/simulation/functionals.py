"""Functionals of whole trajectories, taken inside the kernel: time averages, exit times, running maxima.

A functional is one more state variable whose update reads the state before the step; the state after the last step is
taken in at the end. So the kernel needs to know nothing of it, and nothing grows with the number of steps.

The variables are kept in units (powers of two, hence exact) that no bound on the state reaches: what a functional is
worth never makes a trajectory diverge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from sympy import Abs, Expr, Integer, Max, Piecewise, Rational, Symbol

from gan_sde.simulation.expressions import Evaluator, read_expression
from gan_sde.symbolic.recipe import Recipe
from gan_sde.symbolic.validation import check_integer, shown

UNIT = Rational(1, 2**400)
"""A functional's value v is kept as ``v UNIT``."""
TICK = Rational(1, 2**24)
"""The number k of steps taken is kept as ``k TICK``."""
LARGEST = Integer(2**20)
"""Kept values beyond it (v beyond 1e126, or not finite) make a functional NaN, which is kept as ``LOST``."""
LOST = Integer(2**21)
COUNT = Symbol("count__")


@dataclass(frozen=True)
class TimeAverage:
    """See `time_average`."""

    expression: Any
    burn_in: int = 0


@dataclass(frozen=True)
class ExitTime:
    """See `exit_time`."""

    expression: Any


@dataclass(frozen=True)
class RunningMax:
    """See `running_max`."""

    expression: Any


Functional = TimeAverage | ExitTime | RunningMax


def time_average(expression: Any, burn_in: int = 0) -> TimeAverage:
    """Average of an expression over the iterations of each trajectory, for ``functionals`` of `simulate`.

    Parameters
    ----------
    expression
        In the game's parameters: text or sympy.
    burn_in
        Iterations left out at the beginning. The states after iterations ``burn_in + 1, ..., steps`` have equal
        weights, whatever the schedule; of an SDE, those after every sub-step.

    Examples
    --------
    >>> time_average("w1**2", burn_in=100)
    TimeAverage(expression='w1**2', burn_in=100)
    """
    return TimeAverage(expression, burn_in)


def exit_time(expression: Any) -> ExitTime:
    """First iteration after which an expression is positive, for ``functionals`` of `simulate`.

    0 if it is positive at the start, NaN if it never is or the trajectory diverges. An SDE is looked at after every
    sub-step, which gives multiples of ``1 / substeps``: what leaves and comes back within a sub-step is not seen, so
    that exit times are overestimated, by O(sqrt(sub-step)) (Broadie, Glasserman & Kou, Mathematical Finance 7, 1997).

    Parameters
    ----------
    expression
        In the game's parameters: text or sympy.
    """
    return ExitTime(expression)


def running_max(expression: Any) -> RunningMax:
    """Largest value of an expression along each trajectory, the start included, for ``functionals`` of `simulate`.

    Parameters
    ----------
    expression
        In the game's parameters: text or sympy. An SDE is looked at after every sub-step.
    """
    return RunningMax(expression)


@dataclass(frozen=True, eq=False)
class Functionals:
    """Checked functionals of one process.

    Attributes
    ----------
    names
        One a functional.
    kinds
        With expressions in the state symbols.
    state
        State symbols of the process.
    substeps
        Steps of the recipe an iteration.
    """

    names: tuple[str, ...]
    kinds: tuple[Functional, ...]
    state: tuple[Symbol, ...]
    substeps: int = field(default=1)

    @classmethod
    def read(
        cls, value: Any, symbols: Sequence[Symbol], state: tuple[Symbol, ...], steps: int, substeps: int, hint: str
    ) -> Functionals:
        """Check the argument ``functionals`` of `simulate`; formulas may use ``symbols`` of the ``state``."""
        names, kinds = [], []
        for name, kind in named_items("functionals", value, "functional").items():
            label = f"functionals[{name}]"
            if not isinstance(kind, Functional):
                raise ValueError(f"{label}: expected time_average, exit_time or running_max, got {shown(kind)}")
            if isinstance(kind, TimeAverage):
                check_integer(f"{label}.burn_in", kind.burn_in, 0, steps - 1)
            names.append(name)
            kinds.append(replace(kind, expression=read_expression(label, kind.expression, symbols, hint)))
        found = cls(tuple(names), tuple(kinds), state, substeps)
        try:
            _ = found.update
        except TypeError as error:  # sympy compares no expression that is imaginary for all real states
            raise ValueError("functionals: expected real expressions, got one that is not") from error
        return found

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        """The additional state: one variable a functional, and the number of steps taken."""
        if not self.names:
            return ()
        return (*(Symbol(f"functional_{i}__") for i in range(len(self.names))), COUNT)

    @cached_property
    def update(self) -> tuple[Expr, ...]:
        """The additional state after one more state of the process has been looked at."""
        pairs = zip(self.kinds, self.symbols, strict=False)
        updates = tuple(_next(kind, memory, self.substeps, self.state) for kind, memory in pairs)
        return (*updates, COUNT + TICK) if updates else ()

    def start(self, width: int) -> np.ndarray:
        """Additional state of `width` trajectories before the first step."""
        rows = [-1.0 if isinstance(kind, ExitTime) else 0.0 for kind in self.kinds]
        return np.tile(np.array([*rows, 0.0] if rows else rows)[:, None], width)

    def augment(self, recipe: Recipe) -> Recipe:
        """Return the recipe with the functionals among its state variables."""
        if not self.names:
            return recipe
        free = ((-np.inf, np.inf),) * len(self.symbols)
        return replace(
            recipe,
            state=(*recipe.state, *self.symbols),
            update=(*recipe.update, *self.update),
            bounds=(*recipe.bounds, *free) if recipe.bounds else (),
        )

    @cached_property
    def _close(self) -> Evaluator:
        return Evaluator((*self.state, *self.symbols), self.update[:-1])

    def values(self, state: np.ndarray) -> np.ndarray:
        """Values ``(n, functionals)`` of trajectories that have taken their last step; NaN where there is none."""
        kept = self._close(state).T
        exits = np.array([isinstance(kind, ExitTime) for kind in self.kinds])
        times = np.where(kept >= 0, kept / (float(TICK) * self.substeps), np.nan)
        values = np.where(np.abs(kept) <= float(LARGEST), kept / float(UNIT), np.nan)
        return np.where(exits, times, values)


def named_items(argument: str, value: Any, what: str) -> dict[str, Any]:
    """Read an argument ``{name: ...}``; None is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{argument}: expected {{name: {what}}}, got {shown(value)}")
    for name in value:
        if not isinstance(name, str) or not name:
            raise ValueError(f"{argument}: expected names as text, got {shown(name)}")
    return dict(value)


def _next(kind: Functional, memory: Symbol, substeps: int, state: Sequence[Symbol]) -> Expr:
    """Return the kept value after the present state has been looked at."""
    real = {s: Symbol(s.name, real=True) for s in state}
    back = {dummy: s for s, dummy in real.items()}
    # Abs of what is not known to be real would not simplify
    expression = kind.expression.xreplace(real)
    if isinstance(kind, ExitTime):
        leaves = Piecewise((COUNT, expression > 0), (memory, True))
        return Piecewise((leaves, memory < 0), (memory, True)).xreplace(back)
    scaled = expression * UNIT
    before = Integer(-1)
    if isinstance(kind, TimeAverage):
        before = kind.burn_in * substeps * TICK
        new = memory + (scaled - memory) * TICK / Max(COUNT - before, TICK)
    else:
        larger = Piecewise((scaled, scaled > memory), (memory, True))
        new = Piecewise((scaled, COUNT <= 0), (larger, True))
    sound = Piecewise((new, Abs(scaled) <= LARGEST), (LOST, True))
    # what is lost stays lost; what does not count, cannot be
    found = Piecewise((sound, memory <= LARGEST), (LOST, True))
    return Piecewise((found, before < COUNT), (memory, True)).xreplace(back)
