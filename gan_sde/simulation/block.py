"""One block of trajectories on its way through the checkpoints."""

from __future__ import annotations

from typing import Any

import numpy as np

from gan_sde.kernels.stepper import AbstractStepper
from gan_sde.simulation.pairs import means_of_lanes, to_lanes, to_trajectories
from gan_sde.simulation.plan import Plan
from gan_sde.simulation.quantiles import QuantileSketch
from gan_sde.simulation.results import Result, empty_summaries


class BlockRun:
    """The columns of a block, and what is recorded of them.

    Attributes
    ----------
    state
        Columns ``(D, n)``: parameters, memory, functionals; of pairs, both paths' ``(2 D, n / 2)``.
    diverged
        Iteration number of the first divergence, -1 if none, one a column.
    lane
        Number of the first column, for its random numbers.
    recorded
        Rows of ``state`` that are recorded, a range for each path.
    """

    def __init__(self, plan: Plan, first: int, stop: int) -> None:
        functionals = plan.observation.functionals
        start = plan.start(first, stop)
        count, dim = len(plan.checkpoints), len(plan.recorded)
        whole = np.concatenate([start, functionals.start(stop - first).astype(start.dtype)])
        self.state, self.lane = to_lanes(whole, plan.paths), first // plan.paths
        self.recorded = tuple(slice(p * len(whole), p * len(whole) + dim) for p in range(plan.paths))
        self.diverged = np.full(self.state.shape[1], -1, dtype=np.int64)
        self._plan, self._summaries = plan, empty_summaries(plan)
        path = "paths" in plan.record
        self._path = np.empty((stop - first, count, dim), dtype=plan.dtype) if path else None
        self._values = np.empty((count, dim, stop - first)) if "quantiles" in self._summaries else None

    @property
    def needs_state(self) -> bool:
        """Whether anything but the moments is recorded before the end."""
        return self._path is not None or bool(self._summaries.keys() - {"moments"})

    def record(self, index: int, moments: tuple[Any, ...] | None = None) -> None:
        """Set one checkpoint; ``moments``: count, mean and squares where they have been computed already."""
        own = [self.state[rows] for rows in self.recorded]
        recorded = to_trajectories(np.concatenate(own), len(own)) if len(own) > 1 else own[0]
        if moments is not None:
            kept = self._summaries["moments"]
            kept.count[index], kept.mean[index], kept.squares[index] = moments
        elif "moments" in self._summaries:
            self._summaries["moments"].record(index, *own)
        self._record_values(index, recorded)
        if self._path is not None:
            self._path[:, index] = recorded.T
        if self._values is not None:
            self._values[index] = recorded

    def result(self) -> Result:
        """What the block left behind."""
        functionals, paths = self._plan.observation.functionals, self._plan.paths
        states = to_trajectories(self.state, paths)
        if self._values is not None:
            self._summaries["quantiles"] = QuantileSketch.of_values(self._values)
        rows = {
            "final": np.ascontiguousarray(states[self.recorded[0]].T) if "final" in self._plan.record else None,
            "path": self._path,
            "diverged": np.repeat(self.diverged, paths),
            "functional": functionals.values(states) if functionals.names else None,
        }
        return Result(**{"moments": None, **rows, **self._summaries})

    def _record_values(self, index: int, recorded: np.ndarray) -> None:
        """Set one checkpoint of what is taken from the states of the trajectories that have not diverged."""
        plan, summaries = self._plan, self._summaries
        if "observables" not in summaries and "histograms" not in summaries:
            return
        # a pair diverges as one, so what is left is still whole pairs
        sound = recorded[:, ~np.isnan(recorded[0])]
        if "observables" in summaries:
            values = plan.observation.evaluate(sound)
            summaries["observables"].record(index, means_of_lanes(values, plan.paths))
        if "histograms" in summaries:
            summaries["histograms"].record(index, sound, plan.observation.bins)


def run_block(plan: Plan, stepper: AbstractStepper, first: int, stop: int) -> Result:
    """Run trajectories ``first`` to ``stop - 1`` over all steps."""
    run = BlockRun(plan, first, stop)
    for index, step in enumerate(plan.checkpoints):
        if index:
            before = int(plan.checkpoints[index - 1])
            rates = plan.rates[before:step]
            stepper.advance(run.state, run.diverged, trajectory=run.lane, step=before, rates=rates)
        run.record(index)
    return run.result()
