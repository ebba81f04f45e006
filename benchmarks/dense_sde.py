"""A dense SDE of 50 parameters, linear drift and noise linear in the state, Euler: `simulate` against torchsde."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import sympy as sp

import gan_sde as gs
from benchmarks.timing import Method, Rate, compare, show

D, LR, STEPS, TRAJECTORIES = 50, 0.01, 100, 8192


def matrices(d: int = D) -> tuple[np.ndarray, np.ndarray]:
    """Drift ``A x`` and noise ``S_ij (1 + x_j / 10) dW_j``: the two matrices."""
    rng = np.random.default_rng(0)
    k = rng.standard_normal((d, d))
    return (k - k.T) / np.sqrt(d) - 0.5 * np.eye(d), rng.standard_normal((d, d)) / np.sqrt(d)


def process(d: int = D) -> gs.SDE:
    """The SDE, written by hand: its game only lends it names and a start."""
    x = sp.symbols(f"x0:{d}")
    half = d // 2
    game = gs.Game.zero_sum(
        sum(v * w for v, w in zip(x[:half], x[half:], strict=False)), maximiser={"first": list(x[:half])},
        minimiser={"second": list(x[half:])}, data={}, x0={v.name: 0.3 for v in x},
    )  # fmt: skip
    drift, noise = matrices(d)
    scale = sp.sqrt(gs.Training(game, gs.algorithms.get("sgda")).sde(order=1).lr)
    diffusion = sp.ImmutableMatrix(d, d, lambda i, j: noise[i, j] * (1 + x[j] / 10) * scale)
    return gs.SDE(
        game=game, order=1, drift=sp.ImmutableMatrix(drift) * sp.ImmutableMatrix(x), diffusion=diffusion,
        covariance=sp.ImmutableMatrix.zeros(d, d), parameters=x, shift=sp.ImmutableMatrix.zeros(d, 1),
    )  # fmt: skip


def ours(sde: gs.SDE, dtype: str, trajectories: int, steps: int) -> object:
    """`simulate`; the state at the end."""
    return gs.simulate(
        sde, lr=LR, steps=steps, trajectories=trajectories, integrator="euler", substeps=1, record=("final",),
        every=steps, dtype=dtype,
    )  # fmt: skip


def torchsde(dtype: str, trajectories: int, steps: int, hint: bool) -> Callable[[], object]:
    """``torchsde.sdeint`` with drift and noise as products of matrices."""
    import torch
    import torchsde as library

    torch.set_num_threads(1)
    kind = getattr(torch, dtype)
    drift, noise = (torch.tensor(m, dtype=kind) for m in matrices())

    class Dense:
        noise_type, sde_type = "general", "ito"

        def f(self, t, x):
            return x @ drift.T

        def g(self, t, x):
            return noise * (LR**0.5 * (1 + x / 10))[:, None, :]

    start, times = torch.full((trajectories, D), 0.3, dtype=kind), torch.tensor([0.0, LR * steps], dtype=kind)

    def run():
        brownian = None
        if hint:
            brownian = library.BrownianInterval(0.0, LR * steps, size=(trajectories, D), dtype=kind, dt=LR)
        with torch.no_grad():
            return library.sdeint(Dense(), start, times, bm=brownian, dt=LR, method="euler")

    return run


def numpy_loop(dtype: str, trajectories: int, steps: int) -> Callable[[], object]:
    """Whole arrays and matrix products in numpy."""
    drift, noise = (np.ascontiguousarray(m.T).astype(dtype) for m in matrices())

    def run():
        rng, x = np.random.Generator(np.random.SFC64(0)), np.full((trajectories, D), 0.3, dtype)
        for _ in range(steps):
            n = rng.standard_normal(x.shape, dtype=dtype)
            x = x + x.dtype.type(LR) * (x @ drift + ((1 + x / 10) * n) @ noise)
        return x

    return run


def run() -> dict[str, list[Rate]]:
    """Measure and print; `simulate` has four times the steps, for it rewrites the symbols in every call."""
    sde, found = process(), {}
    work = TRAJECTORIES * STEPS
    for dtype in ("float64", "float32"):
        rates = compare([
            Method(f"gan_sde, {dtype}", lambda t=dtype: partial(ours, sde, t, 4 * TRAJECTORIES, 4 * STEPS), 16 * work),
            Method("numpy loop, matrix products", partial(numpy_loop, dtype, 1024, STEPS), 1024 * STEPS),
            Method("torchsde Euler, BrownianInterval(dt=lr)", partial(torchsde, dtype, 2048, 20, True), 2048 * 20),
            Method("torchsde Euler, default Brownian motion", partial(torchsde, dtype, 2048, 20, False), 2048 * 20),
        ])  # fmt: skip
        show(f"Dense SDE, d = {D}, {D} noise modes, Euler, {dtype}", rates, "steps/core-s")
        found[dtype] = rates
    return found


if __name__ == "__main__":
    run()
