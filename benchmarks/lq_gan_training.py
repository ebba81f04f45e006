"""Training of the 1-d LQ-GAN by batch statistics: a cost that does not grow with the batch size."""

from __future__ import annotations

from functools import partial

import gan_sde as gs
from benchmarks import ceiling
from benchmarks.lq_gan_peers import LR, START
from benchmarks.timing import Method, Rate, compare, show

TRAJECTORIES, STEPS = 65536, 2000


def ours(training: gs.Training, batch_size: int, dtype: str) -> object:
    """`simulate` with moments at 11 checkpoints."""
    return gs.simulate(
        training, x0=START, lr=LR, batch_size=batch_size, steps=STEPS, trajectories=TRAJECTORIES, record=("moments",),
        every=STEPS // 10, dtype=dtype,
    )  # fmt: skip


def run() -> dict[str, list[Rate]]:
    """Measure and print."""
    game = gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0)
    training, work, found = gs.Training(game, gs.algorithms.get("sgda")), TRAJECTORIES * STEPS, {}
    for batch_size in (16, 64):

        def hand(batch_size: int = batch_size):
            ceiling.library()
            return partial(ceiling.moments, "training_float64", TRAJECTORIES, STEPS, STEPS // 10, lr=LR,
                           batch_size=batch_size, start=START)  # fmt: skip

        rates = compare([
            Method("gan_sde, float64", lambda b=batch_size: partial(ours, training, b, "float64"), work),
            Method("C by hand, registers only (the ceiling)", hand, work),
            Method("gan_sde, float32", lambda b=batch_size: partial(ours, training, b, "float32"), work),
        ])  # fmt: skip
        show(f"LQ-GAN training, descent-ascent, batch statistics, B = {batch_size}", rates, "steps/core-s")
        found[f"B = {batch_size}"] = rates
    return found


if __name__ == "__main__":
    run()
