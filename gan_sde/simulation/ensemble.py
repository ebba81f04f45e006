"""Run the blocks of an ensemble and merge them in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count

import numpy as np

from gan_sde.kernels.array import array_stepper
from gan_sde.kernels.cpu import cpu_stepper
from gan_sde.kernels.reference import reference_stepper
from gan_sde.kernels.stepper import AbstractStepper
from gan_sde.simulation.plan import Plan
from gan_sde.simulation.statistics import Moments
from gan_sde.symbolic.integrators import INTEGRATORS
from gan_sde.symbolic.recipe import Recipe
from gan_sde.symbolic.sde import SDE
from gan_sde.symbolic.training import Training

BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Result:
    """What a range of trajectories left behind.

    Attributes
    ----------
    moments
        Streaming moments, or None if not recorded.
    final
        ``(trajectories, d)``, or None.
    path
        ``(trajectories, checkpoints, d)``, or None.
    diverged
        ``(trajectories,)`` iteration number of the first divergence, -1 if none.
    """

    moments: Moments | None
    final: np.ndarray | None
    path: np.ndarray | None
    diverged: np.ndarray


def block_ranges(plan: Plan) -> Iterator[tuple[int, int]]:
    """Blocks of trajectories ``[first, stop)``; their size is fixed, so that results do not depend on threads."""
    return ((first, min(first + BLOCK, plan.trajectories)) for first in range(0, plan.trajectories, BLOCK))


def make_recipe(plan: Plan) -> Recipe:
    """Recipe of the process; coupled runs number the noise of training and SDE alike."""
    if isinstance(plan.process, Training):
        return plan.process.recipe()
    assert isinstance(plan.process, SDE)
    slots = None
    if plan.couple:
        if plan.process.training is None:
            raise ValueError("couple: expected an SDE derived from a training, got one made by hand")
        slots = plan.process.training.slots
    process = plan.process if plan.noise else plan.process.without_noise()
    return INTEGRATORS[plan.integrator](process, slots)


def make_stepper(plan: Plan) -> AbstractStepper:
    """Compile the process for the chosen backend."""
    options = {
        "batch_size": plan.batch_size,
        "seed": plan.seed,
        "stream": plan.stream,
        "noise": plan.noise,
        "dtype": plan.dtype,
    }
    if plan.in_arrays:
        return array_stepper(plan.process, **options)
    if plan.is_sde:
        options["substeps"] = plan.substeps
    elif plan.couple:
        options["couple"] = plan.substeps
    make = cpu_stepper if plan.backend == "cpu" else reference_stepper
    return make(make_recipe(plan), **options)


def run_block(plan: Plan, stepper: AbstractStepper, first: int, stop: int) -> Result:
    """Run trajectories ``first`` to ``stop - 1`` over all steps."""
    state = plan.start(first, stop)
    diverged = np.full(stop - first, -1, dtype=np.int64)
    count, dim = len(plan.checkpoints), len(plan.recorded)
    recorded = state[:dim]
    moments = Moments.empty(count, dim) if "moments" in plan.record else None
    path = np.empty((stop - first, count, dim), dtype=plan.dtype) if "paths" in plan.record else None
    for index, step in enumerate(plan.checkpoints):
        if index:
            before = int(plan.checkpoints[index - 1])
            stepper.advance(state, diverged, trajectory=first, step=before, rates=plan.rates[before:step])
        if moments is not None:
            moments.record(index, recorded)
        if path is not None:
            path[:, index] = recorded.T
    final = np.ascontiguousarray(recorded.T) if "final" in plan.record else None
    return Result(moments, final, path, diverged)


def run_blocks(
    plan: Plan,
    stepper: AbstractStepper,
    ranges: Iterator[tuple[int, int]],
    *,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Result]:
    """Run blocks on threads (the kernels release the interpreter lock); yields in the order of ``ranges``."""
    workers = threads or cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting: list[Future[Result]] = []

        def submit() -> None:
            for first, stop in ranges:
                waiting.append(pool.submit(run_block, plan, stepper, first, stop))
                return

        # a few blocks ahead keep the threads busy without holding every result at once
        for _ in range(2 * workers):
            submit()
        try:
            while waiting:
                result = waiting.pop(0).result()
                submit()
                if progress is not None:
                    progress(len(result.diverged))
                yield result
        finally:
            for future in waiting:
                future.cancel()


def merge(plan: Plan, results: Iterator[Result]) -> Result:
    """Merge block results, in order."""
    moments = Moments.empty(len(plan.checkpoints), len(plan.recorded)) if "moments" in plan.record else None
    finals, paths, diverged = [], [], []
    for result in results:
        if moments is not None and result.moments is not None:
            moments.merge(result.moments)
        finals.append(result.final)
        paths.append(result.path)
        diverged.append(result.diverged)
    return Result(
        moments,
        np.concatenate(finals) if "final" in plan.record else None,
        np.concatenate(paths) if "paths" in plan.record else None,
        np.concatenate(diverged),
    )
