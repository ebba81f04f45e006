"""One simulation for every point of a grid of rates, batch sizes, seeds or constants of the game."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr

from gan_sde.simulation.chunks import run_all
from gan_sde.simulation.dataset import fingerprint, to_dataset
from gan_sde.simulation.expansion_range import ExpansionWarning, doubt
from gan_sde.simulation.plan import Plan, Process
from gan_sde.simulation.simulate import check_resume, plan_of, progress_bar, releasing, runner
from gan_sde.simulation.store import Store
from gan_sde.symbolic.training import Training
from gan_sde.symbolic.validation import check_flag

SWEPT = ("lr", "batch_size", "seed")
"""Options of `simulate` that may be swept; any other name is a constant of the game or an argument of ``process``."""
TAKEN = frozenset(
    "step time trajectory param param_ n diverged mean mean_se second_moment second_moment_se final path quantile "
    "quantiles quantile_rank_error observable observable_ observable_mean observable_se observable_cov functional "
    "functional_value functional_mean functional_se functional_n".split()
)
"""Names of what `simulate` returns, which no dimension can have; besides those that begin like a histogram's."""


def sweep(
    process: Process | Callable[..., Process],
    over: Mapping[str, Sequence[float]],
    *,
    store: str | os.PathLike[str] | None = None,
    resume: bool = False,
    scheduler: str | None = None,
    progress: bool | None = None,
    **options: Any,
) -> xr.Dataset:
    """Simulate at every point of a grid.

    Parameters
    ----------
    process
        A training whose game has the swept constants free; or a function that is called with the swept constants by
        name and returns a training or an SDE.
    over
        Values by name: ``lr``, ``batch_size`` and ``seed`` are options of `simulate`, all other names are constants.
    store, resume
        Folder that gets one store a point; ``resume`` goes on after an interruption.
    scheduler
        Address of a dask scheduler: the chunks of all points run on its workers as one stream.
    progress
        As in `simulate`.
    **options
        Of `simulate`, the same for all points. ``record`` is ``("moments",)`` unless said otherwise. All points have
        the same seed unless it is swept, and so the same random numbers: their differences are less noisy than their
        values, and their errors are correlated.

    Returns
    -------
    xarray.Dataset
        The variables of `simulate` with one leading dimension for each name in ``over``.

    Raises
    ------
    ValueError
        On any argument that is not as described, before anything runs.

    Warns
    -----
    gan_sde.ExpansionWarning
        As `simulate` does, once, for the first point at which the learning rate is visibly too large for the SDE.

    Examples
    --------
    >>> import gan_sde as gs
    >>> training = gs.Training(gs.games.get("lq-gan").subs(mu=0.5), gs.algorithms.get("sgda"))
    >>> grid = gs.sweep(training, {"sigma": [0.5, 1.0], "lr": [0.01, 0.02, 0.05]}, steps=10, trajectories=100)
    >>> dict(grid["mean"].sizes)
    {'sigma': 2, 'lr': 3, 'step': 11, 'param': 4}
    """
    points = _points(over)
    check_resume(resume, store)
    if progress is not None:
        check_flag("progress", progress)
    if "record" not in options:
        options["record"] = ("moments",)
    began = perf_counter()
    if store is not None and not Path(store).parent.is_dir():
        raise ValueError(f"store: expected a path in an existing folder, got {str(store)!r}")
    plans = [_plan(process, point, options) for point in points]
    if other := next((plan for plan in plans if plan.recorded != plans[0].recorded), None):
        raise ValueError(
            f"process: expected the same parameters at every point, got {plans[0].recorded} and {other.recorded}"
        )
    if reason := next(filter(None, map(doubt, plans)), None):
        warnings.warn(reason, ExpansionWarning, stacklevel=2)
    with runner(scheduler) as run:
        stores = _stores(store, plans, resume)
        with releasing(stores):
            data: list[xr.Dataset | None] = [s.dataset() if s is not None and s.finished else None for s in stores]
            left = [number for number, found in enumerate(data) if found is None]
            total = sum(plans[number].trajectories for number in left)
            with progress_bar(progress, f"{plans[0].game.name} sweep", total) as advance:
                results = run_all([(plans[number], stores[number]) for number in left], run, advance)
                for number, result in zip(left, results, strict=True):
                    own = stores[number]
                    earlier = 0.0 if own is None else own.earlier
                    data[number] = found = to_dataset(plans[number], result, earlier + perf_counter() - began)
                    if own is not None:
                        own.finish(found)
                    began = perf_counter()
    return _joined(over, data)


def _points(over: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    if not isinstance(over, Mapping) or not over:
        raise ValueError(f"over: expected values by name, such as {{'lr': [0.01, 0.1]}}, got {over!r}")
    for name, values in over.items():
        if name in TAKEN or str(name).startswith(("bin_", "lower_", "histogram_")):
            raise ValueError(f"over[{name}]: expected a name that no result has, got {name!r}")
        if not isinstance(name, str) or np.ndim(values) != 1 or len(values) == 0:
            raise ValueError(f"over[{name}]: expected a sequence of numbers, got {values!r}")
    return [dict(zip(over, values, strict=True)) for values in product(*over.values())]


def _plan(process: Any, point: Mapping[str, Any], options: Mapping[str, Any]) -> Plan:
    """Plan of one point; a mistake names it."""
    swept = {name: value for name, value in point.items() if name in SWEPT}
    constants = {name: value for name, value in point.items() if name not in SWEPT}
    if isinstance(process, Training) and constants:
        free = [s.name for s in process.game.free_symbols]
        if unknown := [name for name in constants if name not in free]:
            what = f"free constants of the game ({', '.join(free) or 'there are none'})"
            raise ValueError(f"over: expected {', '.join(SWEPT)} or {what}, got {unknown[0]!r}")
        process = replace(process, game=process.game.subs(**constants))
    elif constants and not callable(process):
        raise ValueError(
            f"over: expected {', '.join(SWEPT)} for a process without free constants, got {next(iter(constants))!r}"
        )
    elif callable(process) and not isinstance(process, Training):
        process = process(**constants)
    if twice := [name for name in swept if name in options]:
        raise ValueError(f"{twice[0]}: expected it in over or as an option, got both")
    return plan_of(process, **options, **{name: _plain(value) for name, value in swept.items()})


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _stores(folder: str | os.PathLike[str] | None, plans: Sequence[Plan], resume: bool) -> list[Store | None]:
    if folder is None:
        return [None] * len(plans)
    path = Path(folder)
    path.mkdir(exist_ok=True)
    digits = len(str(len(plans) - 1))
    return [
        Store(path / f"point-{number:0{digits}d}.zarr", fingerprint(plan), resume=resume)
        for number, plan in enumerate(plans)
    ]


def _joined(over: Mapping[str, Sequence[float]], data: Sequence[xr.Dataset | None]) -> xr.Dataset:
    """Data sets of the points, in the order of the grid, under one roof."""
    shape = tuple(len(values) for values in over.values())
    assert prod(shape) == len(data)
    points = [found for found in data if found is not None]
    constant = ("time",) if "time" in points[0].coords else ()
    names = [*points[0].data_vars, *constant]
    variables = {}
    for name in names:
        stacked = np.stack([found[name].values for found in points])
        variables[name] = ((*over, *points[0][name].dims), stacked.reshape(*shape, *stacked.shape[1:]))
    coords: dict[str, Any] = {name: np.asarray(values) for name, values in over.items()}
    coords |= {name: c.variable for name, c in points[0].coords.items() if name not in variables}
    attrs = {name: v for name, v in points[0].attrs.items() if all(found.attrs.get(name) == v for found in points)}
    return xr.Dataset(variables, coords, attrs=attrs)
