"""Where a game begins: one number a parameter, within the bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sympy import Symbol

from gan_sde.symbolic.declaration import checked_mapping, checked_number

Bounds = Mapping[Symbol, tuple[float, float]]
SINGLE = 1e-7
"""Relative rounding of single precision."""


def read_start(parameters: Sequence[Symbol], bounds: Bounds, x0: Mapping[str, float]) -> dict[str, float]:
    """Return a start inside the bounds that names every parameter once, or raise ValueError naming what is off."""
    names = [s.name for s in parameters]
    given = {str(k): v for k, v in checked_mapping("x0", x0, "{parameter: number}").items()}
    missing, unknown = [n for n in names if n not in given], [n for n in given if n not in set(names)]
    if missing or unknown:
        what = f"nothing for {', '.join(missing)}" if missing else f"the unknown {', '.join(unknown)}"
        raise ValueError(f"x0: expected a value for each of {', '.join(names)}; got {what}")
    start = {n: float(checked_number(f"x0[{n}]", given[n])) for n in names}
    refuse_starts_out_of_bounds(parameters, bounds, np.array([list(start.values())]))
    return start


def refuse_starts_out_of_bounds(parameters: Sequence[Symbol], bounds: Bounds, starts: np.ndarray) -> None:
    """Raise ValueError naming the first entry of starts ``(n, d)`` that the bounds exclude.

    The projection acts after an update, so that a training would leave such a start in one jump of any size.
    """
    for k, s in enumerate(parameters):
        low, high = bounds.get(s, (-np.inf, np.inf))
        # the end of a run in single precision may lie on a bound as that rounds it
        slack = SINGLE * np.abs(starts[:, k])
        outside = starts[(starts[:, k] + slack < low) | (starts[:, k] - slack > high), k]
        if len(outside):
            raise ValueError(f"x0[{s}]: expected a start within the bounds [{low:g}, {high:g}], got {outside[0]:g}")
