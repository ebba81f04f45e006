"""Samples of multilevel Monte Carlo: at level k, pairs of paths with ``2^k`` and ``2^(k-1)`` times the fewest steps."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from os import cpu_count

import numpy as np
from sympy import Float

from gan_sde.kernels.cpu import cpu_stepper
from gan_sde.kernels.reference import reference_stepper
from gan_sde.kernels.stepper import AbstractStepper
from gan_sde.simulation.observables import Observables
from gan_sde.simulation.parts import Part
from gan_sde.simulation.plan import Plan
from gan_sde.simulation.results import BLOCK, Result
from gan_sde.symbolic.integrators import INTEGRATORS
from gan_sde.symbolic.integrators.paired import paired
from gan_sde.symbolic.kinks import refuse_kinks
from gan_sde.symbolic.recipe import Recipe
from gan_sde.symbolic.sde import SDE

PAIR_STREAM, SINGLE_STREAM = 16, 64
"""Random streams of level 0 as pairs and as single paths; those below belong to other simulations."""
DEEPEST = 24


@dataclass(frozen=True, eq=False)
class Level:
    """What was sampled at one level.

    Attributes
    ----------
    steps
        Steps of the fine path over the whole time.
    samples
        Pairs of paths, or single paths at the first level.
    cost
        Integrator steps in one of them: 1.5 times ``steps`` for a pair.
    mean, variance
        Of ``f(fine) - f(coarse)``, or of f at the first level, ``(p,)``.
    fine_variance, coarse_variance
        Of f on either path, ``(p,)``.
    diverged
        Samples left out since a path left the finite range.
    """

    steps: int
    samples: int
    cost: float
    mean: np.ndarray
    variance: np.ndarray
    fine_variance: np.ndarray
    coarse_variance: np.ndarray
    diverged: int


@dataclass(eq=False)
class Sampler:
    """Grows the samples of one level.

    Parameters
    ----------
    plan
        What is simulated: an SDE at a constant rate, with observables.
    number
        The level k.
    steps
        Steps of the fine path, even for pairs.
    pairs
        Whether there is a coarse path.
    """

    plan: Plan
    number: int
    steps: int
    pairs: bool

    def __post_init__(self) -> None:
        self._parts: list[Part] = []
        self.samples = 0

    @property
    def cost(self) -> float:
        """Integrator steps of one sample."""
        return 1.5 * self.steps if self.pairs else float(self.steps)

    def grow(self, samples: float) -> bool:
        """Sample until there are at least so many, in whole blocks; False where there were already."""
        wanted = BLOCK * int(np.ceil(samples / BLOCK))
        if wanted <= self.samples:
            return False
        with ThreadPoolExecutor(cpu_count() or 1) as pool:
            blocks = pool.map(self._block, range(self.samples, wanted, BLOCK))
            self._parts = [Part.joined((*self._parts, *blocks))]
        self.samples = wanted
        return True

    def level(self) -> Level:
        """Summary of all samples so far."""
        merged = Observables.empty(1, 3 * self._width)
        for node in self._parts[0].nodes:
            merged.merge(node.summaries["observables"])
        count = int(merged.count[0])
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = np.diagonal(merged.products[0]) / np.float64(count - 1)
        difference, fine, coarse = np.split(variance, 3)
        return Level(
            self.steps, count, self.cost, merged.mean[0, : self._width].copy(), difference, fine, coarse,
            self.samples - count,
        )  # fmt: skip

    @property
    def _width(self) -> int:
        return len(self.plan.observation.observables)

    def _block(self, first: int) -> Part:
        plan, seen = self.plan, len(self.plan.recorded)
        start = plan.start(first, first + BLOCK)
        state = np.concatenate([start, start]) if self.pairs else start
        calls = self.steps // 2 if self.pairs else self.steps
        time = float(plan.rates.sum())
        diverged = np.full(BLOCK, -1, dtype=np.int64)
        self._stepper.advance(state, diverged, trajectory=first, step=0, rates=np.full(calls, time / calls))
        sound = state[:, ~np.isnan(state).any(axis=0)]
        fine = plan.observation.evaluate(sound[:seen])
        coarse = plan.observation.evaluate(sound[len(start) : len(start) + seen]) if self.pairs else np.zeros_like(fine)
        for name, values in zip(plan.observation.observables, fine + coarse, strict=True):
            if np.isnan(values).any():
                raise ValueError(f"observe[{name}]: expected an expression that is defined along all paths, got NaN")
        observables = Observables.empty(1, 3 * self._width)
        observables.record(0, np.concatenate([fine - coarse, fine, coarse]))
        return Part.of_block(first, Result(None, None, None, diverged, observables=observables))

    @cached_property
    def _stepper(self) -> AbstractStepper:
        make: Callable[..., AbstractStepper] = cpu_stepper if self.plan.backend == "cpu" else reference_stepper
        stream = (PAIR_STREAM if self.pairs else SINGLE_STREAM) + self.number
        return make(_recipe(self.plan, self.pairs), batch_size=self.plan.batch_size, seed=self.plan.seed, stream=stream)


def _recipe(plan: Plan, pairs: bool) -> Recipe:
    """One step of the SDE at the plan's learning rate; the duration of the step is free of it."""
    sde = plan.process
    assert isinstance(sde, SDE)
    rate = {sde.lr: Float(float(plan.rates[0]))}
    fixed = replace(sde, drift=sde.drift.xreplace(rate), diffusion=sde.diffusion.xreplace(rate))
    recipe = paired(fixed, plan.integrator) if pairs else INTEGRATORS[plan.integrator](fixed)
    refuse_kinks(plan.game, recipe.update)
    return recipe
