"""The table of a report as text: aligned, and wrapped where a cell is longer than its column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import floor, isfinite, log10
from textwrap import wrap

WIDTH = 120
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
    widths = _widths(rows, max(width, 60))
    lines = [_line(_HEADER, widths), _line(["-" * w for w in widths], widths)]
    for row in rows:
        columns = [_wrapped(cell, w) for cell, w in zip(row, widths, strict=True)]
        for i in range(max(map(len, columns))):
            lines.append(_line([c[i] if i < len(c) else "" for c in columns], widths))
    return "\n".join(lines)


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
