"""The 1-d LQ-GAN SDE: d = 4, general noise of 4 modes, Euler: `simulate` against a ceiling and against peers."""

from __future__ import annotations

from functools import partial

import numpy as np

import gan_sde as gs
from benchmarks import ceiling, lq_gan_peers
from benchmarks.lq_gan_peers import BATCH_SIZE, LR, START
from benchmarks.timing import Method, Rate, compare, show

STEPS, LONG = 1000, 3000


def process() -> gs.SDE:
    """Order-1 SDE of simultaneous descent on the LQ-GAN at mu = 0.5, sigma = 1."""
    game = gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0)
    return gs.Training(game, gs.algorithms.get("sgda")).sde(order=1)


def ours(trajectories: int, steps: int, dtype: str = "float64", sde: gs.SDE | None = None) -> object:
    """`simulate` with moments at 11 checkpoints."""
    return gs.simulate(
        sde or process(), x0=START, lr=LR, batch_size=BATCH_SIZE, steps=steps, trajectories=trajectories,
        integrator="euler", substeps=1, record=("moments",), every=steps // 10, dtype=dtype,
    )  # fmt: skip


def by_hand(dtype: str, trajectories: int, steps: int) -> np.ndarray:
    """The ceiling."""
    name = f"sde_{dtype}"
    return ceiling.moments(name, trajectories, steps, steps // 10, lr=LR, batch_size=BATCH_SIZE, start=START)


def methods(dtype: str) -> list[Method]:
    """All of them; slow ones get fewer trajectories."""
    # the symbols are rewritten in every call of `simulate`: a tenth of a second, to be lost in the rest
    sde, many, few = process(), 65536, 4096
    if dtype == "float32":
        many *= 2

    def hand():
        ceiling.library()
        return partial(by_hand, dtype, many, LONG)

    peers = lq_gan_peers
    return [
        Method(f"gan_sde, {dtype}", lambda: partial(ours, many, LONG, dtype, sde), many * LONG),
        Method("C by hand, registers only (the ceiling)", hand, many * LONG),
        Method("numpy loop, SFC64", partial(peers.numpy_loop, few, STEPS, dtype), few * STEPS),
        Method("numba loop, one trajectory at a time", partial(peers.numba_loop, few, STEPS, dtype), few * STEPS),
        Method("diffrax Euler, UnsafeBrownianPath", partial(peers.diffrax, few, STEPS, dtype), few * STEPS),
        # its Brownian motion is a tree over the steps: the default one gets slower with their number
        Method("torchsde Euler, BrownianInterval(dt=lr)", partial(peers.torchsde, 16384, STEPS, dtype, True),
               16384 * STEPS),
        Method("torchsde Euler, default Brownian motion", partial(peers.torchsde, 16384, STEPS, dtype, False),
               16384 * STEPS),
    ]  # fmt: skip


def check(dtype: str, trajectories: int = 4096, steps: int = 100) -> None:
    """All methods have the law of ours: 11 x 4 means, within six standard errors of the difference."""
    run = ours(4 * trajectories, steps, dtype)
    mean, se = run["mean"].values, run["mean_se"].values
    for make in (
        lambda: partial(by_hand, dtype, trajectories, steps),
        partial(lq_gan_peers.numpy_loop, trajectories, steps, dtype),
        partial(lq_gan_peers.numba_loop, trajectories, steps, dtype),
        partial(lq_gan_peers.diffrax, trajectories, steps, dtype),
        partial(lq_gan_peers.torchsde, trajectories, steps, dtype, True),
    ):
        try:
            other = make()()
        except (ImportError, RuntimeError):
            continue
        other = other[:, :4] if other.ndim == 2 else np.asarray(other, dtype=float).mean(axis=1)
        worst = np.abs(other - mean)[1:] / (se[1:] * np.sqrt(5) + 1e-7)
        if worst.max() > 6:
            raise AssertionError(f"means differ by {worst.max():.1f} standard errors: {make}")


def run() -> dict[str, list[Rate]]:
    """Measure and print."""
    found = {}
    for dtype in ("float64", "float32"):
        check(dtype)
        found[dtype] = compare(methods(dtype))
        show(f"LQ-GAN SDE, d = 4, general noise, Euler, {dtype}", found[dtype], "steps/core-s")
    return found


if __name__ == "__main__":
    run()
