"""Decay of ``E |z|^2`` under noise in the coupling: exact factors of one iteration, and ensembles that measure them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

import analysis
import gan_sde as gs
from figures.papers.minimax_sdes.agreement import Agreement
from figures.papers.minimax_sdes.games import extragradient, hamiltonian, noisy_coupling, simulate
from figures.papers.minimax_sdes.laws import PairLaw, noisy_extragradient, noisy_hamiltonian
from figures.registry import Check

LAM, SIGMA = 2.0, 1.0
RHOS = (0.5, 1.0, 2.0)
LRS = (0.008, 0.013, 0.02, 0.032)
SHOWN_LR, SHOWN_STEPS = 0.01, 100
START = (0.1, 0.1)
ENERGY = 0.01
COMPARISONS = 120
METHODS: tuple[float | None, ...] = (*RHOS, None)
"""Extrapolation rates; None stands for Hamiltonian descent."""
ORDERS = {0.5: 2, 1.0: 1, 2.0: 1, None: 1}
"""Power of lr with which the decay rates of algorithm and SDE differ."""
NAMES = {rho: "SHGD" if rho is None else f"SEG rho {rho:g}" for rho in METHODS}


@dataclass(frozen=True, eq=False)
class Factor:
    """Measured and exact factor of ``E |z|^2`` in one iteration of lr, which no start and no past changes.

    Attributes
    ----------
    rho : float or None
        Extrapolation rate; None: Hamiltonian descent.
    is_sde : bool
    lr : float
    measured : Estimate
    """

    rho: float | None
    is_sde: bool
    lr: float
    measured: analysis.Estimate[float]

    @property
    def law(self) -> PairLaw:
        """Exact law."""
        return law_of(self.rho)

    @property
    def exact(self) -> float:
        """Exact factor."""
        return float(np.exp(-self.lr * self.law.rate(self.lr)) if self.is_sde else self.law.factor(self.lr))

    @property
    def rate(self) -> tuple[float, float]:
        """Measured decay rate ``-log(factor) / lr`` and its standard error."""
        return float(-np.log(self.measured.value) / self.lr), float(self.measured.se / self.measured.value / self.lr)

    def check(self, predicted: float | None = None, name: str = "") -> Check:
        """Row: measured against exact; with another prediction, a control that must be rejected."""
        value = self.exact if predicted is None else predicted
        found = Agreement(np.array([self.measured.value / value]), np.array([self.measured.se / value]))
        kind = "SDE" if self.is_sde else "algorithm"
        text = name or f"{NAMES[self.rho]}, {kind}, lr {self.lr:g}: factor of E|z|² in one iteration"
        return found.check(text, value, COMPARISONS, rejected=predicted is not None)


def law_of(rho: float | None) -> PairLaw:
    """Exact law of a method."""
    return noisy_hamiltonian(LAM, SIGMA) if rho is None else noisy_extragradient(LAM, SIGMA, rho)


def processes(rho: float | None) -> tuple[gs.Training, gs.SDE]:
    """Training and SDE; extragradient serves every rho."""
    game = noisy_coupling(LAM, SIGMA)
    training = hamiltonian(game) if rho is None else extragradient(game, "independent")
    return training, training.sde(1, noise="exact")


def one_iteration(lr: float, trajectories: int, seed: int, *, backend: str = "auto") -> list[Factor]:
    """Factors of all methods, algorithm and SDE, from independent single iterations."""
    found = []
    for group in (RHOS, (None,)):
        for process in processes(group[0]):
            is_sde = isinstance(process, gs.SDE)
            run = simulate(
                process, start=START, lr=lr, steps=1, trajectories=trajectories, rhos=[rho or 0.0 for rho in group],
                seed=seed, substeps=8 if is_sde else None, backend=backend,
            )  # fmt: skip
            ratios = run.energies[:, :, -1] / ENERGY
            ses = ratios.std(axis=1, ddof=1) / np.sqrt(trajectories)
            for rho, mean, se in zip(group, ratios.mean(axis=1), ses, strict=True):
                measured = analysis.normal_estimate(float(mean), float(se), n=trajectories)
                found.append(Factor(rho, is_sde, lr, measured))
    return found


def decay(rho: float | None, trajectories: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Time and energies ``(n, c)`` of the algorithm over `SHOWN_STEPS` iterations."""
    run = simulate(
        processes(rho)[0], start=START, lr=SHOWN_LR, steps=SHOWN_STEPS, trajectories=trajectories, rhos=[rho or 0.0],
        seed=seed, every=10,
    )  # fmt: skip
    return SHOWN_LR * run.steps, run.energies[0]


def gap(law: PairLaw, lr: float) -> float:
    """Exact difference of the decay rates, algorithm minus SDE."""
    return law.discrete_rate(lr) - law.rate(lr)


def gaps(rho: float | None, factors: Sequence[Factor]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Learning rates, measured differences of the decay rates and their standard errors."""
    rates: Mapping[tuple[bool, float], tuple[float, float]] = {
        (f.is_sde, f.lr): f.rate for f in factors if f.rho == rho
    }
    differences = [rates[False, lr][0] - rates[True, lr][0] for lr in LRS]
    ses = [np.hypot(rates[False, lr][1], rates[True, lr][1]) for lr in LRS]
    return np.array(LRS), np.array(differences), np.array(ses)
