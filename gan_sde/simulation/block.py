"""One block of trajectories on its way through the checkpoints."""

from __future__ import annotations

from typing import Any

import numpy as np

from gan_sde.kernels.stepper import AbstractStepper
from gan_sde.simulation.plan import Plan
from gan_sde.simulation.quantiles import QuantileSketch
from gan_sde.simulation.results import Result, empty_summaries


class BlockRun:
    """The columns of a block, and what is recorded of them.

    Attributes
    ----------
    state
        Columns ``(D, n)``: parameters, memory, functionals.
    diverged
        Iteration number of the first divergence, -1 if none, ``(n,)``.
    dim
        Number of leading rows of ``state`` that are recorded.
    """

    def __init__(self, plan: Plan, first: int, stop: int) -> None:
        functionals = plan.observation.functionals
        start = plan.start(first, stop)
        count, self.dim = len(plan.checkpoints), len(plan.recorded)
        self.state = np.concatenate([start, functionals.start(stop - first).astype(start.dtype)])
        self.diverged = np.full(stop - first, -1, dtype=np.int64)
        self._plan, self._summaries = plan, empty_summaries(plan)
        path = "paths" in plan.record
        self._path = np.empty((stop - first, count, self.dim), dtype=plan.dtype) if path else None
        self._values = np.empty((count, self.dim, stop - first)) if "quantiles" in self._summaries else None

    @property
    def needs_state(self) -> bool:
        """Whether anything but the moments is recorded before the end."""
        return self._path is not None or bool(self._summaries.keys() - {"moments"})

    def record(self, index: int, moments: tuple[Any, ...] | None = None) -> None:
        """Set one checkpoint; ``moments``: count, mean and squares where they have been computed already."""
        recorded = self.state[: self.dim]
        _record(self._plan, self._summaries, index, recorded, moments)
        if self._path is not None:
            self._path[:, index] = recorded.T
        if self._values is not None:
            self._values[index] = recorded

    def result(self) -> Result:
        """What the block left behind."""
        functionals = self._plan.observation.functionals
        if self._values is not None:
            self._summaries["quantiles"] = QuantileSketch.of_values(self._values)
        rows = {
            "final": np.ascontiguousarray(self.state[: self.dim].T) if "final" in self._plan.record else None,
            "path": self._path,
            "diverged": self.diverged,
            "functional": functionals.values(self.state) if functionals.names else None,
        }
        return Result(**{"moments": None, **rows, **self._summaries})


def run_block(plan: Plan, stepper: AbstractStepper, first: int, stop: int) -> Result:
    """Run trajectories ``first`` to ``stop - 1`` over all steps."""
    run = BlockRun(plan, first, stop)
    for index, step in enumerate(plan.checkpoints):
        if index:
            before = int(plan.checkpoints[index - 1])
            stepper.advance(run.state, run.diverged, trajectory=first, step=before, rates=plan.rates[before:step])
        run.record(index)
    return run.result()


def _record(
    plan: Plan, summaries: dict[str, Any], index: int, recorded: np.ndarray, moments: tuple[Any, ...] | None
) -> None:
    """Set one checkpoint of a block's summaries."""
    if moments is not None:
        own = summaries["moments"]
        own.count[index], own.mean[index], own.squares[index] = moments
    elif "moments" in summaries:
        summaries["moments"].record(index, recorded)
    if "observables" not in summaries and "histograms" not in summaries:
        return
    sound = recorded[:, ~np.isnan(recorded[0])]
    if "observables" in summaries:
        summaries["observables"].record(index, plan.observation.evaluate(sound))
    if "histograms" in summaries:
        summaries["histograms"].record(index, sound, plan.observation.bins)
