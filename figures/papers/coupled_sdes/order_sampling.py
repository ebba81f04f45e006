"""A weak order to a stated precision by simulation.

First the rates: they are those of the scene, or smaller ones until the noise-free errors of the row, which cost next
to nothing, leave little truncation error. Then the trajectories: the order is a weighted sum of the logarithms of the
errors at these rates; a pilot with random numbers of its own finds the relative noise of each, and the work is shared
out so that the sum reaches its precision at the least cost (Neyman allocation). Errors of small batches may still leave
more truncation error than noise-free ones; such an order is measured again at the next smaller rates, with new random
numbers. Nothing is decided by where an order was seen, and intervals are to allow for `LOOKS` measurements of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.corrected_order import CorrectedOrder, corrected_weak_order
from figures.papers.coupled_sdes.order_experiment import REFINEMENTS, Experiment, Kind
from figures.papers.coupled_sdes.simulated_cases import Row, Scene

PILOT, MAIN = 0, 1
"""Random streams."""
LOOKS = len(REFINEMENTS)
"""Measurements of one order, at most."""
TRUNCATION = 0.08
"""Truncation error of an order that is not measured again. An estimate off by as much still leaves an interval, with a
sampling error of 0.06, within 0.25 of the order."""
LENIENCY = 2.0
"""Factor of the sampling and truncation errors that the order of a wrong SDE may have."""


@dataclass(frozen=True, eq=False)
class Found:
    """A measured order.

    Parameters
    ----------
    fit
        None where the error could not be told from 0.
    variance_reduction
        Median over moments, starts and rates.
    steps, pairs
        Iterations, and antithetic pairs from each start, one number a rate.
    """

    fit: CorrectedOrder | None
    variance_reduction: float
    steps: tuple[int, ...]
    pairs: tuple[int, ...]


def measured(
    row: Row, scene: Scene, precision: float, seed: int, level: float, *, wrong: Sequence[str] = ()
) -> dict[Kind, Found]:
    """Orders of the SDEs of a row by simulation, by the order asked for, and of the controls named in ``wrong``."""
    experiment = Experiment(row, scene, wrong)
    factors = {kind: LENIENCY if kind in wrong else 1.0 for kind in experiment.kinds}
    orders: dict[Kind, Found] = {}
    for refinement in range(experiment.first_refinement(), LOOKS):
        precisions = {kind: factor * precision for kind, factor in factors.items()}
        orders |= _looked_at(experiment, precisions, experiment.steps(refinement), (seed, refinement), level)
        # where noise hides the error, smaller rates hide it more
        factors = {
            kind: factor
            for kind, factor in factors.items()
            if (fit := orders[kind].fit) is not None and fit.truncation > factor * TRUNCATION
        }
        if not factors:
            break
    return orders


def _looked_at(
    experiment: Experiment, precisions: Mapping[Kind, float], steps: tuple[int, ...], seed: Sequence[int], level: float
) -> dict[Kind, Found]:
    """Orders at given rates."""
    pairs, kinds = experiment.shares(precisions, steps, (*seed, PILOT)), tuple(precisions)
    runs = [experiment.lengths(kinds, n, many, (*seed, MAIN)) for n, many in zip(steps, pairs, strict=True)]
    orders = {}
    for place, kind in enumerate(kinds):
        lengths, ses = (np.array([getattr(run, name)[place] for run in runs]) for name in ("length", "se"))
        lost = np.any(lengths < 4 * ses)
        gain = float(np.nanmedian(np.concatenate([run.variance_reduction[place] for run in runs])))
        lrs = experiment.scene.time / np.array(steps)
        fit = None if lost else corrected_weak_order(lrs, lengths, ses, level=level)
        orders[kind] = Found(fit, gain, steps, pairs)
    return orders
