"""What a certificate says: proved, refuted, or unknown; and of what."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from sympy import Expr, ImmutableMatrix, Integer, Symbol, cancel, fraction

from gan_sde.symbolic.certificates.domain import Domain
from gan_sde.symbolic.certificates.properties import AbstractProperty
from gan_sde.symbolic.certificates.sums_of_squares import prove_sign
from gan_sde.symbolic.field import symmetric_part


@dataclass(frozen=True, eq=False)
class Problem:
    """A map on a domain.

    Parameters
    ----------
    map
        Column ``d x 1``, rational in the variables and constants.
    variables
        The d variables, in order.
    domain
        Intervals of variables and constants.
    """

    map: ImmutableMatrix
    variables: tuple[Symbol, ...]
    domain: Domain

    def __post_init__(self) -> None:
        object.__setattr__(self, "map", ImmutableMatrix(self.map).reshape(len(self.map), 1))
        if len(self.map) != len(self.variables):
            raise ValueError(f"map: expected {len(self.variables)} entries, one a variable, got {len(self.map)}")
        missing = self.map.free_symbols - set(self.domain.everything)
        if missing:
            names = ", ".join(sorted(map(str, missing)))
            raise ValueError(f"constants: expected an interval for every symbol of the map, got none for {names}")
        if set(self.variables) != set(self.domain.intervals):
            raise ValueError(f"domain: expected an interval for each of {self.variables}, got {self.domain.intervals}")

    @cached_property
    def jacobian(self) -> ImmutableMatrix:
        """``DG``, ``d x d``."""
        return ImmutableMatrix(self.map.jacobian(self.variables))

    @cached_property
    def symmetric(self) -> ImmutableMatrix:
        """Symmetric part of the Jacobian."""
        return symmetric_part(self.jacobian)

    def with_map(self, changed: ImmutableMatrix) -> Problem:
        """The same domain with another map."""
        return replace(self, map=changed)

    def at(self, point: Mapping[Symbol, Expr]) -> dict[Symbol, Expr]:
        """A point as a table of all variables.

        Raises
        ------
        ValueError
            If a variable has no value.
        """
        if set(point) != set(self.variables):
            raise ValueError(f"at: expected a value for each of {self.variables}, got {dict(point)}")
        return dict(point)


class AbstractArgument(ABC):
    """A proof that can be checked without the search that found it."""

    @abstractmethod
    def establishes(self, problem: Problem, claim: AbstractProperty) -> bool:
        """Check the proof against the map itself: identities by expansion, signs step by step."""


class AbstractCounterexample(ABC):
    """Something in exact numbers or symbols that a property forbids."""

    @abstractmethod
    def contradicts(self, problem: Problem, claim: AbstractProperty) -> bool:
        """Evaluate the counterexample exactly."""


@dataclass(frozen=True, eq=False)
class Proved:
    """The property holds for every value of the constants."""

    problem: Problem
    claim: AbstractProperty
    argument: AbstractArgument

    def verify(self) -> bool:
        """Check the argument once more, from the map."""
        return is_defined(self.problem) and self.argument.establishes(self.problem, self.claim)


@dataclass(frozen=True, eq=False)
class Refuted:
    """The property fails; `counterexample` says for which constants."""

    problem: Problem
    claim: AbstractProperty
    counterexample: AbstractCounterexample

    def verify(self) -> bool:
        """Evaluate the counterexample once more, exactly."""
        return self.counterexample.contradicts(self.problem, self.claim)


@dataclass(frozen=True, eq=False)
class Unknown:
    """Neither a proof nor a counterexample was found.

    Parameters
    ----------
    samples
        Points at which the local test was evaluated numerically.
    worst
        Its smallest value; a violation would be negative.
    constants
        Values of the constants in that search.
    """

    problem: Problem
    claim: AbstractProperty
    samples: int
    worst: float
    constants: Mapping[Symbol, Expr] = field(default_factory=dict)

    def verify(self) -> bool:
        """Nothing is claimed."""
        return True


Certificate: TypeAlias = Proved | Refuted | Unknown


def is_defined(problem: Problem) -> bool:
    """Whether the denominators of the map can be shown not to vanish; a proof needs it."""
    denominators = {fraction(cancel(entry))[1] for entry in problem.map}
    return all(d.is_Rational or prove_sign(d**2, problem.domain, strict=True) for d in denominators)


def inner(left: ImmutableMatrix, right: ImmutableMatrix) -> Expr:
    """``<left, right>``."""
    return sum((a * b for a, b in zip(left, right, strict=True)), start=Integer(0))
