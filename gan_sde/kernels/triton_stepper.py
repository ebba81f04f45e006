"""The fused GPU backend: a recipe compiled by Triton.

A run repeats one on the CPU: the same counters and so the same random words bit for bit, and floating-point results
that agree up to rounding. They are not the same bits, since each compiler contracts other products into fused
multiply-adds. On one GPU a run repeats itself bit for bit, however the trajectories are split.

References
----------
P. Tillet, H. T. Kung, D. Cox, "Triton: an intermediate language and compiler for tiled neural network computations",
MAPL 2019, doi:10.1145/3315508.3329973.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from gan_sde.kernels import philox
from gan_sde.kernels.drawing import DrawingPlan, SamplingPlan, plan_drawing
from gan_sde.kernels.stepper import AbstractStepper, StepperOptions, check_columns, check_options
from gan_sde.kernels.triton_backend import chosen_backend, is_interpreted
from gan_sde.kernels.triton_kernel import BLOCK, LAUNCH, define_kernel, kernel_text
from gan_sde.kernels.triton_source import KernelText
from gan_sde.kernels.triton_uniforms import uniform_values
from gan_sde.symbolic.recipe import Recipe


def gpu_stepper(
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
) -> GpuStepper:
    """Stepper that runs the recipe as one fused kernel on the current CUDA device; compiles on first use.

    Parameters and errors are those of `gan_sde.kernels.cpu.cpu_stepper`; besides, a ValueError in one line where
    Triton or a CUDA device is missing. Under ``TRITON_INTERPRET=1``, set before Triton is imported, the kernel is
    interpreted on the CPU.
    """
    options = check_options(recipe, batch_size, substeps, seed, stream, dtype, noise, couple, statistics)
    plan = plan_drawing(recipe, options)
    # What is wrong with a recipe comes before what is wrong with the machine.
    text = kernel_text(recipe, options, plan)
    chosen_backend("gpu")
    return GpuStepper(recipe.dim, options, plan, text)


@dataclass(frozen=True, eq=False)
class DeviceColumns:
    """Trajectories that live on the device.

    Attributes
    ----------
    state
        Torch tensor ``(d, n)`` of the stepper's type.
    diverged
        Torch tensor ``(n,)``, int64, as in `AbstractStepper.advance`.
    """

    state: Any
    diverged: Any


class GpuStepper(AbstractStepper):
    """Stepper whose columns may stay on the device between calls; made by `gpu_stepper`."""

    def __init__(self, dim: int, options: StepperOptions, plan: DrawingPlan, text: KernelText) -> None:
        import torch

        self.dim, self.dtype = dim, options.dtype
        self._device = torch.device("cpu") if is_interpreted() else torch.device("cuda", torch.cuda.current_device())
        self._kernel = define_kernel(text.source, options.dtype)
        self._prologue, self._inverse_batch = text.prologue, options.inverse_batch
        self._tables = self._upload(_table_columns(plan, options.dtype))
        self._constants = {
            "substeps": options.substeps,
            "key0": options.seed & 0xFFFFFFFF,
            "key1": options.seed >> 32,
            "stream_bits": options.stream << int(philox.STREAM_SHIFT),
        }

    def advance(self, state, diverged, *, trajectory, step, rates):
        check_columns(self, state, diverged, trajectory, step, rates)
        columns = self.to_device(state, diverged)
        self.advance_on_device(columns, trajectory=trajectory, step=step, rates=rates)
        state[:], diverged[:] = self.from_device(columns)

    def to_device(self, state, diverged) -> DeviceColumns:
        """Copy columns, as in `AbstractStepper.advance`, to the device."""
        return DeviceColumns(self._upload(state), self._upload(diverged))

    def from_device(self, columns: DeviceColumns) -> tuple[np.ndarray, np.ndarray]:
        """Copy the columns back, as arrays ``(d, n)`` and ``(n,)``; waits for the device."""
        return columns.state.cpu().numpy(), columns.diverged.cpu().numpy()

    def advance_on_device(self, columns: DeviceColumns, *, trajectory: int, step: int, rates: np.ndarray) -> None:
        """Advance columns on the device in place; the arguments are those of `AbstractStepper.advance`.

        Returns at once; what reads the columns afterwards waits by itself.
        """
        import torch

        n = columns.state.shape[1]
        if len(rates) == 0:
            return
        substeps = self._constants["substeps"]
        uniforms = uniform_values(self._prologue, rates, substeps, self._inverse_batch, self.dtype)
        with torch.cuda.device(self._device) if self._device.type == "cuda" else nullcontext():
            self._kernel[(-(-n // BLOCK),)](
                columns.state, columns.diverged, self._upload(uniforms), self._tables,
                n=n, trajectory=int(trajectory), step=int(step), iterations=len(rates), **self._constants,
                BLOCK=BLOCK, **LAUNCH,
            )  # fmt: skip

    def _upload(self, values: np.ndarray):
        """A copy on the device, never a view: the kernel writes to it."""
        import torch

        return torch.tensor(values, device=self._device)


def _table_columns(plan: DrawingPlan, dtype: np.dtype) -> np.ndarray:
    """All columns of all tables, one after the other; never empty, since an empty tensor has no address."""
    tables = plan.draws.tables if isinstance(plan, SamplingPlan) else ()
    columns = [np.asarray(table.values, dtype=dtype).T.ravel() for table in tables]
    return np.concatenate(columns) if columns else np.zeros(1, dtype)
