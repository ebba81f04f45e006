"""The plain reference: numpy over the trajectories, a Python loop over the steps.

It takes another way than the fused kernel wherever there is one (sympy's own ``lambdify``, numpy's logarithm and
cosine), and shares with it only the plan of the random numbers.
"""

from __future__ import annotations

import math

import numpy as np
import sympy

from gan_sde.kernels.batch_statistics import horner
from gan_sde.kernels.drawing import (
    SIGNS_PER_WORD,
    GaussianPlan,
    SamplingPlan,
    StatisticsPlan,
    plan_drawing,
    running_recipe,
)
from gan_sde.kernels.normals import normal_pairs, threes, uniforms
from gan_sde.kernels.philox import words
from gan_sde.kernels.stepper import (
    DIVERGENCE_BOUND,
    AbstractStepper,
    StepperOptions,
    bounds_of,
    check_columns,
    check_options,
)
from gan_sde.symbolic.antithetic import single_paths
from gan_sde.symbolic.recipe import INVERSE_BATCH, RATE, SUBSTEP, BatchDraws, Recipe


def reference_stepper(
    recipe: Recipe,
    *,
    batch_size,
    substeps=1,
    seed,
    stream=0,
    dtype="float64",
    noise=True,
    couple=None,
    statistics="auto",
) -> AbstractStepper:
    """Stepper in plain numpy, slow and simple; parameters and errors as for `gan_sde.kernels.cpu.cpu_stepper`.

    Examples
    --------
    >>> from sympy import Symbol
    >>> from gan_sde.symbolic.recipe import GaussianDraws
    >>> x = Symbol("x")
    >>> stepper = reference_stepper(Recipe((x,), (x - RATE * x,), GaussianDraws(())), batch_size=1, seed=0)
    >>> state, diverged = np.ones((1, 1)), np.array([-1])
    >>> stepper.advance(state, diverged, trajectory=0, step=0, rates=np.array([0.5, 0.5]))
    >>> state
    array([[0.25]])
    """
    options = check_options(recipe, batch_size, substeps, seed, stream, dtype, noise, couple, statistics)
    return _ReferenceStepper(recipe, options)


class _ReferenceStepper(AbstractStepper):
    def __init__(self, recipe: Recipe, options: StepperOptions):
        self.dim, self.dtype = recipe.dim, options.dtype
        self._options = options
        self._plan = plan_drawing(recipe, options)
        active = running_recipe(recipe, options, self._plan)
        self._bounds = bounds_of(recipe)
        self._symbols = _random_symbols(active)
        self._images = active.draws.mirror_of if isinstance(active.draws, BatchDraws) else {}
        self._paths = [_path_update(path) for path in single_paths(active)]
        if isinstance(self._plan, SamplingPlan):
            draws = self._plan.draws
            columns = [symbol for table in draws.tables for symbol in table.symbols]
            self._features = _numerical([*draws.normals, *draws.uniforms, *columns], draws.features, "features")

    def advance(self, state, diverged, *, trajectory, step, rates):
        check_columns(self, state, diverged, trajectory, step, rates)
        trajectories = np.arange(trajectory, trajectory + state.shape[1])
        with np.errstate(all="ignore"):
            if len(rates):
                state[:, ~_is_sound(state)] = np.nan
            for number, rate in enumerate(rates, start=step):
                for substep in range(self._options.substeps):
                    self._step(state, trajectories, number, substep, float(rate))
                    diverged[np.isnan(state[0]) & (diverged == -1)] = number + 1

    def _step(self, state, trajectories, step, substep, rate) -> None:
        random = dict(zip(self._symbols, self._draw(trajectories, step, substep), strict=True))
        uniform = (rate, rate / self._options.substeps, self._options.inverse_batch)
        new = np.empty_like(state)
        for path, (symbols, update) in enumerate(self._paths):
            first = path * self.dim // len(self._paths)
            own = state[first : first + self.dim // len(self._paths)]
            for i, value in enumerate(update(*own, *(random[s] for s in symbols), *uniform), start=first):
                new[i] = value
        for i, (low, high) in enumerate(self._bounds):
            new[i] = np.clip(new[i], low, high)
        new[:, ~_is_sound(new) | np.isnan(state[0])] = np.nan
        state[:] = new

    def _draw(self, trajectories, step, substep):
        """Values of the random symbols, shape ``(symbols, n)``."""
        plan = self._plan
        if isinstance(plan, GaussianPlan):
            return self._gaussian(plan, trajectories, step, substep)
        if isinstance(plan, StatisticsPlan):
            return self._statistics(plan, trajectories, step)
        return self._samples(plan, trajectories, step)

    def _words(self, trajectories, step, substep, indices):
        return words(self._options.seed, self._options.stream, trajectories, step, substep, indices)

    def _normals(self, count, trajectories, step, substep):
        indices = np.arange(2 * math.ceil(count / 2))
        drawn = self._words(trajectories, step, substep, indices)
        pairs = normal_pairs(drawn[::2], drawn[1::2], self.dtype)
        return np.stack(pairs, axis=1).reshape(-1, len(trajectories))[:count]

    def _gaussian(self, plan, trajectories, step, substep):
        normals = np.zeros((0, len(trajectories)), self.dtype)
        if plan.normals:
            normals = self._normals(plan.normals, trajectories, step, substep)
        signs = []
        for j in range(plan.signs):
            word = plan.first_sign_word + j // SIGNS_PER_WORD
            (drawn,) = self._words(trajectories, step, substep, [word])
            bit = (drawn.astype(np.int64) >> (j % SIGNS_PER_WORD)) & 1
            signs.append((2 * bit - 1).astype(self.dtype))
        drawn = [
            threes(self._words(trajectories, step, substep, [w])[0], self.dtype)
            for w in range(plan.first_three_word, plan.words)
        ]
        return [*normals, *signs, *[three for pair in drawn for three in pair][: plan.threes]]

    def _statistics(self, plan, trajectories, step):
        parts = [self._normals(plan.normals, trajectories, step, part) for part in range(plan.couple or 1)]
        normals = (sum(parts) / math.sqrt(plan.couple or 1)).astype(self.dtype)
        means_of = _slot_means if plan.scatter is None else _scatter_means
        means = dict.fromkeys(self._symbols, 0.0) | means_of(plan, normals)
        if self._images:
            means |= {self._images[symbol]: value for symbol, value in means_of(plan, -normals).items()}
        return list(means.values())

    def _samples(self, plan, trajectories, step):
        means = dict.fromkeys(self._symbols, 0.0)
        for b, batch in enumerate(plan.draws.batches):
            total = np.zeros((len(batch), len(trajectories)))
            for sample in range(plan.batch_size):
                total += self._one_sample(plan, trajectories, step, b * plan.batch_size + sample)
            for symbol, value in zip(batch, total / plan.batch_size, strict=True):
                if symbol is not None:
                    means[symbol] = value.astype(self.dtype)
        return list(means.values())

    def _one_sample(self, plan, trajectories, step, number):
        """Features of one sample, shape ``(features, n)``."""
        draws, width = plan.draws, plan.words_per_sample
        drawn = self._words(trajectories, step, 0, number * width + np.arange(width))
        variates = []
        for i in range(0, len(draws.normals), 2):
            variates.extend(normal_pairs(drawn[i], drawn[i + 1], self.dtype))
        variates = variates[: len(draws.normals)]
        for i in range(len(draws.uniforms)):
            variates.append(uniforms(drawn[plan.first_uniform_word + i], self.dtype))
        for t, table in enumerate(draws.tables):
            word = drawn[plan.first_table_word + t]
            row = (word * np.uint64(len(table.values))) >> np.uint64(32)
            variates.extend(np.asarray(table.values, dtype=self.dtype)[row].T)
        features = self._features(*variates)
        return np.stack([np.broadcast_to(f, trajectories.shape) for f in features])


def _path_update(path: Recipe):
    """Random symbols of a path, and its next state as a function of state, random and uniform numbers."""
    symbols = _random_symbols(path)
    return symbols, _numerical([*path.state, *symbols, RATE, SUBSTEP, INVERSE_BATCH], path.update, "update")


def _random_symbols(recipe: Recipe) -> list[sympy.Symbol]:
    if isinstance(recipe.draws, BatchDraws):
        rows = (*recipe.draws.batches, *recipe.draws.mirrors)
        return [symbol for batch in rows for symbol in batch if symbol is not None]
    return list(recipe.draws.symbols)


def _numerical(arguments, expressions, what):
    """Numpy function of the arguments; ValueError for a symbol that is none of them."""
    for expression in expressions:
        unknown = sorted(sympy.sympify(expression, strict=True).free_symbols - set(arguments), key=str)
        if unknown:
            raise ValueError(f"{what}: expected only declared symbols, got {unknown[0]}")
    dummies = sympy.symbols(f"a0:{len(arguments)}", real=True)
    renamed = [sympy.sympify(e, strict=True).xreplace(dict(zip(arguments, dummies, strict=True))) for e in expressions]
    return sympy.lambdify(dummies, renamed, modules=["numpy", "scipy"], cse=False)


def _slot_means(plan, normals):
    """Batch means by symbol, each from its normal."""
    means = {}
    for slot, n in zip(plan.slots, normals, strict=True):
        means[slot.symbol] = n / math.sqrt(plan.batch_size)
        if slot.degree == 2:
            square_of_mean = 0.0
            if slot.first is not None:
                square_of_mean = normals[slot.first] ** 2 / plan.batch_size
            chi_square = _chi_square(plan, plan.degrees_of_freedom(slot), n)
            means[slot.symbol] = (chi_square / plan.batch_size + square_of_mean - 1) / math.sqrt(2)
    return means


def _scatter_means(plan, normals):
    """Batch means by symbol, from the entries of the triangles."""
    entries = []
    for lost, n in zip(plan.scatter.lost, normals, strict=True):
        entries.append(n if lost is None else np.sqrt(np.maximum(_chi_square(plan, plan.batch_size - lost, n), 0)))
    means = {}
    for mean in plan.scatter.means:
        product = sum(entries[a] * entries[b] for a, b in mean.products) / plan.batch_size
        if not mean.products:
            product = entries[mean.driver] / math.sqrt(plan.batch_size)
        means[mean.symbol] = (product - 1) / math.sqrt(2) if mean.is_square else product
    return means


def _chi_square(plan, k, n):
    if k == 0:
        return 0.0 * n
    return n**2 if k == 1 else k * horner(plan.polynomials[k], n) ** 3


def _is_sound(state) -> np.ndarray:
    """Whether all coordinates are finite and within the bound, shape ``(n,)``."""
    return np.all(np.abs(state) <= DIVERGENCE_BOUND, axis=0)
