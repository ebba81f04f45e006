"""The 1-d LQ-GAN SDE: d = 4, general noise of 4 modes, Euler, float64; the fused kernel against torchsde."""

from __future__ import annotations

import torch
import torchsde

import gan_sde as gs
from benchmarks.timing import Rate, measure, show

LR, BATCH_SIZE = 0.01, 16


def process() -> gs.SDE:
    """Order-1 SDE of simultaneous descent on the LQ-GAN at mu = 0.5, sigma = 1."""
    game = gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0)
    return gs.Training(game, gs.algorithms.get("sgda")).sde(order=1)


def ours(trajectories: int, steps: int) -> object:
    """`simulate` with moments at 11 checkpoints."""
    return gs.simulate(
        process(), lr=LR, batch_size=BATCH_SIZE, steps=steps, trajectories=trajectories, integrator="euler",
        substeps=1, record=("moments",), every=steps // 10,
    )  # fmt: skip


def theirs(trajectories: int, steps: int, hint: bool) -> object:
    """``torchsde.sdeint`` at the same 11 times; ``hint``: with the Brownian motion told the step size."""
    sde = process().to_torchsde(lr=LR, batch_size=BATCH_SIZE)
    start = torch.tensor([process().game.x0], dtype=torch.float64).repeat(trajectories, 1)
    times = torch.linspace(0, LR * steps, 11, dtype=torch.float64)
    brownian = None
    if hint:
        size = (trajectories, sde.brownian_size)
        brownian = torchsde.BrownianInterval(0.0, LR * steps, size=size, dtype=torch.float64, dt=LR)
    with torch.no_grad():
        return torchsde.sdeint(sde, start, times, bm=brownian, dt=LR, method="euler")


def run() -> list[Rate]:
    """Measure and print."""
    torch.set_num_threads(1)
    rates = [
        measure("gan_sde, fused kernel", lambda: ours(16384, 5000), 16384 * 5000),
        measure("torchsde Euler, BrownianInterval(dt=lr)", lambda: theirs(16384, 1000, True), 16384 * 1000),
        measure("torchsde Euler, default Brownian motion", lambda: theirs(16384, 1000, False), 16384 * 1000),
    ]
    show("LQ-GAN SDE, d = 4, general noise, Euler, float64", rates, "steps/core-s")
    return rates
