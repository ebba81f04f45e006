"""The order table by simulation: its two games, its algorithms, and SDEs that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sympy import ImmutableMatrix, Integer, Rational, exp, log, symbols

import gan_sde as gs
from figures.papers.coupled_sdes.algorithm_orders import CASES, Case


@dataclass(frozen=True, eq=False)
class Scene:
    """A game and how it is played.

    Parameters
    ----------
    name
        For tables.
    game
        Without free constants.
    starts
        The error vector holds the moments from all of them, so that no single start can make a term vanish by chance.
    time, steps
        Horizon, and the iterations to it, one number a rate.
    batch_size
        Samples a batch.
    """

    name: str
    game: gs.Game
    starts: tuple[tuple[float, ...], ...]
    time: float
    steps: tuple[int, ...]
    batch_size: int


def noisy_dirac_gan() -> gs.Game:
    """The Dirac-GAN of Mescheder et al. (arXiv 1801.04406), logistic loss and R1 penalty 1/2, with noisy gradients.

    A sample pays ``(p psi + q theta + p psi theta) / 2`` more, with standard normal p and q: noise that depends on the
    state and is common to both players, whose covariance on a shared batch can then be left out on purpose.
    """
    psi, theta, p, q = symbols("psi theta p q")
    product = psi * theta
    payoff = -log(1 + exp(-product)) - log(Integer(2)) - psi**2 / 4
    payoff += Rational(1, 2) * (p * psi + q * theta + p * product)
    data = {p: gs.Normal(0, 1), q: gs.Normal(0, 1)}
    return gs.Game.zero_sum(
        payoff, maximiser={"discriminator": [psi]}, minimiser={"generator": [theta]}, data=data, name="dirac-gan"
    )


LQ_GAN = Scene(
    "LQ-GAN",
    gs.games.get("lq-gan").subs(mu=0.5, sigma=0.5),
    starts=((0.4, -0.4, 0.5, -0.25), (-0.4, 0.4, 1.0, -0.25)),
    time=1.0,
    steps=(6, 12, 24, 48),
    batch_size=64,
)
DIRAC_GAN = Scene(
    "Dirac-GAN",
    noisy_dirac_gan(),
    # four directions: from two of them alone the leading term of one method or another is small, and the next ones show
    starts=((1.5, 1.0), (-1.0, 1.5), (2.0, -1.0), (0.5, 2.0)),
    time=2.0,
    steps=(10, 20, 40, 80),
    batch_size=32,
)


@dataclass(frozen=True)
class Row:
    """An algorithm in the simulated table.

    Parameters
    ----------
    case
        Algorithm, options, rates and label.
    orders
        Of its SDEs.
    schedule
        Factor of the learning rate as a function of time.
    """

    case: Case
    orders: tuple[int, ...] = (1, 2)
    schedule: Callable[[Any], Any] | None = None

    @property
    def label(self) -> str:
        """For tables."""
        return self.case.label

    @property
    def batches(self) -> str:
        """Number of batches drawn in an iteration, on any game."""
        return str(len(self.case.training().map[1]))


def falling(time: Any) -> Any:
    """The schedule of the scheduled rows, ``1 / (1 + t)``."""
    return 1 / (1 + time)


def _simulated(case: Case) -> Row:
    """The row of a case of the exact table."""
    if case.name == "momentum" and "mu" in case.options:
        # e = lr / (1 - mu) is what has to be small
        case = replace(case, options={"mu": 0.25}, label="heavy ball, mu = 0.25")
    return Row(case)


ROWS = (
    *(_simulated(case) for case in CASES if case.label != "extragradient, look-ahead 0.3"),
    Row(Case("adam", {}, "Adam"), orders=(1,)),
    Row(Case("sgda", {}, "descent, one batch, rate lr / (1 + t)"), schedule=falling),
    Row(Case("sgda", {"order": "alternating"}, "alternating, rate lr / (1 + t)"), schedule=falling),
)


def turned(training: gs.Training) -> gs.SDE:
    """The order-2 SDE with its correction b1 turned round."""
    first, second = (training.sde(order, noise="exact") for order in (1, 2))
    return replace(second, drift=ImmutableMatrix((2 * first.drift - second.drift).expand()))


def without_cross_covariance(training: gs.Training) -> gs.SDE:
    """The order-2 SDE with noise that is independent between the players; the first player keeps its columns."""
    sde = training.sde(2)
    blocks = []
    for block in sde.game.players.values():
        rows = [[e if s in block else Integer(0) for e in sde.diffusion[i, :]] for i, s in enumerate(sde.parameters)]
        blocks.append(ImmutableMatrix(rows))
    return replace(sde, diffusion=ImmutableMatrix.hstack(*blocks), slots=None)


CONTROLS = {"wrong sign": turned, "no cross-covariance": without_cross_covariance}
"""Order-2 SDEs with a part wrong on purpose, each of which falls back to order 1."""
