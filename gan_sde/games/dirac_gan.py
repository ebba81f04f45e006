"""The Dirac-GAN of Mescheder, Geiger & Nowozin (arXiv 1801.04406)."""

from __future__ import annotations

from sympy import Integer, Symbol, exp, log, symbols

from gan_sde.symbolic.distributions import Normal
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.validation import check_choice, check_flag


def dirac_gan(loss: str = "jensen-shannon", penalty: bool = False, noise: bool = False) -> Game:
    """``V = f(psi theta) + f(0)``: a point mass at theta against one at 0, discriminator ``x -> psi x``.

    Parameters
    ----------
    loss
        ``"jensen-shannon"``: ``f(t) = -log(1 + exp(-t))``; ``"wasserstein"``: ``f(t) = t``.
    penalty
        Adds ``-gamma psi^2 / 2`` to the discriminator's payoff (the R1 gradient penalty of this model).
    noise
        Adds independent normal noise of standard deviation ``sigma`` to both gradients.

    Notes
    -----
    The flow of the unpenalised game conserves ``psi^2 + theta^2``; simultaneous descent spirals out.
    """
    check_choice("loss", loss, ("jensen-shannon", "wasserstein"))
    check_flag("penalty", penalty)
    check_flag("noise", noise)
    psi, theta, p, q = symbols("psi theta p q")
    t = psi * theta
    payoff = t if loss == "wasserstein" else -log(1 + exp(-t)) - log(Integer(2))
    defaults, data = {}, {}
    if penalty:
        payoff -= Symbol("gamma") * psi**2 / 2
        defaults["gamma"] = 0.5
    if noise:
        payoff += Symbol("sigma") * (p * psi + q * theta)
        data = {p: Normal(0, 1), q: Normal(0, 1)}
        defaults["sigma"] = 1.0
    return Game.zero_sum(
        payoff,
        maximiser={"discriminator": [psi]},
        minimiser={"generator": [theta]},
        data=data,
        name="dirac-gan",
        x0={"psi": 1.0, "theta": 1.0},
        defaults=defaults,
    )
