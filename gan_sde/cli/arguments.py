"""Values on the command line: each reader says what it expected and what came."""

from __future__ import annotations

import json
import math
from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_sde.cli.shadows import refuse_shadows

MAX_COUNT = 10**15
"""Largest count of steps or trajectories that is taken for one."""


def number(text: str) -> float:
    """Read a finite number."""
    value = _float(text)
    if value is None or not math.isfinite(value):
        raise ArgumentTypeError(f"expected a finite number, got {text!r}")
    return value


def positive(text: str) -> float:
    """Read a finite number > 0."""
    value = _float(text)
    if value is None or not 0 < value < math.inf:
        raise ArgumentTypeError(f"expected a positive number, got {text!r}")
    return value


def count(text: str) -> int:
    """Read an integer >= 1; ``1e5`` counts as one."""
    value = _float(text)
    if value is None or not 1 <= value <= MAX_COUNT or value != int(value):
        raise ArgumentTypeError(f"expected an integer >= 1, got {text!r}")
    return int(value)


def batch_size(text: str) -> float:
    """Read an integer >= 1, or ``inf`` for the deterministic limit."""
    if _float(text) == math.inf:
        return math.inf
    try:
        return count(text)
    except ArgumentTypeError:
        raise ArgumentTypeError(f"expected an integer >= 1 or inf, got {text!r}") from None


def seed(text: str) -> int:
    """Read an integer from 0 to 2^64 - 1."""
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) >= 2**64:
        raise ArgumentTypeError(f"expected an integer from 0 to 2^64 - 1, got {text!r}")
    return int(text)


def rate(text: str) -> Any:
    """Read a learning rate: a positive number, ``PLAYER=NUMBER``, or a file that ``gan-sde schedule --out`` wrote."""
    if Path(text).suffix.lower() in (".csv", ".json"):
        try:
            refuse_shadows("analysis")
            from analysis.schedules import read_schedule

            return read_schedule(text)
        except OSError as error:
            raise ArgumentTypeError(f"expected a schedule, got {text!r}: {error.strerror}") from error
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from error
    name, equals, value = text.partition("=")
    if not equals:
        return positive(text)
    if not name:
        raise ArgumentTypeError(f"expected PLAYER=NUMBER, got {text!r}")
    return name, positive(value)


def assignment(text: str) -> tuple[str, float]:
    """Read ``NAME=NUMBER``."""
    name, equals, value = text.partition("=")
    if not name.strip() or not equals or _float(value) is None:
        raise ArgumentTypeError(f"expected NAME=NUMBER, got {text!r}")
    return name.strip(), number(value)


def option(text: str) -> tuple[str, Any]:
    """Read ``NAME=VALUE``: JSON (numbers, true, lists), a CSV or NPY file, or else plain text."""
    name, equals, value = text.partition("=")
    if not name.strip() or not equals:
        raise ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    if Path(value).suffix.lower() in (".csv", ".npy"):
        from gan_sde.symbolic.number_table import read_matrix

        try:
            return name.strip(), read_matrix(value)
        except ValueError as error:
            raise ArgumentTypeError(f"{name.strip()}={error}") from error
    try:
        return name.strip(), json.loads(value)
    except (ValueError, RecursionError):
        return name.strip(), value


def collect(argument: str, pairs: Sequence[tuple[str, Any]] | None) -> dict[str, Any]:
    """Make a dictionary of pairs; a name given twice is refused."""
    collected: dict[str, Any] = {}
    for name, value in pairs or ():
        if name in collected:
            raise ValueError(f"{argument}: expected each name once, got {name!r} twice")
        collected[name] = value
    return collected


def nest(options: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted names into tables: ``rates.generator=2`` becomes ``rates={"generator": 2}``."""
    nested: dict[str, Any] = {}
    for name, value in options.items():
        table, dot, key = name.partition(".")
        if not dot:
            nested[name] = value
        elif isinstance(nested.setdefault(table, {}), dict):
            nested[table][key] = value
    return nested


def _float(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None
