"""What a stepper is, and what its options may be; the same for every backend."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from sympy import Integer

from gan_sde.kernels import philox
from gan_sde.symbolic.recipe import GaussianDraws, Recipe

DIVERGENCE_BOUND = 1e8
"""A state with a coordinate beyond this magnitude counts as diverged."""


class AbstractStepper(ABC):
    """Advances many trajectories of one recipe; holds no state of its own.

    1. The result depends on the seed, the stream and the global numbers of trajectory and step only: never on
       how trajectories are split into calls, or iterations into calls, or on the order of the calls.
    2. `advance` keeps no scratch between calls and may run in several threads at once.
    3. After each update the bounds are projected onto; a trajectory that then has a coordinate that is not
       finite, or beyond 1e8 in magnitude, becomes NaN in all coordinates and stays so.

    Attributes
    ----------
    dim
        Number d of state variables.
    dtype
        Floating-point type of the state.
    """

    dim: int
    dtype: np.dtype

    @abstractmethod
    def advance(self, state, diverged, *, trajectory, step, rates):
        """Advance in place.

        Parameters
        ----------
        state
            Shape ``(d, n)``, C-contiguous, of the stepper's dtype.
        diverged
            Shape ``(n,)``, int64: the iteration number after which a trajectory was first found diverged, -1 for none.
        trajectory
            Global number of the first column.
        step
            Number of the first iteration, from 0.
        rates
            Shape ``(k,)``, float64: one learning rate for each of the k iterations.

        Raises
        ------
        ValueError
            If a shape, a type or a range is wrong.
        """


@dataclass(frozen=True)
class StepperOptions:
    """Checked options of a stepper; see `gan_sde.kernels.cpu.cpu_stepper` for their meaning."""

    batch_size: float
    substeps: int
    seed: int
    stream: int
    dtype: np.dtype
    noise: bool
    couple: int | None
    statistics: str

    @property
    def inverse_batch(self) -> float:
        """One over the batch size, 0 for an infinite one."""
        return 1.0 / self.batch_size

    @property
    def is_quiet(self) -> bool:
        """Whether no random number is drawn."""
        return not self.noise or math.isinf(self.batch_size)


def check_options(
    recipe: Recipe, batch_size, substeps, seed, stream, dtype, noise, couple, statistics
) -> StepperOptions:
    """Options in range, or a ValueError that names the argument."""
    if not (batch_size == math.inf or (_is_integer(batch_size) and batch_size >= 1)):
        if not (recipe.is_sde and isinstance(batch_size, float) and batch_size > 0):
            raise ValueError(f"batch_size: expected a positive integer or math.inf, got {batch_size!r}")
    _check_range("substeps", substeps, 1, philox.SUBSTEP_LIMIT)
    _check_range("seed", seed, 0, 1 << 64)
    _check_range("stream", stream, 0, philox.STREAM_LIMIT)
    if np.dtype(dtype) not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype: expected float64 or float32, got {dtype!r}")
    if couple is not None:
        _check_range("couple", couple, 1, philox.SUBSTEP_LIMIT)
        if recipe.is_sde:
            raise ValueError("couple: expected None for an SDE; coupling is an option of the training")
    if statistics not in ("auto", "always", "never"):
        raise ValueError(f"statistics: expected 'auto', 'always' or 'never', got {statistics!r}")
    return StepperOptions(
        batch_size=float(batch_size),
        substeps=int(substeps) if recipe.is_sde else 1,
        seed=int(seed),
        stream=int(stream),
        dtype=np.dtype(dtype),
        noise=bool(noise),
        couple=None if couple is None else int(couple),
        statistics=statistics,
    )


def check_columns(stepper: AbstractStepper, state, diverged, trajectory, step, rates) -> None:
    """Raise ValueError unless the arguments of `AbstractStepper.advance` are in order."""
    if state.ndim != 2 or state.shape[0] != stepper.dim or state.shape[1] < 1:
        raise ValueError(f"state: expected shape ({stepper.dim}, n), got {state.shape}")
    if state.dtype != stepper.dtype or not state.flags.c_contiguous:
        raise ValueError(f"state: expected a C-contiguous {stepper.dtype} array, got {state.dtype}")
    if diverged.shape != state.shape[1:] or diverged.dtype != np.int64 or not diverged.flags.c_contiguous:
        raise ValueError(
            f"diverged: expected int64 of shape ({state.shape[1]},), got {diverged.dtype} {diverged.shape}"
        )
    if rates.ndim != 1 or rates.dtype != np.float64:
        raise ValueError(f"rates: expected a float64 vector, got {rates.dtype} of shape {rates.shape}")
    _check_range("trajectory", trajectory, 0, philox.TRAJECTORY_LIMIT - state.shape[1] + 1)
    _check_range("step", step, 0, philox.STEP_LIMIT - rates.shape[0] + 1)


def quiet_recipe(recipe: Recipe) -> Recipe:
    """The recipe with all its random symbols at 0: the deterministic limit."""
    draws = recipe.draws
    if isinstance(draws, GaussianDraws):
        symbols = draws.symbols
    else:
        symbols = tuple(s for batch in (*draws.batches, *draws.mirrors) for s in batch if s is not None)
    zeros = dict.fromkeys(symbols, Integer(0))
    return replace(recipe, update=tuple(e.subs(zeros) for e in recipe.update), draws=GaussianDraws(()))


def bounds_of(recipe: Recipe) -> tuple[tuple[float, float], ...]:
    """One ``(low, high)`` a coordinate, infinite where free; ValueError if they make no sense."""
    bounds = recipe.bounds or ((-math.inf, math.inf),) * recipe.dim
    if len(bounds) != recipe.dim or not all(low <= high for low, high in bounds):
        raise ValueError(f"bounds: expected {recipe.dim} pairs low <= high, got {recipe.bounds}")
    return tuple((float(low), float(high)) for low, high in bounds)


def _is_integer(value) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _check_range(name: str, value, low: int, limit: int) -> None:
    if not _is_integer(value) or not low <= value < limit:
        raise ValueError(f"{name}: expected an integer from {low} to {limit - 1}, got {value!r}")
