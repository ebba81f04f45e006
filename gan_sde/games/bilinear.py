"""Bilinear games."""

from __future__ import annotations

from sympy import Matrix, Symbol, symbols

from gan_sde.symbolic.distributions import Normal
from gan_sde.symbolic.game import Game
from gan_sde.symbolic.validation import check_flag, check_integer

MAX_DIM = 1000
"""Largest dimension that is written down in symbols (seconds)."""


def bilinear(dim: int = 1, noise: bool = True) -> Game:
    """``V = lam <omega, theta>`` with additive gradient noise: the flow cycles, descent spirals out.

    Parameters
    ----------
    dim
        Dimension of each player, at most `MAX_DIM`.
    noise
        Whether each gradient coordinate carries independent normal noise of standard deviation ``sigma``.

    Notes
    -----
    Simultaneous descent multiplies the distance by ``sqrt(1 + lr^2 lam^2)`` a step whatever the rate; the
    alternating method conserves a quadratic form (theory of Hamiltonian splitting).
    """
    check_integer("dim", dim, 1, MAX_DIM)
    check_flag("noise", noise)
    lam, sigma = symbols("lam sigma")
    names = [""] if dim == 1 else [f"_{i + 1}" for i in range(dim)]
    omega, theta, p, q = ([Symbol(base + n) for n in names] for base in ("omega", "theta", "p", "q"))
    payoff = lam * (Matrix(omega).T * Matrix(theta))[0]
    data = {}
    if noise:
        payoff += sigma * sum(o * s + t * r for o, t, s, r in zip(omega, theta, p, q, strict=True))
        data = {s: Normal(0, 1) for s in (*p, *q)}
    return Game.zero_sum(
        payoff,
        maximiser={"discriminator": omega},
        minimiser={"generator": theta},
        data=data,
        name="bilinear",
        x0={s.name: 1.0 for s in (*omega, *theta)},
        defaults={"lam": 1.0, "sigma": 1.0} if noise else {"lam": 1.0},
    )
