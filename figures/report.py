"""The main job: run every claim, print the table, write the report and its figures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from time import perf_counter
from typing import Any

from figures import catalogue
from figures.folder import Folder
from figures.measurements import load_measurements
from figures.page import page
from figures.pool import run_claims
from figures.progress import Announcer
from figures.provenance import provenance
from figures.registry import Claim, Settings
from figures.result import Result, verdict
from figures.table import grid, layout, measured_text, terminal_width

Progress = Callable[[int, int], None]


def reproduce(
    only: Sequence[str] | str | None = None,
    data: str | Path | None = None,
    out: str | Path = "results",
    full: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
    jobs: int = 1,
) -> int:
    """Check the claims and write ``report.json``, ``report.html`` and one PNG a claim.

    Parameters
    ----------
    only
        Names of claims, or of groups of them ("lq-gan", "coupled-sdes"); default all, but the long ones only with
        ``full``. The detailed tables of claims
        that are asked for by name are printed too; the files have them always.
    data
        A CSV or NPY file of measurements, ``(rows, N)`` with at least N + 2 rows, in place of the bundled ones.
    out
        Folder of the results; made if it is not there. Files appear in it only once all of them are complete.
    full
        Publication size.
    seed
        Seed of every simulation.
    progress
        Called as ``progress(done, total)`` before and after every claim; default a line a claim on standard error, if
        that is a terminal.
    jobs
        Claims that run at a time, each in a process of its own. They change no number.

    Returns
    -------
    int
        0, or 1 if a claim failed. A claim that raises has failed; the others still run.

    Raises
    ------
    ValueError
        Before anything runs: for a name that is no claim, data that cannot be used or that no chosen claim reads, a
        folder that cannot be written.
    """
    claims, settings = _checked(only, data, full, seed, jobs)
    with Folder(out) as folder:
        began = perf_counter()
        results = _run(claims, settings, folder, progress, jobs)
        facts = provenance(settings, perf_counter() - began)
        folder.write("report.html", page(results, facts, folder.images()).encode())
        folder.write_json("report.json", {"claims": [_entry(r) for r in results], "provenance": facts})
    _say(_text(results, Path(out), detailed=only is not None))
    left_out = [name for name in catalogue.claims() if name not in {claim.name for claim in claims}]
    if only is None and left_out:
        _say(f"Left out, for they take minutes: {', '.join(left_out)}; --only runs them.")
    return int(not all(result.passed for result in results))


def figures(
    names: Sequence[str] | str | None = None,
    out: str | Path = "results",
    full: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
    jobs: int = 1,
) -> int:
    """Draw the figures of claims and write nothing else; see `reproduce`.

    Returns
    -------
    int
        0, or 1 if a figure could not be drawn; what a figure says of its claim does not matter here.
    """
    claims, settings = _checked(names, None, full, seed, jobs)
    with Folder(out) as folder:
        results = _run(claims, settings, folder, progress, jobs)
    for result in results:
        _say(str(Path(out) / result.picture) if result.picture else f"{result.claim.name}: {result.error}")
    return int(not all(result.picture for result in results))


# -------------------------------------------------------------------- before the run


def _checked(
    only: Sequence[str] | str | None, data: str | Path | None, full: bool, seed: int, jobs: int
) -> tuple[list[Claim], Settings]:
    known = catalogue.claims()
    if only is None:
        names = [name for name, claim in known.items() if full or not claim.long]
    else:
        names = catalogue.expand([only] if isinstance(only, str) else only, known)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        what = ", ".join(map(repr, unknown)) or "none"
        raise ValueError(f"only: expected claims among {', '.join(known)}; got {what}")
    if data is not None:
        _check_data(data, names, known)
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise ValueError(f"jobs: expected an integer >= 1, got {jobs!r}")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
        raise ValueError(f"seed: expected an integer from 0 to 2^64 - 1, got {seed!r}")
    settings = Settings(full=bool(full), seed=seed, data=None if data is None else Path(data))
    return [claim for name, claim in known.items() if name in names], settings


def _check_data(data: str | Path, names: Sequence[str], known: Mapping[str, Claim]) -> None:
    if not Path(data).is_file():
        raise ValueError(f"data: expected a readable file, CSV or NPY, got {str(data)!r}, which is no file")
    try:
        load_measurements(data)
    except ValueError as error:
        raise ValueError(f"data: {error}") from error
    readers = [name for name, claim in known.items() if claim.reads_data]
    if not set(readers) & set(names):
        raise ValueError(f"data: expected a claim that reads it, {' or '.join(readers)}; got {', '.join(names)}")


# -------------------------------------------------------------------- the run


def _run(
    claims: Sequence[Claim], settings: Settings, folder: Folder, progress: Progress | None, jobs: int
) -> list[Result]:
    """Results in the order of the claims, in whatever order they end."""
    announcer = Announcer([claim.name for claim in claims], progress)
    results: dict[int, Result] = {}
    announcer.begin()
    for number, finished in run_claims(claims, settings, jobs):
        claim = claims[number]
        picture = None if finished.image is None else f"{claim.name}.png"
        if picture is not None and finished.image is not None:
            folder.write(picture, finished.image)
        results[number] = Result(claim, finished.outcome, finished.error, picture, finished.seconds)
        announcer.end(claim.name)
    return [results[number] for number in range(len(claims))]


# -------------------------------------------------------------------- after the run


def _entry(result: Result) -> dict[str, Any]:
    head, outcome = result.headline, result.outcome
    return {
        "name": result.claim.name,
        "title": result.claim.title,
        "source": result.claim.source,
        "check": head.name,
        "predicted": head.predicted,
        "measured": head.measured,
        "interval": head.interval,
        "verdict": verdict(result.passed),
        "figure": result.picture,
        "caption": outcome.caption if outcome else None,
        "error": result.error or None,
        "seconds": round(result.seconds, 2),
        "checks": [
            {
                "name": check.name,
                "predicted": check.predicted,
                "measured": check.measured,
                "interval": check.interval,
                "verdict": verdict(check.passed),
            }
            for check in (outcome.checks if outcome else ())
        ],
        "tables": [
            {"title": table.title, "note": table.note, "header": table.header, "rows": table.rows}
            for table in result.tables
        ],
    }


def _text(results: Sequence[Result], out: Path, *, detailed: bool) -> str:
    rows, width = [], terminal_width()
    for result in results:
        error = "" if result.outcome and not result.error else result.headline.measured
        rows.append((result.claim.name, result.claim.source, "", str(error), verdict(result.passed)))
        for check in result.outcome.checks if result.outcome else ():
            measured = measured_text(check.measured, check.interval)
            rows.append((f"  {check.name}", "", check.predicted, measured, verdict(check.passed)))
    held = sum(result.passed for result in results)
    parts = [layout(rows, width), *(_details(result, width) for result in results if detailed and result.tables)]
    parts.append(
        "\n".join([f"{held} of {len(results)} claims hold. Report: {out / 'report.html'}", *_hint(results, detailed)])
    )
    return "\n\n".join(parts)


def _details(result: Result, width: int) -> str:
    """The detailed tables of a claim, under a heading with its name."""
    parts = [f"{result.claim.name} in detail\n{'=' * (len(result.claim.name) + 10)}"]
    for table in result.tables:
        title = f"{table.title} ({_rows(len(table.rows))})"
        note = [fill(table.note, width)] if table.note else []
        parts += [title, *note, grid(table.header, table.rows, width)]
    return "\n\n".join(parts)


def _hint(results: Sequence[Result], detailed: bool) -> list[str]:
    """A line that says how many rows of detail there are, and where they are whole."""
    count = sum(len(table.rows) for result in results for table in result.tables)
    if not count:
        return []
    if detailed:
        return [f"It and report.json hold these {_rows(count)} of detail uncut."]
    return [f"{_rows(count)} of detail, certificates and rates, are in it and report.json; --only CLAIM prints them."]


def _rows(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"


def _say(text: str) -> None:
    """Print, also where standard output knows only ASCII."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.replace("±", "+-").replace("·", "-").encode(encoding, "replace").decode(encoding)
    print(text)
