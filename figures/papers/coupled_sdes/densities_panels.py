"""Panels of the densities claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from scipy.stats import norm

from analysis.density import Density
from figures.style import PALETTE, letter, new_figure, style

if TYPE_CHECKING:
    from figures.papers.coupled_sdes.densities import Study

MASSES = (0.99, 0.95, 0.75, 0.5, 0.25)
SHADE = LinearSegmentedColormap.from_list("shade", ["#ffffff", PALETTE["sky"]])
COLOURS = (PALETTE["blue"], PALETTE["vermilion"])


def draw(studies: list[Study]) -> Figure:
    """One row a game: joint law, marginals, relaxation, gap of the training."""
    figure, axes = new_figure(len(studies), 4, width=15.0, height=8.4, width_ratios=[1.2, 1, 1, 0.85])
    with style():
        for row, each in zip(axes, studies, strict=True):
            _joint(row[0], each)
            _marginals(row[1], each)
            _relaxation(row[2], each)
            _gaps(row[3], each)
        letter(axes)
    return figure


def level_of(density: Density, mass: float) -> float:
    """Value of the density on the border of the smallest set that holds a mass."""
    ordered = np.sort(density.values.ravel())[::-1]
    return float(ordered[np.searchsorted(np.cumsum(ordered) * density.grid.volume, mass)])


def _joint(axis: Axes, each: Study) -> None:
    density, problem = each.law.density, each.law.problem
    grid = density.grid
    edges = [np.linspace(low, high, 49) for low, high in zip(grid.low, grid.high, strict=True)]
    counts, _, _ = np.histogram2d(*each.final.T, bins=edges, density=True)
    axis.pcolormesh(*edges, counts.T, cmap=SHADE, rasterized=True, vmax=density.values.max())
    levels = [level_of(density, mass) for mass in MASSES]
    axis.contour(*grid.axes, density.values.T, levels=levels, colors=PALETTE["black"], linewidths=0.9)
    mean, covariance = each.system.gaussian()
    angle = np.linspace(0, 2 * np.pi, 200)
    ring = np.sqrt(-2 * np.log(0.05)) * np.linalg.cholesky(covariance) @ np.array([np.cos(angle), np.sin(angle)])
    axis.plot(*(mean[:, None] + ring), ":", color=PALETTE["vermilion"], linewidth=1.8)
    _arrows(axis, problem.current(density), density)
    inside = density.values > level_of(density, 0.997)
    for which, setter in ((1, axis.set_xlim), (0, axis.set_ylim)):
        reached = np.flatnonzero(inside.any(axis=which))
        line = grid.axes[1 - which]
        setter(line[reached[0]], line[reached[-1]])
    axis.set(xlabel=each.system.labels[0], ylabel=each.system.labels[1])
    axis.grid(False)
    handles = [
        axis.plot([], [], "s", color=PALETTE["sky"], markersize=8)[0],
        axis.plot([], [], color=PALETTE["black"], linewidth=0.9)[0],
        axis.plot([], [], ":", color=PALETTE["vermilion"], linewidth=1.8)[0],
        axis.plot([], [], linestyle="none", marker=r"$\rightarrow$", color=PALETTE["purple"], markersize=12)[0],
    ]
    names = ["sampled SDE", "Fokker–Planck", "Gaussian, 95 %", "current"]
    axis.legend(handles, names, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=4, columnspacing=0.9,
                handletextpad=0.4)  # fmt: skip
    axis.set_title(f"{each.system.name}: stationary law")


def _arrows(axis: Axes, current: np.ndarray, density: Density) -> None:
    """Current on a sparse lattice inside the 97 % contour, its length by its square root."""
    reach = [np.flatnonzero((density.values > level_of(density, 0.97)).any(axis=k)) for k in (1, 0)]
    step = [max(1, (cells[-1] - cells[0]) // 9) for cells in reach]
    chosen = np.ix_(*(np.arange(s // 2, n, s) for s, n in zip(step, density.grid.shape, strict=True)))
    held = density.values[chosen] > level_of(density, 0.97)
    points = density.grid.centres.reshape(*density.grid.shape, 2)[chosen][held]
    flow = current[chosen][held] / density.grid.spacing / density.grid.shape
    length = np.linalg.norm(flow, axis=1)
    flow = flow / np.sqrt(length)[:, None] / np.sqrt(length.max())
    axis.quiver(
        *points.T, *flow.T, color=PALETTE["purple"], angles="uv", scale=13, width=0.007, headwidth=4.5, headlength=4.5,
        headaxislength=4, minlength=0.5, zorder=4,
    )  # fmt: skip


def _marginals(axis: Axes, each: Study) -> None:
    """Both marginals in units of the Gaussian's deviation, one above the other."""
    mean, covariance = each.system.gaussian()
    height = 0.62
    for index in (0, 1):
        base, colour = height * (1 - index), COLOURS[index]
        deviation = np.sqrt(covariance[index, index])
        marginal = each.law.density.marginal(index)
        line = (marginal.grid.axes[0] - mean[index]) / deviation
        edges = np.linspace(max(line[0], -4.5), min(line[-1], 4.5), 46)
        values = (each.final[:, index] - mean[index]) / deviation
        share = np.histogram(values, edges)[0] / len(values)
        width = np.diff(edges)
        error = 1.96 * np.sqrt(share * (1 - share) / len(values)) / width
        top, bottom = share / width + error, share / width - error
        axis.fill_between(edges, base + np.append(bottom, bottom[-1]), base + np.append(top, top[-1]), step="post",
                          color=colour, alpha=0.45, linewidth=0)  # fmt: skip
        axis.plot(line, base + marginal.values * deviation, color=colour)
        axis.plot(line, base + norm.pdf(line), ":", color=PALETTE["black"], linewidth=1.3)
        axis.text(-4.3, base + 0.12, each.system.labels[index].split()[1], color=colour, fontsize=12)
    for style_, text in (
        (dict(color=PALETTE["grey"]), "Fokker–Planck"),
        (dict(color=PALETTE["black"], linestyle=":"), "Gaussian"),
    ):
        axis.plot([], [], label=text, **style_)
    axis.fill_between([], [], [], color=PALETTE["grey"], alpha=0.45, label="sampled, 95 %")
    axis.legend(loc="upper right")
    axis.set(xlim=(-4.5, 4.5), ylim=(-0.02, 2 * height + 0.12), yticks=[])
    axis.set(xlabel="deviations of the Gaussian from its mean", ylabel="density")
    axis.set_title("Marginals")


def _relaxation(axis: Axes, each: Study) -> None:
    """Means on their way, relative to the stationary mean and to the start."""
    path, times = each.run["path"].values, each.run["time"].values
    shown = times <= each.times[-1]
    error = 1.96 * path.std(axis=0) / np.sqrt(len(path))
    limit = each.law.moments.value[:2]
    scale = np.abs(np.array(each.system.start) - limit).max()
    for index in (0, 1):
        centre = (path.mean(axis=0)[:, index] - limit[index]) / scale
        half = error[:, index] / scale
        axis.fill_between(
            times[shown], (centre - half)[shown], (centre + half)[shown], color=COLOURS[index], alpha=0.45, linewidth=0
        )
        values = np.append(each.system.start[index], each.mean.value[:, index])
        axis.plot(np.append(0, each.times), (values - limit[index]) / scale, "o-", color=COLOURS[index], markersize=3.5,
                  label=each.system.labels[index])  # fmt: skip
    gap, fine = -each.eigenvalue.value[0], np.linspace(0, each.times[-1], 100)
    for sign in (1, -1):
        label = rf"$\pm e^{{-{gap:.2f}\,t}}$ (spectral gap)" if sign > 0 else None
        axis.plot(fine, sign * np.exp(-gap * fine), "--", color=PALETTE["grey"], linewidth=1.2, label=label)
    axis.fill_between([], [], [], color=PALETTE["grey"], alpha=0.45, label="sampled, 95 %")
    axis.set(xlabel="time, lr × iterations", ylabel="mean − its limit, in units of the start's", ylim=(-0.3, 1.08))
    axis.legend(loc="upper right")
    axis.set_title("Mean from one start")


def _gaps(axis: Axes, each: Study) -> None:
    """Gap of the training's covariance against the learning rate."""
    lrs, gaps = each.training_lrs, each.gaps
    axis.errorbar(lrs, 100 * gaps, 196 * each.gap_errors, fmt="s", color=PALETTE["green"], label="training, 95 %")
    powers = np.stack([lrs, lrs**2], axis=1) / each.gap_errors[:, None]
    first, second = np.linalg.lstsq(powers, gaps / each.gap_errors, rcond=None)[0]
    line = np.linspace(0, 1.1 * lrs[0], 50)
    axis.plot(line, 100 * (first * line + second * line**2), color=PALETTE["grey"], label="fit α lr + β lr²")
    axis.axhline(0, color=PALETTE["black"], linewidth=0.8)
    axis.set(xlabel="learning rate lr", ylabel="tr C of training / tr C of SDE − 1, %", xlim=(0, line[-1]))
    axis.legend(loc="upper left")
    axis.set_title("What order 1 leaves")
