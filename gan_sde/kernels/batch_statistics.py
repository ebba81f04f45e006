"""Batch means drawn directly, at a cost that does not grow with the batch size.

For a standard normal u, the mean over a batch of B samples is ``ubar = n / sqrt(B)``, and independent of it the sum
of squares about it is a chi-square of B - 1 degrees of freedom. So the batch means of He1 = u and
He2 = (u^2 - 1) / sqrt(2) need two random numbers for any B::

    mean He1 = ubar        mean He2 = (chi2 / B + ubar^2 - 1) / sqrt(2)

Where the update needs He2 alone, its sum of squares is a chi-square of B degrees of freedom.
The chi-square comes from a second normal through ``k p(n)^3``, where the polynomial p approximates
``(F^-1(Phi(n)) / k)^(1/3)``: a refined Wilson-Hilferty transform (E. B. Wilson, M. M. Hilferty, "The distribution of
chi-square", PNAS 17 (1931), doi:10.1073/pnas.17.12.684). Its distribution function is off by less than 1e-9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats
from sympy import Expr, Integer, Symbol, expand, sqrt

from gan_sde.symbolic.recipe import BatchDraws

CDF_TOLERANCE = 1e-9
LARGEST_NORMAL = 6.8
_FIT_RADIUS = 7.0
_MANY_DEGREES = 100_000
_DEGREES = (10, 14, 18, 22, 26, 30, 34, 38, 42, 46)


@dataclass(frozen=True)
class Slot:
    """One batch mean that the update needs.

    Attributes
    ----------
    symbol
        Its symbol in the update.
    degree
        1 for He1, 2 for He2.
    first
        Position, among the slots, of the He1 slot of the same base normal and batch; None where He2 is used alone.
    """

    symbol: Symbol
    degree: int
    first: int | None


def hermite_slots(draws: BatchDraws) -> tuple[Slot, ...] | None:
    """The used batch means in their order of drawing, or None if some are not He1 or He2 means of normals.

    The order (batch by batch, in each the features in their order) decides which normal drives which mean; an
    SDE whose noise modes are ordered likewise can share it.
    """
    kinds = [_hermite_kind(feature, draws.normals) for feature in draws.features]
    slots: list[Slot] = []
    for batch in draws.batches:
        used = [(symbol, kind) for symbol, kind in zip(batch, kinds, strict=True) if symbol is not None]
        if any(kind is None for _, kind in used):
            return None
        position = {kind: len(slots) + i for i, (_, kind) in enumerate(used)}
        for symbol, (base, degree) in used:
            slots.append(Slot(symbol, degree, position.get((base, 1))))
    return tuple(slots)


def _hermite_kind(feature: Expr, normals: tuple[Symbol, ...]) -> tuple[Symbol, int] | None:
    """Base normal and degree of a Hermite feature of one normal."""
    bases = hermite_bases(feature, normals)
    return None if bases is None or len(set(bases)) == 2 else (bases[0], len(bases))


def hermite_bases(feature: Expr, normals: tuple[Symbol, ...]) -> tuple[Symbol, ...] | None:
    """Base normals of a feature: u once for He1, u twice for He2, u and v for their product; None for others.

    Examples
    --------
    >>> u, v = Symbol("u"), Symbol("v")
    >>> hermite_bases(u * v, (u, v)), hermite_bases((u**2 - 1) / sqrt(2), (u, v)), hermite_bases(u**2, (u, v))
    ((u, v), (u, u), None)
    """
    bases = tuple(symbol for symbol in normals if symbol in feature.free_symbols)
    if len(bases) != len(feature.free_symbols) or not 1 <= len(bases) <= 2:
        return None
    if len(bases) == 2:
        return bases if expand(feature - bases[0] * bases[1]) == 0 else None
    (base,) = bases
    if feature == base:
        return bases
    second = (base**2 - Integer(1)) / sqrt(2)
    return (base, base) if expand(feature - second) == 0 else None


@cache
def chi_square_polynomial(degrees_of_freedom: int) -> tuple[float, ...] | None:
    """Coefficients, constant first, of p with ``chi2 = k p(n)^3``; None if no degree reaches the tolerance.

    ``k = 0`` and ``k = 1`` have none and need none: chi2 is 0 and ``n^2``. The lowest degree is taken whose
    distribution function is off by less than 1e-9 for ``|n| <= 6.8`` (where the normals of the kernels end) and
    whose chi-square increases with n.

    Examples
    --------
    >>> len(chi_square_polynomial(63)), len(chi_square_polynomial(3))
    (15, 35)
    """
    k = degrees_of_freedom
    if k >= _MANY_DEGREES:
        return _polynomial_of_many(k)
    nodes = np.cos(np.pi * (np.arange(400) + 0.5) / 400) * _FIT_RADIUS
    target = np.cbrt(_chi_square_quantile(nodes, k) / k)
    for degree in _DEGREES:
        fit = np.polynomial.Chebyshev.fit(nodes, target, degree, domain=[-_FIT_RADIUS, _FIT_RADIUS])
        coefficients = fit.convert(kind=np.polynomial.Polynomial).coef
        if distribution_error(coefficients, k) < CDF_TOLERANCE:
            return tuple(float(c) for c in coefficients)
    return None


def _polynomial_of_many(k: int) -> tuple[float, ...]:
    """Fit for many degrees of freedom, where library distribution functions no longer reach the tolerance.

    The quantile is its Cornish-Fisher series (Goldberg & Levine, Ann. Math. Stat. 17, 1946), whose first missing term
    moves the distribution function by less than 1e-11 here.
    """
    x = np.cos(np.pi * (np.arange(400) + 0.5) / 400) * _FIT_RADIUS
    root = np.sqrt(2.0 * k)
    # over k, term by term, so that nothing cancels
    deviation = (
        root / k * x
        + 2 / 3 * (x**2 - 1) / k
        + (x**3 - 7 * x) / (9 * root * k)
        - (6 * x**4 + 14 * x**2 - 32) / (405 * k**2)
        + (9 * x**5 + 256 * x**3 - 433 * x) / (4860 * k**2 * root)
    )
    target = np.expm1(np.log1p(deviation) / 3)
    fit = np.polynomial.Chebyshev.fit(x, target, _DEGREES[0], domain=[-_FIT_RADIUS, _FIT_RADIUS])
    coefficients = fit.convert(kind=np.polynomial.Polynomial).coef
    coefficients[0] += 1.0
    return tuple(float(c) for c in coefficients)


def _chi_square_quantile(n: np.ndarray, k: int) -> np.ndarray:
    # Each half from its own tail: 1 - Phi(7) would lose all digits.
    return np.where(n < 0, stats.chi2.ppf(stats.norm.cdf(n), k), stats.chi2.isf(stats.norm.sf(n), k))


def distribution_error(coefficients, degrees_of_freedom: int) -> float:
    """Largest error of the distribution function of ``k p(n)^3`` for ``|n| <= 6.8``; infinite if not increasing."""
    k = degrees_of_freedom
    n = np.linspace(-LARGEST_NORMAL, LARGEST_NORMAL, 5_001)
    chi_square = k * horner(coefficients, n) ** 3
    if chi_square[0] < 0 or not np.all(np.diff(chi_square) > 0):
        return math.inf
    lower = np.abs(stats.chi2.cdf(chi_square, k) - stats.norm.cdf(n))
    upper = np.abs(stats.chi2.sf(chi_square, k) - stats.norm.sf(n))
    return float(np.max(np.where(n < 0, lower, upper)))


def horner(coefficients, x):
    """Polynomial with the constant coefficient first."""
    result = np.zeros_like(x) + x.dtype.type(coefficients[-1])
    for c in coefficients[-2::-1]:
        result = result * x + x.dtype.type(c)
    return result
