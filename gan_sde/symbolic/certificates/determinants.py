"""Determinants of polynomial matrices, block by block."""

from __future__ import annotations

from sympy import Expr, ImmutableMatrix, Integer
from sympy.polys.matrices import DomainMatrix


def determinant(matrix: ImmutableMatrix) -> Expr:
    """Determinant in expanded form; rows with one entry are developed first, which settles sparse matrices."""
    rows, columns, factor = list(range(matrix.shape[0])), list(range(matrix.shape[1])), Integer(1)
    moved = True
    while moved and rows:
        moved = False
        for i, row in enumerate(rows):
            filled = [j for j, column in enumerate(columns) if matrix[row, column] != 0]
            if len(filled) <= 1:
                if not filled:
                    return Integer(0)
                factor *= (-1) ** (i + filled[0]) * matrix[row, columns[filled[0]]]
                del rows[i], columns[filled[0]]
                moved = True
                break
    if not rows:
        return factor.expand()
    rest = DomainMatrix.from_Matrix(matrix.extract(rows, columns)).to_field()
    return (factor * rest.domain.to_sympy(rest.det())).expand()
