"""The 1-d LQ-GAN SDE on a GPU: the fused kernel against torchsde on the same card; says so where there is no GPU.

Wall time of the whole run with the device idle before and after, moments at 10 checkpoints included, compilation not.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
import torch
import torchsde

from benchmarks.lq_gan_sde import BATCH_SIZE, LR, process
from benchmarks.timing import Rate, show
from gan_sde.kernels.triton_backend import gpu_problem, is_interpreted
from gan_sde.kernels.triton_moments import device_moments
from gan_sde.kernels.triton_stepper import gpu_stepper
from gan_sde.symbolic.integrators import INTEGRATORS

CHECKPOINTS, BLOCK = 10, 1024


def ours(trajectories: int, steps: int, dtype: str) -> Callable[[], object]:
    """Euler steps by the fused kernel; the state stays on the device."""
    recipe = INTEGRATORS["euler"](process(), None)
    stepper = gpu_stepper(recipe, batch_size=BATCH_SIZE, seed=0, dtype=dtype)
    start = np.tile(np.array(process().game.x0, dtype=dtype)[:, None], trajectories)
    rates = np.full(steps // CHECKPOINTS, LR)

    def run() -> object:
        columns = stepper.to_device(start, np.full(trajectories, -1))
        moments = []
        for k in range(CHECKPOINTS):
            stepper.advance_on_device(columns, trajectory=0, step=k * len(rates), rates=rates)
            moments.append(device_moments(columns.state, BLOCK))
        return moments

    return run


def theirs(trajectories: int, steps: int, dtype: torch.dtype) -> Callable[[], object]:
    """``torchsde.sdeint``, Euler, its Brownian motion told the step size; moments at the same times."""
    sde = process().to_torchsde(lr=LR, batch_size=BATCH_SIZE)
    start = torch.tensor([process().game.x0], dtype=dtype, device="cuda").repeat(trajectories, 1)
    times = torch.linspace(0, LR * steps, CHECKPOINTS + 1, dtype=dtype, device="cuda")

    def run() -> object:
        size = (trajectories, sde.brownian_size)
        end = LR * steps
        brownian = torchsde.BrownianInterval(0.0, end, size=size, dtype=dtype, device="cuda", dt=LR)
        with torch.no_grad():
            path = torchsde.sdeint(sde, start, times, bm=brownian, dt=LR, method="euler")
        return path.double().mean(dim=1).cpu(), path.double().var(dim=1).cpu()

    return run


def measure(name: str, run: Callable[[], object], work: float, repeats: int = 5) -> Rate:
    """Run once to compile and warm up, then ``repeats`` times; units of work a second of wall time."""
    run()
    seconds = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        began = perf_counter()
        run()
        torch.cuda.synchronize()
        seconds.append(perf_counter() - began)
    return Rate(name, work / median(seconds), work / max(seconds), work / min(seconds))


def run() -> list[Rate]:
    """Measure and print; nothing where there is no GPU."""
    problem = gpu_problem()
    if problem is not None or is_interpreted():
        print(f"\nGPU: not measured; expected {problem or 'compiled kernels, got the interpreter'}")
        return []
    rates = []
    for dtype in ("float32", "float64"):
        for trajectories, steps in ((1 << 20, 2000), (1 << 14, 2000)):
            work = trajectories * steps
            name = f"{dtype}, {trajectories} trajectories"
            rates.append(measure(f"gan_sde, {name}", ours(trajectories, steps, dtype), work))
            peer = theirs(trajectories, steps // 20, getattr(torch, dtype))
            rates.append(measure(f"torchsde Euler, BrownianInterval(dt=lr), {name}", peer, work / 20))
    show(f"LQ-GAN SDE, d = 4, general noise, Euler, {torch.cuda.get_device_name()}", rates, "steps/s")
    return rates


if __name__ == "__main__":
    run()
