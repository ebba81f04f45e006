"""The panels of the figure of the staged method in one dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.papers.crossing_the_curl.maps import CLOSE, Run
from figures.style import PALETTE, letter, new_figure, style

if TYPE_CHECKING:
    from figures.papers.crossing_the_curl.staged_stages import Progress, Series

COLOURS = {1: PALETTE["sky"], 16: PALETTE["blue"]}
SMALL_COLOURS = (PALETTE["vermilion"], PALETTE["orange"], PALETTE["green"])


def draw(
    fixed: Run,
    paths: Mapping[int, np.ndarray],
    series: Sequence[Series],
    theorem: Progress,
    small: Mapping[float, Progress],
    exact: Mapping[float, Progress],
) -> Figure:
    """Planes of the two stages, iterations, the run without noise, errors, and steps that are too small."""
    figure, axes = new_figure(2, 3, width=13.5, height=8.2)
    with style():
        _plane(axes[0, 0], paths, (0, 1), (0, 1), ("discriminator's $w_1$", "generator's shift $b$"))
        axes[0, 0].set_title("Stage 1: the mean")
        _plane(axes[0, 1], paths, (2, 3), (0, 1), ("discriminator's $w_2$", "generator's scale $a$"))
        axes[0, 1].set_title("Stage 2: the variance, scaled")
        _iterations(axes[0, 2], paths)
        _fixed(axes[1, 0], fixed)
        _errors(axes[1, 1], series, theorem)
        _small(axes[1, 2], small, exact)
    letter(axes)
    return figure


def _plane(
    axes: Axes,
    paths: Mapping[int, np.ndarray],
    rows: tuple[int, int],
    rest: tuple[float, float],
    names: tuple[str, str],
) -> None:
    for batch, path in paths.items():
        half = (path.shape[-1] - 1) // 2
        span = slice(0, half + 1) if rows[0] == 0 else slice(half, None)
        x, y = path[rows[0], 0, span], path[rows[1], 0, span]
        label = f"{batch} sample{'s' if batch > 1 else ''} an iteration"
        axes.plot(x, y, ".-", color=COLOURS[batch], lw=1.2, ms=4, label=label)
        axes.plot(x[0], y[0], "o", color="black", ms=6, zorder=6)
    axes.plot(*rest, "*", color="black", mec="white", ms=14, zorder=7, ls="none", label="equilibrium")
    axes.set(xlabel=names[0], ylabel=names[1])
    axes.legend(loc="upper right" if rows[0] == 0 else "upper left")


def _iterations(axes: Axes, paths: Mapping[int, np.ndarray]) -> None:
    half = (next(iter(paths.values())).shape[-1] - 1) // 2
    k = np.arange(2 * half + 1)
    for batch, path in paths.items():
        for row, first in ((1, 0), (3, half)):
            low, high = np.quantile(path[row], [0.025, 0.975], axis=0)
            axes.fill_between(k[first:], low[first:], high[first:], color=COLOURS[batch], alpha=0.25, lw=0)
            axes.plot(k[first:], path[row, 0, first:], color=COLOURS[batch], lw=1.2)
    for row, first, last in ((0, 0, half), (2, half, 2 * half)):
        axes.plot(k[first : last + 1], path[row, 0, first : last + 1], color=PALETTE["grey"], lw=1.4, ls="--")
    axes.axvline(half, color="black", lw=0.8)
    axes.axhline(1, color="black", lw=0.8, ls=":")
    axes.text(half * 0.42, 0.42, "$b$", fontsize=12, color=COLOURS[16])
    axes.text(half * 0.42, 0.08, "$w_1$", fontsize=12, color=PALETTE["grey"])
    axes.text(half * 1.42, 1.25, "$a$", fontsize=12, color=COLOURS[16])
    axes.text(half * 1.42, 0.2, "$w_2$", fontsize=12, color=PALETTE["grey"])
    axes.set(xlabel="iterations", ylabel="parameter", xlim=(0, 2 * half), ylim=(-0.1, 2.1))
    axes.set_title("Both stages, central 95 % of 1000 runs")


def _fixed(axes: Axes, result: Run) -> None:
    k = np.arange(result.iterations + 1)
    axes.plot(k, result.distance, color="black", lw=2.2, label="distance")
    axes.plot(k, np.abs(result.path[:, 0]), color=PALETTE["purple"], lw=1.4, label=r"$|w_2| = 50 \cdot 0.8^k$")
    axes.plot(k, np.abs(result.path[:, 2] - 1), color=PALETTE["green"], lw=1.4, label=r"$|a - \sigma|$")
    axes.axhline(CLOSE, color=PALETTE["grey"], lw=1, ls=":")
    axes.plot(k[-1], result.distance[-1], "s", color="black", mec="white", ms=8, zorder=6)
    axes.annotate(f"k = {k[-1]}", (k[-1], result.distance[-1]), (-52, 8), textcoords="offset points")
    axes.set(yscale="log", xlabel="iterations k", ylabel="distance", ylim=(2e-5, 200))
    axes.set_title("Stage 2 without noise, step 0.1")
    axes.legend(loc="upper right")


def _errors(axes: Axes, series: Sequence[Series], theorem: Progress) -> None:
    for each in series:
        note = f"B = {each.batch}"
        for errors, constant, marker, colour, name in (
            (each.shift, 1.0, "s", PALETTE["purple"], r"$(b-\mu)^2$"),
            (each.scale, 0.5, "o", PALETTE["blue"], r"$(a-\sigma)^2$"),
        ):
            half = 1.96 * errors.std(axis=0, ddof=1) / np.sqrt(len(errors))
            face = colour if each.batch == 1 else "white"
            label = f"{name}, {note}"
            axes.errorbar(each.k, errors.mean(axis=0), half, fmt=marker, color=colour, mfc=face, ms=5, label=label)
            k = np.array([500, 2 * each.k[-1]])
            axes.plot(k, constant / (k * each.batch), color=colour, lw=1)
    mean = theorem.distances.mean(axis=0)
    se = theorem.distances.std(axis=0, ddof=1) / np.sqrt(len(theorem.distances))
    axes.plot(theorem.k + 1, theorem.stated, color="black", lw=1.4, ls="--", label="theorem's bound")
    axes.plot(theorem.k + 1, mean, color="black", lw=1.6, label=r"$|x_k-x^*|^2$, rates $2/(3k)$")
    axes.fill_between(theorem.k + 1, mean - 1.96 * se, mean + 1.96 * se, color="black", alpha=0.2, lw=0)
    axes.set(xscale="log", yscale="log", xlabel="iterations k of each stage", ylabel="mean squared error")
    axes.set_title("With noise: 1/k and its constants")
    axes.set_ylim(top=3e3)
    axes.legend(loc="upper right", ncols=2, fontsize=8)


def _small(axes: Axes, small: Mapping[float, Progress], exact: Mapping[float, Progress]) -> None:
    for (theta, noisy), colour in zip(small.items(), SMALL_COLOURS, strict=True):
        mean = noisy.distances.mean(axis=0)
        half = 1.96 * noisy.distances.std(axis=0, ddof=1) / np.sqrt(len(noisy.distances))
        label = rf"$\theta = 1/{1 / theta:g}$: $k^{{{noisy.stated[0]:g}}}$"
        axes.fill_between(noisy.k, mean - half, mean + half, color=colour, alpha=0.3, lw=0)
        axes.plot(noisy.k[::2], mean[::2], "o", color=colour, ms=3.5, label=label)
        power = (noisy.k / noisy.k[-1]) ** noisy.stated[0]
        axes.plot(noisy.k, mean[-1] * power, color=colour, lw=1)
        quiet = exact[theta]
        axes.plot(quiet.k, quiet.distances[0], color=colour, lw=1.3, ls="--")
    axes.plot([], [], color=PALETTE["grey"], ls="--", label=r"no noise: $k^{-8\theta}$")
    axes.set(xscale="log", yscale="log", xlabel="iterations k of stage 2", ylabel="mean squared error")
    axes.set_title(r"Stage 2 unscaled: $\theta$ too small")
    axes.legend(loc="lower left")
