"""A simulated run as text: means, deviations and covariances with their errors, divergence, mixing."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from gan_sde.cli.layout import human_time, table, terminal_width, with_error
from gan_sde.cli.shadows import refuse_shadows

if TYPE_CHECKING:
    import xarray

_CHUNK = 2**18
"""Trajectories read at a time, so that a run larger than the memory can be summarised."""
_MAX_CHAINS = 512
"""Trajectories that effective sample sizes are computed from."""
_MAX_COVARIANCE_DIM = 8
_MAX_RHAT = 1.01  # Vehtari et al. (2021)
_LEAST_TEXT = 20
"""Columns that a value gets on however narrow a terminal."""
_UNINTERESTING = ("recipe", "versions", "machine")
_UNINTERESTING_VALUES = {"integrator": "none", "coupled": 0, "antithetic": 0, "noise": 1}


@dataclass(frozen=True, eq=False)
class FinalCovariance:
    """Covariance of the final states and its standard error.

    Parameters
    ----------
    value, se
        Shape ``(d, d)``. The error is that of independent trajectories, or of independent pairs of them, from their
        fourth moments.
    n
        Finite final states.
    """

    value: np.ndarray
    se: np.ndarray
    n: int


def final_covariance(final: xarray.DataArray, paths: int = 1) -> FinalCovariance:
    """Covariance of the finite final states, read in pieces.

    Parameters
    ----------
    final
        Dimensions ``(trajectory, param)``.
    paths
        Successive trajectories that are not independent: 2 for antithetic pairs, which are finite together.
    """
    d = final.sizes["param"]
    centre: np.ndarray | None = None  # near the mean: against cancellation, and for the fourth moments
    n, first, second, fourth = 0, np.zeros(d), np.zeros((d, d)), np.zeros((d, d))
    for begin in range(0, final.sizes["trajectory"], _CHUNK):
        piece = np.asarray(final.isel(trajectory=slice(begin, begin + _CHUNK)).values, dtype=np.float64)
        piece = piece[np.isfinite(piece).all(axis=1)]
        if centre is None and len(piece):
            centre = piece.mean(axis=0)
        deviation = piece - (0.0 if centre is None else centre)
        n += len(deviation)
        first += deviation.sum(axis=0)
        second += deviation.T @ deviation
        lanes = deviation.reshape(-1, paths, d)
        # sum over the lanes of the squared mean product, without an array of all products
        for mixed in (lanes[:, p] * lanes[:, q] for p in range(paths) for q in range(paths)):
            fourth += mixed.T @ mixed / paths**2
    if n < 2:
        return FinalCovariance(np.full((d, d), np.nan), np.full((d, d), np.nan), n)
    mean = first / n
    value = (second / n - np.outer(mean, mean)) * n / (n - 1)
    se = np.sqrt(np.maximum(fourth / (n // paths) - (second / n) ** 2, 0.0) / (n // paths))
    return FinalCovariance(value, se, n)


def summarise(run: xarray.Dataset) -> str:
    """Describe a run for a person: what it was, where it ended, how sure that is."""
    parts = [_heading(run), _divergence(run), *_final_state(run)]
    if "path" in run:
        # mirrors are no chains of their own
        parts.append(_mixing(run["path"].isel(trajectory=slice(None, None, paths_of(run)))))
    return "\n\n".join(part for part in parts if part)


def paths_of(run: xarray.Dataset) -> int:
    """Successive trajectories that share their noise: 2 where they are antithetic pairs, else 1."""
    return 2 if run.attrs.get("antithetic") else 1


def _heading(run: xarray.Dataset) -> str:
    lines = []
    for name, value in run.attrs.items():
        plain = isinstance(value, bool | int | float | str) and "\n" not in str(value)
        if name == "lr" and "lr_by_player" in run.attrs:
            continue  # the largest of them
        if not plain or name in _UNINTERESTING or _UNINTERESTING_VALUES.get(str(name)) == value:
            continue
        text = (
            human_time(value)
            if name == "wall_time_seconds"
            else f"{value:g}"
            if isinstance(value, float)
            else f"{value}"
        )
        lines.append((str(name).removesuffix("_seconds").replace("_", " "), text))
    width = max((len(name) for name, _ in lines), default=0)
    return "\n".join(_entry(name.ljust(width) + "  ", text) for name, text in lines)


def _entry(name: str, text: str) -> str:
    """Name and value, the value in as many lines as it needs."""
    room = max(_LEAST_TEXT, terminal_width() - len(name))
    lines = wrap(text, room, break_long_words=False, break_on_hyphens=False)
    return name + ("\n" + " " * len(name)).join(lines)


def _divergence(run: xarray.Dataset) -> str:
    if "diverged" not in run:
        return ""
    steps = np.asarray(run["diverged"].values)
    count = int((steps >= 0).sum())
    first = f", the first at step {steps[steps >= 0].min()}" if count else ""
    return f"diverged: {count} of {steps.size} trajectories{first}"


def _final_state(run: xarray.Dataset) -> list[str]:
    names = [str(name) for name in run["param"].values]
    rows: list[list[str]] = [[name] for name in names]
    header = ["parameter"]
    title = "final state"
    if "mean" in run:
        last = run.isel(step=-1)
        title = f"state at step {int(last['step'])}" + (f", time {float(last['time']):g}" if "time" in run else "")
        start = np.asarray(run["mean"].isel(step=0).values)
        header += ["SDE start" if "start" in run.attrs else "start", "mean", "± se"]
        for i, row in enumerate(rows):
            row += [f"{start[i]:.6g}", *with_error(float(last["mean"][i]), float(last["mean_se"][i]))]
    if "final" in run:
        covariance = final_covariance(run["final"], paths_of(run))
        header += ["variance", "± se"]
        for i, row in enumerate(rows):
            row += with_error(float(covariance.value[i, i]), float(covariance.se[i, i]))
        parts = [f"{title}, {covariance.n} trajectories\n{table(header, rows)}"]
        return parts + _covariances(names, covariance)
    if "second_moment" in run:
        second, se = (np.asarray(run[n].isel(step=-1).values) for n in ("second_moment", "second_moment_se"))
        header += ["second moment", "± se"]
        for i, row in enumerate(rows):
            row += with_error(float(second[i, i]), float(se[i, i]))
    return [f"{title}\n{table(header, rows)}"]


def _covariances(names: list[str], covariance: FinalCovariance) -> list[str]:
    d = len(names)
    if d < 2 or covariance.n < 2:
        return []
    if d > _MAX_COVARIANCE_DIM:
        return [f"covariances: {d} x {d}, not printed; the store has the second moments"]
    cells = [[name, *("" if j < i else _pair(covariance, i, j) for j in range(d))] for i, name in enumerate(names)]
    return [f"covariance ± se\n{table(['', *names], cells)}"]


def _pair(covariance: FinalCovariance, i: int, j: int) -> str:
    return " ± ".join(with_error(float(covariance.value[i, j]), float(covariance.se[i, j])))


def _mixing(path: Any) -> str:
    """Effective sample sizes over the second half of the checkpoints; the trajectories are the chains."""
    refuse_shadows("analysis")
    import analysis

    draws = path.sizes["step"] // 2
    if draws < 8:
        return ""
    chains = path.isel(trajectory=slice(0, _MAX_CHAINS), step=slice(-draws, None))
    samples = np.asarray(chains.transpose("trajectory", "step", "param").values, dtype=np.float64)
    samples = samples[np.isfinite(samples).all(axis=(1, 2))]
    if not len(samples):
        return ""
    estimate = analysis.mean_estimate(samples)
    size = np.atleast_1d(analysis.effective_sample_size(samples))
    rhat = np.atleast_1d(analysis.split_rhat(samples))
    rows = [
        [
            str(name),
            *with_error(float(estimate.value[i]), float(estimate.se[i])),
            f"{size[i]:.0f}",
            f"{rhat[i]:.3f}",
        ]
        for i, name in enumerate(path["param"].values)
    ]
    drifting = "\nR-hat above 1.01: the run is not stationary there" if (rhat > _MAX_RHAT).any() else ""
    title = f"time average over the last {draws} checkpoints of {len(samples)} trajectories"
    return f"{title}\n{table(['parameter', 'mean', '± se', 'ESS', 'R-hat'], rows)}{drifting}"
