"""``gan-sde reproduce`` and ``gan-sde figures``: every claim checked, every figure drawn."""

from __future__ import annotations

import difflib
from argparse import Namespace
from pathlib import Path
from typing import Any

from gan_sde.cli.progress import Progress


def reproduce(arguments: Namespace) -> int:
    """Check the claims and write the report."""
    return _report(arguments, "--only", arguments.only, arguments.data)


def figures(arguments: Namespace) -> int:
    """Draw figures, each with its claim."""
    return _report(arguments, "NAME", arguments.names or None, None)


def _report(arguments: Namespace, argument: str, only: list[str] | None, data: str | None) -> int:
    out = Path(arguments.out)
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out: expected a folder, got the file {arguments.out!r}")
    if data is not None:
        _check_data(data)
    from figures import registry, report

    for name in only or ():
        _check_name(argument, name, list(registry.claims()))
    progress = Progress("reproduce")
    try:
        result: Any = report.reproduce(only=only, data=data, out=out, full=arguments.full, progress=progress)
    finally:
        progress.clear()
    return result if isinstance(result, int) else int(result.status)


def _check_data(path: str) -> None:
    from gan_sde.symbolic.number_table import read_matrix

    try:
        read_matrix(path)
    except ValueError as error:
        raise ValueError(f"--data: {error}") from error


def _check_name(argument: str, name: str, known: list[str]) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"{argument}: expected one of {', '.join(known)}; got {name!r}{hint}")
