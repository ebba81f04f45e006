"""Counterexamples in symbols, for all constants at once: a point and a direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sympy import Expr, ImmutableMatrix, Symbol, cancel

from gan_sde.symbolic.certificates.domain import Domain
from gan_sde.symbolic.certificates.properties import (
    AbstractProperty,
    Monotone,
    Pseudomonotone,
    Quasimonotone,
    StrictlyMonotone,
    StronglyMonotone,
)
from gan_sde.symbolic.certificates.results import AbstractCounterexample, Problem, Refuted, inner
from gan_sde.symbolic.certificates.signs import SignProof
from gan_sde.symbolic.certificates.sums_of_squares import prove_sign


@dataclass(frozen=True)
class DecreasingDirection(AbstractCounterexample):
    """For ALL constants: a point x and a direction v with ``<G(x), v> = 0`` and ``<v, DG(x) v> < 0``.

    Then ``g(t) = <G(x + t v), v>`` has ``g(0) = 0`` and ``g'(0) < 0``, so that for small t > 0 the points
    ``y = x - t v`` and ``x + t v`` have ``<G(y), 2 t v> > 0`` and ``<G(x + t v), 2 t v> < 0``: G is not quasimonotone,
    hence neither pseudomonotone nor monotone. The point must be interior.

    Parameters
    ----------
    point, direction
        Expressions of the constants, by variable and in the order of the variables.
    interior
        Proofs that the point is inside the domain.
    curvature
        Proof of ``-<v, DG(x) v> > 0``.
    """

    point: Mapping[Symbol, Expr]
    direction: tuple[Expr, ...]
    interior: tuple[SignProof, ...]
    curvature: SignProof

    def contradicts(self, problem: Problem, claim: AbstractProperty) -> bool:
        """Expand the two products, and check the signs for all constants."""
        if not isinstance(claim, (Monotone, StrictlyMonotone, StronglyMonotone, Pseudomonotone, Quasimonotone)):
            return False
        table, v = problem.at(self.point), ImmutableMatrix(self.direction)
        slope, curvature = second_order(problem, table, v)
        return (
            is_interior(problem, table, self.interior)
            and slope == 0
            and cancel(curvature + self.curvature.expression) == 0
            and self.curvature.strict
            and self.curvature.holds(constants_of(problem))
        )


@dataclass(frozen=True)
class WeakCurvature(AbstractCounterexample):
    """For ALL constants: a point x and a direction v with ``<v, DG(x) v> < c |v|^2``, against strong monotonicity.

    With the modulus c itself a positive constant that is free: against every modulus.

    Parameters
    ----------
    point, direction, interior
        As in `DecreasingDirection`.
    gap
        Proof of ``c |v|^2 - <v, DG(x) v> > 0``.
    """

    point: Mapping[Symbol, Expr]
    direction: tuple[Expr, ...]
    interior: tuple[SignProof, ...]
    gap: SignProof

    def contradicts(self, problem: Problem, claim: AbstractProperty) -> bool:
        """Expand the gap, and check the signs for all constants."""
        if not isinstance(claim, StronglyMonotone) or claim.modulus is None:
            return False
        table, v = problem.at(self.point), ImmutableMatrix(self.direction)
        _, curvature = second_order(problem, table, v)
        gap = claim.modulus * inner(v, v) - curvature
        return (
            is_interior(problem, table, self.interior)
            and cancel(gap - self.gap.expression) == 0
            and self.gap.strict
            and self.gap.holds(constants_of(problem))
        )


# -------------------------------------------------------------------- putting together


def refute_direction(
    problem: Problem, claim: AbstractProperty, point: Mapping[Symbol, Expr], direction: Sequence[Expr] | None = None
) -> Refuted | None:
    """Refute quasimonotonicity (and what implies it) for all constants at a given point, or return None.

    Parameters
    ----------
    direction
        Orthogonal to the map at the point; default: in the plane, the map turned by a right angle.
    """
    table = problem.at(point)
    if direction is None:
        first, second = problem.map.subs(table)
        direction = (-second, first)
    v = ImmutableMatrix([cancel(e) for e in direction])
    slope, curvature = second_order(problem, table, v)
    interior = prove_interior(problem, table)
    proof = prove_sign(-curvature, constants_of(problem), strict=True)
    if slope != 0 or interior is None or proof is None:
        return None
    return Refuted(problem, claim, DecreasingDirection(table, tuple(v), interior, proof))


def refute_modulus(
    problem: Problem, claim: StronglyMonotone, point: Mapping[Symbol, Expr], direction: Sequence[Expr]
) -> Refuted | None:
    """Refute a modulus for all constants at a given point and direction, or return None."""
    if claim.modulus is None:
        raise ValueError("claim: expected a modulus, an expression of the constants, got None")
    table, v = problem.at(point), ImmutableMatrix(list(direction))
    _, curvature = second_order(problem, table, v)
    interior = prove_interior(problem, table)
    gap = prove_sign(cancel(claim.modulus * inner(v, v) - curvature), constants_of(problem), strict=True)
    if interior is None or gap is None:
        return None
    return Refuted(problem, claim, WeakCurvature(table, tuple(v), interior, gap))


def prove_interior(problem: Problem, table: Mapping[Symbol, Expr]) -> tuple[SignProof, ...] | None:
    """Prove that a point is inside the domain for all constants, or return None."""
    proofs = [prove_sign(cancel(g.subs(table)), constants_of(problem), strict=True) for g in _walls(problem)]
    return None if any(p is None for p in proofs) else tuple(p for p in proofs if p is not None)


def is_interior(problem: Problem, table: Mapping[Symbol, Expr], proofs: Sequence[SignProof]) -> bool:
    """Whether the proofs show that a point is inside the domain."""
    shown = {p.expression for p in proofs if p.strict and p.holds(constants_of(problem))}
    return {cancel(g.subs(table)) for g in _walls(problem)} <= shown


def second_order(problem: Problem, table: Mapping[Symbol, Expr], v: ImmutableMatrix) -> tuple[Expr, Expr]:
    """``<G(x), v>`` and ``<v, DG(x) v>`` at a point in symbols."""
    slope = cancel(inner(problem.map.subs(table), v))
    return slope, cancel((v.T * problem.jacobian.subs(table) * v)[0])


def constants_of(problem: Problem) -> Domain:
    """The domain of the constants alone."""
    return Domain({}, problem.domain.constants)


def _walls(problem: Problem) -> list[Expr]:
    """What must be positive at an interior point."""
    variables = set(problem.variables)
    return [g for g in problem.domain.generators() if g.free_symbols & variables]
