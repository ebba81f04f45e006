"""Schedules in files that people, spreadsheets and `simulate` read."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, finite_array

STEP, COMMON = "step", "lr"
"""Names of the columns: the iteration, and the rate if one does for all."""


def write_schedule(path: str | Path, lr: ArrayLike | Mapping[str, ArrayLike]) -> None:
    """Write a schedule, as JSON where the name ends in .json and else as CSV with a line an iteration.

    Parameters
    ----------
    path : str or Path
    lr : array, shape (steps,), or mapping of player to such arrays
        Rates >= 0. No player may have the name of the column `step`, and one alone not that of `lr`: the file of a
        common rate is the same.

    Raises
    ------
    ValueError
        If it is nothing that `read_schedule` would give back.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_schedule(f"{folder}/rates.csv", {"p": [0.2, 0.1], "q": [0.1, 0.1]})
    ...     read_schedule(f"{folder}/rates.csv")["p"].tolist()
    [0.2, 0.1]
    """
    columns = {str(name): finite_array("lr", rates, (1,)) for name, rates in _columns(lr).items()}
    lengths = {len(rates) for rates in columns.values()}
    if STEP in columns or (isinstance(lr, Mapping) and set(columns) == {COMMON}):
        raise ValueError(f"lr: expected players named otherwise than the columns, got {sorted(columns)}")
    lowest = min((float(np.min(rates)) for rates in columns.values()), default=0.0)
    if lowest < 0:
        raise ValueError(f"lr: expected rates >= 0, got {lowest:g}")
    if len(lengths) != 1:
        raise ValueError(f"lr: expected one rate an iteration for every player, got lengths {sorted(lengths)}")
    target = Path(path)
    if target.suffix.lower() == ".json":
        target.write_text(json.dumps({name: rates.tolist() for name, rates in columns.items()}) + "\n")
        return
    with target.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([STEP, *columns])
        for k, row in enumerate(zip(*columns.values(), strict=True)):
            writer.writerow([k, *(repr(float(rate)) for rate in row)])


def read_schedule(path: str | Path) -> Array | dict[str, Array]:
    """Read what `write_schedule` wrote: an array (steps,), or one a player, bit by bit the same.

    A file of another kind is refused with a ValueError.
    """
    source = Path(path)
    try:
        text = source.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"path: expected a schedule file that can be read, got {str(path)!r}") from error
    try:
        columns = json.loads(text) if source.suffix.lower() == ".json" else _table(list(csv.reader(text.splitlines())))
        rates = {str(name): np.array(values, dtype=float) for name, values in columns.items()}
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"path: expected a schedule (columns step, lr or players), got {str(path)!r}") from error
    lengths = {values.shape for values in rates.values()}
    good = len(lengths) == 1 and all(v.ndim == 1 and len(v) and (v >= 0).all() for v in rates.values())
    if not good or not all(np.isfinite(v).all() for v in rates.values()):
        raise ValueError(f"path: expected one finite rate >= 0 an iteration, got other values in {str(path)!r}")
    return rates[COMMON] if set(rates) == {COMMON} else rates


def _columns(lr: ArrayLike | Mapping[str, ArrayLike]) -> Mapping[str, ArrayLike]:
    return lr if isinstance(lr, Mapping) else {COMMON: lr}


def _table(rows: Sequence[Sequence[str]]) -> dict[str, list[float]]:
    header, *lines = rows
    if header[0] != STEP or [int(line[0]) for line in lines] != list(range(len(lines))):
        raise ValueError("step")
    return {name: [float(line[j]) for line in lines] for j, name in enumerate(header) if j > 0}
