"""Factor of the covariance of an update with products of batch means, exact for every batch size.

Let the first-order part of an update be ``sum_m c_m(x) m`` over monomials m of batch means. The batch means of the
chaos functions are uncorrelated with variance 1/B. What is left of the products of two once the means are regressed out
has the covariance ``((1 - 1/B) P + Q / B) / B^2``: P from factors on different samples, Q from factors on the same one,
both positive semidefinite and free of B, so that their factors serve for every B, one sample included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sympy import Expr, ImmutableMatrix, Integer, Matrix, Rational, Symbol, cancel, sqrt

from gan_sde.symbolic.field import tidy

Monomial = tuple[tuple[int, int], ...]
Covariance = Callable[[Monomial, Monomial], Expr]

TOLERANCE = 1e-12
"""Pivots below this part of the largest diagonal entry are 0 where numbers are not exact."""


def exact_factor(rows: Sequence[dict[Monomial, Expr]], covariance: Covariance, batch_size: Symbol) -> ImmutableMatrix:
    """``d x m`` matrix whose product with its transpose is the covariance of the rows.

    Parameters
    ----------
    rows
        Coefficients of the monomials in each entry of a vector.
    covariance
        Of two monomials, in the batch size.
    batch_size
        Its symbol.
    """
    monomials = sorted({m for row in rows for m, c in row.items() if m and c != 0}, key=lambda m: (len(m), m))
    coefficients = Matrix([[row.get(m, Integer(0)) for m in monomials] for row in rows])
    if not monomials:
        return ImmutableMatrix.zeros(len(rows), 0)
    matrix = Matrix(len(monomials), len(monomials), lambda i, j: covariance(monomials[i], monomials[j]))
    if len(monomials[-1]) > 2:
        columns = _semidefinite_factor(matrix, _scale(matrix))
    else:
        columns = _quadratic_factor(matrix, sum(len(m) == 1 for m in monomials), batch_size)
    return ImmutableMatrix((coefficients * columns).applyfunc(tidy))


def _quadratic_factor(matrix: Matrix, linear: int, batch_size: Symbol) -> Matrix:
    """Factor of the covariance of ``linear`` means and of products of two."""
    size = matrix.rows
    slope = (matrix[linear:, :linear] * batch_size).applyfunc(lambda e: e.expand())
    columns = [Matrix.vstack(Matrix.eye(linear), slope) / sqrt(batch_size)] if linear else []
    if size > linear:
        rest = matrix[linear:, linear:] - slope * slope.T / batch_size
        scaled = rest * batch_size**2
        # affine in 1/B: two values give both parts, whatever form the entries have
        together = scaled.applyfunc(lambda e: cancel(e.xreplace({batch_size: Integer(1)})))
        halfway = scaled.applyfunc(lambda e: cancel(e.xreplace({batch_size: Integer(2)})))
        apart = (2 * halfway - together).applyfunc(cancel)
        share = 1 / batch_size
        for block in _blocks(apart, together):
            first, second = apart.extract(block, block), together.extract(block, block)
            scale = _scale(first)
            if all(_vanishes(e, scale) for e in first - second):
                parts = [_semidefinite_factor(first, scale)]
            else:
                first, second = _semidefinite_factor(first, scale), _semidefinite_factor(second, scale)
                parts = [first * sqrt(1 - share), second * sqrt(share)]
            for part in parts:
                embedded = Matrix.zeros(size, part.cols)
                for i, row in enumerate(block):
                    embedded[linear + row, :] = part[i, :] / batch_size
                columns.append(embedded)
    return Matrix.hstack(*columns)


def _blocks(*matrices: Matrix) -> list[list[int]]:
    """Indices that belong together, so that all matrices are block diagonal."""
    left, blocks = list(range(matrices[0].rows)), []
    while left:
        block, frontier = [], [left.pop(0)]
        while frontier:
            i = frontier.pop()
            block.append(i)
            near = [j for j in left if any(m[i, j] != 0 for m in matrices)]
            left = [j for j in left if j not in near]
            frontier += near
        blocks.append(sorted(block))
    return blocks


def _scale(matrix: Matrix) -> float:
    """Largest number on the diagonal."""
    return max((abs(float(e)) for e in matrix.diagonal() if e.is_number), default=0.0)


def _vanishes(expression: Expr, scale: float) -> bool:
    """Whether an entry is 0, to rounding where it is a number."""
    value = tidy(expression)
    return value == 0 or bool(value.is_number and abs(float(value)) <= TOLERANCE * scale)


def _semidefinite_factor(matrix: Matrix, scale: float) -> Matrix:
    """Columns of an LDL decomposition, those of pivot 0 (to rounding of the scale) left out."""
    remaining, columns = matrix.copy(), []
    for j in range(matrix.rows):
        pivot = cancel(remaining[j, j])
        if _vanishes(pivot, scale):
            continue
        column = (remaining[:, j] / pivot).applyfunc(cancel)
        for i in range(j):  # eliminated before
            column[i] = Integer(0)
        remaining = (remaining - column * column.T * pivot).applyfunc(cancel)
        columns.append(column * pivot ** Rational(1, 2))
    return Matrix.hstack(*columns) if columns else Matrix.zeros(matrix.rows, 0)
