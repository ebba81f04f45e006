"""The LQ-GAN SDE at mu = 1/2, sigma = 1 by other means: each function prepares a run of Euler steps."""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np

LR, BATCH_SIZE = 0.01, 16
SCALE = LR / np.sqrt(BATCH_SIZE)
START = (0.5, 0.1, 1.0, 0.2)
ROOT2 = np.sqrt(2.0)


def drift(w2, w1, a, b):
    """Drift of w2, w1, a, b."""
    return 1.25 - a * a - b * b, 0.5 - b, 2 * w2 * a, 2 * w2 * b + w1


def torchsde(trajectories: int, steps: int, dtype: str, hint: bool) -> Callable[[], object]:
    """``torchsde.sdeint`` at 11 times; ``hint``: its Brownian motion is told the step size."""
    import torch
    import torchsde as library

    torch.set_num_threads(1)
    kind = getattr(torch, dtype)

    class LQGAN:
        noise_type, sde_type = "general", "ito"

        def f(self, t, x):
            return torch.stack(drift(*x.unbind(1)), 1)

        def g(self, t, x):
            w2, w1, a, b = x.unbind(1)
            one, zero = torch.ones_like(a), torch.zeros_like(a)
            _, _, fa, fb = drift(w2, w1, a, b)
            rows = (
                (one, ROOT2 * one, -2 * a * b, -ROOT2 * a * a),
                (one, zero, -a, zero),
                (zero, zero, fb, ROOT2 * fa),
                (zero, zero, fa, zero),
            )
            return torch.stack([torch.stack(row, 1) for row in rows], 1) * (LR / BATCH_SIZE) ** 0.5

    start = torch.tensor([START], dtype=kind).repeat(trajectories, 1)
    times = torch.linspace(0, LR * steps, 11, dtype=kind)

    def run():
        brownian = None
        if hint:
            brownian = library.BrownianInterval(0.0, LR * steps, size=(trajectories, 4), dtype=kind, dt=LR)
        with torch.no_grad():
            return library.sdeint(LQGAN(), start, times, bm=brownian, dt=LR, method="euler").numpy()

    return run


def diffrax(trajectories: int, steps: int, dtype: str) -> Callable[[], object]:
    """Diffrax's Euler with its fastest Brownian path, one vmapped and compiled call."""
    import diffrax as library
    import jax
    import jax.numpy as jnp

    if dtype == "float64":
        jax.config.update("jax_enable_x64", True)
    kind = jnp.dtype(dtype)

    def field(t, x, args):
        return jnp.stack(drift(*x))

    def noise(t, x, args):
        w2, w1, a, b = x
        _, _, fa, fb = drift(w2, w1, a, b)
        rows = [[1.0, ROOT2, -2 * a * b, -ROOT2 * a * a], [1.0, 0.0, -a, 0.0], [0.0, 0.0, fb, ROOT2 * fa],
                [0.0, 0.0, fa, 0.0]]  # fmt: skip
        return jnp.array(rows, dtype=kind) * jnp.asarray((LR / BATCH_SIZE) ** 0.5, kind)

    times = jnp.linspace(0, LR * steps, 11, dtype=kind)

    def one(key):
        brownian = library.UnsafeBrownianPath(shape=jax.ShapeDtypeStruct((4,), kind), key=key)
        terms = library.MultiTerm(library.ODETerm(field), library.ControlTerm(noise, brownian))
        grid = library.StepTo(jnp.linspace(0, LR * steps, steps + 1, dtype=kind))
        solution = library.diffeqsolve(
            terms, library.Euler(), times[0], times[-1], None, jnp.array(START, kind), stepsize_controller=grid,
            saveat=library.SaveAt(ts=times), adjoint=library.DirectAdjoint(), max_steps=steps + 1,
        )  # fmt: skip
        return solution.ys

    ensemble = jax.jit(jax.vmap(one))
    keys = jax.random.split(jax.random.PRNGKey(0), trajectories)
    return lambda: np.asarray(ensemble(keys)).transpose(1, 0, 2)


def numpy_loop(trajectories: int, steps: int, dtype: str) -> Callable[[], object]:
    """Whole arrays in numpy, on its fastest generator."""
    real = np.dtype(dtype).type

    def run():
        rng = np.random.Generator(np.random.SFC64(0))
        x = np.repeat(np.array(START, dtype)[:, None], trajectories, axis=1)
        kept, n = [x], np.empty((4, trajectories), dtype)
        two, lr, scale, r2 = real(2), real(LR), real(SCALE), real(ROOT2)
        for step in range(steps):
            rng.standard_normal(dtype=dtype, out=n)
            w2, w1, a, b = x
            aa, fa, fb, z = a * a, two * w2 * a, two * w2 * b + w1, a * n[2]
            x = np.stack([
                w2 + lr * (real(1.25) - aa - b * b) + scale * (n[0] + r2 * (n[1] - aa * n[3]) - two * b * z),
                w1 + lr * (real(0.5) - b) + scale * (n[0] - z),
                a + lr * fa + scale * (fb * n[2] + r2 * fa * n[3]),
                b + lr * fb + scale * (fa * n[2]),
            ])  # fmt: skip
            if (step + 1) % (steps // 10) == 0:
                kept.append(x)
        return np.stack(kept).transpose(0, 2, 1)

    return run


@numba.njit(fastmath=True)
def _one_by_one(trajectories, steps, start):
    sums = np.zeros((11, 8))
    for _ in range(trajectories):
        w2, w1, a, b = start[0], start[1], start[2], start[3]
        for step in range(steps + 1):
            if step % (steps // 10) == 0:
                row = sums[step // (steps // 10)]
                for k, x in enumerate((w2, w1, a, b)):
                    row[k] += x
                    row[4 + k] += x * x
            n0, n1 = np.random.standard_normal(), np.random.standard_normal()
            n2, n3 = np.random.standard_normal(), np.random.standard_normal()
            fa, fb = 2 * w2 * a, 2 * w2 * b + w1
            g2 = n0 + ROOT2 * n1 - 2 * a * b * n2 - ROOT2 * a * a * n3
            w2, w1, a, b = (
                w2 + LR * (1.25 - a * a - b * b) + SCALE * g2,
                w1 + LR * (0.5 - b) + SCALE * (n0 - a * n2),
                a + LR * fa + SCALE * (fb * n2 + ROOT2 * fa * n3),
                b + LR * fb + SCALE * fa * n2,
            )
    return sums / trajectories


def numba_loop(trajectories: int, steps: int, dtype: str) -> Callable[[], object]:
    """One trajectory after the other, with numba's own random numbers; float64 only."""
    if dtype != "float64":
        raise RuntimeError("numba draws float64 normals only")
    return lambda: _one_by_one(trajectories, steps, np.array(START))
