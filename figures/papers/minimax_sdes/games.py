"""The games of the minimax SDEs, their trainings, and ensembles of ``|z|^2 / 2``.

The extrapolation rate is a coordinate ``rho`` of the game on which no loss depends, so that it never moves. Every
trajectory then has a rate of its own, and one kernel serves all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from sympy import Matrix, Symbol, nsimplify, symbols

import gan_sde as gs
from gan_sde.algorithms.rate import Fixed

X, Y, RHO = symbols("x y rho")
P, Q = symbols("p q")


@cache
def quadratic(a: float, lam: float, sigma: float) -> gs.Game:
    """``f = a x^2 / 2 + lam x y - a y^2 / 2``; each gradient coordinate has independent noise ``sigma N(0, 1)``."""
    a, lam, sigma = (nsimplify(value) for value in (a, lam, sigma))
    payoff = a * X**2 / 2 + lam * X * Y - a * Y**2 / 2 + sigma * (P * X + Q * Y)
    return _game(payoff, {P: gs.Normal(0, 1), Q: gs.Normal(0, 1)})


@cache
def noisy_coupling(lam: float, sigma: float) -> gs.Game:
    """``f = (lam + sigma N(0, 1)) x y``: the noise is proportional to the distance from the equilibrium."""
    return _game((nsimplify(lam) + nsimplify(sigma) * P) * X * Y, {P: gs.Normal(0, 1)})


def _game(payoff: Symbol, data: dict[Symbol, gs.Normal]) -> gs.Game:
    return gs.Game.zero_sum(
        payoff,
        maximiser={"maximiser": [Y]},
        minimiser={"minimiser": [X, RHO]},
        data=data,
        name="minimax pair",
    )


def extragradient(game: gs.Game, batches: str = "shared") -> gs.Training:
    """Extragradient whose extrapolation rate is the coordinate ``rho``; at ``rho = 0`` it is descent-ascent."""
    return gs.Training(game, gs.algorithms.get("extragradient", extrapolation=Fixed(RHO), batches=batches))


def hamiltonian(game: gs.Game) -> gs.Training:
    """Hamiltonian descent; F and J on separate batches."""
    return gs.Training(game, gs.algorithms.get("hamiltonian"))


def noiseless_drift(name: str) -> Matrix:
    """Drift of the derived SDE of order 1 on ``f = x y`` without noise, in the order (x, y)."""
    game = quadratic(0, 1, 0)
    training = {"descent": gs.Training(game, gs.algorithms.get("sgda")), "ahead": extragradient(game)}[name]
    y, x, *_ = training.sde(1).drift
    return Matrix([x, y])


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Runs from one start, a group of trajectories for each extrapolation rate.

    Attributes
    ----------
    steps : array, shape (c,)
        Iteration numbers of the checkpoints.
    paths : array, shape (groups, n, c, 2)
        Of (x, y).
    """

    steps: np.ndarray
    paths: np.ndarray

    @property
    def energies(self) -> np.ndarray:
        """``|z|^2 / 2``, ``(groups, n, c)``."""
        return (self.paths**2).sum(axis=-1) / 2


def simulate(
    process: gs.Training | gs.SDE,
    *,
    start: tuple[float, float],
    lr: float | np.ndarray,
    steps: int,
    trajectories: int,
    rhos: Sequence[float] = (0.0,),
    **options: object,
) -> Ensemble:
    """Simulate ``trajectories`` runs for each of ``rhos`` from ``start = (x, y)``; options as `gan_sde.simulate`."""
    starts = np.empty((len(rhos) * trajectories, 3))
    starts[:, 0], starts[:, 1] = start[1], start[0]
    starts[:, 2] = np.repeat(rhos, trajectories)
    run = gs.simulate(
        process, x0=starts, lr=lr, steps=steps, trajectories=len(starts), record="paths", progress=False, **options
    )
    paths = run["path"].sel(param=["x", "y"]).values
    return Ensemble(run["step"].values, paths.reshape(len(rhos), trajectories, -1, 2))
