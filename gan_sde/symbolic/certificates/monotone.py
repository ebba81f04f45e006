"""Monotone, strictly and strongly monotone: the symmetric part of the Jacobian."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from sympy import Expr, ImmutableMatrix, cancel, eye, zeros

from gan_sde.symbolic.certificates.determinants import determinant
from gan_sde.symbolic.certificates.properties import (
    AbstractProperty,
    Monotone,
    MonotoneWhere,
    StrictlyMonotone,
    StronglyMonotone,
)
from gan_sde.symbolic.certificates.results import AbstractArgument, Problem
from gan_sde.symbolic.certificates.signs import SignProof
from gan_sde.symbolic.certificates.sums_of_squares import prove_sign

MAX_SEMIDEFINITE = 4
"""Largest block whose principal minors are all looked at."""


@dataclass(frozen=True)
class Block:
    """Principal minors of one diagonal block.

    Parameters
    ----------
    rows
        Rows of the block.
    minors
        Positive definite: of the first 1, 2, ... rows, each > 0 (Sylvester). Else of every subset, each >= 0.
    definite
        Which of the two.
    """

    rows: tuple[int, ...]
    minors: tuple[SignProof, ...]
    definite: bool


@dataclass(frozen=True)
class DefiniteJacobian(AbstractArgument):
    """``sym DG - c I`` is block diagonal with (semi)definite blocks on a convex domain.

    There ``sym DG - c I >= 0`` everywhere is equivalent to strong monotonicity with modulus c, for c = 0 to
    monotonicity; ``sym DG > 0`` everywhere implies strict monotonicity (Rockafellar & Wets, Proposition 12.3).
    """

    blocks: tuple[Block, ...]

    def establishes(self, problem: Problem, claim: AbstractProperty) -> bool:
        """Recompute each minor from the map."""
        matrix = shifted(problem, claim) if has_positive_modulus(problem, claim) else None
        if matrix is None or sorted(i for b in self.blocks for i in b.rows) != list(range(len(problem.variables))):
            return False
        home = {i: k for k, block in enumerate(self.blocks) for i in block.rows}
        if any(cancel(matrix[i, j]) != 0 for i in home for j in home if home[i] != home[j]):
            return False
        strict = isinstance(claim, StrictlyMonotone) or claim == StronglyMonotone(None)
        if claim == StronglyMonotone(None) and problem.symmetric.free_symbols & set(problem.variables):
            return False
        return all(self._block_holds(matrix, block, strict, problem) for block in self.blocks)

    def _block_holds(self, matrix: ImmutableMatrix, block: Block, strict: bool, problem: Problem) -> bool:
        subsets = _leading(block.rows) if block.definite else _all_subsets(block.rows)
        if (strict and not block.definite) or len(subsets) != len(block.minors):
            return False
        return all(
            proof.strict >= block.definite
            and cancel(minor(matrix, rows) - proof.expression) == 0
            and proof.holds(problem.domain)
            for rows, proof in zip(subsets, block.minors, strict=True)
        )


@dataclass(frozen=True)
class GramJacobian(AbstractArgument):
    """``sym DG = R^T diag(weights) R`` with positive weights and constant R: ``<v, DG v>`` is a sum of squares.

    Monotone; strongly, if R is constant and of full column rank, with the smallest eigenvalue as modulus.

    Parameters
    ----------
    rows
        R, ``m x d``.
    weights
        One positive expression a row.
    volume
        Proof that ``det(R)^2 > 0`` for a square R, or None.
    """

    rows: ImmutableMatrix
    weights: tuple[SignProof, ...]
    volume: SignProof | None = None

    def establishes(self, problem: Problem, claim: AbstractProperty) -> bool:
        """Expand the identity."""
        if not isinstance(claim, (Monotone, StrictlyMonotone, StronglyMonotone)):
            return False
        if not is_gram(problem.symmetric, self.rows, self.weights) or not _positive(self.weights, problem):
            return False
        if isinstance(claim, Monotone):
            return True
        if self.volume is None or not self.volume.strict or not self.volume.holds(problem.domain):
            return False
        constant = not problem.symmetric.free_symbols & set(problem.variables)
        if self.rows.shape[0] != self.rows.shape[1]:
            return False
        full_rank = cancel(determinant(self.rows) ** 2 - self.volume.expression) == 0
        return full_rank and (isinstance(claim, StrictlyMonotone) or (constant and claim == StronglyMonotone(None)))


@dataclass(frozen=True)
class MonotoneRegion(AbstractArgument):
    """Planar: ``det sym DG = factor * region`` with a positive factor and a positive diagonal entry."""

    entry: int
    corner: SignProof
    factor: SignProof

    def establishes(self, problem: Problem, claim: AbstractProperty) -> bool:
        """With one positive diagonal entry a symmetric 2 x 2 matrix is semidefinite where its determinant is >= 0."""
        if not isinstance(claim, MonotoneWhere) or len(problem.variables) != 2:
            return False
        symmetric = problem.symmetric
        identity = symmetric.det() - self.factor.expression * claim.region
        return (
            cancel(identity) == 0
            and cancel(symmetric[self.entry, self.entry] - self.corner.expression) == 0
            and all(p.strict and p.holds(problem.domain) for p in (self.corner, self.factor))
        )


# -------------------------------------------------------------------- finding


def prove_definite(problem: Problem, claim: AbstractProperty) -> DefiniteJacobian | None:
    """Prove a monotonicity claim by principal minors, or return None."""
    matrix = shifted(problem, claim)
    if matrix is None or not has_positive_modulus(problem, claim):
        return None
    strict = isinstance(claim, StrictlyMonotone) or claim == StronglyMonotone(None)
    if claim == StronglyMonotone(None) and matrix.free_symbols & set(problem.variables):
        return None
    blocks = []
    for rows in _components(matrix):
        block = _definite_block(matrix, rows, problem) or (None if strict else _semidefinite(matrix, rows, problem))
        if block is None:
            return None
        blocks.append(block)
    return DefiniteJacobian(tuple(blocks))


def prove_gram(problem: Problem, rows: ImmutableMatrix, weights: Sequence[Expr]) -> GramJacobian | None:
    """Prove (strong) monotonicity from a given square form of ``sym DG``, or return None."""
    signs = [prove_sign(weight, problem.domain, strict=True) for weight in weights]
    known = tuple(s for s in signs if s is not None)
    if len(known) < len(signs) or not is_gram(problem.symmetric, rows, known):
        return None
    square = rows.shape[0] == rows.shape[1]
    volume = prove_sign(determinant(rows) ** 2, problem.domain, strict=True) if square else None
    return GramJacobian(rows, known, volume)


def prove_region(problem: Problem, claim: MonotoneWhere) -> MonotoneRegion | None:
    """Prove where a planar map is monotone, or return None."""
    if len(problem.variables) != 2:
        return None
    factor = prove_sign(cancel(problem.symmetric.det() / claim.region), problem.domain, strict=True)
    for entry in (0, 1):
        corner = prove_sign(problem.symmetric[entry, entry], problem.domain, strict=True)
        if factor is not None and corner is not None:
            return MonotoneRegion(entry, corner, factor)
    return None


def shifted(problem: Problem, claim: AbstractProperty) -> ImmutableMatrix | None:
    """``sym DG - c I`` of a monotonicity claim; None for other claims."""
    if not isinstance(claim, (Monotone, StrictlyMonotone, StronglyMonotone)):
        return None
    modulus = getattr(claim, "modulus", None) or 0
    return ImmutableMatrix(problem.symmetric - modulus * eye(len(problem.variables)))


def has_positive_modulus(problem: Problem, claim: AbstractProperty) -> bool:
    """Whether a modulus, if the claim has one, can be shown to be positive."""
    modulus = getattr(claim, "modulus", None)
    return modulus is None or prove_sign(modulus, problem.domain, strict=True) is not None


def minor(matrix: ImmutableMatrix, rows: Sequence[int]) -> object:
    """Principal minor."""
    return matrix.extract(list(rows), list(rows)).det(method="berkowitz")


def is_gram(matrix: ImmutableMatrix, rows: ImmutableMatrix, weights: Sequence[SignProof]) -> bool:
    """Whether ``matrix == rows^T diag(weights) rows``."""
    if rows.shape != (len(weights), matrix.shape[0]):
        return False
    total = zeros(*matrix.shape)
    for i, weight in enumerate(weights):
        total += weight.expression * rows[i, :].T * rows[i, :]
    return all(cancel(e) == 0 for e in matrix - total)


def _positive(weights: Sequence[SignProof], problem: Problem) -> bool:
    return all(w.strict and w.holds(problem.domain) for w in weights)


def _definite_block(matrix: ImmutableMatrix, rows: tuple[int, ...], problem: Problem) -> Block | None:
    return _block(matrix, rows, _leading(rows), True, problem)


def _semidefinite(matrix: ImmutableMatrix, rows: tuple[int, ...], problem: Problem) -> Block | None:
    return _block(matrix, rows, _all_subsets(rows), False, problem) if len(rows) <= MAX_SEMIDEFINITE else None


def _block(
    matrix: ImmutableMatrix, rows: tuple[int, ...], subsets: list[tuple[int, ...]], strict: bool, problem: Problem
) -> Block | None:
    proofs = []
    for subset in subsets:
        proof = prove_sign(minor(matrix, subset), problem.domain, strict=strict)
        if proof is None:
            return None
        proofs.append(proof)
    return Block(rows, tuple(proofs), strict)


def _leading(rows: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [rows[: n + 1] for n in range(len(rows))]


def _all_subsets(rows: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [subset for n in range(len(rows)) for subset in combinations(rows, n + 1)]


def _components(matrix: ImmutableMatrix) -> list[tuple[int, ...]]:
    left, found = list(range(matrix.shape[0])), []
    while left:
        block, queue = set(), [left[0]]
        while queue:
            i = queue.pop()
            block.add(i)
            queue += [j for j in left if j not in block and cancel(matrix[i, j]) != 0]
        found.append(tuple(sorted(block)))
        left = [i for i in left if i not in block]
    return found
