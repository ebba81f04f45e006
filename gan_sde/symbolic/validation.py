"""Checks of arguments, each with one line that names the argument, what was expected and what came."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Raise ValueError unless ``value`` is one of ``choices``."""
    if value not in choices or isinstance(value, bool):
        expected = " or ".join(map(repr, choices))
        raise ValueError(f"{name}: expected {expected}, got {value!r}")


def check_integer(name: str, value: Any, low: int, high: float = inf) -> None:
    """Raise ValueError unless ``value`` is an integer in ``[low, high]``."""
    is_integer = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
    if not is_integer or not low <= value <= high:
        upper = "" if high == inf else f" and <= {high}"
        raise ValueError(f"{name}: expected an integer >= {low}{upper}, got {value!r}")


def check_flag(name: str, value: Any) -> None:
    """Raise ValueError unless ``value`` is a truth value."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name}: expected True or False, got {value!r}")


def check_positive(name: str, value: Any) -> None:
    """Raise ValueError unless ``value`` is a finite positive number."""
    if not _is_real(value) or not 0 < value < inf:
        raise ValueError(f"{name}: expected a positive number, got {value!r}")


def check_batch_size(value: Any) -> None:
    """Raise ValueError unless ``value`` is an integer >= 1 or ``math.inf``."""
    if not _is_real(value) or not (value == inf or (value >= 1 and value == int(value))):
        raise ValueError(f"batch_size: expected an integer >= 1 or math.inf, got {value!r}")


def _is_real(value: Any) -> bool:
    if isinstance(value, (bool, np.bool_, str)):
        return False
    try:
        return float(value) == float(value)
    except (TypeError, ValueError):
        return False
