"""The fused CPU backend: a recipe compiled by numba."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np

from gan_sde.kernels import normals, philox
from gan_sde.kernels.drawing import DrawingPlan, SamplingPlan, StatisticsPlan, plan_drawing, running_recipe
from gan_sde.kernels.elementary import LANE_FUNCTIONS_32, LANE_FUNCTIONS_64, size_bits_32, size_bits_64
from gan_sde.kernels.kernel_cache import kernel_file, remove_kernel
from gan_sde.kernels.panel_product import panel_product
from gan_sde.kernels.source import kernel_source
from gan_sde.kernels.stepper import (
    AbstractStepper,
    StepperOptions,
    check_columns,
    check_options,
)
from gan_sde.kernels.vectors import INLINED, prefer_widest_vectors, scratch
from gan_sde.symbolic.recipe import Recipe

LANES = {np.dtype(np.float64): 128, np.dtype(np.float32): 256}
LITERALS = {np.dtype(np.float64): "{}", np.dtype(np.float32): "real({})"}


@numba.njit(fastmath=normals.CONTRACT, **INLINED)
def _cube(x):
    return x * x * x


_LANE_NAMES = {
    np.dtype(np.float64): LANE_FUNCTIONS_64
    | {
        "real": np.float64,
        "size_bits": size_bits_64,
        "normal_pair": normals.normal_pair_64,
        "fair_sign": normals.fair_sign_64,
        "three_pair": normals.three_pair_64,
        "uniform": normals.uniform_64,
    },
    np.dtype(np.float32): LANE_FUNCTIONS_32
    | {
        "real": np.float32,
        "size_bits": size_bits_32,
        "normal_pair": normals.normal_pair_32,
        "fair_sign": normals.fair_sign_32,
        "three_pair": normals.three_pair_32,
        "uniform": normals.uniform_32,
    },
}


def cpu_stepper(
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
    """Stepper that runs the recipe as one fused, vectorised loop; compiles on first use, about a second.

    Parameters
    ----------
    recipe
        One step of the process.
    batch_size
        Samples in a batch, a positive integer; ``math.inf`` is the deterministic limit. (For an SDE, which sees
        its inverse only, any positive float will do.)
    substeps
        Integration sub-steps in an iteration (SDE recipes only).
    seed, stream
        Key of the random numbers, 0 to 2^64 - 1, and an independent stream of it, 0 to 255.
    dtype
        Type of state and arithmetic, float64 or float32.
    noise
        False: all random numbers are 0.
    couple
        For a training drawn by batch statistics: r couples it to the SDE with ``substeps=r``, the same seed and
        stream, and noise modes in the order of the used batch means. Each normal is then the sum of the SDE's
        normals over the sub-steps of the iteration, over ``sqrt(r)``.
    statistics
        ``"auto"``: batch means of Hermite features of normals are drawn directly, at a cost that does not grow
        with the batch size; all else sample by sample. ``"never"`` or ``"always"`` decide otherwise.

    Returns
    -------
    AbstractStepper

    Raises
    ------
    ValueError
        For an option out of range, a recipe with undeclared symbols or unknown functions, or a coupling that does
        not apply.
    """
    options = check_options(recipe, batch_size, substeps, seed, stream, dtype, noise, couple, statistics)
    return _CpuStepper(recipe, options)


@dataclass(frozen=True)
class _KernelKey:
    """What decides the text of a kernel; recipe and plan are only passed along."""

    fingerprint: str
    options: StepperOptions
    recipe: Recipe = field(compare=False)
    plan: DrawingPlan = field(compare=False)


class _CpuStepper(AbstractStepper):
    def __init__(self, recipe: Recipe, options: StepperOptions):
        plan = plan_drawing(recipe, options)
        self.dim, self.dtype = recipe.dim, options.dtype
        same_text = replace(options, seed=0, stream=0, substeps=1)
        self._kernel, arrays = _kernel(_KernelKey(recipe.fingerprint, same_text, recipe, plan))
        self._constants = (
            options.substeps,
            np.uint64(options.seed & 0xFFFFFFFF),
            np.uint64(options.seed >> 32),
            np.uint64(options.stream) << philox.STREAM_SHIFT,
            options.inverse_batch,
            0 if math.isinf(options.batch_size) else int(options.batch_size),
            options.couple or 1,
            _coefficients(plan),
            _table_columns(plan, options.dtype),
            arrays.numbers.astype(options.dtype),
            arrays.places,
        )

    def advance(self, state, diverged, *, trajectory, step, rates):
        check_columns(self, state, diverged, trajectory, step, rates)
        self._kernel(state, diverged, trajectory, step, np.ascontiguousarray(rates), *self._constants)


def _coefficients(plan: DrawingPlan) -> np.ndarray:
    if not isinstance(plan, StatisticsPlan):
        return np.zeros(0)
    return np.array([c for _, coefficients in sorted(plan.polynomials.items()) for c in coefficients])


def _table_columns(plan: DrawingPlan, dtype: np.dtype) -> np.ndarray:
    if not isinstance(plan, SamplingPlan) or not plan.draws.tables:
        return np.zeros(0, dtype)
    return np.concatenate([np.asarray(t.values, dtype=dtype).T.ravel() for t in plan.draws.tables])


@lru_cache(maxsize=256)
def _kernel(key: _KernelKey):
    dtype = key.options.dtype
    active = running_recipe(key.recipe, key.options, key.plan)
    text = kernel_source(active, key.plan, LANES[dtype], LITERALS[dtype], single=dtype == np.dtype(np.float32))
    return compile_kernel(text.source, dtype), text.arrays


@lru_cache(maxsize=256)
def compile_kernel(source: str, dtype: np.dtype):
    """Compiled form of a kernel's text; the same text is compiled once a process, and kept on disk."""
    names = {
        "np": np,
        "math": math,
        "philox": philox.philox,
        "cube": _cube,
        "prefer_widest_vectors": prefer_widest_vectors,
        "scratch": scratch,
        "panel_product": panel_product,
        **_LANE_NAMES[dtype],
    }
    file = kernel_file(source, str(dtype))
    kernel = _define(source, names, file)
    real, u64 = numba.from_dtype(dtype), numba.uint64
    signature = numba.void(
        real[:, ::1], numba.int64[::1], numba.int64, numba.int64, numba.float64[::1],
        numba.int64, u64, u64, u64, numba.float64,
        numba.int64, numba.int64, numba.float64[::1], real[::1], real[::1], numba.int64[::1],
    )  # fmt: skip
    options = {"nogil": True, "no_cfunc_wrapper": True, "error_model": "numpy", "fastmath": normals.CONTRACT}
    if file is not None:
        try:
            return numba.njit(signature, cache=True, **options)(kernel)
        except Exception:  # numba has no one error for a file that is damaged; what is wrong with the text shows below
            remove_kernel(file)
    return numba.njit(signature, **options)(kernel)


def _define(source: str, names: dict[str, Any], file: Path | None) -> Callable[..., None]:
    """The function of a kernel's text, in a module of its own: what numba keeps on disk refers to it by name."""
    module = ModuleType("gan_sde_kernel" if file is None else f"gan_sde_{file.stem}")
    if file is not None:
        sys.modules[module.__name__] = module
    vars(module).update(names)
    exec(compile(source, "<gan_sde kernel>" if file is None else str(file), "exec"), vars(module))
    return module.kernel
