"""Errors of the SDEs of one training, by simulation: at what rates, with how many trajectories at each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TypeAlias

import numpy as np
from scipy.linalg import block_diag

import gan_sde as gs
from analysis.corrected_order import corrected_weak_order, error_length, order_weights
from figures.papers.coupled_sdes.coupled_runs import (
    CoupledSDE,
    CoupledTraining,
    MeanDifference,
    mean_difference,
    quiet_difference,
)
from figures.papers.coupled_sdes.simulated_cases import CONTROLS, Row, Scene

Kind: TypeAlias = int | str
"""An SDE: the order that was asked for, or a key of `CONTROLS`."""
FEWEST, CHUNK, MOST = 1024, 4096, 2**18
"""Antithetic pairs from each start: of a run at least, of one in parts in each part, and of a run at most."""
REFINEMENTS = (1.0, 1.4, 2.0, 2.8)
"""Factors of the numbers of iterations."""
QUIET_TRUNCATION = 0.05
"""Of the orders of the noise-free errors, at most."""


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
        sdes: dict[Kind, gs.SDE] = {}
        sdes |= {order: training.sde(order, noise="exact", schedule=row.schedule) for order in row.orders}
        sdes |= {kind: CONTROLS[kind](training) for kind in wrong}
        self.row, self.scene, self.kinds = row, scene, tuple(sdes)
        self._training = CoupledTraining(training, scene.batch_size)
        self._sdes = {
            kind: CoupledSDE(sde, columns, self._training.slots, scene.batch_size) for kind, sde in sdes.items()
        }

    def lengths(self, kinds: Sequence[Kind], steps: int, pairs: int, seed: Sequence[int]) -> Lengths:
        """Errors of some SDEs after so many iterations, with so many antithetic pairs from each start."""
        starts = [
            self._differences(kinds, steps, pairs, x0, (*seed, place)) for place, x0 in enumerate(self.scene.starts)
        ]
        found, gains = [], []
        for parts in zip(*starts, strict=True):
            found.append(
                error_length(np.concatenate([p.error for p in parts]), block_diag(*(p.covariance for p in parts)))
            )
            gains.append(np.concatenate([p.variance_reduction for p in parts]))
        length, se = np.array(found).T
        return Lengths(length, se, tuple(gains))

    def _differences(
        self, kinds: Sequence[Kind], steps: int, pairs: int, x0: Sequence[float], seed: Sequence[int]
    ) -> list[MeanDifference]:
        """Of each SDE from one start, in chunks of equal size."""
        lr, rates = self._rates(steps)
        chunks, sdes = ceil(pairs / CHUNK), [self._sdes[kind] for kind in kinds]
        runs = [
            mean_difference(self._training, sdes, x0, rates, lr, ceil(pairs / chunks), (*seed, steps, chunk))
            for chunk in range(chunks)
        ]
        return [MeanDifference.mean(parts) for parts in zip(*runs, strict=True)]

    def quiet_lengths(self, steps: int) -> np.ndarray:
        """Lengths of the errors of all SDEs for infinite batches, ``(SDEs,)``."""
        lr, rates = self._rates(steps)
        sdes = list(self._sdes.values())
        starts = [quiet_difference(self._training, sdes, x0, rates, lr) for x0 in self.scene.starts]
        return np.linalg.norm(np.concatenate(starts, axis=1), axis=1)

    def steps(self, refinement: int) -> tuple[int, ...]:
        """Iterations, one number a rate."""
        return tuple(round(REFINEMENTS[refinement] * n) for n in self.scene.steps)

    def first_refinement(self) -> int:
        """The place of the one to begin with: of the last, if none has so small an error."""
        for place in range(len(REFINEMENTS) - 1):
            steps = self.steps(place)
            lengths = np.array([self.quiet_lengths(n) for n in steps])
            rounding = 1e-12 * np.ones(len(steps))
            fits = [corrected_weak_order(self.scene.time / np.array(steps), row, rounding) for row in lengths.T]
            if all(fit.truncation <= QUIET_TRUNCATION for fit in fits):
                return place
        return len(REFINEMENTS) - 1

    def shares(self, precisions: Mapping[Kind, float], steps: Sequence[int], seed: Sequence[int]) -> tuple[int, ...]:
        """Pairs for each rate, so that orders have standard errors of ``precisions`` at most, if `MOST` allows."""
        for place, part in enumerate((FEWEST, CHUNK)):
            wanted = self._wanted(precisions, steps, part, (*seed, place))
            if np.all(wanted <= part):
                break
        # few pairs have few control variates, and so more noise each: parts of a run are as large as those of its pilot
        return tuple(int(min(max(1, ceil(n / part)) * part, MOST)) for n in wanted)

    def _wanted(
        self, precisions: Mapping[Kind, float], steps: Sequence[int], pilot: int, seed: Sequence[int]
    ) -> np.ndarray:
        """The same before bounds, from so many pairs."""
        runs = [self.lengths(tuple(precisions), n, pilot, seed) for n in steps]
        # in a pilot an error may be lost in noise, so its length is taken to be no less than twice its standard error
        noise = np.array([run.se / np.maximum(run.length, 2 * run.se) for run in runs]).T * np.sqrt(pilot)
        spread = np.abs(order_weights(self.scene.time / np.array(steps))) * noise
        spread /= np.array(list(precisions.values()))[:, None]
        root = np.sqrt(np.array(steps, dtype=float))
        return np.max((spread * root).sum(axis=1, keepdims=True) * spread / root, axis=0)

    def _rates(self, steps: int) -> tuple[float, np.ndarray]:
        """Duration of an iteration, and the rate of each."""
        lr, schedule = self.scene.time / steps, self.row.schedule
        return lr, lr * np.array([1.0 if schedule is None else schedule(k * lr) for k in range(steps)])
