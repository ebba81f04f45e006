"""Relations of momentum, and how fast the gaps of the SDEs' relations close: from symbols, exact moments and runs.

The balances are derived by `gan_sde.symbolic.balance` for the game of `fluctuation_runs`. Heavy ball, ``v' = mu v - F``
and ``x' = x + lr v'``, player p:

    E[(x_p - c) . F_p] = (1 + mu) / 2 lr E|v_p|^2                  (Yaida 2018), exact at every learning rate.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from sympy import Expr, lambdify

import gan_sde as gs
from figures.papers.coupled_sdes.finite_sum import SAMPLES
from figures.papers.coupled_sdes.fluctuation_runs import BATCH_SIZE, RELATIONS, Gap, gap
from gan_sde.symbolic.balance import balance, player_balances, yaida_balances
from gan_sde.symbolic.moments import MomentDynamics
from gan_sde.symbolic.update import ETA

MU = 0.5
MOMENTUM_LRS = (0.02, 0.05)
"""The heavy ball is unstable from 0.13 on."""
DRAWS = 1_500
BURN_IN = 15.0
"""Physical time dropped."""
SDES = {
    "order 1": {"order": 1},
    "order 2": {"order": 2},
    "order 2, corrected noise": {"order": 2, "diffusion_order": 2},
}
ORDER_LRS = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)
PLAYERS = ("discriminator", "generator")
SIDES = ("dissipation", "fluctuation")


@cache
def _training(name: str) -> gs.Training:
    options = {"mu": MU} if name == "momentum" else {}
    return gs.Training(gs.games.get("quadratic", samples=SAMPLES), gs.algorithms.get(name, **options))


@cache
def order_gaps(kind: str, relation: str) -> np.ndarray:
    """Relative gap of a relation of an SDE on simultaneous descent at `ORDER_LRS`, from exact moments."""
    found, dynamics = [], MomentDynamics.of_training(_training("sgda"))
    for lr in ORDER_LRS:
        moments = dynamics.stationary(lr=lr, batch_size=BATCH_SIZE)
        left, right = (dynamics.expectation(moments, side.subs(ETA, lr)) for side in _derived(kind)[relation])
        found.append(left / right - 1)
    return np.array(found)


@cache
def _derived(kind: str) -> dict[str, tuple[Expr, Expr]]:
    """Both sides of the relations of an SDE; those of order 2 have the primes of Cao & Guo."""
    sde = _training("sgda").sde(**SDES[kind])
    one = player_balances(sde, batch_size=BATCH_SIZE)
    two = balance(sde, _mean_payoff(), batch_size=BATCH_SIZE)
    sides = [tuple(one[f"{side}_{player}"] for side in SIDES) for player in PLAYERS]
    return dict(zip(RELATIONS, [*sides, tuple(two[side] for side in SIDES)], strict=True))


def _mean_payoff() -> Expr:
    """Of the game, which is linear in its data."""
    game = _training("sgda").game
    mean = dict(zip(game.data_symbols, np.mean(SAMPLES, axis=0), strict=True))
    return game.losses["generator"].subs(mean)


def order_slope(kind: str, relation: str) -> float:
    """Order in lr of the gap, from the two smallest rates."""
    first, second = np.abs(order_gaps(kind, relation)[:2])
    return float(np.log(second / first) / np.log(ORDER_LRS[1] / ORDER_LRS[0]))


def momentum_gaps(lr: float, *, chains: int, seed: int) -> dict[str, tuple[Gap, Gap]]:
    """Of every player, the relation of the heavy ball on one run, and the same without the factor 1 + mu (wrong)."""
    process = _training("momentum")
    dropped = int(np.ceil(BURN_IN / lr))
    run = gs.simulate(
        process, x0=(0.0, 0.0), lr=lr, steps=dropped + DRAWS, trajectories=chains, seed=seed % 2**64,
        batch_size=BATCH_SIZE, record=("paths", "memory"), every=1, progress=False,
    )  # fmt: skip
    path = run["path"].values[:, dropped:]
    sides, found = yaida_balances(process, lr=lr, batch_size=BATCH_SIZE), {}
    for player in PLAYERS:
        left, right = (
            np.broadcast_to(
                lambdify(process.state, sides[f"{side}_{player}"])(*np.moveaxis(path, -1, 0)), path.shape[:2]
            )
            for side in SIDES
        )
        found[player] = gap((left, right)), gap((left, right / (1 + MU)))
    return found
