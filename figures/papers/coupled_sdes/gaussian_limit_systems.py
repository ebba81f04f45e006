"""Trainings whose stationary laws become Gaussian as the rate falls, with their exact Taylor coefficients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from sympy import Expr, ImmutableMatrix, Rational, nsimplify

import gan_sde as gs
from figures.papers.coupled_sdes.densities_systems import dirac_training
from figures.papers.coupled_sdes.gaussian_limit_expansion import Derivatives, Expansion, expand
from figures.papers.crossing_the_curl.maps import game as lq_gan
from gan_sde.symbolic.update import BATCH_SIZE

Array = np.ndarray


@dataclass(frozen=True)
class System:
    """A training, its equilibrium and the rates at which its law is sampled.

    Parameters
    ----------
    name
        For tables and legends.
    make
        Makes the training; the game must have no free constants.
    equilibrium
        Of the mean field.
    batch_size
        Samples a batch.
    lrs
        Learning rates, falling.
    duration
        Physical time after which the start is forgotten: the limit law, as which it begins, is off by less than its
        distance to the stationary law times ``exp(-rate duration)``.
    labels
        Of the two parameters.
    """

    name: str
    make: Callable[[], gs.Training]
    equilibrium: tuple[float, float]
    batch_size: int
    lrs: tuple[float, ...]
    duration: float
    labels: tuple[str, str]

    @property
    def expansion(self) -> Expansion:
        """Of the stationary law."""
        return _expansion(self.make, self.equilibrium, self.batch_size)

    def sample(self, lr: float, trajectories: int, seed: int) -> Array:
        """Independent draws ``(trajectories, 2)`` of ``(x - x*) / sqrt(lr)``: last states of as many runs.

        The runs start from the limit law. A run that diverged is NaN.
        """
        rng = np.random.default_rng([2, seed])
        start = rng.multivariate_normal(np.zeros(2), self.expansion.covariance, trajectories, method="cholesky")
        run = gs.simulate(
            self.make(), x0=np.array(self.equilibrium) + np.sqrt(lr) * start, lr=lr, steps=round(self.duration / lr),
            trajectories=trajectories, batch_size=self.batch_size, seed=seed, record=("final",), progress=False,
        )  # fmt: skip
        return (run["final"].values - np.array(self.equilibrium)) / np.sqrt(lr)

    @property
    def jacobian(self) -> Array:
        """Of the field (minus that of the drift) at the equilibrium."""
        return -taylor(self.make(), self.equilibrium, self.batch_size).drift[0]


@cache
def _expansion(make: Callable[[], gs.Training], equilibrium: tuple[float, ...], batch_size: int) -> Expansion:
    return expand(taylor(make(), equilibrium, batch_size))


def taylor(training: gs.Training, equilibrium: tuple[float, ...], batch_size: int) -> Derivatives:
    """Derivatives of drift and noise at the equilibrium and cumulants of the noise, from the update itself.

    Raises
    ------
    ValueError
        If the mean field does not vanish at the equilibrium.
    """
    symbols = training.state
    point = dict(zip(symbols, map(nsimplify, equilibrium), strict=True)) | {BATCH_SIZE: batch_size}
    process = training.sde(order=2, noise="exact")
    lr = process.lr
    drift, noise = process.drift.subs(lr, 0), (process.covariance / lr).applyfunc(lambda e: e.expand()).subs(lr, 0)
    correction = process.drift.diff(lr)
    if np.abs(_at(drift, point)).max() > 1e-12:
        raise ValueError(f"equilibrium: expected a zero of the mean field, got {equilibrium}")
    third, fourth = _cumulants(training, point)
    return Derivatives(
        tuple(_derivatives(drift, symbols, point, 3)[1:]), _at(correction, point).ravel(),
        tuple(_derivatives(noise, symbols, point, 2)), third, fourth,
    )  # fmt: skip


def _derivatives(matrix: ImmutableMatrix, symbols: tuple[Expr, ...], point: dict, order: int) -> list[Array]:
    """Values at the point of the entries and of their derivatives, the directions of differentiation last."""
    d = len(symbols)
    shape = (d,) if matrix.shape[1] == 1 else matrix.shape
    current, found = list(matrix), []
    for k in range(order + 1):
        found.append(np.array([float(e.subs(point)) for e in current]).reshape(*shape, *(d,) * k))
        current = [e.diff(s) for e in current for s in symbols]
    return found


def _at(matrix: ImmutableMatrix, point: dict) -> Array:
    return np.array(matrix.subs(point), dtype=float)


def _cumulants(training: gs.Training, point: dict) -> tuple[Array, Array]:
    """Third and fourth cumulants of the noise of one step, exact in the batch size."""
    update = training.update
    parameters = {s: v for s, v in point.items() if s is not BATCH_SIZE}
    step = [e.subs(parameters).expand() for e in update.terms[0]]
    d = len(step)

    def moment(indices: tuple[int, ...]) -> float:
        entry = Rational(1)
        for i in indices:
            entry *= step[i]
        return float(update.mean([entry.expand()])[0].subs(point))

    two = np.array([moment(i) for i in product(range(d), repeat=2)]).reshape(d, d)
    third = np.array([moment(tuple(sorted(i))) for i in product(range(d), repeat=3)]).reshape(d, d, d)
    fourth = np.array([moment(tuple(sorted(i))) for i in product(range(d), repeat=4)]).reshape((d,) * 4)
    pairs = np.einsum("ij,kl->ijkl", two, two)
    return third, fourth - pairs - pairs.transpose(0, 2, 1, 3) - pairs.transpose(0, 2, 3, 1)


# -------------------------------------------------------------------- the trainings


@cache
def consensus() -> gs.Training:
    """Consensus training of the (w2, a) game of the LQ-GAN on data N(0, 1)."""
    return gs.Training(lq_gan("variance").subs(sigma=1.0), gs.algorithms.get("consensus", weight=Rational(1, 2)))


@cache
def curl() -> gs.Training:
    """F plus Crossing-the-Curl on the same game; the latter alone has no noise in w2 at the equilibrium."""
    half = Rational(1, 2)
    algorithm = gs.algorithms.get("linear-family", alpha=1, beta=half, gamma=half)
    return gs.Training(lq_gan("variance").subs(sigma=1.0), algorithm)


@cache
def dirac() -> gs.Training:
    """The noisy Dirac-GAN with gradient penalty and weight decay of the generator, without which it has no law."""
    return dirac_training(0.2)


@cache
def quadratic() -> gs.Training:
    """Descent-ascent on the quadratic game with Gaussian noise."""
    game = gs.games.get("quadratic").subs(a=1.0, lam=1.0, c=0.5, sigma_omega=1.0, sigma_theta=1.0)
    return gs.Training(game, gs.algorithms.get("sgda"))


_WA = (r"discriminator $w_2$", r"generator $a$")
CONSENSUS = System("LQ-GAN, consensus", consensus, (0.0, 1.0), 16, (0.064, 0.032, 0.016, 0.008, 0.004), 4.0, _WA)
CURL = System("LQ-GAN, F + F_cc", curl, (0.0, 1.0), 16, (0.04, 0.02, 0.01, 0.005, 0.0025), 2.0, _WA)
DIRAC = System(
    "Dirac-GAN", dirac, (0.0, 0.0), 8, (0.32, 0.2, 0.12, 0.07, 0.045), 20.0,
    (r"discriminator $\psi$", r"generator $\theta$"),
)  # fmt: skip
QUADRATIC = System(
    "quadratic game", quadratic, (0.0, 0.0), 4, (0.4, 0.24, 0.14, 0.08, 0.05), 10.0,
    (r"discriminator $\omega$", r"generator $\theta$"),
)  # fmt: skip
SYSTEMS = (CONSENSUS, CURL, DIRAC, QUADRATIC)
