"""Search for counterexamples: a local test in floating point, then rational numbers and an exact check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sympy import Expr, ImmutableMatrix, Integer, Rational, Symbol, lambdify, oo

from gan_sde.symbolic.certificates.hurwitz import UnstablePoint
from gan_sde.symbolic.certificates.pairs import ViolatingPair
from gan_sde.symbolic.certificates.properties import (
    AbstractProperty,
    Hurwitz,
    Pseudomonotone,
    Quasimonotone,
    StrictlyMonotone,
    StronglyMonotone,
)
from gan_sde.symbolic.certificates.results import AbstractCounterexample, Problem

Array = NDArray[np.float64]
DENOMINATORS = (1, 2, 4, 8, 10, 16, 50, 100, 1000, 10_000)
STEPS = tuple(Rational(1, 2**k) for k in range(-1, 14))
REFINED = 12
"""Points from which an optimiser starts; as many are turned into rational numbers."""


@dataclass(frozen=True, eq=False)
class Search:
    """A search at fixed constants.

    Parameters
    ----------
    problem, claim
        What to contradict.
    constants
        Rational values of all constants.
    samples
        Random points of the local test.
    seed
        Of those points.
    """

    problem: Problem
    claim: AbstractProperty
    constants: Mapping[Symbol, Rational]
    samples: int = 4000
    seed: int = 0

    def run(self, *, refine: bool) -> tuple[AbstractCounterexample | None, float]:
        """Return a checked counterexample or None, and the smallest value of the local test.

        Parameters
        ----------
        refine
            Whether to minimise the local test from the best points.
        """
        points = self._sample()
        values = self._test(points)
        kept = points[np.argsort(values)[:REFINED]]
        if refine:
            kept = np.array([self._refine(point) for point in kept])
        worst = float(min(values.min(), self._test(kept).min()))
        for candidate in self._candidates(kept):
            if candidate.contradicts(self.problem, self.claim):
                return candidate, worst
        return None, worst

    # ---------------------------------------------------------------- local test

    @cached_property
    def _map(self) -> Callable[[Array], Array]:
        return self._compiled(self.problem.map)

    @cached_property
    def _jacobian(self) -> Callable[[Array], Array]:
        return self._compiled(self.problem.jacobian)

    def _test(self, points: Array) -> Array:
        """Smallest eigenvalue at each point of what the property wants positive, relative to its size."""
        if isinstance(self.claim, Hurwitz):
            jacobian = self._jacobian(points)
            return np.linalg.eigvals(jacobian).real.min(axis=-1) / (1 + np.abs(jacobian).max(axis=(1, 2)))
        values, _ = self._directions(points)
        return values

    def _directions(self, points: Array) -> tuple[Array, Array]:
        """Smallest eigenvalue of ``sym DG - c I``, for quasimonotonicity on the complement of G; its eigenvector."""
        jacobian = self._jacobian(points)
        symmetric = (jacobian + jacobian.transpose(0, 2, 1)) / 2
        size = 1 + np.abs(symmetric).max(axis=(1, 2))
        identity = np.eye(points.shape[1])
        if isinstance(self.claim, StronglyMonotone) and self.claim.modulus is not None:
            symmetric = symmetric - float(self.claim.modulus.xreplace(dict(self.constants))) * identity
        if isinstance(self.claim, (Pseudomonotone, Quasimonotone)):
            field = self._map(points)[..., 0]
            length = np.linalg.norm(field, axis=1, keepdims=True)
            unit = field / np.where(length > 0, length, 1)
            projector = identity - unit[:, :, None] * unit[:, None, :]
            large = 1e3 * size[:, None, None]
            symmetric = projector @ symmetric @ projector + large * unit[:, :, None] * unit[:, None, :]
        values, vectors = np.linalg.eigh(symmetric)
        return values[:, 0] / size, vectors[:, :, 0]

    def _refine(self, point: Array) -> Array:
        low, high = self._box()

        def objective(x: Array) -> float:
            return float(self._test(x[None])[0]) if np.all((x > low) & (x < high)) else 1e6

        return minimize(objective, point, method="Nelder-Mead", options={"maxiter": 400, "xatol": 1e-4}).x

    # ---------------------------------------------------------------- candidates

    def _candidates(self, points: Array) -> Iterator[AbstractCounterexample]:
        for denominator in DENOMINATORS:
            seen = set()
            for point in points:
                exact = tuple(rational(p, denominator) for p in point)
                table = dict(zip(self.problem.variables, exact, strict=True))
                if exact in seen or not self.problem.domain.contains({**table, **self.constants}):
                    continue
                seen.add(exact)
                if isinstance(self.claim, Hurwitz):
                    yield UnstablePoint(exact, dict(self.constants))
                else:
                    yield from self._pairs(exact, denominator)

    def _pairs(self, centre: tuple[Rational, ...], denominator: int) -> Iterator[ViolatingPair]:
        """Pairs about a point, along its worst direction, that violate the inequality in floating point."""
        number = np.array(centre, dtype=float)
        value, vectors = self._directions(number[None])
        zero_counts = isinstance(self.claim, StrictlyMonotone) or self.claim == StronglyMonotone(None)
        if value[0] > (1e-9 if zero_counts else -1e-9):
            return
        vector = vectors[0] / np.abs(vectors[0]).max()
        for fine in (1, 2, 4, 8, denominator, 100 * denominator):
            direction = [rational(v, fine) for v in vector]
            for step in STEPS:
                offset = [step * v for v in direction]
                pair = ViolatingPair(
                    tuple(c - o for c, o in zip(centre, offset, strict=True)),
                    tuple(c + o for c, o in zip(centre, offset, strict=True)),
                    dict(self.constants),
                )
                if self._promising(pair):
                    yield pair

    def _promising(self, pair: ViolatingPair) -> bool:
        ends = np.array([pair.y, pair.x], dtype=float)
        low, high = self._box()
        if np.any(ends < low) or np.any(ends > high):
            return False
        at_y, at_x = self._map(ends)[..., 0] @ (ends[1] - ends[0])
        if isinstance(self.claim, (Pseudomonotone, Quasimonotone)):
            return bool(at_y > 0 > at_x)
        return bool(at_x - at_y < 1e-9) or isinstance(self.claim, StronglyMonotone)

    # ---------------------------------------------------------------- numbers

    def _compiled(self, matrix: ImmutableMatrix) -> Callable[[Array], Array]:
        at = matrix.xreplace(dict(self.constants))
        compiled = lambdify(self.problem.variables, list(at), "numpy", cse=True)

        def evaluate(points: Array) -> Array:
            with np.errstate(all="ignore"):
                entries = compiled(*points.T)
            stacked = np.stack([np.broadcast_to(np.asarray(e, dtype=float), points.shape[:1]) for e in entries], -1)
            return np.nan_to_num(stacked.reshape(len(points), *matrix.shape), nan=1e30, posinf=1e30, neginf=1e30)

        return evaluate

    def _box(self) -> tuple[Array, Array]:
        intervals = [self.problem.domain.intervals[s] for s in self.problem.variables]
        ends = [(_end(i.low, self.constants), _end(i.high, self.constants)) for i in intervals]
        return np.array([e[0] for e in ends]), np.array([e[1] for e in ends])

    def _sample(self) -> Array:
        """Normal numbers of several scales on lines, powers of e on half-lines, uniform in intervals."""
        rng = np.random.default_rng(self.seed)
        low, high = self._box()
        scale = rng.choice([0.3, 1.0, 3.0], size=(self.samples, 1))
        columns = []
        for a, b in zip(low, high, strict=True):
            normal = rng.normal(size=(self.samples, 1))
            if np.isfinite(a) and np.isfinite(b):
                columns.append(rng.uniform(a, b, size=(self.samples, 1)))
            elif np.isfinite(a) or np.isfinite(b):
                columns.append(a + np.exp(normal) if np.isfinite(a) else b - np.exp(normal))
            else:
                columns.append(scale * normal)
        return np.hstack(columns)


def _end(value: Expr, constants: Mapping[Symbol, Rational]) -> float:
    return float(value) if value in (oo, -oo) else float((value + Integer(0)).xreplace(dict(constants)))


def rational(value: float, denominator: int) -> Rational:
    """Nearest fraction with a given denominator."""
    return Rational(round(float(value) * denominator), denominator)
