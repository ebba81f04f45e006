"""The four panels of the trajectory figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.papers.crossing_the_curl.shared_batch import SPREAD, Point, critical_mean, mean_drift, rest_point
from figures.style import PALETTE, letter, new_figure

COLOURS = {
    "descent-ascent": PALETTE["vermilion"],
    "two batches": PALETTE["blue"],
    "one batch": PALETTE["purple"],
}
LABELS = {
    "descent-ascent": "simultaneous descent-ascent",
    "two batches": "Crossing-the-Curl, two batches",
    "one batch": "Crossing-the-Curl, one shared batch",
}


def draw(
    single: Mapping[str, xr.DataArray],
    runs: Mapping[str, xr.Dataset],
    predicted: Mapping[str, np.ndarray],
    biased: Sequence[Point],
    fair: Sequence[Point],
    beyond: Sequence[Point],
) -> Figure:
    """Draw trajectories, distances, variance over batch size and variance over the mean of the data."""
    figure, axes = new_figure(2, 2, width=10.5, height=8.4)
    _plane(axes[0, 0], single)
    _distance(axes[0, 1], runs, predicted)
    _over_batch(axes[1, 0], [p for p in biased if p.spec.mean == 0], [p for p in fair if p.spec.mean == 0])
    _over_mean(axes[1, 1], *([p for p in group if p.spec.batch_size == 16] for group in (biased, beyond, fair)))
    letter(axes)
    lines = [Line2D([], [], color=COLOURS[name], lw=2.5) for name in COLOURS]
    figure.legend(lines, [LABELS[name] for name in COLOURS], loc="outside upper center", ncols=3, fontsize=10)
    return figure


def _plane(axes: Axes, single: Mapping[str, xr.DataArray]) -> None:
    for name, path in single.items():
        rotates = name == "descent-ascent"
        w2, a = path.sel(param="w2"), path.sel(param="a")
        axes.plot(w2, a, color=COLOURS[name], lw=0.8 if rotates else 1.8, zorder=2 if rotates else 3)
        axes.plot(w2[-1], a[-1], "s", color=COLOURS[name], mec="white", ms=7, zorder=6)
    start = [float(path.sel(param=param)[0]) for param in ("w2", "a")]
    axes.plot(*start, "o", color="black", ms=6, zorder=5)
    _say(axes, "start", start, (8, -4))
    axes.plot(0, SPREAD, "*", color="black", ms=14, mec="white", zorder=7)
    _say(axes, "equilibrium", (0, SPREAD), (10, 6))
    axes.plot([], [], "s", color=PALETTE["grey"], label="last iteration")
    axes.legend(loc="upper right")
    axes.set(title="One training each, data N(1, 1)", xlabel="discriminator's $w_2$", ylabel="generator's scale $a$")


def _say(axes: Axes, text: str, point: Sequence[float], offset: tuple[float, float]) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    axes.annotate(text, point, offset, textcoords="offset points", fontsize=9, bbox=box, zorder=8)


def _distance(axes: Axes, runs: Mapping[str, xr.Dataset], predicted: Mapping[str, np.ndarray]) -> None:
    for name, run in runs.items():
        distance, steps = run["distance"], run["step"]
        low, high = np.quantile(distance, [0.025, 0.975], axis=0)
        axes.fill_between(steps, low, high, color=COLOURS[name], alpha=0.15, lw=0)
        axes.plot(steps, np.sqrt((distance**2).mean("trajectory")), color=COLOURS[name])
        axes.plot(predicted[name], "--", color=COLOURS[name], lw=1.2)
    axes.plot([], [], color="black", label="root mean square")
    axes.plot([], [], "--", color="black", lw=1.2, label="theory")
    axes.fill_between([], [], [], color="black", alpha=0.15, lw=0, label="95 % of trainings")
    axes.set(title="Distance to the equilibrium, data N(1, 1)", xlabel="iterations k", ylabel="distance", yscale="log")
    axes.set(ylim=(0.02, 5), xlim=(0, int(steps[-1])))
    axes.set_yticks([0.03, 0.1, 0.3, 1, 3], labels=["0.03", "0.1", "0.3", "1", "3"])
    axes.minorticks_off()
    axes.legend(loc="lower right", ncols=3, columnspacing=1.2)


def _points(axes: Axes, x: Sequence[float], points: Sequence[Point], marker: str, name: str) -> None:
    values = np.array([p.measured.value for p in points])
    low, high = np.array([p.measured.interval for p in points]).T
    axes.errorbar(
        x, values, yerr=[values - low, high - values], fmt=marker, color=COLOURS[name], ms=6, zorder=4
    )  # fmt: skip


def _over_batch(axes: Axes, biased: Sequence[Point], fair: Sequence[Point]) -> None:
    sizes = np.geomspace(2, 512, 60)
    for batches, name in (("independent", "two batches"), ("shared", "one batch")):
        drift = mean_drift(batches)
        values = [rest_point(drift, 0.0, size)[2] ** 2 for size in sizes]
        axes.plot(sizes, values, color=COLOURS[name])
    _points(axes, [p.spec.batch_size for p in fair], fair, "s", "two batches")
    _points(axes, [p.spec.batch_size for p in biased], biased, "o", "one batch")
    axes.set(title="Bias over the batch size, data N(0, 1)", xlabel="batch size B", ylabel="generated variance $a^2$")
    axes.set(xscale="log", ylim=(0, 1.1))
    axes.set_xticks([2, 4, 8, 16, 64, 256], labels=["2", "4", "8", "16", "64", "256"])
    axes.minorticks_off()
    axes.plot([], [], color="black", label="rest point of the SDE's drift")
    axes.plot([], [], "o", color="black", label="trainings")
    axes.legend(loc="lower right")


def _over_mean(axes: Axes, biased: Sequence[Point], beyond: Sequence[Point], fair: Sequence[Point]) -> None:
    means = np.sort(np.append(np.linspace(0, 1.6, 60), np.linspace(0.66, 0.72, 60)))
    for batches, name in (("independent", "two batches"), ("shared", "one batch")):
        drift = mean_drift(batches)
        axes.plot(means, [rest_point(drift, mean, 16)[2] ** 2 for mean in means], color=COLOURS[name])
    _points(axes, [p.spec.mean for p in fair], fair, "s", "two batches")
    _points(axes, [p.spec.mean for p in [*biased, *beyond]], [*biased, *beyond], "o", "one batch")
    critical = critical_mean(16)
    axes.axvline(critical, color=PALETTE["grey"], lw=1, ls=":")
    axes.text(critical + 0.02, 0.42, f"one shared batch has no\nrest point beyond µ = {critical:.3f}", fontsize=9)
    axes.set(title="Collapse over the mean, data N(µ, 1), B = 16", xlabel="mean µ of the data")
    axes.set(ylabel="generated variance $a^2$", ylim=(-0.03, 1.1))
