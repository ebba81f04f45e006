"""How often the test of the exact relations rejects: at stationarity, and right after the rate was halved.

A replicate is a small experiment of its own: independent chains of the game of `fluctuation_runs`, one parameter a
player, watched for a short window. The test is `analysis.fluctuation_dissipation` with mini-batch fields alone, for all
replicates at once. What it averages, dissipation minus fluctuation, is then the fall of ``|x_p - c|^2 / 2 lr`` from one
iteration to the next, so that a window's mean needs its two ends only; over independent chains its error bar is right,
and under the invariant law its distribution is symmetric, which keeps Student's t honest with few chains.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtr

import analysis
import gan_sde as gs
from figures.papers.coupled_sdes.fluctuation_runs import BATCH_SIZE, Relations, equilibrium

LR = 0.05
CHAINS, DRAWS = 128, 30
"""Of a replicate: chains, and successive iterations that are watched; |x|^2 relaxes in ten."""
REPLICATES = 16_384
CONTROLS = 256
"""Replicates of the control, whose windows do not telescope."""
BURN_IN = 90
"""Iterations before each window, nine relaxation times of |x|^2."""
LEVEL = 0.95
WRONG = 1.2
"""Factor of the learning rate in the control."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """p-values of the replicates, each for both players together (Bonferroni).

    Parameters
    ----------
    stationary
        Under the invariant law.
    halved
        Right after the rate fell from twice its value.
    control
        At stationarity, with a wrong rate in the fluctuation.
    """

    stationary: np.ndarray
    halved: np.ndarray
    control: np.ndarray


def calibrate(*, replicates: int, seed: int) -> Calibration:
    """Run all replicates: at twice the rate, right after the fall, and once stationary again."""
    few = min(CONTROLS, replicates)
    points = [np.broadcast_to(equilibrium(), (replicates * CHAINS, 2))]
    for number, (lr, steps) in enumerate(((2 * LR, BURN_IN), (LR, DRAWS), (LR, BURN_IN), (LR, DRAWS))):
        points.append(_run(points[-1], lr, steps, seed=5 * seed + number)["final"].values)
    path = _run(points[-1][: few * CHAINS], LR, DRAWS, seed=5 * seed + 4, record="paths")["path"].values
    return Calibration(
        p_values(ends_residual(points[3], points[4])),
        p_values(ends_residual(points[1], points[2])),
        p_values(path_residual(path, claimed=WRONG * LR)),
    )


def ends_residual(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Mean dissipation minus fluctuation of both players over windows with these ends, ``(n, 2)``."""
    squares = [(x - np.array(equilibrium())) ** 2 for x in (first, last)]
    return np.asarray((squares[0] - squares[1]) / (2 * LR * DRAWS))


def path_residual(path: np.ndarray, *, claimed: float = LR) -> np.ndarray:
    """The same from all states of the windows ``(n, DRAWS + 1, 2)``; another rate in the fluctuation is a control."""
    now, batch = path[:, :-1], (path[:, :-1] - path[:, 1:]) / LR
    sides = analysis.fdr1_discrete_terms(
        now, batch, players={"discriminator": [0], "generator": [1]}, lr=claimed, centre=equilibrium()
    )
    return np.stack([(left - right).mean(axis=1) for left, right in sides.values()], axis=1)


def p_values(residuals: np.ndarray) -> np.ndarray:
    """p-value of every replicate from residuals of its chains, ``(replicates * CHAINS, players)``."""
    means = residuals.reshape(-1, CHAINS, residuals.shape[1])
    t = means.mean(axis=1) / (means.std(axis=1, ddof=1) / np.sqrt(CHAINS))
    found = 2 * stdtr(CHAINS - 1, -np.abs(t))
    return np.minimum(found.shape[1] * found.min(axis=1), 1)


def rejected(values: np.ndarray) -> analysis.Estimate:
    """Fraction of replicates that the test at `LEVEL` rejects, with a 95 % interval."""
    found = float((values < 1 - LEVEL).mean())
    se = float(np.sqrt(max(found * (1 - found), 1 / len(values)) / len(values)))
    estimate = analysis.normal_estimate(found, se, n=len(values))
    low, high = estimate.interval
    return replace(estimate, interval=(max(low, 0.0), min(high, 1.0)))


def _run(start: np.ndarray, lr: float, steps: int, *, seed: int, record: str = "final"):  # type: ignore[no-untyped-def]
    return gs.simulate(
        Relations("shared").training, x0=start, lr=lr, steps=steps, trajectories=len(start), seed=seed % 2**64,
        batch_size=BATCH_SIZE, record=record, every=1 if record == "paths" else steps, progress=False,
    )  # fmt: skip
