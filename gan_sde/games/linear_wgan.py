"""The linear Wasserstein GAN: a shift generator against a penalised linear critic."""

from __future__ import annotations

from sympy import Integer, symbols

from gan_sde.symbolic.distributions import Normal
from gan_sde.symbolic.game import Game


def linear_wgan() -> Game:
    """``V = omega (y - theta - z) - c omega^2 / 2`` with ``y ~ N(mu, sigma^2)``, ``z ~ N(0, sigma_z^2)``.

    Notes
    -----
    The generator's gradient is ``-omega`` exactly, so only the critic is noisy: the SDE is a Langevin oscillator with
    invariant law ``N((0, mu), (lr / 2B) (sigma^2 + sigma_z^2) / c I)``, although its noise is degenerate.
    """
    omega, theta, y, z, c, mu, sigma, sigma_z = symbols("omega theta y z c mu sigma sigma_z")
    return Game.zero_sum(
        omega * (y - theta - z) - c * omega**2 / 2,
        maximiser={"discriminator": [omega]},
        minimiser={"generator": [theta]},
        data={y: Normal(mu, sigma), z: Normal(0, sigma_z)},
        name="linear-wgan",
        x0={"omega": 0.0, "theta": 0.0},
        defaults={"c": 1.0, "mu": 1.0, "sigma": 1.0, "sigma_z": 1.0},
        known_equilibria=({omega: Integer(0), theta: mu},),
    )
