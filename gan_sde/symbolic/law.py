"""What the law of a data symbol is: something in whose orthonormal functions expressions expand exactly.

Every law brings functions ``psi_1, psi_2, ...`` of its own randomness with mean 0, variance 1 and no mutual
correlation. A quantity that depends on the data expands as ``c_0 + c_1 psi_1 + ...``; ``c_0`` is its exact mean and the
other coefficients are an exact factor of its covariance (polynomial chaos: Xiu & Karniadakis, SIAM J. Sci. Comput. 24,
2002).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sympy import (
    Expr,
    Symbol,
    sympify,
)

from gan_sde.symbolic.validation import may_be_real, shown


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


def constant(name: str, value: object) -> Expr:
    """Read a constant of a law: a finite real number or a symbolic expression, else ValueError naming it."""
    try:
        expression = sympify(value, strict=True)
    except Exception as error:
        raise ValueError(f"{name}: expected a number or a sympy expression, got {value!r}") from error
    if not isinstance(expression, Expr) or not may_be_real(expression):
        raise ValueError(f"{name}: expected a finite real number or a sympy expression, got {shown(value)}")
    return expression
