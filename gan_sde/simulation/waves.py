"""Blocks that run together on a device: one launch for many, and a result for each, as on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gan_sde.kernels.triton_moments import device_moments
from gan_sde.kernels.triton_stepper import GpuStepper
from gan_sde.simulation.block import BlockRun
from gan_sde.simulation.plan import Plan
from gan_sde.simulation.results import BLOCK, Result

WAVE = 512
"""Blocks in a wave, half a million trajectories; nothing but the time depends on it."""


def run_waves(
    plan: Plan,
    stepper: GpuStepper,
    ranges: Iterator[tuple[int, int]],
    *,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Result]:
    """Run blocks on the device, as many at a time as follow one another; yields in the order of ``ranges``."""
    for wave in _waves(ranges):
        for result in _run_wave(plan, stepper, wave):
            if progress is not None:
                progress(len(result.diverged))
            yield result


def _waves(ranges: Iterator[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    wave: list[tuple[int, int]] = []
    for first, stop in ranges:
        if wave and (len(wave) == WAVE or wave[-1][1] != first):
            yield wave
            wave = []
        wave.append((first, stop))
    if wave:
        yield wave


def _run_wave(plan: Plan, stepper: GpuStepper, wave: list[tuple[int, int]]) -> Iterator[Result]:
    runs = [BlockRun(plan, first, stop) for first, stop in wave]
    cuts = np.cumsum([len(run.diverged) for run in runs])[:-1]
    columns = stepper.to_device(
        np.concatenate([run.state for run in runs], axis=1), np.concatenate([run.diverged for run in runs])
    )
    on_device = "moments" in plan.record
    for index, step in enumerate(plan.checkpoints):
        if index:
            before = int(plan.checkpoints[index - 1])
            stepper.advance_on_device(columns, trajectory=runs[0].lane, step=before, rates=plan.rates[before:step])
        own = [columns.state[rows] for rows in runs[0].recorded]
        moments = device_moments(own[0], BLOCK // plan.paths, *own[1:]) if on_device else None
        if runs[0].needs_state or index == len(plan.checkpoints) - 1:
            state, diverged = stepper.from_device(columns)
            columns_of, marks_of = np.split(state, cuts, axis=1), np.split(diverged, cuts)
            for run, own, marks in zip(runs, columns_of, marks_of, strict=True):
                run.state[:], run.diverged[:] = own, marks
        for b, run in enumerate(runs):
            run.record(index, None if moments is None else tuple(part[b] for part in moments))
    for run in runs:
        yield run.result()
