"""From the text of a Triton kernel to something that runs, or to machine code without a GPU."""

from __future__ import annotations

import hashlib
import linecache
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from gan_sde.kernels.drawing import DrawingPlan, is_quiet, running_recipe
from gan_sde.kernels.stepper import StepperOptions
from gan_sde.kernels.triton_elementary import DEVICE_FUNCTIONS
from gan_sde.kernels.triton_language import jit, tl
from gan_sde.kernels.triton_source import ARGUMENTS, KernelText, triton_source
from gan_sde.kernels.triton_words import WORDS_32, WORDS_64
from gan_sde.symbolic.recipe import Recipe

BLOCK = 128
"""Trajectories a program."""
LAUNCH = {"num_warps": BLOCK // 32, "num_stages": 1, "enable_fp_fusion": True}
"""One trajectory a thread, and no pipeline: nothing is read inside the loops but a few numbers."""


@dataclass(frozen=True)
class _TextKey:
    """What decides the text of a kernel; recipe and plan are only passed along."""

    fingerprint: str
    options: StepperOptions
    recipe: Recipe = field(compare=False)
    plan: DrawingPlan = field(compare=False)


def kernel_text(recipe: Recipe, options: StepperOptions, plan: DrawingPlan) -> KernelText:
    """Text of the kernel of a recipe, with its noise or without."""
    # The seed, the stream, the sub-steps and the batch size of an SDE are arguments of the kernel.
    same = replace(options, seed=0, stream=0, substeps=1, batch_size=1.0 if recipe.is_sde else options.batch_size)
    return _text(_TextKey(recipe.fingerprint, replace(same, noise=not is_quiet(recipe, options)), recipe, plan))


@lru_cache(maxsize=256)
def _text(key: _TextKey) -> KernelText:
    return triton_source(running_recipe(key.recipe, key.options, key.plan), key.plan)


@lru_cache(maxsize=256)
def define_kernel(source: str, dtype: np.dtype, replaced: tuple[tuple[str, Any], ...] = ()) -> Any:
    """The Triton function of a kernel's text.

    Parameters
    ----------
    source
        As in a `KernelText`.
    dtype
        Type of the state.
    replaced
        Device functions by name, in place of the project's own.
    """
    name = f"<gan_sde triton kernel {hashlib.sha256(source.encode()).hexdigest()[:32]}>"
    # Triton reads a function's text back through the line cache.
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    single = dtype == np.dtype(np.float32)
    names = DEVICE_FUNCTIONS | (WORDS_32 if single else WORDS_64) | dict(replaced)
    names |= {"__name__": "gan_sde.kernels.triton_text", "tl": tl, "real": tl.float32 if single else tl.float64}
    exec(compile(source, name, "exec"), names)
    # Numbers that happen to be 1 or a multiple of 16 are to have no kernel of their own.
    numbers = [name for name, kind in ARGUMENTS.items() if kind in ("i32", "i64")]
    return jit(do_not_specialize=numbers)(names["kernel"])


@dataclass(frozen=True)
class MachineCode:
    """A kernel compiled for a GPU that need not be there.

    Attributes
    ----------
    ptx
        Assembly text for the virtual machine of all GPUs.
    cubin
        Binary for GPUs of the given compute capability.
    """

    ptx: str
    cubin: bytes


def compile_ahead(
    source: str, dtype: np.dtype, capability: int = 90, replaced: Mapping[str, Any] | None = None
) -> MachineCode:
    """Compile a kernel's text for GPUs of a compute capability (90: Hopper); needs Triton but no GPU."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    kernel = define_kernel(source, dtype, tuple((replaced or {}).items()))
    real = "*fp32" if dtype == np.dtype(np.float32) else "*fp64"
    signature = {name: kind or real for name, kind in ARGUMENTS.items()} | {"BLOCK": "constexpr"}
    whole = ASTSource(fn=kernel, signature=signature, constexprs={"BLOCK": BLOCK})
    compiled = triton.compile(whole, target=GPUTarget("cuda", capability, 32), options=dict(LAUNCH))
    return MachineCode(compiled.asm["ptx"], compiled.asm["cubin"])
