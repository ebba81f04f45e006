"""Time averages of a few long runs against stationary densities: draws along a run are correlated.

Cells and moments of many runs at one time need independent draws. What is stationary is seen along a single run too;
the energy test cuts it into blocks much longer than its correlation time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import analysis
import gan_sde as gs
from analysis.density import Density
from figures.papers.coupled_sdes.densities_systems import SUBSTEPS, System, sde
from figures.registry import Check

CHAINS, DRAWS = 4, 4_000
EVERY = 10
"""Iterations between two draws: about a fifth (Dirac-GAN) to a half (LQ-GAN) of the correlation time."""


def time_average(system: System, seed: int) -> np.ndarray:
    """Stationary draws of the SDE along few runs from the equilibrium, ``(CHAINS, DRAWS, 2)``; burn-in is left out."""
    burn_in = round(system.duration / system.lr / EVERY)
    sampled = gs.simulate(
        sde(system), x0=np.array(system.equilibrium), lr=system.lr, batch_size=system.batch_size,
        steps=EVERY * (burn_in + DRAWS), trajectories=CHAINS, every=EVERY, record=("paths",), substeps=SUBSTEPS,
        integrator="euler", seed=seed, progress=False,
    )  # fmt: skip
    return sampled["path"].values[:, 1 + burn_in :]


def average_checks(system: System, density: Density, samples: np.ndarray, level: float, seed: int) -> list[Check]:
    """The runs follow the density, and neither that of another batch size nor the Gaussian of the linearised SDE."""
    other = replace(system, batch_size=2 * system.batch_size).problem()
    while other.grid.size < density.grid.size:
        other = other.refined()
    right = analysis.law_test(samples, density, seed=seed)
    name = f"{system.name}, SDE: time averages of {CHAINS} runs, squared energy distance"
    rows = [Check(name, f"0: p > {level:.1g}", _text(right), None, right.p_value >= level)]
    for what, law in (
        ("density of twice the batch size", other.stationary()),
        ("Gaussian of the linearised SDE", analysis.GaussianLaw(*system.gaussian())),
    ):
        found = analysis.law_test(samples, law, largest=2048, seed=seed)
        name = f"{system.name}, control: time averages against the {what}"
        rows.append(Check(name, f"rejected, p < {level:.1g}", _text(found), None, found.p_value < level))
    return rows


def _text(found: analysis.LawTest) -> str:
    return f"{found.square.value:.1e} ± {found.square.se:.1e}, p {found.p_value:.2g}"
