"""What decides the numbers of a report, and where they were computed."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from figures.registry import Settings

PACKAGES = ("gan-sde", "numpy", "numba", "scipy", "sympy", "torch", "xarray", "matplotlib", "scikit-learn")


def provenance(settings: Settings, wall_time: float) -> dict[str, Any]:
    """Facts about a run.

    Parameters
    ----------
    settings
        As given to the claims.
    wall_time
        Seconds.
    """
    return {
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "seed": settings.seed,
        "size": "full" if settings.full else "default",
        "data": "bundled" if settings.data is None else settings.data.name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_time_seconds": round(wall_time, 2),
        "machine": f"{platform.machine()} {platform.system()}, {os.cpu_count()} processors",
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
