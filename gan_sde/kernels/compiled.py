"""Compiled functions that are kept between runs where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorate a function as ``numba.njit(cache=True, **options)``; without the cache where nothing can be written."""

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # neither the package nor the user's cache can be written
            return numba.njit(**options)(function)

    return decorate
