"""The public entry: simulate a training or an SDE as an ensemble."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import Parameter, signature
from time import perf_counter
from typing import Any

import xarray as xr
from tqdm import tqdm

from gan_sde.simulation.chunks import Runner, run_all, run_here
from gan_sde.simulation.dataset import fingerprint, to_dataset
from gan_sde.simulation.expansion_range import ExpansionWarning, doubt
from gan_sde.simulation.plan import Plan, Process, make_plan
from gan_sde.simulation.store import Store
from gan_sde.symbolic.validation import check_flag


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
    observe: Mapping[str, Any] | None = None,
    histogram: Mapping[Any, Any] | None = None,
    quantiles: Sequence[float] | None = None,
    functionals: Mapping[str, Any] | None = None,
    antithetic: bool = False,
    store: str | os.PathLike[str] | None = None,
    resume: bool = False,
    scheduler: str | None = None,
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
        Jacobian, with ``u = lr / largest``), a schedule (array of shape ``(steps,)`` or function of the iteration), or
        ``{player: array}``.
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
        ``"weak2"`` (weak order 2), ``"euler"`` (weak order 1) or ``"euler-weak"`` (weak order 1 with fair signs for
        normals) or ``"weak2-three-point"`` (weak order 2 with ``sqrt(3)`` times -1, 0 or 1 for normals). The last two
        are right for means of smooth functions only, since their laws are not Gaussian; not with ``couple``.
    couple
        Drive training and SDE by the same noise, where the batch statistics are known functions of normals. Both runs
        must then use the same ``substeps``. Coupled runs are not independent.
    noise
        False switches all noise off.
    backend
        ``"auto"`` (the GPU where CUDA and the extra ``gpu`` are there, else the CPU), ``"cpu"``, ``"gpu"`` (fused
        kernels) or ``"reference"`` (plain numpy). The random numbers are the same everywhere; CPU and GPU agree to
        rounding.
    dtype
        ``"float64"`` or ``"float32"``; moments are always float64.
    observe
        ``{name: expression}``, text or sympy in the parameters (and the memory, where that is recorded): means over
        the trajectories at the checkpoints.
    histogram
        ``{parameter: edges}`` or ``{(parameter, parameter): (edges, edges)}``: counts at the checkpoints.
    quantiles
        Probabilities, such as ``(0.05, 0.5, 0.95)``, of every parameter at the checkpoints.
    functionals
        ``{name: time_average(...), exit_time(...) or running_max(...)}`` of `gan_sde`: one number a trajectory, taken
        at all iterations inside the kernel. They may change the rounding of the trajectories.
    antithetic
        Run an even number of trajectories in pairs: 2i is trajectory i of the run without, to the bit on the CPU,
        2i + 1 its mirror, driven by the negated noise (where samples are drawn one by one, by 1 - u for a uniform u;
        rows of data sets stay). What is odd in the noise cancels in a pair, such as the state itself while it is nearly
        linear in the noise: its mean then has much less variance than from as many independent trajectories. What is
        even may lose up to half of its effective number; the standard errors tell. (Samples drawn one by one that
        enter through even functions only have mirrors that equal their paths.) Neither array-form games nor a
        schedule a player.
    store, resume
        Path for the results in an existing folder, written chunk by chunk, by one process at a time; ``resume`` goes on
        after an interruption. `xarray.open_zarr` reads the finished store.
    scheduler
        Address of a running ``dask scheduler``, ``tcp://host:port``: its workers then run the chunks, with the same
        result to the bit (extra ``cluster``). Default: the threads of this process.
    progress
        Show a progress bar on standard error; default: if it is a terminal.

    Returns
    -------
    xarray.Dataset
        ``mean``, ``mean_se`` ``(step, param)``; ``second_moment``, ``second_moment_se`` ``(step, param, param_)``;
        ``n`` ``(step)``, trajectories still counted; ``final`` ``(trajectory, param)``; ``path``
        ``(trajectory, step, param)``; ``diverged`` ``(trajectory)``, iteration at which a trajectory left the finite
        range (bound 1e8), -1 if it did not. A diverged trajectory is NaN and leaves the moments.

        With ``antithetic`` the two of a pair are not independent, and every standard error and ``observable_cov`` is
        that of means over pairs. ``n`` still counts trajectories, of which ``n / 2`` pairs are independent. A pair
        diverges as one: when one path does, both are NaN, share ``diverged`` and leave the moments.

        With ``observe``: ``observable_mean``, ``observable_se`` ``(step, observable)`` and ``observable_cov``
        ``(step, observable, observable_)``, the covariance V of the means (``V_ii + V_jj - 2 V_ij`` is the squared
        standard error of a difference); NaN where a trajectory lies outside an expression's domain.

        With ``histogram``: ``histogram_X`` ``(step, bin_X)``, or ``histogram_X_Y`` ``(step, bin_X_Y_0, bin_X_Y_1)``,
        int64; bin 0 lies below the first edge, the last one begins at the last edge, each contains its own lower edge
        (``lower_X``).

        With ``quantiles``: ``quantiles`` ``(step, quantile, param)`` and ``quantile_rank_error`` ``(step)``, a bound
        on the difference between the probability asked for and the one reached: 0 up to 1024 trajectories, below
        0.004 at a million.

        With ``functionals``: ``functional_value`` ``(trajectory, functional)`` and ``functional_mean``,
        ``functional_se``, ``functional_n`` ``(functional)`` over the values that are not NaN.

    Raises
    ------
    ValueError
        On any argument that is not as described, in one line that names it.

    Warns
    -----
    gan_sde.ExpansionWarning
        Where the learning rate is visibly too large for the expansion that an SDE comes from: at the start its terms of
        order lr are more than half as large as those before them. The SDE may then be far from its training.

    Examples
    --------
    >>> import gan_sde as gs
    >>> game = gs.games.get("quadratic").with_defaults()
    >>> training = gs.Training(game, gs.algorithms.get("sgda"))
    >>> run = gs.simulate(training, lr=0.1, steps=20, trajectories=100, batch_size=8)
    >>> run["final"].shape
    (100, 2)

    A finished store opens with xarray:

    >>> import tempfile, xarray
    >>> path = f"{tempfile.mkdtemp()}/run.zarr"
    >>> _ = gs.simulate(training, lr=0.1, steps=20, trajectories=100, store=path)
    >>> xarray.open_zarr(path, chunks=None)["final"].shape
    (100, 2)
    """
    plan = make_plan(
        process, x0=x0, lr=lr, steps=steps, trajectories=trajectories, batch_size=batch_size, seed=seed,
        record=record, every=every, substeps=substeps, integrator=integrator, couple=couple, noise=noise,
        backend=backend, dtype=dtype, observe=observe, histogram=histogram, quantiles=quantiles,
        functionals=functionals, antithetic=antithetic,
    )  # fmt: skip
    check_resume(resume, store)
    if progress is not None:
        check_flag("progress", progress)
    if reason := doubt(plan):
        warnings.warn(reason, ExpansionWarning, stacklevel=2)
    began = perf_counter()
    with runner(scheduler) as run:
        kept = None if store is None else Store(store, fingerprint(plan), resume=resume)
        if kept is not None and kept.finished:
            return kept.dataset()
        with releasing([kept]):
            with progress_bar(progress, plan.description, plan.trajectories) as advance:
                result = next(run_all([(plan, kept)], run, advance))
            earlier = 0.0 if kept is None else kept.earlier
            data = to_dataset(plan, result, earlier + perf_counter() - began)
            if kept is not None:
                kept.finish(data)
    return data


def plan_of(process: Process, **options: Any) -> Plan:
    """Checked plan of a simulation; what is left out has the default of `simulate`."""
    defaults = {name: p.default for name, p in signature(simulate).parameters.items()}
    wanted = [name for name in signature(make_plan).parameters if name != "process"]
    if unknown := [name for name in options if name not in wanted]:
        raise ValueError(
            f"{unknown[0]}: expected an option of simulate, one of {', '.join(wanted)}; got {unknown[0]!r}"
        )
    chosen = {name: options.get(name, defaults[name]) for name in wanted}
    if missing := [name for name, value in chosen.items() if value is Parameter.empty]:
        raise ValueError(f"{missing[0]}: expected a value, got none")
    return make_plan(process, **chosen)


def check_resume(resume: bool, store: str | os.PathLike[str] | None) -> None:
    """Refuse a resumption of nothing."""
    check_flag("resume", resume)
    if resume and store is None:
        raise ValueError("store: expected a path together with resume=True, got None")


@contextmanager
def runner(scheduler: str | None) -> Iterator[Runner]:
    """Where chunks run: in this process, or on the cluster of a scheduler."""
    if scheduler is None:
        yield run_here
        return
    from gan_sde.simulation.cluster import cluster

    with cluster(scheduler) as run:
        yield run


@contextmanager
def releasing(stores: Sequence[Store | None]) -> Iterator[None]:
    """Let other processes go on with stores that an error or an interruption leaves unfinished."""
    try:
        yield
    finally:
        for store in stores:
            if store is not None:
                store.release()


@contextmanager
def progress_bar(wanted: bool | None, title: str, trajectories: int) -> Iterator[Callable[[int], None]]:
    """Trajectories done, with the time left; silent when standard error is no terminal."""
    shown = sys.stderr.isatty() if wanted is None else wanted
    with tqdm(total=trajectories, desc=title, unit=" trajectories", disable=not shown, leave=False) as bar:
        yield bar.update
