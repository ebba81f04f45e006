"""Power series in the learning rate, cut off after the second order.

The SDE of an algorithm needs its update to second order in the learning rate only. Running the algorithm on series
instead of on expressions keeps compositions (inner steps, look-ahead) small: nothing is composed and expanded that
would be thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod
from operator import mul
from typing import Any

import numpy as np
from sympy import Expr, Float, ImmutableMatrix, Integer, MatrixBase, Rational, Symbol, sqrt, sympify

from gan_sde.symbolic.derivatives import Gradient
from gan_sde.symbolic.field import tidy
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.oracle import AbstractOracle, Batch, SymbolicOracle
from gan_sde.symbolic.products import FEW_TERMS, NoPolynomialError, Products

ORDER = 2
HALF = Rational(1, 2)

_Terms = list[tuple[Expr, ...]]
"""Products by their factors, to be summed."""


@dataclass(frozen=True, eq=False)
class Jet:
    """``c_0 + c_1 eta + c_2 eta^2``; the coefficients are expressions (a scalar) or columns ``d x 1`` (a vector)."""

    coefficients: tuple[Any, ...]

    @staticmethod
    def constant(value: Any) -> Jet:
        """Series without eta."""
        value = sympify(value, strict=True)  # a plain 1 must divide as an exact 1
        zero = value * 0
        return Jet((value, *(zero for _ in range(ORDER))))

    def __add__(self, other: Any) -> Jet:
        other = _as_jet(other)
        return Jet(tuple(a + b for a, b in zip(self.coefficients, other.coefficients, strict=True)))

    def __mul__(self, other: Any) -> Jet:
        left, right = self.coefficients, _as_jet(other).coefficients
        return Jet(tuple(_sum(left[i] * right[n - i] for i in range(n + 1)) for n in range(ORDER + 1)))

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Jet:
        return self * -1

    def __sub__(self, other: Any) -> Jet:
        return self + _as_jet(other) * -1

    def __rsub__(self, other: Any) -> Jet:
        return _as_jet(other) - self

    def __truediv__(self, other: Any) -> Jet:
        divisor = _as_jet(other)
        if divisor.is_vector:
            raise ValueError("algorithm: expected a division by a number or a series of numbers, got one by a vector")
        if tidy(divisor.coefficients[0]) == 0:
            raise ValueError("algorithm: expected divisors that are not 0 at learning rate 0, got one that is")
        quotient: list[Any] = []
        for n in range(ORDER + 1):
            rest = _sum((self.coefficients[n], *(quotient[k] * divisor.coefficients[n - k] * -1 for k in range(n))))
            quotient.append(rest / divisor.coefficients[0])
        return Jet(tuple(quotient))

    def __rtruediv__(self, other: Any) -> Jet:
        return _as_jet(other) / self

    def __pow__(self, power: Any) -> Jet:
        if self.is_vector or not isinstance(power, (int, np.integer, Integer)) or power < 0:
            raise ValueError(
                f"algorithm: expected powers of numbers by integers >= 0, got {power!r} "
                f"on a {'vector' if self.is_vector else 'number'}"
            )
        product = Jet.constant(1)
        for _ in range(min(int(power), ORDER + 1) if self.coefficients[0] == 0 else int(power)):
            product = product * self
        return product

    @property
    def is_vector(self) -> bool:
        """Whether the coefficients are columns."""
        return isinstance(self.coefficients[0], MatrixBase)


ETA_JET = Jet((Integer(0), Integer(1), Integer(0)))
"""The learning rate itself."""


def _as_jet(value: Any) -> Jet:
    return value if isinstance(value, Jet) else Jet.constant(value)


def _sum(terms: Any) -> Any:
    first, *rest = terms
    for term in rest:
        first = first + term
    return first


class JetOracle(AbstractOracle):
    """Oracle over series: the same batches as a `SymbolicOracle`, fields expanded in the learning rate."""

    def __init__(self, game: Game, symbolic: SymbolicOracle) -> None:
        self._game, self._symbolic = game, symbolic
        self._gradient = Gradient(game.parameters)

    @property
    def players(self) -> tuple[str, ...]:
        return self._symbolic.players

    @property
    def is_zero_sum(self) -> bool:
        return self._symbolic.is_zero_sum

    def fresh(self) -> Batch:
        return self._symbolic.fresh()

    def F(self, x: Jet, batch: Batch) -> Jet:
        return self._expand(self._symbolic.random_field(batch), x)

    def jvp(self, x: Jet, v: Jet, batch: Batch) -> Jet:
        return self._expand(self._symbolic.random_jacobian(batch), x) * v

    def vjp(self, x: Jet, v: Jet, batch: Batch) -> Jet:
        return self._expand(self._symbolic.random_jacobian(batch).T, x) * v

    def only(self, player: str, v: Jet) -> Jet:
        return Jet(tuple(self._symbolic.only(player, c) for c in v.coefficients))

    def scaled(self, x: Jet, v: Jet) -> Jet:
        scaling = self._game.scaling
        return super().scaled(x, v) if scaling is None else self._expand(scaling, x) * v

    def square(self, v: Jet) -> Jet:
        a, b, c = v.coefficients
        times = a.multiply_elementwise
        return Jet((times(a), times(b) * 2, times(c) * 2 + b.multiply_elementwise(b)))

    def over_root(self, v: Jet, w: Jet, epsilon: float) -> Jet:
        """Series of the quotient, entry by entry, from those of root and numerator."""
        columns = []
        for numerator, square in zip(zip(*v.coefficients, strict=True), zip(*w.coefficients, strict=True), strict=True):
            root = sqrt(square[0])
            denominator = (
                root + epsilon,
                square[1] / (2 * root),
                square[2] / (2 * root) - square[1] ** 2 / (8 * root**3),
            )
            quotient: list[Expr] = []
            for n in range(ORDER + 1):
                known = sum((quotient[k] * denominator[n - k] for k in range(n)), start=Integer(0))
                quotient.append((numerator[n] - known) / denominator[0])
            columns.append(quotient)
        return Jet(tuple(ImmutableMatrix([column[n] for column in columns]) for n in range(ORDER + 1)))

    def _expand(self, matrix: ImmutableMatrix, x: Jet) -> Jet:
        """Series of a matrix of expressions at ``x_0 + x_1 eta + x_2 eta^2``."""
        base, first, second = x.coefficients
        table = {s: e for s, e in zip(self._game.parameters, base, strict=True) if s != e}
        zero = matrix * 0
        if not any(first) and not any(second):
            return Jet((_at(matrix, table), zero, zero))
        one, two = (
            {s: e for s, e in zip(self._game.parameters, column, strict=True) if e != 0} for column in (first, second)
        )
        linear: list[_Terms] = []
        quadratic: list[_Terms] = []
        for entry in matrix:
            slopes = self._gradient(entry)
            at = {s: slopes[s].xreplace(table) for s in self._game.parameters if s in slopes}
            linear.append([(d, one[s]) for s, d in at.items() if s in one])
            quadratic.append([(d, two[s]) for s, d in at.items() if s in two])
            for s in (s for s in at if s in one):
                bends = self._gradient(slopes[s])
                quadratic[-1] += [(bends[r].xreplace(table), one[s] * one[r], HALF) for r in one if r in bends]
        shape = matrix.shape
        return Jet((_at(matrix, table), *(ImmutableMatrix(*shape, _summed(rows)) for rows in (linear, quadratic))))


def _at(matrix: ImmutableMatrix, table: Mapping[Symbol, Expr]) -> ImmutableMatrix:
    return matrix.xreplace(dict(table)) if table else matrix


def _summed(rows: Sequence[_Terms]) -> list[Expr]:
    """Tidy sums of products."""
    few = sum(prod(max(1, len(f.args)) for f in factors) for terms in rows for factors in terms) < FEW_TERMS
    floats = few and any(f.has(Float) for terms in rows for factors in terms for f in factors)
    products = Products()
    found: list[Expr] = []
    for terms in rows:
        try:
            if floats:
                raise NoPolynomialError
            found.append(products.total(terms))
        except NoPolynomialError:
            found.append(tidy(_sum((Integer(0), *(reduce(mul, factors) for factors in terms)))))
    return found
