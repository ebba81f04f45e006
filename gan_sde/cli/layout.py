"""Aligned text for terminals."""

from __future__ import annotations

import shutil
from collections.abc import Sequence


def terminal_width() -> int:
    """Columns of the terminal, 100 where there is none."""
    return shutil.get_terminal_size((100, 24)).columns


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Lay out a table: the first ``left`` columns to the left, numbers to the right.

    Examples
    --------
    >>> print(table(["name", "mean"], [["a", "1.50"], ["long", "-0.25"]]))
    name   mean
    ----  -----
    a      1.50
    long  -0.25
    """
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[j]) for row in cells) for j in range(len(header))]
    cells.insert(1, ["-" * width for width in widths])
    lines = [
        "  ".join(c.ljust(w) if j < left else c.rjust(w) for j, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


def with_error(value: float, se: float) -> tuple[str, str]:
    """Format a value and its standard error to two digits of the error.

    Examples
    --------
    >>> with_error(1.23456, 0.0123)
    ('1.235', '0.012')
    >>> with_error(1.5, float("nan"))
    ('1.5', 'nan')
    """
    if not se > 0 or se == float("inf") or value != value:
        return f"{value:.6g}", f"{se:.2g}"
    digits = max(0, 1 - int(_floor_log10(se)))
    if digits > 12 or abs(value) >= 1e9:
        return f"{value:.6g}", f"{se:.2g}"
    return f"{value:.{digits}f}", f"{se:.{digits}f}"


def _floor_log10(value: float) -> int:
    return int(f"{value:.1e}".partition("e")[2])


def human_time(seconds: float) -> str:
    """Format a duration.

    Examples
    --------
    >>> human_time(75.2), human_time(0.41), human_time(7300)
    ('1:15', '0.4 s', '2:01:40')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
