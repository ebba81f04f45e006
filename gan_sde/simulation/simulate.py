"""The public entry: simulate a training or an SDE as an ensemble."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count, islice
from time import perf_counter
from typing import Any

import xarray as xr
from tqdm import tqdm

from gan_sde.simulation.dataset import fingerprint, to_dataset
from gan_sde.simulation.ensemble import Result, block_ranges, make_stepper, merge, run_blocks
from gan_sde.simulation.plan import Plan, Process, make_plan
from gan_sde.simulation.store import Store
from gan_sde.symbolic.validation import check_flag

CHUNK = 16
"""Blocks that a store keeps in one file."""


def simulate(
    process: Process,
    *,
    x0: Any = None,
    lr: Any,
    steps: int,
    trajectories: int,
    batch_size: float = 1,
    seed: int = 0,
    record: Sequence[str] = ("moments", "final"),
    every: int | None = None,
    substeps: int | None = None,
    integrator: str = "weak2",
    couple: bool = False,
    noise: bool = True,
    backend: str = "auto",
    dtype: str = "float64",
    store: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> xr.Dataset:
    """Simulate an ensemble of a training or of an SDE.

    Parameters
    ----------
    process
        ``Training(game, algorithm)`` or ``training.sde(order)``; the game must have no free constants.
    x0
        Start: an array ``(d,)`` or ``(trajectories, d)`` in parameter order, a dict that names every parameter, or None
        for the game's own.
    lr
        Learning rate: a number, ``{player: number}`` (the algorithm then sees the field ``U F`` and its
        Jacobian, with ``u = lr / largest``), or a schedule (array of shape ``(steps,)`` or function of the iteration).
    steps
        Iterations. An SDE runs ``steps`` units of physical time ``lr``.
    trajectories
        Size of the ensemble.
    batch_size
        Samples a batch; ``math.inf`` is the deterministic limit.
    seed
        0 to 2^64 - 1. The numbers depend on it and on nothing that the machine decides.
    record
        Any of ``"moments"``, ``"final"``, ``"paths"``; ``"memory"`` adds what the algorithm carries (velocities,
        averages) to ``param``, after the parameters.
    every
        Iterations between checkpoints; default about 100 checkpoints.
    substeps
        Integration sub-steps an iteration (SDE); default so that the integrator's bias stays well below the SDE's own
        error. Said in ``attrs``.
    integrator
        ``"weak2"`` (weak order 2) or ``"euler"`` (weak order 1).
    couple
        Drive training and SDE by the same noise, where the batch statistics are known functions of normals. Both runs
        must then use the same ``substeps``. Coupled runs are not independent.
    noise
        False switches all noise off.
    backend
        ``"auto"``, ``"cpu"`` (fused kernel) or ``"reference"`` (plain numpy, same random numbers).
    dtype
        ``"float64"`` or ``"float32"``; moments are always float64.
    store, resume
        Folder for the results, written chunk by chunk; ``resume`` goes on after an interruption.
    progress
        Show a progress bar on standard error; default: if it is a terminal.

    Returns
    -------
    xarray.Dataset
        ``mean``, ``mean_se`` ``(step, param)``; ``second_moment``, ``second_moment_se`` ``(step, param, param_)``;
        ``n`` ``(step)``, trajectories still counted; ``final`` ``(trajectory, param)``; ``path``
        ``(trajectory, step, param)``; ``diverged`` ``(trajectory)``, iteration at which a trajectory left the finite
        range (bound 1e8), -1 if it did not. A diverged trajectory is NaN and leaves the moments.

    Raises
    ------
    ValueError
        On any argument that is not as described, in one line that names it.

    Examples
    --------
    >>> import gan_sde as gs
    >>> game = gs.games.get("quadratic").with_defaults()
    >>> training = gs.Training(game, gs.algorithms.get("sgda"))
    >>> run = gs.simulate(training, lr=0.1, steps=20, trajectories=100, batch_size=8)
    >>> run["final"].shape
    (100, 2)
    """
    plan = make_plan(
        process, x0=x0, lr=lr, steps=steps, trajectories=trajectories, batch_size=batch_size, seed=seed,
        record=record, every=every, substeps=substeps, integrator=integrator, couple=couple, noise=noise,
        backend=backend, dtype=dtype,
    )  # fmt: skip
    check_flag("resume", resume)
    if progress is not None:
        check_flag("progress", progress)
    began = perf_counter()
    kept = None if store is None else Store(store, fingerprint(plan), resume=resume)
    if kept is not None and kept.finished:
        return kept.dataset()
    with _progress_bar(progress, plan) as advance:
        result = merge(plan, _chunks(plan, kept, advance))
    data = to_dataset(plan, result, perf_counter() - began)
    if kept is not None:
        kept.finish(data)
    return data


def _chunks(plan: Plan, store: Store | None, advance: Callable[[int], None]) -> Iterator[Result]:
    """Results of all blocks in order; with a store, chunk by chunk and only what is missing."""
    stepper, ranges = make_stepper(plan), block_ranges(plan)
    if store is None:
        blocks = run_blocks(plan, stepper, ranges, progress=advance)
        # merged in the same groups as with a store, so that both round alike
        while first := next(blocks, None):
            yield merge(plan, chain((first,), islice(blocks, CHUNK - 1)))
        return
    for number in count():
        chunk = list(islice(ranges, CHUNK))
        if not chunk:
            return
        result = store.load(number)
        if result is None:
            result = merge(plan, run_blocks(plan, stepper, iter(chunk), progress=advance))
            store.save(number, result)
        else:
            advance(len(result.diverged))
        yield result


class _progress_bar:
    """Trajectories done, with the time left; silent when standard error is no terminal."""

    def __init__(self, wanted: bool | None, plan: Plan) -> None:
        shown = sys.stderr.isatty() if wanted is None else wanted
        kind = "SDE" if plan.is_sde else "training"
        self._bar = tqdm(
            total=plan.trajectories, desc=f"{plan.game.name} {kind}", unit=" trajectories", disable=not shown,
            leave=False,
        )  # fmt: skip

    def __enter__(self) -> Callable[[int], None]:
        return self._bar.update

    def __exit__(self, *_: object) -> None:
        self._bar.close()
