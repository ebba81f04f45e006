"""Finite data sets: exact expansions by least squares on the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from sympy import (
    Add,
    Expr,
    Float,
    Integer,
    Poly,
    PolynomialError,
    Symbol,
)

from gan_sde.symbolic.law import AbstractDistribution, Expansion

MAX_ROWS_WITHOUT_POLYNOMIAL = 256
"""Largest data set on which losses need not be polynomial in the data."""


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
        with np.errstate(all="ignore"):
            moments = np.stack([values.mean(axis=0), values.var(axis=0)])
        _refuse_overflow(moments, values, "mean and variance")
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
        with np.errstate(over="ignore"):
            features = np.stack([np.prod(self.values**m, axis=1) for m in monomials], axis=1) if monomials else None
        if features is None:
            return Expansion((), tuple((row[(0,) * len(symbols)],) for row in rows))
        with np.errstate(all="ignore"):
            _refuse_overflow(
                np.stack([features.mean(axis=0), features.var(axis=0)]),
                self.values,
                "mean and variance of every product in the losses",
            )
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


def _refuse_overflow(moments: np.ndarray, values: np.ndarray, what: str) -> None:
    if not np.isfinite(moments).all():
        raise ValueError(
            f"Empirical values: expected a finite {what}, got overflow from values up to {np.abs(values).max():g}; "
            "use larger units"
        )


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
