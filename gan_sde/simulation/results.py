"""What a range of trajectories leaves behind: rows, one a trajectory, and summaries over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gan_sde.simulation.histograms import Histograms
from gan_sde.simulation.observables import Observables
from gan_sde.simulation.plan import Plan
from gan_sde.simulation.quantiles import QuantileSketch
from gan_sde.simulation.statistics import Moments

BLOCK = 1024
"""Trajectories in a block; fixed, so that results do not depend on threads."""
ROWS = ("final", "path", "diverged", "functional")
"""What a result holds one row a trajectory of."""
SUMMARIES: dict[str, Any] = {
    "moments": Moments,
    "observables": Observables,
    "histograms": Histograms,
    "quantiles": QuantileSketch,
}
"""What it sums up over trajectories: each has ``merge(other)``, ``arrays()`` and ``from_arrays(arrays)``."""


@dataclass(frozen=True, eq=False)
class Result:
    """What a range of trajectories left behind.

    Attributes
    ----------
    moments
        Streaming moments, or None if not recorded.
    final
        ``(trajectories, d)``, or None.
    path
        ``(trajectories, checkpoints, d)``, or None.
    diverged
        ``(trajectories,)`` iteration number of the first divergence, -1 if none.
    functional
        ``(trajectories, functionals)``, or None.
    observables, histograms, quantiles
        Summaries at the checkpoints, or None.
    """

    moments: Moments | None
    final: np.ndarray | None
    path: np.ndarray | None
    diverged: np.ndarray
    functional: np.ndarray | None = None
    observables: Observables | None = None
    histograms: Histograms | None = None
    quantiles: QuantileSketch | None = None


def empty_summaries(plan: Plan) -> dict[str, Any]:
    """Summaries, of no trajectory, of what the plan asks for."""
    count, dim, wanted = len(plan.checkpoints), len(plan.recorded), plan.observation
    found: dict[str, Any] = {}
    if "moments" in plan.record:
        found["moments"] = Moments.empty(count, dim)
    if wanted.observables:
        found["observables"] = Observables.empty(count, len(wanted.observables))
    if wanted.bins:
        found["histograms"] = Histograms.empty(count, wanted.bins)
    if len(wanted.probabilities):
        found["quantiles"] = QuantileSketch.empty(count, dim)
    return found
