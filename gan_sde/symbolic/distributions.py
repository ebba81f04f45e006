"""Laws of the data: normal (Hermite), uniform (Legendre), Bernoulli, deterministic, and finite data sets."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, factorial, prod
from typing import ClassVar

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
)

from gan_sde.symbolic.empirical import Empirical as Empirical
from gan_sde.symbolic.law import AbstractDistribution as AbstractDistribution
from gan_sde.symbolic.law import Expansion as Expansion
from gan_sde.symbolic.law import constant
from gan_sde.symbolic.products import NoPolynomialError, Products, is_exact_and_multiplied_out
from gan_sde.symbolic.shared_trees import symbols_of
from gan_sde.symbolic.validation import shown


def _powers(expression: Expr, symbol: Symbol, value: Expr, base: Symbol, law: str) -> dict[int, Expr]:
    """Coefficients of the powers of ``base``, in which the data symbol has this ``value``."""
    if is_exact_and_multiplied_out(expression) and not value.has(Float):
        # with many data symbols, most terms are free of this one
        free = [term for term in expression.args if symbol not in term.free_symbols]
        rest = Add(*(term for term in expression.args if symbol in term.free_symbols))
        powers = _powers_of_any(rest, symbol, value, base, law)
        return powers | {0: Add(powers.get(0, Integer(0)), *free)}
    return _powers_of_any(expression, symbol, value, base, law)


def _powers_of_any(expression: Expr, symbol: Symbol, value: Expr, base: Symbol, law: str) -> dict[int, Expr]:
    if symbol not in symbols_of([expression]):
        return {0: expression}
    in_base = expression.xreplace({symbol: value})
    if not in_base.has(base):
        return {0: in_base}
    try:
        return {power: c for (power,), c in Products().coefficients(in_base, (base,)).items()}
    except NoPolynomialError:
        pass  # sympy may still make a polynomial in the base variate of it
    try:
        poly = Poly(in_base, base)
    except PolynomialError:
        poly = None
    if poly is None or any(c.has(base) for c in poly.coeffs()):
        raise ValueError(
            f"data: expected losses polynomial in the {law} data symbol {symbol}, got a term in {shown(expression)}; "
            "a small Empirical data set takes any loss"
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
        object.__setattr__(self, "mean", constant("Normal mean", self.mean))
        object.__setattr__(self, "standard_deviation", constant("Normal standard_deviation", self.standard_deviation))
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
        object.__setattr__(self, "low", constant("Uniform low", self.low))
        object.__setattr__(self, "high", constant("Uniform high", self.high))
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
        object.__setattr__(self, "p", constant("Bernoulli p", self.p))
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
        object.__setattr__(self, "value", constant("Deterministic value", self.value))

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
