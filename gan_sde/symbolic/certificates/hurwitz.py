"""Hurwitz: every eigenvalue of the Jacobian has positive real part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sympy import Expr, ImmutableMatrix, Matrix, Rational, Symbol, cancel

from gan_sde.symbolic.certificates.determinants import determinant
from gan_sde.symbolic.certificates.domain import Domain
from gan_sde.symbolic.certificates.monotone import is_gram
from gan_sde.symbolic.certificates.properties import AbstractProperty, Hurwitz, HurwitzWhere
from gan_sde.symbolic.certificates.results import AbstractArgument, AbstractCounterexample, Problem
from gan_sde.symbolic.certificates.signs import SignProof
from gan_sde.symbolic.certificates.sums_of_squares import prove_sign
from gan_sde.symbolic.field import symmetric_part

MAX_SYMBOLIC = 4
"""Largest Jacobian whose Hurwitz determinants are formed in symbols."""


@dataclass(frozen=True)
class RouthHurwitz(AbstractArgument):
    """The Hurwitz determinants of ``det(lambda I + DG)`` are positive."""

    determinants: tuple[SignProof, ...]

    def establishes(self, problem: Problem, claim: AbstractProperty) -> bool:
        """Recompute the determinants from the map."""
        if not isinstance(claim, Hurwitz) or len(self.determinants) != len(problem.variables):
            return False
        domain = domain_of(problem, claim)
        found = hurwitz_determinants(jacobian_of(problem, claim))
        return all(
            p.strict and cancel(p.expression - d) == 0 and p.holds(domain)
            for p, d in zip(self.determinants, found, strict=True)
        )


@dataclass(frozen=True)
class ObservableDissipation(AbstractArgument):
    """``sym J = R^T diag(weights) R >= 0`` with ``R = left kernel``, and no eigenvector v of J has ``kernel v = 0``.

    Then ``Re(lambda) |v|^2 = <v, sym(J) v> > 0``: else ``R v = 0``, hence ``kernel v = 0`` as left is invertible, hence
    ``kernel J^k v = lambda^k kernel v = 0`` for every k, against the full rank of the stack of ``kernel J^k``.

    Parameters
    ----------
    left, kernel, weights
        ``m x m``, ``m x d``, and m positive expressions.
    volumes
        Proofs that ``det(left)^2 > 0`` and that the square stack of ``kernel, kernel J, ...`` has ``det^2 > 0``.
    """

    left: ImmutableMatrix
    kernel: ImmutableMatrix
    weights: tuple[SignProof, ...]
    volumes: tuple[SignProof, SignProof]

    def establishes(self, problem: Problem, claim: AbstractProperty) -> bool:
        """Expand the identity and recompute the determinants."""
        if not isinstance(claim, Hurwitz):
            return False
        jacobian, domain = jacobian_of(problem, claim), domain_of(problem, claim)
        if not all(p.strict and p.holds(domain) for p in (*self.weights, *self.volumes)):
            return False
        if not is_gram(symmetric_part(jacobian), ImmutableMatrix(self.left * self.kernel), self.weights):
            return False
        stack = observability(self.kernel, jacobian)
        if stack is None:
            return False
        found = (determinant(self.left) ** 2, determinant(stack) ** 2)
        return all(cancel(d - p.expression) == 0 for d, p in zip(found, self.volumes, strict=True))


@dataclass(frozen=True)
class HurwitzRegion(AbstractArgument):
    """Planar: ``det DG = factor * region`` and ``tr DG = base + slope * region``, factor and base > 0, slope >= 0."""

    factor: SignProof
    base: SignProof
    slope: SignProof

    def establishes(self, problem: Problem, claim: AbstractProperty) -> bool:
        """A 2 x 2 matrix is stable exactly where trace and determinant are positive."""
        if not isinstance(claim, HurwitzWhere) or len(problem.variables) != 2:
            return False
        jacobian, region = problem.jacobian, claim.region
        return (
            cancel(jacobian.det() - self.factor.expression * region) == 0
            and cancel(jacobian.trace() - self.base.expression - self.slope.expression * region) == 0
            and self.factor.strict
            and self.base.strict
            and all(p.holds(problem.domain) for p in (self.factor, self.base, self.slope))
        )


@dataclass(frozen=True)
class UnstablePoint(AbstractCounterexample):
    """A point in rational numbers where a Hurwitz determinant is not positive.

    Parameters
    ----------
    point
        In the order of the variables.
    constants
        Values of the constants.
    """

    point: tuple[Rational, ...]
    constants: Mapping[Symbol, Rational]

    def jacobian(self, problem: Problem) -> ImmutableMatrix:
        """The Jacobian at the point, in rational numbers."""
        return problem.jacobian.xreplace({**dict(zip(problem.variables, self.point, strict=True)), **self.constants})

    def contradicts(self, problem: Problem, claim: AbstractProperty) -> bool:
        """Evaluate the determinants exactly until one is not positive."""
        if not isinstance(claim, Hurwitz):
            return False
        table = {**dict(zip(problem.variables, self.point, strict=True)), **self.constants}
        where = {} if claim.at is None else problem.at(claim.at)
        if any(e.subs(self.constants) != table[s] for s, e in where.items()) or not problem.domain.contains(table):
            return False
        return any(d.is_Rational and d <= 0 for d in hurwitz_determinants(self.jacobian(problem)))


# -------------------------------------------------------------------- finding


def prove_hurwitz(problem: Problem, claim: Hurwitz) -> RouthHurwitz | None:
    """Prove stability by the Hurwitz determinants, or return None."""
    if len(problem.variables) > MAX_SYMBOLIC:
        return None
    domain, proofs = domain_of(problem, claim), []
    for d in hurwitz_determinants(jacobian_of(problem, claim)):
        proof = prove_sign(d, domain, strict=True)
        if proof is None:
            return None
        proofs.append(proof)
    return RouthHurwitz(tuple(proofs))


def prove_dissipation(
    problem: Problem, claim: Hurwitz, left: ImmutableMatrix, kernel: ImmutableMatrix, weights: Sequence[Expr]
) -> ObservableDissipation | None:
    """Prove stability from a given square form of the symmetric part, or return None."""
    jacobian, domain = jacobian_of(problem, claim), domain_of(problem, claim)
    stack = observability(kernel, jacobian)
    if stack is None:
        return None
    signs = [prove_sign(weight, domain, strict=True) for weight in weights]
    volumes = [prove_sign(determinant(each) ** 2, domain, strict=True) for each in (left, stack)]
    known = tuple(s for s in signs if s is not None)
    if len(known) < len(signs) or volumes[0] is None or volumes[1] is None:
        return None
    if not is_gram(symmetric_part(jacobian), ImmutableMatrix(left * kernel), known):
        return None
    return ObservableDissipation(left, kernel, known, (volumes[0], volumes[1]))


def prove_hurwitz_region(problem: Problem, claim: HurwitzWhere, slope: Expr) -> HurwitzRegion | None:
    """Prove where a planar map is stable, given the slope of the trace in the region, or return None."""
    jacobian, region = problem.jacobian, claim.region
    factor = prove_sign(cancel(jacobian.det() / region), problem.domain, strict=True)
    base = prove_sign(cancel(jacobian.trace() - slope * region), problem.domain, strict=True)
    positive = prove_sign(slope, problem.domain)
    return HurwitzRegion(factor, base, positive) if factor and base and positive else None


def jacobian_of(problem: Problem, claim: Hurwitz) -> ImmutableMatrix:
    """The Jacobian at the claim's point, or everywhere."""
    if claim.at is None:
        return problem.jacobian
    return problem.jacobian.subs(problem.at(claim.at)).applyfunc(cancel)


def domain_of(problem: Problem, claim: Hurwitz) -> Domain:
    """The domain of all symbols of that Jacobian."""
    return problem.domain if claim.at is None else Domain({}, problem.domain.constants)


def hurwitz_determinants(jacobian: ImmutableMatrix) -> Iterator[Expr]:
    """Leading principal minors of the Hurwitz matrix of ``det(lambda I + J)``, one after the other."""
    size = jacobian.shape[0]
    coefficients = (-jacobian).charpoly().all_coeffs()
    for n in range(1, size + 1):
        square = Matrix(n, n, lambda i, j: coefficients[k] if 0 <= (k := 2 * j - i + 1) <= size else 0)
        yield cancel(square.det(method="berkowitz"))


def observability(rows: ImmutableMatrix, jacobian: ImmutableMatrix) -> ImmutableMatrix | None:
    """Square stack of ``R, R J, ...``; None if no number of blocks makes it square."""
    size, count = jacobian.shape[0], rows.shape[0]
    if count == 0 or size % count:
        return None
    stack, block = rows, rows
    for _ in range(size // count - 1):
        block = (block * jacobian).applyfunc(cancel)
        stack = stack.col_join(block)
    return ImmutableMatrix(stack)
