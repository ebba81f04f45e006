"""Pictures of the schedules' claim: errors and rates over iterations, final errors side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from figures.papers.coupled_sdes.schedules_runs import Curve, Problem
from figures.style import PALETTE, letter, new_figure, style

COLOURS = {
    "start": PALETTE["grey"],
    "constant": PALETTE["black"],
    "cosine": PALETTE["sky"],
    "inverse": PALETTE["green"],
    "yaida": PALETTE["vermilion"],
    "mended": PALETTE["blue"],
}
DASHES = {"start": ":", "constant": "--", "cosine": "-", "inverse": "-.", "yaida": "-", "mended": "-"}
NAMES = {
    "start": "first rate kept",
    "constant": "best constant",
    "cosine": "cosine",
    "inverse": "1/k, best offset",
    "yaida": "Yaida's rule",
    "mended": "test with power",
}


def draw(results: list[tuple[Problem, Mapping[str, Curve]]]) -> Figure:
    """One row a problem: errors, rates, final errors."""
    with style():
        figure, axes = new_figure(len(results), 3, width=13.5, height=3.9 * len(results), width_ratios=[1.15, 1.15, 1])
        for row, (problem, curves) in zip(axes, results, strict=True):
            _errors(row[0], curves)
            _rates(row[1], curves)
            _finals(row[2], curves)
            row[0].set_title(problem.name)
            row[1].set_title("Learning rate")
            row[2].set_title(f"Error after {problem.steps:,} iterations")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(handles), columnspacing=1.6)
        letter(axes)
    return figure


def _errors(axes: Axes, curves: Mapping[str, Curve]) -> None:
    """Mean squared distance with 95 % bands."""
    for name, curve in curves.items():
        mean = curve.errors.mean(axis=0)
        half = 1.96 * curve.errors.std(axis=0, ddof=1) / np.sqrt(len(curve.errors))
        axes.fill_between(curve.steps, mean - half, mean + half, color=COLOURS[name], alpha=0.25, lw=0)
        axes.plot(curve.steps, mean, color=COLOURS[name], ls=DASHES[name], label=NAMES[name])
    axes.set(yscale="log", xlabel="iterations k", ylabel=r"$E\,|x_k - x^*|^2$", xlim=(0, None))
    _thousands(axes)


def _rates(axes: Axes, curves: Mapping[str, Curve]) -> None:
    """Geometric mean over the runs, with the middle 80 % where they differ."""
    for name, curve in curves.items():
        middle = np.exp(np.log(curve.rates).mean(axis=0))
        axes.plot(curve.steps, middle, color=COLOURS[name], ls=DASHES[name])
        if len(curve.rates) > 1:
            low, high = np.quantile(curve.rates, [0.1, 0.9], axis=0)
            axes.fill_between(curve.steps, low, high, color=COLOURS[name], alpha=0.18, lw=0, step="pre")
    lowest = min(curve.rates[:, -1].min() for name, curve in curves.items() if name != "cosine")
    axes.set(yscale="log", xlabel="iterations k", ylabel="learning rate", xlim=(0, None))
    axes.set_ylim(bottom=lowest / 3)
    _thousands(axes)


def _finals(axes: Axes, curves: Mapping[str, Curve]) -> None:
    """Final errors with 95 % intervals; the line is the best constant."""
    axes.axvline(curves["constant"].final.value, color=COLOURS["constant"], ls="--", lw=1)
    for position, (name, curve) in enumerate(curves.items()):
        final = curve.final
        axes.errorbar(
            final.value, position, xerr=[[final.value - final.interval[0]], [final.interval[1] - final.value]],
            fmt="o", color=COLOURS[name],
        )  # fmt: skip
    axes.set_yticks(range(len(curves)), [curve.label for curve in curves.values()])
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel=r"$E\,|x_N - x^*|^2$")
    axes.xaxis.set_minor_formatter("")
    axes.grid(axis="y", visible=False)


def _thousands(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(FuncFormatter(lambda k, _: f"{k:,.0f}"))
    axes.locator_params(axis="x", nbins=5)
