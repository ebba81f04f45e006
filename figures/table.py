"""The tables of a report as text: aligned, and wrapped where a cell is longer than its column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import floor, isfinite, log10
from shutil import get_terminal_size
from textwrap import wrap

from analysis import Estimate

WIDTH = 120
"""Columns where there is no terminal."""
_NARROW, _WIDE = 60, 200
CUT = 300
"""Characters of a cell of a detailed table that are printed; files have all of them."""
_HEADER = ("claim", "source", "predicted", "measured", "verdict")
_SHARES = (0.42, 0.16, 0.22, 0.20)
"""Of the columns before the verdict, what each may take of the width."""
_VERDICT = len("verdict")
_GAP = "  "

Row = tuple[str, str, str, str, str]


def measured_text(measured: float | str, interval: tuple[float, float] | None) -> str:
    """Format a measured value with its interval, to two digits of the interval's half-width.

    Examples
    --------
    >>> measured_text(0.86123, (0.85913, 0.86333))
    '0.8612 ± 0.0021'
    >>> measured_text(2.5, (2.4, 3.1))
    '2.50 [2.40, 3.10]'
    >>> measured_text("diverges", None)
    'diverges'
    """
    if interval is None:
        return measured if isinstance(measured, str) else f"{measured:.5g}"
    low, high = interval
    if isinstance(measured, str):
        return f"{measured} [{low:.4g}, {high:.4g}]"
    half = (high - low) / 2
    if not (isfinite(half) and half > 0 and isfinite(measured)):
        return f"{measured:.5g} [{low:.4g}, {high:.4g}]"
    number = _format(measured, half)
    if abs((low + high) / 2 - measured) <= 0.05 * half:
        return f"{number(measured)} ± {number(half)}"
    return f"{number(measured)} [{number(low)}, {number(high)}]"


def estimate_cells(estimate: Estimate[float]) -> tuple[str, str, str]:
    """Write an estimate's value, standard error and interval, to two digits of the standard error.

    Examples
    --------
    >>> estimate_cells(Estimate(-0.98765, 0.0123, (-1.0118, -0.9635), 200))
    ('-0.988', '0.012', '[-1.012, -0.964]')
    """
    low, high = estimate.interval
    known = isfinite(estimate.se) and estimate.se > 0 and isfinite(estimate.value)
    number = _format(estimate.value, estimate.se) if known else "{:.5g}".format
    return number(estimate.value), number(estimate.se), f"[{number(low)}, {number(high)}]"


def _format(measured: float, half: float) -> Callable[[float], str]:
    """Format to the second digit of the half-width, in decimals where that takes no more than eight of them."""
    digits = 1 - floor(log10(half))
    if digits <= 8 and abs(measured) < 1e7:
        return f"{{:.{max(digits, 0)}f}}".format
    order = floor(log10(abs(measured))) if measured else 0
    return f"{{:.{min(max(order + digits + 1, 2), 12)}g}}".format


def layout(rows: Sequence[Row], width: int = WIDTH) -> str:
    """Lay out rows of (claim or check, source, predicted, measured, verdict).

    Parameters
    ----------
    rows
        Cells; leading spaces of the first one are kept as indentation.
    width
        Columns at most (not less than 60 are used).
    """
    return _aligned(_HEADER, rows, _widths(rows, max(width, _NARROW)))


def grid(header: Sequence[str], rows: Sequence[Sequence[str]], width: int = WIDTH, cut: int = CUT) -> str:
    """Lay out a table with any columns; the last one, as long as its text may be, takes at least half of the width.

    Parameters
    ----------
    header, rows
        Cells.
    width
        Columns at most (not less than 60 are used).
    cut
        Characters after which a cell ends in "...".

    Examples
    --------
    >>> print(grid(("k", "error"), (("1", "0.5"), ("10", "0.05")), cut=3))
    k   error
    --  ------
    1   0.5
    10  0.0...
    """
    shown = [[cell if len(cell) <= cut else f"{cell[:cut].rstrip()}..." for cell in row] for row in rows]
    natural = [max(len(row[j]) for row in [header, *shown]) for j in range(len(header))]
    room = max(width, _NARROW) - len(_GAP) * (len(header) - 1)
    last = min(natural[-1], max(room // 2, room - sum(natural[:-1])))
    return _aligned(header, shown, [*_fitted(natural[:-1], room - last), last])


def terminal_width() -> int:
    """Columns of the terminal within reason; `WIDTH` where there is none."""
    return min(max(get_terminal_size((WIDTH, 24)).columns, _NARROW), _WIDE)


def _fitted(natural: Sequence[int], room: int) -> list[int]:
    """Widths that fill the room at most: the widest columns give in, down to one common width."""
    widths = list(natural)
    while sum(widths) > room and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    return widths


def _aligned(header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    lines = [_line(column, widths) for column in _lines(header, widths)]
    lines.append(_line(["-" * w for w in widths], widths))
    for row in rows:
        lines += [_line(cells, widths) for cells in _lines(row, widths)]
    return "\n".join(lines)


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[list[str]]:
    """The lines that a row takes, each with all of its columns."""
    columns = [_wrapped(cell, w) for cell, w in zip(row, widths, strict=True)]
    return [[c[i] if i < len(c) else "" for c in columns] for i in range(max(map(len, columns)))]


def _widths(rows: Sequence[Row], width: int) -> list[int]:
    """Natural widths if they fit; else the wide columns give in, each down to its share."""
    natural = [max(len(r[j]) for r in [_HEADER, *rows]) for j in range(5)]
    room = width - 4 * len(_GAP) - _VERDICT
    excess = sum(natural[:4]) - room
    shares = [int(room * share) for share in _SHARES]
    over = [max(n - s, 0) for n, s in zip(natural, shares, strict=False)]
    if excess > 0:
        natural[:4] = [n - -(-o * excess // sum(over)) for n, o in zip(natural, over, strict=False)]
    return [*natural[:4], _VERDICT]


def _wrapped(cell: str, width: int) -> list[str]:
    indent = cell[: len(cell) - len(cell.lstrip())]
    return wrap(cell.strip(), width, initial_indent=indent, subsequent_indent=indent + "  " * bool(indent)) or [""]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip()
