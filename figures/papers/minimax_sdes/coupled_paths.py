"""Extragradient and its SDE driven by one and the same noise, on ``f = x^2 + x y - y^2``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from figures.papers.minimax_sdes.games import Ensemble, extragradient, quadratic, simulate
from figures.papers.minimax_sdes.laws import PairLaw
from figures.papers.minimax_sdes.laws import extragradient as extragradient_law

A, LAM, SIGMA, LR, STEPS = 2.0, 1.0, 1.0, 0.01, 500
START, ENERGY = (1.0, 1.0), 1.0
RHOS = (-1.0, 0.01, 0.1, 0.33)


@dataclass(frozen=True, eq=False)
class CoupledPaths:
    """Both processes on the same noise, a group of trajectories for each of `RHOS`."""

    algorithm: Ensemble
    sde: Ensemble

    @property
    def distances(self) -> np.ndarray:
        """Half the squared distance of the two, ``(rhos, n, c)``."""
        return ((self.algorithm.paths - self.sde.paths) ** 2).sum(axis=-1) / 2


def law(rho: float) -> PairLaw:
    """Closed form of one of the rates."""
    return extragradient_law(A, LAM, SIGMA, rho)


def distance_law(rho: float) -> np.ndarray:
    """Exact expectation of half the squared distance after 0 ... `STEPS` iterations, ``(STEPS + 1,)``.

    It is the sum of both energies minus twice the real part of ``E conj(Z) z / 2``, to which each iteration adds
    ``lr^2 v (1 - exp(-conj(mu) lr)) / (conj(mu) lr)``, the covariance of the algorithm's noise with the SDE's integral
    of the same.
    """
    pair = law(rho)
    drift = complex(pair.contraction, pair.rotation) * LR
    shared = LR**2 * pair.additive * (1 - np.exp(-np.conj(drift))) / np.conj(drift)
    product = [complex(ENERGY)]
    for _ in range(STEPS):
        product.append((1 - drift) * np.exp(-np.conj(drift)) * product[-1] + shared)
    energies = pair.iterate(np.full(STEPS, LR), ENERGY) + pair.solve(LR * np.arange(STEPS + 1), ENERGY, LR)
    return energies - 2 * np.real(product)


def coupled_paths(trajectories: int, seed: int) -> CoupledPaths:
    """Run both; plain numpy, since so few paths are not worth a compiled kernel."""
    training = extragradient(quadratic(A, LAM, SIGMA))
    runs = [
        simulate(
            process, start=START, lr=LR, steps=STEPS, trajectories=trajectories, rhos=RHOS, seed=seed, every=1,
            couple=True, backend="reference",
        )
        for process in (training, training.sde(1))
    ]  # fmt: skip
    return CoupledPaths(*runs)
