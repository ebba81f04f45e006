"""Seconds to derive the SDEs of a dense game, and of the first simulation of each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from time import perf_counter
from typing import TypeVar

import numpy as np
from sympy import Add, Rational, symbols

import gan_sde as gs
from benchmarks.separate import in_a_process

DIMENSIONS = (8, 16, 32, 50)
Result = TypeVar("Result")

ONE_DIMENSION = """
import json
from benchmarks.derivation import seconds
print(json.dumps(seconds({d})))
"""


def dense_game(d: int, seed: int = 0) -> gs.Game:
    """A zero-sum game with all ``d^2`` products, and a normal datum that multiplies linear and quadratic terms."""
    rng, x, y = np.random.default_rng(seed), symbols(f"x0:{d}"), symbols("y")
    a = [[Rational(int(n), 10) for n in row] for row in rng.integers(-9, 10, (d, d))]
    drift = Add(*(a[i][j] * x[i] * x[j] for i in range(d) for j in range(d)))
    noise = Add(*(a[0][j] * x[j] + a[1][j] * x[j] * x[(j + 1) % d] for j in range(d)))
    return gs.Game.zero_sum(
        drift + y * noise, maximiser={"first": x[: d // 2]}, minimiser={"second": x[d // 2 :]},
        data={y: gs.Normal(0, 1)}, x0={s.name: 0.1 for s in x},
    )  # fmt: skip


def seconds(d: int) -> dict[str, float]:
    """Time of each part; the first simulation comes with the imports and the code of its kernel, nothing on disk."""
    found: dict[str, float] = {}

    def timed(name: str, run: Callable[[], Result]) -> Result:
        began = perf_counter()
        result = run()
        found[name] = perf_counter() - began
        return result

    game = dense_game(d)
    training = gs.Training(game, gs.algorithms.get("sgda"))
    processes = {
        "sde(1)": timed("sde(1)", lambda: training.sde(1)),
        "sde(2)": timed("sde(2)", lambda: training.sde(2)),
        "training": training,
    }
    timed("recipe()", training.recipe)
    for name, process in processes.items():
        timed(
            f"simulate {name}",
            lambda p=process: gs.simulate(p, lr=0.01, steps=10, trajectories=100, batch_size=4, integrator="euler"),
        )
    return found


def run() -> dict[int, dict[str, float]]:
    """Measure each dimension in a process of its own, and print."""
    table: dict[int, dict[str, float]] = {}
    for d in DIMENSIONS:
        with tempfile.TemporaryDirectory() as folder:
            table[d] = in_a_process(ONE_DIMENSION.format(d=d), GAN_SDE_CACHE=folder)
    print("\nDense games, seconds by the clock: derivation, and first call of simulate with an empty kernel cache\n")
    print(f"  {'':<20}" + "".join(f"{f'd = {d}':>10}" for d in table))
    for name in table[DIMENSIONS[0]]:
        print(f"  {name:<20}" + "".join(f"{row[name]:>10.2f}" for row in table.values()))
    print(f"  {'in total':<20}" + "".join(f"{sum(row.values()):>10.2f}" for row in table.values()))
    return table


if __name__ == "__main__":
    run()
