"""Ensembles of extragradient over many extrapolation rates, on the two quadratic games of the paper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import gan_sde as gs
from figures.papers.minimax_sdes.agreement import Agreement
from figures.papers.minimax_sdes.games import extragradient, hamiltonian, quadratic, simulate
from figures.papers.minimax_sdes.laws import (
    PairLaw,
    rho_of_hamiltonian_rate,
    rho_of_least_variance,
)
from figures.papers.minimax_sdes.laws import extragradient as extragradient_law
from figures.papers.minimax_sdes.laws import hamiltonian as hamiltonian_law

SIGMA = 0.1
START = (0.1, 0.1)
ENERGY = 0.01


@dataclass(frozen=True)
class Setting:
    """One game ``f = a x^2 / 2 + lam x y - a y^2 / 2`` and how it is run.

    Parameters
    ----------
    a, lam
        Of the game; for ``a < 0`` its equilibrium is no local saddle.
    lr, steps
        Of every run.
    named
        Further extrapolation rates of the paper's experiment.
    scanned
        Extrapolation rates of the stationary variance, all with a positive rate.
    range
        Extrapolation rates among which growth and decay are told apart.
    window
        How far around the lowest measured variance the curve is fitted.
    """

    a: float
    lam: float
    lr: float
    steps: int
    named: tuple[float, ...]
    scanned: tuple[float, ...]
    range: tuple[float, float]
    window: float

    @property
    def rho_h(self) -> float:
        """The rate of Hamiltonian descent."""
        return rho_of_hamiltonian_rate(self.a, self.lam)

    @property
    def rho_v(self) -> float:
        """Least stationary variance."""
        return rho_of_least_variance(self.a, self.lam)

    @property
    def compared(self) -> tuple[float, ...]:
        """Extrapolation rates of the paper's experiment."""
        return (*self.named, self.rho_v, self.rho_h)

    def law(self, rho: float | None, batches: str = "shared") -> PairLaw:
        """Exact law; None: Hamiltonian descent."""
        if rho is None:
            return hamiltonian_law(self.a, self.lam, SIGMA)
        return extragradient_law(self.a, self.lam, SIGMA, rho, batches)


CONVEX = Setting(
    3,
    1,
    0.01,
    1000,
    (0.0, -5.0),
    (-0.5, -0.3, -0.2, -0.1, 0.0, 0.1, 0.15, 0.2, 0.25, 0.28, 0.31, 0.335),
    (-6.0, 1.0),
    0.21,
)
NONCONVEX = Setting(
    -1, 2, 0.001, 2000, (0.0, -1.0), (0.55, 0.65, 0.8, 0.9, 1.0, 1.15, 1.35, 1.6, 2.0, 2.5, 3.0), (-2.0, 4.0), 0.65
)


@dataclass(frozen=True, eq=False)
class Curve:
    """Energies of one algorithm from `START` beside its exact law."""

    setting: Setting
    rho: float | None
    is_sde: bool
    time: np.ndarray
    energies: np.ndarray

    @property
    def law(self) -> PairLaw:
        """Exact law of the algorithm."""
        return self.setting.law(self.rho)

    @property
    def exact(self) -> np.ndarray:
        """Exact m at the checkpoints."""
        if self.is_sde:
            return self.law.solve(self.time, ENERGY, self.setting.lr)
        rates = np.full(self.setting.steps, self.setting.lr)
        return self.law.iterate(rates, ENERGY)[np.rint(self.time / self.setting.lr).astype(int)]

    @property
    def agreement(self) -> Agreement:
        """Measured over exact; without the start, and for the SDE without what it does faster than its integrator."""
        tested = self.time > (0.1 if self.is_sde and self.law.rate(self.setting.lr) > 50 else 0)
        return Agreement.of(self.energies[:, tested], self.exact[tested])


@dataclass(frozen=True, eq=False)
class Scan:
    """Stationary energies over the extrapolation rate.

    Attributes
    ----------
    rhos : array, shape (r,)
    batches : str
        "shared" or "independent".
    means : array, shape (r, n)
        Time averages over each trajectory's late part, in units of ``lr sigma^2``.
    exact : array, shape (r,)
        Their exact expectation.
    """

    setting: Setting
    batches: str
    rhos: np.ndarray
    means: np.ndarray
    exact: np.ndarray

    @property
    def agreement(self) -> Agreement:
        """Measured over exact, one entry for each rho."""
        return Agreement.of(self.means.T, self.exact)


def curves(setting: Setting, trajectories: int, seed: int) -> list[Curve]:
    """The paper's experiment from `START`: extragradient of `Setting.compared` with its SDE, Hamiltonian descent."""
    game = quadratic(setting.a, setting.lam, SIGMA)
    ahead = extragradient(game)
    rhos: tuple[float | None, ...] = setting.compared
    found = []
    for process, group in ((ahead, rhos), (ahead.sde(1), rhos), (hamiltonian(game), (None,))):
        is_sde = isinstance(process, gs.SDE)
        run = simulate(
            process, start=START, lr=setting.lr, steps=setting.steps, trajectories=trajectories,
            rhos=[rho or 0.0 for rho in group], seed=seed, every=setting.steps // 50, substeps=8 if is_sde else None,
        )  # fmt: skip
        time = setting.lr * run.steps
        found += [Curve(setting, rho, is_sde, time, e) for rho, e in zip(group, run.energies, strict=True)]
    return found


def noiseless_rates(setting: Setting, rhos: np.ndarray, steps: int = 200) -> np.ndarray:
    """Decay rate of ``|z|^2`` of the algorithm without noise, one for each rho, negative where it grows."""
    training = extragradient(quadratic(setting.a, setting.lam, SIGMA))
    run = simulate(
        training, start=START, lr=setting.lr, steps=steps, trajectories=1, rhos=list(rhos), noise=False, every=steps
    )
    energies = run.energies[:, 0]
    return -np.log(energies[:, -1] / energies[:, 0]) / (setting.lr * steps)


def scan(setting: Setting, batches: str, trajectories: int, steps: int, seed: int) -> Scan:
    """Energies of the algorithm from the equilibrium, averaged over the last two thirds of the checkpoints."""
    training = extragradient(quadratic(setting.a, setting.lam, SIGMA), batches)
    run = simulate(
        training, start=(0.0, 0.0), lr=setting.lr, steps=steps, trajectories=trajectories, rhos=setting.scanned,
        seed=seed, every=steps // 30,
    )  # fmt: skip
    late, rates, unit = run.steps > steps / 3, np.full(steps, setting.lr), setting.lr * SIGMA**2
    laws = [setting.law(rho, batches).iterate(rates, 0.0)[run.steps[late]] for rho in setting.scanned]
    means = run.energies[:, :, late].mean(axis=2) / unit
    return Scan(setting, batches, np.array(setting.scanned), means, np.mean(laws, axis=1) / unit)
