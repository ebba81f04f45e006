"""``gan-sde reproduce`` and ``gan-sde figures``: every claim checked, every figure drawn."""

from __future__ import annotations

import difflib
import os
import re
from argparse import Namespace
from pathlib import Path


def reproduce(arguments: Namespace) -> int:
    """Check the claims and write the report."""
    _check_folder(arguments.out)
    from figures import catalogue, report

    _check_names("--only", arguments.only or (), [*catalogue.claims(), *catalogue.GROUPS])
    try:
        return report.reproduce(
            only=arguments.only,
            data=arguments.data,
            out=Path(arguments.out),
            full=arguments.full,
            seed=arguments.seed,
            jobs=arguments.jobs or os.cpu_count() or 1,
        )
    except ValueError as error:  # what the library names data, the command line names --data
        raise ValueError(re.sub(r"^(?=data: )", "--", str(error))) from error


def figures(arguments: Namespace) -> int:
    """Draw figures, each with its claim."""
    _check_folder(arguments.out)
    from figures import catalogue, report

    _check_names("NAME", arguments.names or (), [*catalogue.claims(), *catalogue.GROUPS])
    return report.figures(
        names=arguments.names or None,
        out=Path(arguments.out),
        full=arguments.full,
        seed=arguments.seed,
        jobs=arguments.jobs or os.cpu_count() or 1,
    )


def _check_folder(out: str) -> None:
    if Path(out).exists() and not Path(out).is_dir():
        raise ValueError(f"--out: expected a folder, got the file {out!r}")


def _check_names(argument: str, names: list[str] | tuple[str, ...], known: list[str]) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(f"{argument}: expected one of {', '.join(known)}; got {name!r}{hint}")
