"""Games with and without an invariant measure: their SDEs, evidence about them, and what their second moment does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from sympy import Rational

import gan_sde as gs
from analysis.assumptions import Evidence, invariant_measure_evidence
from figures.papers.coupled_sdes.densities_systems import coefficients, dirac_training
from figures.papers.crossing_the_curl.maps import game as lq_gan

Array = np.ndarray

DURATION = 100.0
"""Physical time of the simulations: many relaxation times of every game that has one."""
CHECKPOINTS = 20


@dataclass(frozen=True)
class System:
    """A training and the verdict on its SDE.

    Parameters
    ----------
    name
        For tables and legends.
    make
        Makes the training; the game must have no free constants.
    centre
        Equilibrium.
    lr, batch_size
        Where the SDE is studied.
    verdict
        What `analysis.assumptions` must find.
    settles
        What the second moment must do in the simulation of the SDE.
    low
        Lower bounds of the parameters.
    offset
        Of the start from the equilibrium, in both parameters.
    """

    name: str
    make: Callable[[], gs.Training]
    centre: tuple[float, float]
    lr: float
    batch_size: int
    verdict: str
    settles: bool
    low: tuple[float, float] = (-np.inf, -np.inf)
    offset: float = 0.0

    def sde(self) -> gs.SDE:
        """The order-1 SDE with noise exact in the batch size."""
        return self.make().sde(order=1, noise="exact")

    def coefficients(self) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
        """Drift and covariance of the SDE."""
        drift, covariance = coefficients(self.sde(), self.lr, self.batch_size)
        return _quiet(drift), _quiet(covariance)

    def evidence(self, seed: int) -> Evidence:
        """What the conditions of theorems look like on spheres around the equilibrium."""
        return invariant_measure_evidence(*self.coefficients(), centre=self.centre, low=self.low, seed=seed)

    def squares(self, process: gs.SDE | gs.Training, trajectories: int, seed: int) -> tuple[Array, Array]:
        """Times ``(n,)`` and squared distances from the equilibrium ``(trajectories, n)`` of independent runs."""
        steps = round(DURATION / self.lr)
        run = gs.simulate(
            process, x0=np.array(self.centre) + self.offset, lr=self.lr, batch_size=self.batch_size, steps=steps,
            trajectories=trajectories, seed=seed, record=("paths",), every=steps // CHECKPOINTS, progress=False,
        )  # fmt: skip
        return run["time"].values, np.sum((run["path"].values - np.array(self.centre)) ** 2, axis=2)


def _quiet(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Exponentials may overflow far out, where the sigmoid that they stand in is 0 all the same."""

    def silent(x: Array) -> Array:
        with np.errstate(over="ignore"):
            return function(x)

    return silent


def _game(name: str, algorithm: str = "sgda", *, options: Mapping[str, object] | None = None, **constants: float):
    def make() -> gs.Training:
        return gs.Training(gs.games.get(name, **(options or {})).subs(**constants), gs.algorithms.get(algorithm))

    return make


def _lq(algorithm: str, **options: object) -> Callable[[], gs.Training]:
    return lambda: gs.Training(lq_gan("variance").subs(sigma=1.0), gs.algorithms.get(algorithm, **options))


def wgan(damping: float) -> Callable[[], gs.Training]:
    """The linear Wasserstein GAN; only its critic is noisy."""
    return _game("linear-wgan", c=damping, mu=1.0, sigma=1.0, sigma_z=1.0)


DIRAC_OPTIONS = {"noise": True}
PENALISED = {"noise": True, "penalty": True}
SCALE = (-np.inf, 0.01)
"""The generator's scale in the LQ-GAN is bounded below."""

UNDAMPED = System("linear WGAN, no penalty", wgan(0.0), (0.0, 1.0), 0.1, 4, "none", False)
DAMPED = System("linear WGAN, penalty", wgan(1.0), (0.0, 1.0), 0.1, 4, "degenerate ergodic", True)
QUADRATIC = System(
    "quadratic game", _game("quadratic", a=1.0, lam=1.5, c=0.5, sigma_omega=1.0, sigma_theta=1.0), (0.0, 0.0), 0.1, 4,
    "ergodic", True,
)  # fmt: skip
DIRAC = System(
    "Dirac-GAN", _game("dirac-gan", options=DIRAC_OPTIONS, sigma=3.0), (0.0, 0.0), 0.1, 4, "undecided", False
)
PENALTY = System(
    "Dirac-GAN, penalty", _game("dirac-gan", options=PENALISED, sigma=3.0, gamma=0.5), (0.0, 0.0), 0.1, 4,
    "undecided", False,
)  # fmt: skip
DECAY = System("Dirac-GAN, penalty + decay", lambda: dirac_training(0.2), (0.0, 0.0), 0.1, 4, "supported", True)
LQ_F = System("LQ-GAN, F", _lq("sgda"), (0.0, 1.0), 0.02, 16, "undecided", False, SCALE, 0.1)
LQ_CC = System("LQ-GAN, F_cc", _lq("crossing-the-curl"), (0.0, 1.0), 0.02, 16, "undecided", True, SCALE, 0.1)
LQ_CON = System(
    "LQ-GAN, consensus", _lq("consensus", weight=Rational(1, 2)), (0.0, 1.0), 0.02, 16, "undecided", True, SCALE, 0.1
)
SYSTEMS = (UNDAMPED, DAMPED, QUADRATIC, DIRAC, PENALTY, DECAY, LQ_F, LQ_CC, LQ_CON)
