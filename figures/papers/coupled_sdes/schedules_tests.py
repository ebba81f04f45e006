"""How often the test of balance rejects: under the null, right after a drop of the rate, and where it must.

Replicates are independent runs of the game of `schedules_chain`, all at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import analysis
from analysis.schedules import batch_test
from figures.papers.coupled_sdes.schedules_chain import GramChain, observe

BATCHES = 20


@dataclass(frozen=True)
class Design:
    """A window of observations of one run.

    Parameters
    ----------
    m
        Parameters of a player.
    lr
        Learning rate in the window; `before` times it is the rate of the law at its beginning.
    observations, every
        Of them, and iterations from one to the next.
    claimed
        Factor by which the rate in the fluctuation is wrong.
    """

    m: int
    lr: float
    observations: int
    every: int
    before: float = 1.0
    claimed: float = 1.0


SHORT = Design(16384, 0.001, 40, 2)
"""80 iterations, where |x|^2 relaxes in 500: noise alone, batch by batch."""
BETWEEN = Design(1024, 0.1, 40, 2)
"""Batches of 4 iterations, where |x|^2 relaxes in 5."""
LONG = Design(4, 0.1, 400, 5)
"""400 relaxation times of |x|^2, 20 a batch."""


def rejections(design: Design, *, replicates: int, seed: int) -> analysis.Estimate:
    """Fraction of replicates that the test at level 95 % finds unbalanced, with a 95 % interval."""
    chain, rng = GramChain(design.m), np.random.default_rng([seed, design.m, design.observations])
    start = chain.start(rng, design.before * design.lr, replicates)
    _, left, right = observe(chain, rng, start, design.lr, design.observations, design.every)
    left, right = (side.reshape(replicates, BATCHES, -1, 2).mean(axis=2) for side in (left, right))
    found = 1 - float(batch_test(left, design.claimed * right).balanced.mean())
    se = float(np.sqrt(max(found * (1 - found), 1 / replicates) / replicates))
    return analysis.normal_estimate(found, se, n=replicates)
