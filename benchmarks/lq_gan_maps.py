"""Crossing-the-Curl on the expected LQ-GAN: batched trajectories against one trajectory with a dense Jacobian."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import inf

import numpy as np

import gan_sde as gs
from benchmarks.lq_gan_dense import dense_game, numba_steps, numpy_steps
from benchmarks.timing import Rate, measure, show
from gan_sde.games.lq_gan import MAX_SYMBOLIC_DIM
from gan_sde.games.lq_gan_arrays import LQGANArrays

LR = 0.01
WORK = {1: (65536, 4000), 2: (32768, 2000), 4: (8192, 2000), 8: (4096, 2000), 16: (2048, 500)}
"""Trajectories and steps by dimension; few enough steps that no parameter decays to subnormal numbers."""
DENSE_STEPS = {1: (20_000, 4000), 2: (20_000, 4000), 4: (20_000, 2000), 8: (10_000, 500), 16: (2000, 60)}
"""Steps of one trajectory, numpy and numba."""


def start(n: int) -> np.ndarray:
    """A start beside the equilibrium."""
    half = n * (n + 1) // 2 + n
    point = 0.1 * np.random.default_rng(n).standard_normal(2 * half)
    point[half + np.cumsum(np.arange(1, n + 1)) - 1] += 1.0
    return point


@cache
def training(n: int, in_arrays: bool) -> gs.Training:
    """Crossing-the-Curl on data ``N(0, I)``; its symbols are written down once, outside of what is timed."""
    game = gs.games.get("lq-gan", dim=n).with_defaults()
    if in_arrays:
        game = replace(game, arrays=LQGANArrays(n))
    return gs.Training(game, gs.algorithms.get("crossing-the-curl"))


def ours(n: int, trajectories: int, steps: int, in_arrays: bool = False) -> np.ndarray:
    """Final states ``(trajectories, d)`` by `simulate`, in the form that it takes by itself or in arrays."""
    run = gs.simulate(
        training(n, in_arrays), x0=start(n), lr=LR, batch_size=inf, steps=steps, trajectories=trajectories, every=steps,
        record=("final",),
    )  # fmt: skip
    return run["final"].values


def check(n: int, steps: int = 50) -> None:
    """All ways of computing give the same states, to 1e-12."""
    game, reference = dense_game(n), ours(n, 1, steps)[0]
    others = [numpy_steps(game, start(n), LR, steps)]
    others += [numba_steps(game, start(n), LR, steps, reassociate) for reassociate in (False, True)]
    if n <= MAX_SYMBOLIC_DIM:
        others.append(ours(n, 1, steps, in_arrays=True)[0])
    for other in others:
        np.testing.assert_allclose(other, reference, rtol=0, atol=1e-12)


def rates(n: int) -> list[Rate]:
    """Trajectory-steps a core-second: ours as `simulate` runs it, then the dense ones, then our other form."""
    check(n)
    game, point, (numpy_work, numba_work) = dense_game(n), start(n), DENSE_STEPS[n]
    trajectories, steps = WORK[n]
    form = "fused from symbols" if n <= MAX_SYMBOLIC_DIM else "array form"

    def compiled(reassociate: bool) -> Rate:
        name = "one trajectory, dense J, numba" + (", sums in any order" if reassociate else "")
        return measure(name, lambda: [numba_steps(game, point, LR, numba_work, reassociate) for _ in range(10)],
                       10 * numba_work, 9)  # fmt: skip

    found = [
        measure(f"gan_sde, {form}", lambda: ours(n, trajectories, steps), trajectories * steps),
        measure("one trajectory, dense J, numpy", lambda: numpy_steps(game, point, LR, numpy_work), numpy_work),
        compiled(False),
        compiled(True),
    ]
    if n <= MAX_SYMBOLIC_DIM:
        work = trajectories * steps
        found.append(measure("gan_sde, array form", lambda: ours(n, trajectories, steps, in_arrays=True), work))
    return found


def run() -> dict[int, list[Rate]]:
    """Measure and print."""
    found = {}
    for n in WORK:
        found[n] = rates(n)
        show(f"Crossing-the-Curl, expected LQ-GAN, N = {n}, d = {n * n + 3 * n}", found[n], "steps/core-s")
    print("\n  Batched over one trajectory with a dense Jacobian (numba: the faster of the two)\n")
    print(f"  {'N':>4}{'simulate / numpy':>20}{'simulate / numba':>20}{'array form / numba':>22}")
    for n, (batched, plain, *others) in found.items():
        numba, arrays = max(rate.value for rate in others[:2]), (others[2] if len(others) > 2 else batched).value
        print(f"  {n:>4}{batched.value / plain.value:>20.0f}{batched.value / numba:>20.1f}{arrays / numba:>22.1f}")
    return found


if __name__ == "__main__":
    run()
