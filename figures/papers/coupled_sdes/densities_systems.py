"""Two games whose SDEs have stationary laws that are not Gaussian, and the Fokker-Planck equations of these SDEs.

Drift and covariance are those that the toolkit derives from the training; nothing is typed in by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from sympy import ImmutableMatrix, Rational, Symbol, lambdify

import analysis
import gan_sde as gs
from analysis.fokker_planck import FokkerPlanck, fokker_planck
from analysis.grid import Grid
from figures.papers.crossing_the_curl.maps import game as lq_gan

Array = np.ndarray
Function = Callable[[Array], Array]

SUBSTEPS = 20
"""Euler steps an iteration: the integrator's bias is then well below the standard errors of 20 000 trajectories."""


@dataclass(frozen=True)
class System:
    """A training at one learning rate, and the box that holds its law.

    Parameters
    ----------
    name
        For tables.
    training
        Makes the training; the game must have no free constants.
    lr, batch_size
        Where its SDE is studied.
    low, high, cells
        Box and cells of the coarsest grid.
    start
        Of the relaxation.
    equilibrium
        Of the mean field.
    duration
        Physical time after which the start is forgotten.
    gap_runs
        Learning rates and batch sizes at which the training is held against its SDE.
    labels
        Of the two parameters.
    """

    name: str
    training: Callable[[], gs.Training]
    lr: float
    batch_size: int
    low: tuple[float, float]
    high: tuple[float, float]
    cells: tuple[int, int]
    start: tuple[float, float]
    equilibrium: tuple[float, float]
    duration: float
    gap_runs: tuple[tuple[float, int], ...]
    labels: tuple[str, str]

    def coefficients(self) -> tuple[Function, Function]:
        """Drift and covariance of the order-1 SDE, with the noise exact in the batch size."""
        return coefficients(sde(self), self.lr, self.batch_size)

    def problem(self, noise: Callable[[Array], Array] = lambda d: d) -> FokkerPlanck:
        """The Fokker-Planck equation on the coarsest grid; ``noise`` changes the covariances ``(n, 2, 2)``."""
        drift, covariance = self.coefficients()
        return fokker_planck(drift, lambda x: noise(covariance(x)), Grid.rectangle(self.low, self.high, self.cells))

    def at(self, lr: float, batch_size: int) -> System:
        """The same at another rate and batch size, in a box that has shrunk or grown like the noise."""
        factor = np.sqrt(lr / batch_size * self.batch_size / self.lr)
        centre = np.array(self.equilibrium)
        low, high = (tuple(centre + factor * (np.array(end) - centre)) for end in (self.low, self.high))
        return replace(self, lr=lr, batch_size=batch_size, low=low, high=high)

    def gaussian(self) -> tuple[Array, Array]:
        """Mean and covariance of the Gaussian that the SDE linearised at the equilibrium settles to."""
        drift, covariance = self.coefficients()
        centre, h = np.array(self.equilibrium), 1e-5
        ends = [drift(centre + sign * h * np.eye(2)) for sign in (1, -1)]
        jacobian = -((ends[0] - ends[1]) / (2 * h)).T
        return centre, analysis.stationary_covariance(jacobian, covariance(centre[None])[0])


def sde(system: System) -> gs.SDE:
    """The order-1 SDE of a system's training."""
    return _sde(system.training)


@cache
def _sde(training: Callable[[], gs.Training]) -> gs.SDE:
    return training().sde(order=1, noise="exact")


def coefficients(process: gs.SDE, lr: float, batch_size: float) -> tuple[Function, Function]:
    """Drift ``(n, d) -> (n, d)`` and covariance ``(n, d) -> (n, d, d)`` of an SDE."""
    drift, diffusion = process.at(lr, batch_size)
    d = len(process.parameters)
    first, second = _function(process, drift), _function(process, diffusion * diffusion.T)
    return first, lambda x: second(x).reshape(-1, d, d)


def _function(process: gs.SDE, matrix: ImmutableMatrix) -> Function:
    compiled = lambdify(process.parameters, list(matrix), modules="numpy", cse=True)
    return lambda x: np.stack(np.broadcast_arrays(*map(np.asarray, compiled(*x.T)), x[:, 0])[:-1], axis=-1).astype(
        float
    )


# -------------------------------------------------------------------- Dirac-GAN


@cache
def dirac_training(decay: float) -> gs.Training:
    """The noisy Dirac-GAN with gradient penalty 1/2 and weight decay of the generator, by simultaneous descent-ascent.

    The payoff of the registered game plus ``decay theta^2 / 2``, noise of standard deviation 3.
    """
    base = gs.games.get("dirac-gan", penalty=True, noise=True)
    psi, theta = base.parameters
    payoff = -base.losses["discriminator"] + Symbol("delta") * theta**2 / 2
    game = gs.Game.zero_sum(
        payoff, maximiser={"discriminator": [psi]}, minimiser={"generator": [theta]}, data=base.data, name="dirac-gan"
    )
    return gs.Training(game.subs(gamma=0.5, sigma=3.0, delta=decay), gs.algorithms.get("sgda"))


DIRAC = System(
    "Dirac-GAN", lambda: dirac_training(0.2), 0.1, 2, (-4.5, -6.0), (4.5, 6.0), (40, 40), (1.5, 2.5), (0.0, 0.0),
    18.0, ((0.4, 8), (0.2, 4), (0.1, 2)), (r"discriminator $\psi$", r"generator $\theta$"),
)  # fmt: skip

# -------------------------------------------------------------------- LQ-GAN


@cache
def lq_training(curl_only: bool = False) -> gs.Training:
    """The (w2, a) game of the LQ-GAN under F plus Crossing-the-Curl, or under the latter alone; data N(0, 1)."""
    half = Rational(1, 2)
    mixed = gs.algorithms.get("linear-family", alpha=1, beta=half, gamma=half)
    algorithm = gs.algorithms.get("crossing-the-curl") if curl_only else mixed
    return gs.Training(lq_gan("variance").subs(sigma=1.0), algorithm)


LQ_GAN = System(
    "LQ-GAN", lq_training, 0.02, 4, (-0.25, 0.35), (0.4, 1.7), (48, 32), (0.05, 1.2), (0.0, 1.0), 2.0,
    ((0.02, 4), (0.01, 4), (0.005, 4)), (r"discriminator $w_2$", r"generator $a$"),
)  # fmt: skip

SYSTEMS = (DIRAC, LQ_GAN)
