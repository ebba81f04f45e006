"""Staged learning of the LQ-GAN at N = 64: samples a core-second, and the plain numpy loop over the same steps."""

from __future__ import annotations

import numpy as np

from benchmarks.timing import Rate, measure, show
from gan_sde.staged import NormalLaw, learn_staged

N = 64


def law() -> NormalLaw:
    """C unit lower triangular with entries 0.3 times standard normal."""
    return NormalLaw(np.eye(N) + 0.3 * np.tril(np.random.default_rng(5).standard_normal((N, N)), -1))


def ours(samples: int, **options: object) -> object:
    """Two replicates of `samples / 2` samples."""
    return learn_staged(law(), samples=samples // 2, replicates=2, **options)


def loop(samples: int) -> np.ndarray:
    """Residual rows as one would write them: one sample a step, rows one after the other."""
    rng, factor = np.random.default_rng(0), law().cholesky
    scale = np.eye(N)
    for i in range(N):
        inverse, a, alpha = np.linalg.inv(scale[:i, :i]), np.zeros(i), 1.0
        for k in range(samples // N):
            y = factor[: i + 1, : i + 1] @ rng.standard_normal(i + 1)
            u = inverse @ y[:i]
            r, rate = y[i] - a @ u, 1 / (k + i + 12)
            a = a + rate * r * u
            alpha = max(alpha - rate * (alpha**2 - r * (y[i] - a @ u)) / (2 * alpha), 0.1)
        scale[i, : i + 1] = np.append(a, alpha)
    return scale


def run() -> list[Rate]:
    """Measure and print."""
    joint = {"variant": "residual-rows", "joint_fraction": 0.8}
    rates = [
        measure("residual rows", lambda: ours(260_000, variant="residual-rows"), 260_000),
        measure("residual rows, joint stage on 80 %", lambda: ours(65_000, **joint), 65_000),
        measure("rows in two stages", lambda: ours(520_000), 520_000),
        measure("rows in two stages, samples reused", lambda: ours(64_000, reuse="all", minibatch=64), 64_000),
        measure("residual rows, plain numpy loop", lambda: loop(64_000), 64_000),
    ]  # fmt: skip
    show("Staged LQ-GAN, N = 64, one sample a step", rates, "samples/core-s")
    return rates


if __name__ == "__main__":
    run()
