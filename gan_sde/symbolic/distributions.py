"""Laws of the data, each with an orthonormal family of functions in which polynomials expand exactly.

Every law brings functions ``psi_1, psi_2, ...`` of its own randomness with mean 0, variance 1 and no mutual
correlation (Hermite for the normal law, Legendre for the uniform one, ...). A quantity that depends on the data
expands as ``c_0 + c_1 psi_1 + ...``; ``c_0`` is its exact mean and the other coefficients are an exact factor of
its covariance (polynomial chaos: Xiu & Karniadakis, SIAM J. Sci. Comput. 24, 2002).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import comb, factorial, prod
from typing import ClassVar

import numpy as np
from sympy import (
    Add,
    Expr,
    Float,
    Integer,
    Piecewise,
    Poly,
    PolynomialError,
    Rational,
    Symbol,
    factorial2,
    legendre,
    sqrt,
    sympify,
)

from gan_sde.symbolic.validation import may_be_real, shown

MAX_ROWS_WITHOUT_POLYNOMIAL = 256


@dataclass(frozen=True, eq=False)
class Expansion:
    """Expressions written in the orthonormal functions of one source of randomness.

    Parameters
    ----------
    functions
        The functions ``psi_k`` that occur, as expressions of the base variates.
    coefficients
        One row an expression: ``(c_0, c_1, ..., c_m)``, ``c_k`` belonging to ``functions[k - 1]``.
    normals, uniforms
        Base variates used: standard normals, uniforms on (0, 1).
    table
        For a finite data set: values of the functions at its rows, shape ``(rows, m)``; the functions are then
        plain symbols, one a column.
    """

    functions: tuple[Expr, ...]
    coefficients: tuple[tuple[Expr, ...], ...]
    normals: tuple[Symbol, ...] = ()
    uniforms: tuple[Symbol, ...] = ()
    table: np.ndarray | None = None


class AbstractDistribution(ABC):
    """Law of one data symbol, or jointly of several."""

    @property
    @abstractmethod
    def arity(self) -> int:
        """Number of data symbols that the law governs jointly."""

    @property
    def free_symbols(self) -> set[Symbol]:
        """Symbols that the law's own constants contain."""
        return set()

    def subs(self, mapping: Mapping[Symbol, Expr]) -> AbstractDistribution:
        """Replace free symbols of the law."""
        return self

    @abstractmethod
    def expand(self, symbols: Sequence[Symbol], expressions: Sequence[Expr]) -> Expansion:
        """Expand expressions of the data symbols in the law's orthonormal functions."""

    @abstractmethod
    def moment(self, expansion: Expansion, indices: Sequence[int]) -> Expr:
        """Mean of the product of the functions with these indices (0-based, repeats allowed)."""


def _constant(name: str, value: object) -> Expr:
    try:
        expression = sympify(value, strict=True)
    except Exception as error:
        raise ValueError(f"{name}: expected a number or a sympy expression, got {value!r}") from error
    if not isinstance(expression, Expr) or not may_be_real(expression):
        raise ValueError(f"{name}: expected a finite real number or a sympy expression, got {shown(value)}")
    return expression


def _powers(expression: Expr, symbol: Symbol, value: Expr, base: Symbol, law: str) -> dict[int, Expr]:
    """Coefficients of the powers of ``base``, in which the data symbol has this ``value``."""
    in_base = expression.xreplace({symbol: value})
    if not in_base.has(base):
        return {0: in_base}
    try:
        poly = Poly(in_base, base)
    except PolynomialError:
        poly = None
    if poly is None or any(c.has(base) for c in poly.coeffs()):
        raise ValueError(
            f"data: expected losses polynomial in the {law} data symbol {symbol}, got a term in {shown(expression)}"
        )
    return {power: coefficient for (power,), coefficient in poly.terms()}


@dataclass(frozen=True)
class _AbstractPolynomialLaw(AbstractDistribution):
    """A scalar law with orthonormal polynomials of one base variate."""

    _base_kind: ClassVar[str]
    """What the kernels draw: "normal" (standard) or "uniform" (on (0, 1))."""

    @property
    def arity(self) -> int:
        return 1

    @abstractmethod
    def _value(self, base: Symbol) -> Expr:
        """Write the data symbol as an affine function of the variate that the polynomials are in."""

    @abstractmethod
    def _power_in_basis(self, power: int) -> dict[int, Expr]: ...

    @abstractmethod
    def _function(self, degree: int, base: Symbol) -> Expr: ...

    def expand(self, symbols: Sequence[Symbol], expressions: Sequence[Expr]) -> Expansion:
        (symbol,) = symbols
        base = Symbol(f"{symbol.name}__{self._base_kind}")
        value = self._value(base)
        rows: list[dict[int, Expr]] = []
        for expression in expressions:
            row: dict[int, Expr] = {}
            for power, coefficient in _powers(expression, symbol, value, base, type(self).__name__).items():
                for degree, weight in self._power_in_basis(power).items():
                    row[degree] = row.get(degree, Integer(0)) + coefficient * weight
            rows.append(row)
        degrees = sorted({degree for row in rows for degree in row if degree > 0})
        return Expansion(
            functions=tuple(self._function(degree, base) for degree in degrees),
            coefficients=tuple(tuple(row.get(degree, Integer(0)) for degree in (0, *degrees)) for row in rows),
            normals=(base,) if self._base_kind == "normal" else (),
            uniforms=(base,) if self._base_kind == "uniform" else (),
        )


@dataclass(frozen=True)
class Normal(_AbstractPolynomialLaw):
    """Normal law ``N(mean, standard_deviation**2)``; constants may be symbols.

    Examples
    --------
    >>> Normal(0, 1)
    Normal(mean=0, standard_deviation=1)
    """

    _base_kind: ClassVar[str] = "normal"
    mean: Expr
    standard_deviation: Expr

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", _constant("Normal mean", self.mean))
        object.__setattr__(self, "standard_deviation", _constant("Normal standard_deviation", self.standard_deviation))
        if self.standard_deviation.is_negative:
            raise ValueError(f"Normal standard_deviation: expected a number >= 0, got {self.standard_deviation}")

    @property
    def free_symbols(self) -> set[Symbol]:
        return self.mean.free_symbols | self.standard_deviation.free_symbols

    def subs(self, mapping: Mapping[Symbol, Expr]) -> Normal:
        return Normal(self.mean.xreplace(dict(mapping)), self.standard_deviation.xreplace(dict(mapping)))

    def _value(self, base: Symbol) -> Expr:
        return self.mean + self.standard_deviation * base

    def _power_in_basis(self, power: int) -> dict[int, Expr]:
        # u^n = sum_j C(n, 2j) (2j-1)!! He_{n-2j}(u), and He_k has variance k!
        return {
            power - 2 * j: comb(power, 2 * j) * factorial2(2 * j - 1) * sqrt(factorial(power - 2 * j))
            for j in range(power // 2 + 1)
        }

    def _function(self, degree: int, base: Symbol) -> Expr:
        hermite = sum(
            (-1) ** j
            * Rational(factorial(degree), factorial(j) * factorial(degree - 2 * j) * 2**j)
            * base ** (degree - 2 * j)
            for j in range(degree // 2 + 1)
        )
        return hermite / sqrt(factorial(degree))

    def moment(self, expansion: Expansion, indices: Sequence[int]) -> Expr:
        (base,) = expansion.normals
        product = Poly(prod((expansion.functions[i] for i in indices), start=Integer(1)), base)
        return sum((c * factorial2(n - 1) for (n,), c in product.terms() if n % 2 == 0), start=Integer(0))


@dataclass(frozen=True)
class Uniform(_AbstractPolynomialLaw):
    """Uniform law on ``(low, high)``; constants may be symbols."""

    _base_kind: ClassVar[str] = "uniform"
    low: Expr
    high: Expr

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", _constant("Uniform low", self.low))
        object.__setattr__(self, "high", _constant("Uniform high", self.high))
        if (self.high - self.low).is_negative:
            raise ValueError(f"Uniform: expected low <= high, got low={self.low}, high={self.high}")

    @property
    def free_symbols(self) -> set[Symbol]:
        return self.low.free_symbols | self.high.free_symbols

    def subs(self, mapping: Mapping[Symbol, Expr]) -> Uniform:
        return Uniform(self.low.xreplace(dict(mapping)), self.high.xreplace(dict(mapping)))

    def _value(self, base: Symbol) -> Expr:
        # Legendre polynomials live on t in (-1, 1); here `base` stands for t while the expansion is computed
        return (self.low + self.high) / 2 + (self.high - self.low) / 2 * base

    def _power_in_basis(self, power: int) -> dict[int, Expr]:
        t = Symbol("t")
        remainder, row = Poly(t**power, t), {}
        for degree in range(power, -1, -2):
            polynomial = Poly(legendre(degree, t), t)
            weight = remainder.coeff_monomial(t**degree) / polynomial.LC()
            remainder = remainder - weight * polynomial
            row[degree] = weight / sqrt(2 * degree + 1)
        return row

    def _function(self, degree: int, base: Symbol) -> Expr:
        # the drawn variate is uniform on (0, 1), and t = 2 base - 1
        return sqrt(2 * degree + 1) * legendre(degree, 2 * base - 1)

    def moment(self, expansion: Expansion, indices: Sequence[int]) -> Expr:
        (base,) = expansion.uniforms
        product = Poly(prod((expansion.functions[i] for i in indices), start=Integer(1)), base)
        return sum((c / (n + 1) for (n,), c in product.terms()), start=Integer(0))


@dataclass(frozen=True)
class Bernoulli(_AbstractPolynomialLaw):
    """1 with probability ``p``, else 0; ``p`` may be a symbol."""

    _base_kind: ClassVar[str] = "uniform"
    p: Expr

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", _constant("Bernoulli p", self.p))
        if self.p.is_number and not 0 <= self.p <= 1:
            raise ValueError(f"Bernoulli p: expected a probability in [0, 1], got {self.p}")

    @property
    def free_symbols(self) -> set[Symbol]:
        return self.p.free_symbols

    def subs(self, mapping: Mapping[Symbol, Expr]) -> Bernoulli:
        return Bernoulli(self.p.xreplace(dict(mapping)))

    def _value(self, base: Symbol) -> Expr:
        return base

    def _power_in_basis(self, power: int) -> dict[int, Expr]:
        # y^n = y for n >= 1
        if power == 0:
            return {0: Integer(1)}
        deviation = sqrt(self.p * (1 - self.p))
        return {0: self.p} if deviation == 0 else {0: self.p, 1: deviation}

    def _function(self, degree: int, base: Symbol) -> Expr:
        deviation = sqrt(self.p * (1 - self.p))
        return Piecewise(((1 - self.p) / deviation, base < self.p), (-self.p / deviation, True))

    def moment(self, expansion: Expansion, indices: Sequence[int]) -> Expr:
        n, deviation = len(indices), sqrt(self.p * (1 - self.p))
        if n == 0:
            return Integer(1)
        return self.p * ((1 - self.p) / deviation) ** n + (1 - self.p) * (-self.p / deviation) ** n


@dataclass(frozen=True)
class Deterministic(AbstractDistribution):
    """A data symbol without randomness: always ``value``."""

    value: Expr

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _constant("Deterministic value", self.value))

    @property
    def arity(self) -> int:
        return 1

    @property
    def free_symbols(self) -> set[Symbol]:
        return self.value.free_symbols

    def subs(self, mapping: Mapping[Symbol, Expr]) -> Deterministic:
        return Deterministic(self.value.xreplace(dict(mapping)))

    def expand(self, symbols: Sequence[Symbol], expressions: Sequence[Expr]) -> Expansion:
        (symbol,) = symbols
        return Expansion((), tuple((e.xreplace({symbol: self.value}),) for e in expressions))

    def moment(self, expansion: Expansion, indices: Sequence[int]) -> Expr:
        return Integer(1)


@dataclass(frozen=True, eq=False)
class Empirical(AbstractDistribution):
    """A finite data set; each sample is one of its rows, drawn uniformly with replacement.

    Parameters
    ----------
    values
        Array of shape ``(rows,)`` for one data symbol or ``(rows, columns)`` for several jointly.

    Examples
    --------
    >>> Empirical([[1.0, 2.0], [3.0, 5.0], [4.0, 4.0]]).arity
    2
    """

    values: np.ndarray = field(repr=False)

    def __post_init__(self) -> None:
        try:
            values = np.array(self.values, dtype=float)
        except (TypeError, ValueError) as error:
            raise ValueError(f"Empirical values: expected an array of numbers, got {self.values!r}") from error
        if values.ndim == 1:
            values = values[:, None]
        if values.ndim != 2 or 0 in values.shape:
            raise ValueError(f"Empirical values: expected shape (rows, columns), not empty, got {values.shape}")
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise ValueError(
                f"Empirical values: expected finite numbers, got {values[row, column]} in row {row}, column {column}"
            )
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    @property
    def arity(self) -> int:
        return int(self.values.shape[1])

    def expand(self, symbols: Sequence[Symbol], expressions: Sequence[Expr]) -> Expansion:
        try:
            return self._expand_polynomials(symbols, expressions)
        except PolynomialError:
            return self._expand_by_rows(symbols, expressions)

    def _expand_polynomials(self, symbols: Sequence[Symbol], expressions: Sequence[Expr]) -> Expansion:
        polys = [Poly(e, *symbols) if e.has(*symbols) else None for e in expressions]
        if any(p is not None and any(c.has(*symbols) for c in p.coeffs()) for p in polys):
            raise PolynomialError("coefficients depend on the data")
        rows = [
            {(0,) * len(symbols): e} if p is None else dict(p.terms()) for p, e in zip(polys, expressions, strict=True)
        ]
        monomials = sorted({m for row in rows for m in row if any(m)}, key=lambda m: (sum(m), m[::-1]))
        features = np.stack([np.prod(self.values**m, axis=1) for m in monomials], axis=1) if monomials else None
        if features is None:
            return Expansion((), tuple((row[(0,) * len(symbols)],) for row in rows))
        means = features.mean(axis=0)
        basis = _orthonormal(features - means)
        factor = (features - means).T @ basis / len(features)
        # what Gram-Schmidt leaves of exact zeros is rounding, and would only show up as clutter in the modes
        factor[np.abs(factor) < 1e-14 * np.linalg.norm(factor, axis=1, keepdims=True)] = 0.0
        coefficients = []
        for row in rows:
            mean = row.get((0,) * len(symbols), Integer(0))
            mean += sum(row[m] * Float(means[k]) for k, m in enumerate(monomials) if m in row)
            coefficients.append(
                (mean, *(
                    sum((row[m] * Float(factor[k, j]) for k, m in enumerate(monomials)
                         if m in row and factor[k, j] != 0.0), start=Integer(0))
                    for j in range(basis.shape[1])
                ))
            )  # fmt: skip
        return self._tabulated(symbols, basis, coefficients)

    def _expand_by_rows(self, symbols: Sequence[Symbol], expressions: Sequence[Expr]) -> Expansion:
        rows = len(self.values)
        if rows > MAX_ROWS_WITHOUT_POLYNOMIAL:
            raise ValueError(
                f"data: expected losses polynomial in {', '.join(map(str, symbols))}, or a data set of at most "
                f"{MAX_ROWS_WITHOUT_POLYNOMIAL} rows, got {rows} rows"
            )
        values = [
            [e.xreplace(dict(zip(symbols, map(Float, row), strict=True))) for row in self.values] for e in expressions
        ]
        basis = _haar(rows)
        coefficients = [
            tuple(
                Add(*(v * Float(w) for v, w in zip(vs, column / rows, strict=True) if w != 0.0))
                for column in (np.ones(rows), *basis.T)
            )
            for vs in values
        ]
        return self._tabulated(symbols, basis, coefficients)

    @staticmethod
    def _tabulated(symbols: Sequence[Symbol], basis: np.ndarray, coefficients: Sequence) -> Expansion:
        name = "_".join(s.name for s in symbols)
        columns = tuple(Symbol(f"{name}__column{j}") for j in range(basis.shape[1]))
        return Expansion(columns, tuple(tuple(row) for row in coefficients), table=basis)

    def moment(self, expansion: Expansion, indices: Sequence[int]) -> Expr:
        # orthonormality holds to rounding only; state it exactly where it is known
        if len(indices) < 3:
            return Integer((len(set(indices)) == 1 and len(indices) == 2) or not indices)
        assert expansion.table is not None
        return Float(float(np.prod(expansion.table[:, list(indices)], axis=1).mean()))


def _haar(rows: int) -> np.ndarray:
    """Orthonormal functions on ``rows`` equally likely points, mean 0, ``(rows, rows - 1)``.

    The Haar system of repeated halving: complete like any other basis, but with only about ``log2(rows)`` functions
    that do not vanish at a point, so that expansions stay short.
    """
    columns = []
    pending = [(0, rows)]
    while pending:
        low, high = pending.pop(0)
        if high - low < 2:
            continue
        middle = (low + high) // 2
        left, right = middle - low, high - middle
        column = np.zeros(rows)
        column[low:middle] = np.sqrt(rows * right / (left * (left + right)))
        column[middle:high] = -np.sqrt(rows * left / (right * (left + right)))
        columns.append(column)
        pending += [(low, middle), (middle, high)]
    return np.stack(columns, axis=1) if columns else np.empty((rows, 0))


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    """Gram-Schmidt (twice, for accuracy) with mean square 1; columns that depend on earlier ones are dropped."""
    kept: list[np.ndarray] = []
    for column in columns.T:
        rest = column.copy()
        for _ in range(2):
            for other in kept:
                rest -= other * (other @ rest) / len(rest)
            rest -= rest.mean()
        scale = np.sqrt(np.mean(rest**2))
        if scale > 1e-10 * max(np.sqrt(np.mean(column**2)), 1e-300):
            kept.append(rest / scale)
    return np.stack(kept, axis=1) if kept else np.empty((len(columns), 0))
