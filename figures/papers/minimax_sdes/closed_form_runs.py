"""Ensembles for the closed forms: algorithms and SDEs, both kinds of noise, constant and falling rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

import gan_sde as gs
from figures.papers.minimax_sdes.agreement import Agreement
from figures.papers.minimax_sdes.games import extragradient, hamiltonian, noisy_coupling, quadratic, simulate
from figures.papers.minimax_sdes.laws import PairLaw, noisy_extragradient, noisy_hamiltonian
from figures.papers.minimax_sdes.laws import extragradient as extragradient_law
from figures.papers.minimax_sdes.laws import hamiltonian as hamiltonian_law

LAM, SIGMA, LR, STEPS = 2.0, 1e-3, 0.01, 2000
START = (0.1, 0.1)
ENERGY = sum(value**2 for value in START) / 2
RHOS = (0.0, 0.5, 5.0)
"""Descent-ascent, ``rho = 1 / lam`` of the lowest floor, and the rate of the paper's experiment."""
GAMMAS = (0.0, 0.5, 1.0)
NOISY_SIGMA, NOISY_STEPS, NOISY_RHOS = 1.0, 80, (0.5, 0.75)
SUBSTEPS = 4
EVERY = 40
SETTLED = {5.0: 0.4}
"""From where on in time the SDE's runs are held against the closed form: during the fast fall before it, at ``lr k =
0.4``, the integrator errs by more than the Monte Carlo noise, which is small beside the start."""


@dataclass(frozen=True, eq=False)
class Case:
    """One ensemble beside its exact law.

    Attributes
    ----------
    name : str
        The algorithm.
    rho : float or None
        Extrapolation rate; None: Hamiltonian descent.
    is_sde : bool
    gamma : float
        Exponent of the falling rate.
    noise : str
        "additive" or "multiplicative".
    law : PairLaw
    time, energies, exact : arrays, shapes (c,), (n, c), (c,)
        Physical time, ``|z|^2 / 2``, and its exact expectation for this very process: the SDE's closed form or the
        algorithm's recursion.
    """

    name: str
    rho: float | None
    is_sde: bool
    gamma: float
    noise: str
    law: PairLaw
    time: np.ndarray
    energies: np.ndarray
    exact: np.ndarray

    @property
    def label(self) -> str:
        """For tables."""
        kind = "SDE" if self.is_sde else "algorithm"
        rate = f", gamma {self.gamma:g}" if self.noise == "additive" else ""
        return f"{self.name}, {self.noise} noise{rate}, {kind}"

    @property
    def closed_form(self) -> np.ndarray:
        """The SDE's m at the checkpoints, ``(c,)``, whichever process this is."""
        return self.law.solve(self.time, ENERGY, LR, self.gamma)

    @property
    def floor(self) -> float:
        """Exact stationary m of this process at the constant rate."""
        return self.law.floor(LR) if self.is_sde else self.law.discrete_floor(LR)

    @property
    def settled(self) -> np.ndarray:
        """Time average of the energy of every trajectory over the second half of the run, ``(n, 1)``."""
        return self.energies[:, self.time > LR * STEPS / 2].mean(axis=1, keepdims=True)

    @property
    def tested(self) -> np.ndarray:
        """Checkpoints of the verdict: not the start, and see `SETTLED`."""
        return self.time >= (SETTLED.get(self.rho, 0) if self.is_sde else 0) + LR / 2

    def agreement(self, predicted: np.ndarray | None = None) -> Agreement:
        """Measured over exact (or another prediction) at the checkpoints of the verdict."""
        law = self.exact if predicted is None else predicted
        return Agreement.of(self.energies[:, self.tested], law[self.tested])


def name_of(rho: float | None) -> str:
    """Short name of an algorithm."""
    if rho is None:
        return "SHGD"
    return f"SEG rho {rho:g}" if rho else "SGDA"


def falling_rates(gamma: float, *, continuous: bool, steps: int = STEPS) -> np.ndarray:
    """Rates ``(steps,)``: ``lr / (lr k + 1)^gamma``, or for an SDE their exact integrals over each iteration."""
    time = LR * np.arange(steps + 1)
    if not continuous:
        return LR / (time[:-1] + 1) ** gamma
    clock = np.log1p(time) if gamma == 1 else (1 + time) ** (1 - gamma) / (1 - gamma)
    return np.diff(clock)


def additive_cases(trajectories: int, seed: int) -> Iterator[Case]:
    """Bilinear game with additive noise, all algorithms, both processes, all three schedules."""
    for number, gamma in enumerate(GAMMAS):
        yield from extragradient_cases(gamma, trajectories, seed + number)
        yield from hamiltonian_cases(gamma, trajectories, seed + 10 + number)


def extragradient_cases(gamma: float, trajectories: int, seed: int) -> Iterator[Case]:
    """Extragradient and its SDE for all of `RHOS`, among them descent-ascent."""
    training = extragradient(quadratic(0, LAM, SIGMA))
    yield from _cases(training, RHOS, lambda rho: extragradient_law(0, LAM, SIGMA, rho), gamma, trajectories, seed)


def hamiltonian_cases(gamma: float, trajectories: int, seed: int) -> Iterator[Case]:
    """Hamiltonian descent and its SDE."""
    training = hamiltonian(quadratic(0, LAM, SIGMA))
    yield from _cases(training, (None,), lambda _: hamiltonian_law(0, LAM, SIGMA), gamma, trajectories, seed)


def multiplicative_cases(trajectories: int, seed: int) -> Iterator[Case]:
    """Noisy coupling; energies fall to 0, at rates that the noise lowers."""
    game = noisy_coupling(LAM, NOISY_SIGMA)
    yield from _noisy(extragradient(game, "independent"), NOISY_RHOS, _noisy_law, trajectories, seed)
    yield from _noisy(hamiltonian(game), (None,), _noisy_law, trajectories, seed)


def _noisy_law(rho: float | None) -> PairLaw:
    return noisy_hamiltonian(LAM, NOISY_SIGMA) if rho is None else noisy_extragradient(LAM, NOISY_SIGMA, rho)


def _cases(
    training: gs.Training,
    rhos: tuple[float | None, ...],
    law: Callable[[float | None], PairLaw],
    gamma: float,
    trajectories: int,
    seed: int,
) -> Iterator[Case]:
    for process in (training, training.sde(1)):
        is_sde = isinstance(process, gs.SDE)
        rates = falling_rates(gamma, continuous=is_sde)
        run = simulate(
            process, start=START, lr=rates, steps=STEPS, trajectories=trajectories, rhos=[rho or 0 for rho in rhos],
            seed=seed, every=EVERY, substeps=SUBSTEPS if is_sde else None,
        )  # fmt: skip
        for rho, energies in zip(rhos, run.energies, strict=True):
            case = Case(
                name_of(rho), rho, is_sde, gamma, "additive", law(rho), LR * run.steps, energies, np.empty(0)
            )  # fmt: skip
            exact = case.closed_form if is_sde else case.law.iterate(rates, ENERGY)[run.steps]
            yield replace(case, exact=exact)


def _noisy(
    training: gs.Training,
    rhos: tuple[float | None, ...],
    law: Callable[[float | None], PairLaw],
    trajectories: int,
    seed: int,
) -> Iterator[Case]:
    for process in (training, training.sde(1, noise="exact")):
        is_sde = isinstance(process, gs.SDE)
        run = simulate(
            process, start=START, lr=LR, steps=NOISY_STEPS, trajectories=trajectories,
            rhos=[rho or 0 for rho in rhos], seed=seed, every=4, substeps=SUBSTEPS if is_sde else None,
        )  # fmt: skip
        for rho, energies in zip(rhos, run.energies, strict=True):
            case = Case(
                name_of(rho), rho, is_sde, 0.0, "multiplicative", law(rho), LR * run.steps, energies, np.empty(0)
            )  # fmt: skip
            exact = case.closed_form if is_sde else ENERGY * case.law.factor(LR) ** run.steps
            yield replace(case, exact=exact)
