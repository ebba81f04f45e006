"""Checks of arguments, each with one line that names the argument, what was expected and what came."""

from __future__ import annotations

from math import inf, isfinite
from typing import Any

import numpy as np
from sympy import Expr, I, nan, oo, sympify, zoo

MOST_SAMPLES = 10**15
"""Largest finite batch: beyond it, floating point no longer counts samples."""


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Raise ValueError unless ``value`` is one of ``choices``."""
    if value not in choices or isinstance(value, bool):
        expected = " or ".join(map(repr, choices))
        raise ValueError(f"{name}: expected {expected}, got {value!r}")


def check_integer(name: str, value: Any, low: int, high: float = inf) -> None:
    """Raise ValueError unless ``value`` is an integer in ``[low, high]``."""
    is_integer = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
    if not is_integer or not low <= value <= high:
        upper = f" and <= {high}" if is_integer and value > high else ""
        raise ValueError(f"{name}: expected an integer >= {low}{upper}, got {value!r}")


def check_flag(name: str, value: Any) -> None:
    """Raise ValueError unless ``value`` is a truth value."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name}: expected True or False, got {value!r}")


def check_positive(name: str, value: Any) -> None:
    """Raise ValueError unless ``value`` is a finite positive number."""
    if not _is_real(value) or not 0 < value < inf:
        raise ValueError(f"{name}: expected a positive number, got {value!r}")


def check_number(name: str, value: Any, *, positive: bool = False) -> None:
    """Raise ValueError unless ``value`` is a finite real number, or a sympy expression that may stand for one."""
    expected = "a positive number" if positive else "a finite real number"
    try:
        expression = None if isinstance(value, (bool, np.bool_, str)) else sympify(value, strict=True)
    except (TypeError, ValueError):
        expression = None
    if (
        not isinstance(expression, Expr)
        or not may_be_real(expression)
        or (positive and expression.is_positive is False)
    ):
        raise ValueError(f"{name}: expected {expected}, got {shown(value)}")


def may_be_real(expression: Expr) -> bool:
    """Whether an expression is a finite real number, or could become one once its symbols have values."""
    if expression.is_number:
        try:
            number = complex(expression)
        except (TypeError, ValueError, OverflowError):
            return False
        return isfinite(number.real) and (number.imag == 0 or bool(expression.is_real))
    if expression.has(nan, oo, -oo, zoo, I):
        return False
    return expression.is_real is not False and expression.is_finite is not False


def finite_array(name: str, value: Any, expected: str) -> np.ndarray:
    """Read an array of finite real numbers; ValueError saying what was ``expected`` if it is something else."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O" and not any(isinstance(v, (str, bool)) for v in array.flat):
            array = array.astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected {expected}, got {shown(value)}") from error
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name}: expected {expected}, got {shown(value)}")
    if not np.isfinite(array).all():
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name}: expected {expected}, got {array[where]} at {where}")
    return array.astype(float)


def shown(value: object, width: int = 80) -> str:
    """Return the representation of a value on one line, cut off where it gets long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= width else f"{text[: width - 3]}..."


def check_batch_size(value: Any) -> None:
    """Raise ValueError unless ``value`` is an integer >= 1 or ``math.inf``."""
    if not _is_real(value) or not (value == inf or (1 <= value <= MOST_SAMPLES and value == int(value))):
        raise ValueError(f"batch_size: expected an integer >= 1 or math.inf, got {value!r}")


def _is_real(value: Any) -> bool:
    if isinstance(value, (bool, np.bool_, str)):
        return False
    try:
        return float(value) == float(value)
    except (TypeError, ValueError):
        return False
