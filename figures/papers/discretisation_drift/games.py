"""The games of the discretisation drift: a linear field, the Dirac-GAN, and the Dirac-GAN with regularised losses."""

from __future__ import annotations

from functools import cache

from sympy import Expr, nsimplify, symbols

import gan_sde as gs

X, Y = symbols("x y")
H = 0.2
STARTS = ((0.08, -0.05), (0.07, -0.09))
EPSILONS = (0.2, 0.09)

DIRAC_H, DIRAC_START = 0.1, (1.0, 1.0)
STRENGTH = 0.3
"""How much stronger the explicit regularisation is than what cancels the interaction drift, ``h / 4``."""


@cache
def linear_game(eps: float) -> gs.Game:
    """``x' = -eps x + y, y' = -x - eps y``: x and y descend ``eps x^2 / 2 - x y`` and ``eps y^2 / 2 + x y``."""
    eps = nsimplify(eps)
    return gs.Game.general_sum(
        losses={"phi": eps * X**2 / 2 - X * Y, "theta": eps * Y**2 / 2 + X * Y},
        parameters={"phi": [X], "theta": [Y]},
        name="linear field",
    )


@cache
def dirac_gan() -> gs.Game:
    """The catalogue's Dirac-GAN: discriminator psi = phi, generator theta."""
    return gs.games.get("dirac-gan")


@cache
def regularised_dirac_gan(coefficient: float) -> gs.Game:
    """Dirac-GAN where each player also descends ``coefficient`` times the other's squared gradient of the payoff."""
    game = dirac_gan()
    payoff: Expr = game.payoff
    psi, theta = game.parameters
    discriminator, generator = game.players
    return gs.Game.general_sum(
        losses={
            discriminator: -payoff + coefficient * payoff.diff(theta) ** 2,
            generator: payoff + coefficient * payoff.diff(psi) ** 2,
        },
        parameters={discriminator: [psi], generator: [theta]},
        name="regularised dirac-gan",
    )
