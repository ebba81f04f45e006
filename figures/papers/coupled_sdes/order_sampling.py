"""A weak order to a stated precision by simulation: how many trajectories each learning rate gets.

First the rates: they are those of the scene, or smaller ones until the noise-free errors of the row, which cost next
to nothing, leave little truncation error. Then the trajectories: the order is a weighted sum of the logarithms of the
errors at these rates; a pilot with random numbers of its own finds the relative noise of each, and the work is shared
out so that the sum reaches its precision at the least cost (Neyman allocation). Nothing is decided by an order that was
seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from scipy.linalg import block_diag

from analysis.corrected_order import CorrectedOrder, corrected_weak_order, error_length, order_weights
from figures.papers.coupled_sdes.coupled_runs import (
    CoupledSDE,
    CoupledTraining,
    MeanDifference,
    mean_difference,
    quiet_difference,
)
from figures.papers.coupled_sdes.simulated_cases import CONTROLS, Row, Scene

FEWEST, MOST = 1024, 2**18
"""Antithetic pairs from each start: of the pilot, and of a run at least and at most."""
PILOT, MAIN = 0, 1
"""Random streams."""
CHUNK = 4096
"""Pairs that are in memory at a time."""
REFINEMENTS = (1.0, 1.4, 2.0, 2.8)
"""Factors of the numbers of iterations."""
TRUNCATION = 0.05
"""Of the orders of the noise-free errors, at most."""


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


@dataclass(frozen=True, eq=False)
class Lengths:
    """Lengths of the error vectors of several SDEs at one rate.

    Parameters
    ----------
    length, se
        One entry an SDE.
    variance_reduction
        One list an SDE: of every moment from every start.
    """

    length: np.ndarray
    se: np.ndarray
    variance_reduction: tuple[np.ndarray, ...]


class Experiment:
    """A training and its SDEs, those that are wrong on purpose included.

    Parameters
    ----------
    row, scene
        Algorithm and game.
    wrong
        Keys of `CONTROLS`.
    """

    def __init__(self, row: Row, scene: Scene, wrong: Sequence[str]):
        training = row.case.training(scene.game)
        columns = training.sde(1).slots or ()
        sdes = {order: training.sde(order, noise="exact", schedule=row.schedule) for order in row.orders}
        sdes |= {kind: CONTROLS[kind](training) for kind in wrong}
        self.row, self.scene, self.kinds = row, scene, tuple(sdes)
        self._training = CoupledTraining(training, scene.batch_size)
        self._sdes = [CoupledSDE(sde, columns, self._training.slots, scene.batch_size) for sde in sdes.values()]

    def lengths(self, steps: int, pairs: int, seed: Sequence[int]) -> Lengths:
        """Errors after so many iterations, with so many antithetic pairs from each start."""
        starts = [self._differences(steps, pairs, x0, (*seed, place)) for place, x0 in enumerate(self.scene.starts)]
        found, gains = [], []
        for parts in zip(*starts, strict=True):
            found.append(
                error_length(np.concatenate([p.error for p in parts]), block_diag(*(p.covariance for p in parts)))
            )
            gains.append(np.concatenate([p.variance_reduction for p in parts]))
        length, se = np.array(found).T
        return Lengths(length, se, tuple(gains))

    def _differences(self, steps: int, pairs: int, x0: Sequence[float], seed: Sequence[int]) -> list[MeanDifference]:
        """Of each SDE from one start, in chunks of equal size."""
        lr, rates = self._rates(steps)
        chunks = ceil(pairs / CHUNK)
        runs = [
            mean_difference(self._training, self._sdes, x0, rates, lr, ceil(pairs / chunks), (*seed, steps, chunk))
            for chunk in range(chunks)
        ]
        return [MeanDifference.mean(parts) for parts in zip(*runs, strict=True)]

    def quiet_lengths(self, steps: int) -> np.ndarray:
        """Lengths of the errors of the SDEs for infinite batches, ``(SDEs,)``."""
        lr, rates = self._rates(steps)
        starts = [quiet_difference(self._training, self._sdes, x0, rates, lr) for x0 in self.scene.starts]
        return np.linalg.norm(np.concatenate(starts, axis=1), axis=1)

    def steps(self) -> tuple[int, ...]:
        """Iterations, one number a rate: the scene's or refined ones, the finest if none has so small an error."""
        for factor in REFINEMENTS:
            steps = tuple(round(factor * n) for n in self.scene.steps)
            lengths = np.array([self.quiet_lengths(n) for n in steps])
            rounding = 1e-12 * np.ones(len(steps))
            fits = [corrected_weak_order(self.scene.time / np.array(steps), row, rounding) for row in lengths.T]
            if all(fit.truncation <= TRUNCATION for fit in fits):
                break
        return steps

    def shares(self, steps: Sequence[int], precision: float, seed: int) -> tuple[int, ...]:
        """Pairs for each rate, so that orders have standard errors of ``precision`` at most, if `MOST` allows."""
        pilots = [self.lengths(n, FEWEST, (seed, PILOT)) for n in steps]
        # in a pilot an error may be lost in noise, so its length is taken to be no less than twice its standard error
        noise = np.array([p.se / np.maximum(p.length, 2 * p.se) for p in pilots]).T * np.sqrt(FEWEST)
        spread = np.abs(order_weights(self.scene.time / np.array(steps))) * noise
        root = np.sqrt(np.array(steps, dtype=float))
        wanted = (spread * root).sum(axis=1, keepdims=True) * spread / root / precision**2
        return tuple(int(min(max(ceil(n), FEWEST), MOST)) for n in wanted.max(axis=0))

    def _rates(self, steps: int) -> tuple[float, np.ndarray]:
        """Duration of an iteration, and the rate of each."""
        lr, schedule = self.scene.time / steps, self.row.schedule
        return lr, lr * np.array([1.0 if schedule is None else schedule(k * lr) for k in range(steps)])


def measured(
    row: Row, scene: Scene, precision: float, seed: int, level: float, *, wrong: Sequence[str] = ()
) -> dict[Any, Found]:
    """Orders of the SDEs of a row by simulation, by the order asked for, and of the controls named in ``wrong``."""
    experiment = Experiment(row, scene, wrong)
    steps = experiment.steps()
    pairs = experiment.shares(steps, precision, seed)
    runs = [experiment.lengths(n, many, (seed, MAIN)) for n, many in zip(steps, pairs, strict=True)]
    orders = {}
    for place, kind in enumerate(experiment.kinds):
        lengths, ses = (np.array([getattr(run, name)[place] for run in runs]) for name in ("length", "se"))
        lost = np.any(lengths < 4 * ses)
        gain = float(np.nanmedian(np.concatenate([run.variance_reduction[place] for run in runs])))
        fit = None if lost else corrected_weak_order(scene.time / np.array(steps), lengths, ses, level=level)
        orders[kind] = Found(fit, gain, steps, pairs)
    return orders
