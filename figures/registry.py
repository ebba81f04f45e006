"""The registry of claims: a claim is a statement from a paper, the run that checks it, and its figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Settings:
    """How large and on what to run.

    Parameters
    ----------
    full
        Publication size instead of the size that the main job runs.
    seed
        Seed of every simulation.
    data
        A CSV or NPY file of measurements, ``(rows, N)``, in place of the bundled ones.
    """

    full: bool = False
    seed: int = 0
    data: Path | None = None


@dataclass(frozen=True)
class Check:
    """One row of the report.

    Parameters
    ----------
    name
        What was checked, in a few words.
    predicted
        The theorem's value, as text ("1", "diverges", "-1.0 +- 0.1").
    measured
        The measured value, as text or a number.
    interval
        Interval of the measured value at the stated level, if it has one.
    passed
        Verdict.
    """

    name: str
    predicted: str
    measured: float | str
    interval: tuple[float, float] | None
    passed: bool


@dataclass(frozen=True)
class Table:
    """Evidence beside the checks, for readers who want every row of it.

    Parameters
    ----------
    title
        What the rows are.
    header
        Names of the columns.
    rows
        Cells, as text, one for each column.
    note
        How to read the rows, a few sentences; may be empty.

    Raises
    ------
    ValueError
        If a row has not as many cells as the header.

    Examples
    --------
    >>> Table("roots", ("number", "root"), (("4", "2"), ("9", "3"))).rows[1]
    ('9', '3')
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"rows: expected {len(self.header)} cells in each, got {len(row)} in {row!r}")


@dataclass(frozen=True)
class Outcome:
    """What a claim's run brought: the figure, the checks that decide, and tables of what they rest on."""

    figure: Figure
    checks: tuple[Check, ...]
    caption: str
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A claim with the function that checks it.

    Parameters
    ----------
    name
        Short name for ``--only`` and for files, e.g. ``"weak-order-table"``.
    title
        The statement, one sentence.
    source
        Paper and place.
    run
        Checks the claim: ``run(settings) -> Outcome``.
    long
        Whether it takes minutes, so that it runs only when it is named, or everything is run in full.
    reads_data
        Whether it uses ``settings.data``.
    """

    name: str
    title: str
    source: str
    run: Callable[[Settings], Outcome]
    long: bool = False
    reads_data: bool = False


_CLAIMS: dict[str, Claim] = {}


def claim(
    name: str, *, title: str, source: str, long: bool = False, reads_data: bool = False
) -> Callable[[Callable[[Settings], Outcome]], Callable]:
    """Register the decorated function as the check of a claim; the arguments are those of `Claim`."""

    def register(run: Callable[[Settings], Outcome]) -> Callable[[Settings], Outcome]:
        _CLAIMS[name] = Claim(name, title, source, run, long, reads_data)
        return run

    return register


def registered() -> dict[str, Claim]:
    """Claims registered so far, by name, in the order of registration."""
    return dict(_CLAIMS)
