"""Runs of the Triton kernel under Triton's interpreter, which has to be chosen before Triton is imported.

``python -m tests.kernels.triton_cases FILE`` writes the results of all cases; tests compare them with the reference.
"""

import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import sympy
from sympy import Piecewise, Rational, log, sqrt, symbols

from gan_sde.symbolic.recipe import RATE, SUBSTEP, GaussianDraws, Recipe
from tests.kernels.recipes import (
    LQ_START,
    he2,
    lq_sde,
    lq_training,
    means_only,
    mixed_training,
    pair_of,
    sde_with_signs,
    sde_with_threes,
)

SEED = 0xFEDCBA9876543210
X, Y = symbols("x y")
U, V, W = symbols("u v w")
POINTS = np.concatenate([-np.geomspace(1e-9, 30, 40), [0.0], np.geomspace(1e-9, 18, 39)])


@dataclass(frozen=True)
class Case:
    """One run: recipe, start ``(d, n)`` and the arguments of stepper and `advance`."""

    recipe: Callable[[], Recipe]
    start: np.ndarray
    options: dict = field(default_factory=dict)
    steps: int = 2
    trajectory: int = 0
    step: int = 0

    def run(self, make, cuts=()):
        """State and diverged; ``cuts``: numbers of trajectories after which a new call begins."""
        options = {"batch_size": 4, "seed": SEED} | self.options
        stepper = make(self.recipe(), **options)
        pieces = []
        for part in np.split(np.arange(self.start.shape[1]), cuts):
            state = np.array(self.start[:, part], stepper.dtype, order="C")
            diverged = np.full(len(part), -1)
            for k in range(self.steps) if len(cuts) else [0]:
                rates = 0.05 * (1 + np.arange(self.steps) / 10)
                stepper.advance(
                    state, diverged, trajectory=self.trajectory + int(part[0]), step=self.step + k,
                    rates=rates[k : k + 1] if len(cuts) else rates,
                )  # fmt: skip
            pieces.append((state, diverged))
        return np.concatenate([s for s, _ in pieces], axis=1), np.concatenate([d for _, d in pieces])


def columns(start, n=100):
    return np.tile(np.array(start, dtype=float)[:, None], n)


def weak2():
    """Second-order SDE of the LQ-GAN by the integrator of weak order 2, which draws signs as well."""
    import gan_sde as gs
    from gan_sde.symbolic.integrators import INTEGRATORS

    game = gs.games.get("lq-gan").subs(mu=0.5, sigma=1.0)
    recipe = INTEGRATORS["weak2"](gs.Training(game, gs.algorithms.get("sgda")).sde(order=2), None)
    assert recipe.draws.signs
    return recipe


def bounded():
    recipe, free = lq_sde(), (-math.inf, math.inf)
    return Recipe(recipe.state, recipe.update, recipe.draws, (free, (0.1, math.inf), (0.9, 1.1), free))


def diverging():
    """Both forget their past, so that a diverged trajectory would come back if nothing held it."""
    (n,) = normals = symbols("n,")
    return Recipe((X, Y), (sympy.exp(12 * n), 1 + n), GaussianDraws(normals))


def constants_only():
    """An update of constants and of the rate alone: nothing in it has the shape of the lanes."""
    return Recipe((X, Y), (Rational(1, 3), RATE + SUBSTEP), GaussianDraws(()))


def losses():
    (n,) = normals = symbols("n,")
    saturating = -sympy.exp(-X * Y) / (1 + sympy.exp(-X * Y)) + log(1 - 1 / (1 + sympy.exp(X)))
    kinked = Piecewise((Y - n / 10, X > 0), (Rational(1, 10), Y < 1), (Y**3 / (1 + X**2), True))
    return Recipe((X, Y), (X + RATE * (saturating + n * sqrt(RATE)), kinked), GaussianDraws(normals))


def products(features):
    """Batch means of products of normals, as the next state."""
    return means_only(features, sorted(set().union(*(f.free_symbols for f in features)), key=str))


def pair(recipe, *arguments):
    return pair_of(recipe(*arguments))


def function_of(expression):
    return Recipe((X,), (expression,), GaussianDraws(()))


FUNCTIONS = {
    "exp": sympy.exp(X), "log": log(X**2 + Rational(1, 10**12)), "tanh": sympy.tanh(X), "sinh": sympy.sinh(X),
    "cosh": sympy.cosh(X), "sigmoid": 1 / (1 + sympy.exp(-X)), "softplus": log(1 + sympy.exp(X)),
    "sin": sympy.sin(X), "cos": sympy.cos(X), "tan": sympy.tan(X), "arctan": sympy.atan(X), "erf": sympy.erf(X),
    "absolute": sympy.Abs(X), "sign": sympy.sign(X), "heaviside": sympy.Heaviside(X),
    "extrema": sympy.Max(X, Rational(1, 10)) + sympy.Min(X, Rational(1, 3)),
    "cube-root": sympy.Abs(X) ** Rational(1, 3), "two-to-x": 2 ** (X / 2), "root": sqrt(X + 30),
}  # fmt: skip

CASES = {
    "sde": Case(lq_sde, columns(LQ_START, 150), {"batch_size": 16, "substeps": 3, "stream": 9}, steps=4),
    "sde-float32": Case(lq_sde, columns(LQ_START), {"batch_size": 16, "substeps": 3, "dtype": "float32"}, steps=4),
    "sde-real-batch": Case(lq_sde, columns(LQ_START), {"batch_size": 2.5}),
    "sde-far-counters": Case(lq_sde, columns(LQ_START), {"stream": 255}, trajectory=2**47 - 60, step=2**32 - 5),
    "sde-quiet": Case(lq_sde, columns(LQ_START), {"noise": False}),
    "sde-limit": Case(lq_sde, columns(LQ_START), {"batch_size": math.inf}),
    "weak2": Case(weak2, columns(LQ_START), {"batch_size": 16, "substeps": 2}),
    "signs": Case(partial(sde_with_signs, 5, 35), columns((0.3, -0.4))),
    "signs-float32": Case(partial(sde_with_signs, 9, 33), columns((0.3, -0.4)), {"dtype": "float32"}),
    "threes": Case(sde_with_threes, columns((0.3, -0.4)), {"substeps": 2}),
    "threes-float32": Case(partial(sde_with_threes, 0, 0, 3), columns((0.3, -0.4)), {"dtype": "float32"}),
    "pairs-threes": Case(
        lambda: pair_of(sde_with_threes(0, 0, 9), sde_with_threes(0, 0, 9).draws.threes), columns((0.3, -0.4) * 2)
    ),
    "statistics": Case(lq_training, columns(LQ_START), {"batch_size": 16}, steps=4),
    "statistics-float32": Case(lq_training, columns(LQ_START), {"batch_size": 8, "dtype": "float32"}),
    "statistics-of-1": Case(lq_training, columns(LQ_START), {"batch_size": 1, "statistics": "always"}),
    "statistics-of-2": Case(lq_training, columns(LQ_START), {"batch_size": 2, "statistics": "always"}),
    "coupled": Case(lq_training, columns(LQ_START), {"batch_size": 16, "couple": 5}),
    "scatter": Case(partial(products, [U * V, V * W, U, he2(W)]), columns((0.0,) * 4), {"batch_size": 16}),
    "scatter-coupled": Case(
        partial(products, [U * V, U * W, he2(U)]), columns((0.0,) * 3), {"batch_size": 16, "couple": 3}
    ),
    "pairs-odd": Case(lq_training, columns(LQ_START), {"batch_size": 7, "statistics": "never"}),
    "training-limit": Case(lq_training, columns(LQ_START), {"batch_size": math.inf}),
    "mixed": Case(mixed_training, columns((0.3, 0.2)), {"batch_size": 5}),
    "mixed-float32": Case(mixed_training, columns((0.3, 0.2)), {"batch_size": 3, "dtype": "float32"}),
    "mixed-wide": Case(partial(mixed_training, 6), columns((0.3, 0.2)), {"batch_size": 2}, steps=1),
    "table-alone": Case(partial(mixed_training, 0), columns((0.3, 0.2)), {"batch_size": 3}),
    "pairs-sde": Case(partial(pair, lq_sde), columns(2 * LQ_START), {"batch_size": 16, "substeps": 3}),
    "pairs-weak2": Case(partial(pair, weak2), columns(2 * LQ_START), {"batch_size": 16}),
    "pairs-statistics": Case(partial(pair, lq_training), columns(2 * LQ_START), {"batch_size": 16}),
    "pairs-coupled": Case(partial(pair, lq_training), columns(2 * LQ_START), {"batch_size": 16, "couple": 3}),
    "pairs-scatter": Case(
        partial(pair, products, [U * V, V * W, U, he2(W)]), columns((0.0,) * 8), {"batch_size": 16}
    ),
    "pairs-mixed": Case(partial(pair, mixed_training), columns((0.3, 0.2) * 2), {"batch_size": 5}),
    "pairs-bounds": Case(partial(pair, bounded), columns(2 * LQ_START), {"batch_size": 1}, steps=4),
    "bounds": Case(bounded, columns(LQ_START), {"batch_size": 1}, steps=4),
    "divergence": Case(diverging, columns((1.0, 0.0)), {"batch_size": 1}, steps=6, step=40),
    "from-nothing": Case(diverging, np.array([[1.0, math.nan, 1.0, 2e8], [0.0, 0.0, math.inf, 0.0]]), steps=1, step=9),
    "constants": Case(constants_only, columns((0.3, 0.4)), {"substeps": 3}),
    "losses": Case(losses, columns((0.2, 1.5)), {"batch_size": 1}),
} | {name: Case(partial(function_of, e), POINTS[None, :], steps=1) for name, e in FUNCTIONS.items()}  # fmt: skip


def draw_words(seed, trajectory, step, block, substep):
    """The four words of 300 trajectories by the device function, as int64."""
    import torch
    import triton
    import triton.language as tl

    from gan_sde.kernels.triton_words import philox

    @triton.jit
    def kernel(out, numbers, BLOCK: tl.constexpr):
        lane = tl.arange(0, BLOCK)
        trajectory = tl.load(numbers) + lane
        c1 = tl.load(numbers + 1).to(tl.uint32)
        c2 = tl.load(numbers + 2).to(tl.uint32)
        c3 = (trajectory >> 32).to(tl.uint32) << 16 | tl.load(numbers + 3).to(tl.uint32)
        key0 = tl.load(numbers + 4).to(tl.uint32)
        key1 = tl.load(numbers + 5).to(tl.uint32)
        w0, w1, w2, w3 = philox(trajectory.to(tl.uint32), c1, c2, c3, key0, key1)
        tl.store(out + lane, w0.to(tl.int64))
        tl.store(out + BLOCK + lane, w1.to(tl.int64))
        tl.store(out + 2 * BLOCK + lane, w2.to(tl.int64))
        tl.store(out + 3 * BLOCK + lane, w3.to(tl.int64))

    sys.modules[__name__].tl = tl
    kernel.fn.__globals__.update(tl=tl, philox=philox)
    out = torch.zeros(4, 256, dtype=torch.int64)
    numbers = torch.tensor([trajectory, step, block, substep, seed & 0xFFFFFFFF, seed >> 32])
    kernel[(1,)](out, numbers, BLOCK=256)
    return out.numpy()


WORDS = [(SEED, 2**32 - 100, 2**32 - 1, 7 << 24 | 5, 3), (0, 0, 0, 0, 0)]


def main(path):
    """Run all cases and write them to a file."""
    from triton.runtime import interpreter

    from gan_sde.kernels.triton_stepper import gpu_stepper

    if hasattr(interpreter, "_patch_lang"):
        # Patching the language anew at each call of a device function is most of the interpreter's time.
        from gan_sde.kernels.triton_words import philox

        interpreter._patch_lang(philox.fn)
        nothing = interpreter._LangPatchScope()
        interpreter._patch_lang = lambda fn: nothing
    results = {}
    with np.errstate(all="ignore"):
        for name, case in CASES.items():
            results[f"{name} state"], results[f"{name} diverged"] = case.run(gpu_stepper)
        results["split state"], results["split diverged"] = CASES["sde"].run(gpu_stepper, cuts=(57, 60))
        for number, words in enumerate(WORDS):
            results[f"words {number}"] = draw_words(*words)
    np.savez(path, **results)


if __name__ == "__main__":
    assert os.environ.get("TRITON_INTERPRET") == "1"
    main(sys.argv[1])
