"""Tables of numbers from CSV and NPY files, with errors that name the file, the row and the column."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class NumberTable:
    """A rectangular table of finite numbers.

    Parameters
    ----------
    values
        Array of shape ``(rows, columns)``, float64.
    header
        Column names, or None where the file has none.
    """

    values: np.ndarray
    header: tuple[str, ...] | None = None


def read_matrix(path: str | Path) -> np.ndarray:
    """Read the numbers of a CSV or NPY file.

    Parameters
    ----------
    path
        A ``.npy`` file of one or two axes, or else comma-separated text, its first line optionally a header of names,
        none of which begins like a number. Empty lines are skipped, but not inside a single column, where a line is
        a value.

    Returns
    -------
    numpy.ndarray
        Shape ``(rows, columns)``, float64; a one-dimensional array becomes one column.

    Raises
    ------
    ValueError
        If the file cannot be read, is empty or ragged, or holds a cell that is not a finite number; one line
        that names the file and, for a cell, its row and column (both counted from 1).
    """
    return read_number_table(path).values


def read_number_table(path: str | Path) -> NumberTable:
    """Read the numbers and the header of a CSV or NPY file; see `read_matrix`."""
    path = Path(path)
    if not path.exists():
        raise ValueError(f"{path}: expected a readable file, got none of that name")
    if not path.is_file():
        raise ValueError(f"{path}: expected a regular file, got something else")
    try:
        table = _read_npy(path) if path.suffix.lower() == ".npy" else _read_csv(path)
    except OSError as error:
        raise ValueError(f"{path}: expected a readable file, got: {error.strerror or error}") from error
    if 0 in table.values.shape:
        raise ValueError(f"{path}: expected at least one row of numbers, got none")
    if not np.isfinite(table.values).all():
        row, column = np.argwhere(~np.isfinite(table.values))[0]
        bad = table.values[row, column]
        raise ValueError(f"{path}: expected finite numbers, got {bad} in row {row + 1}, column {column + 1}")
    return table


def _read_npy(path: Path) -> NumberTable:
    try:
        with path.open("rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError, SyntaxError, MemoryError, TypeError, KeyError, OverflowError) as error:
        raise ValueError(f"{path}: expected an NPY array of numbers, got a file that is not one") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{path}: expected an array of real numbers, got {array.dtype}")
    if array.ndim not in (1, 2):
        raise ValueError(f"{path}: expected an array of 1 or 2 axes, got shape {array.shape}")
    values = np.ascontiguousarray(array, dtype=np.float64)
    return NumberTable(values.reshape(len(values), -1) if values.size else values.reshape(0, 0))


def _read_csv(path: Path) -> NumberTable:
    header: tuple[str, ...] | None = None
    rows: list[list[float]] = []
    columns = 0
    gap = 0  # an empty line since the last row
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            for cells in reader:
                if len(cells) < 2 and not any(cell.strip() for cell in cells):
                    gap = gap or reader.line_num
                    continue
                if gap and rows and columns == 1:
                    raise ValueError(f"{path}: expected a finite number, got '' in row {gap}, column 1")
                gap = 0
                columns = columns or len(cells)
                if len(cells) != columns:
                    raise ValueError(
                        f"{path}: expected {columns} columns in every row, got {len(cells)} in row {reader.line_num}"
                    )
                numbers = [_number(cell) for cell in cells]
                if not rows and header is None and all(map(_is_name, cells)):
                    header = tuple(cell.strip() for cell in cells)
                    continue
                rows.append(_complete(numbers, cells, f"{path}", reader.line_num))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: expected comma-separated text in UTF-8, got: {error}") from error
    return NumberTable(np.array(rows, dtype=np.float64).reshape(len(rows), columns), header)


def _number(cell: str) -> float | None:
    """Return the number in a cell; Python's digit separators are no part of the format."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _is_name(cell: str) -> bool:
    """Whether a cell may stand in a header: what begins like a number is a number, perhaps mistyped."""
    text = cell.strip()
    return _number(cell) is None and not text[:1].isdigit() and not text.startswith(("+", "-", ".", "\N{MINUS SIGN}"))


def _complete(numbers: list[float | None], cells: list[str], path: str, line: int) -> list[float]:
    complete: list[float] = []
    for column, (number, cell) in enumerate(zip(numbers, cells, strict=True), start=1):
        if number is None or not math.isfinite(number):
            raise ValueError(
                f"{path}: expected a finite number, got {cell.strip()!r:.60} in row {line}, column {column}"
            )
        complete.append(number)
    return complete
