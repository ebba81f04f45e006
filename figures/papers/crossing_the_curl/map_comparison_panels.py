"""The eight panels of the comparison of maps on the N-dimensional LQ-GAN."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.papers.crossing_the_curl.map_comparison_following import CLOSE
from figures.papers.crossing_the_curl.map_comparison_runs import BUDGET, MAP_NAMES, SCALED, Comparison, Runs
from figures.papers.crossing_the_curl.map_comparison_speeds import ratios, tail_values
from figures.papers.crossing_the_curl.map_comparison_statistics import full_laws, median, share
from figures.papers.crossing_the_curl.map_comparison_theory import Linearisation
from figures.papers.crossing_the_curl.map_panels import COLOURS, LABELS
from figures.style import PALETTE, letter, new_figure, style

DIMENSION_COLOURS = ("#222255", PALETTE["blue"], PALETTE["sky"], PALETTE["green"], PALETTE["orange"], "#882255")
MARKERS = ("o", "s", "^", "v", "D", "P")
WIDTH = 0.13
"""Distance of maps within the group of one N."""
DIVERGENCES = 1e-12, 1e6
"""Range of panel g; what lies outside is drawn at its ends."""
FARTHEST = 1e7
"""Largest forecast of panel d; what lies beyond is drawn there."""


def draw(comparison: Comparison) -> Figure:
    """Iterations, arrivals, what decides them, and the other distances."""
    figure, axes = new_figure(3, 3, width=12.5, height=11.4)
    with style():
        grid = axes[0, 0].get_gridspec()
        for spare in axes[0, :2]:
            spare.remove()
        wide = figure.add_subplot(grid[0, :2])
        _iterations(wide, comparison)
        _shares(axes[0, 2], comparison)
        _by_condition(axes[1, 0], comparison)
        _by_forecast(axes[1, 1], comparison)
        _tails(axes[1, 2], comparison)
        _pairs(axes[2, 0], comparison)
        _divergences(axes[2, 1], comparison)
        _fields(axes[2, 2], comparison)
        lines = [Line2D([], [], color=COLOURS[name], lw=5, alpha=0.8) for name in MAP_NAMES]
        figure.legend(
            lines, [LABELS[name] for name in MAP_NAMES], loc="outside upper center", ncols=len(MAP_NAMES), fontsize=11
        )
        letter(np.array([wide, axes[0, 2], *axes[1:].ravel()]))
    return figure


# -------------------------------------------------------------------- by N and map


def _offset(index: int, count: int) -> float:
    return (index - (count - 1) / 2) * WIDTH


def _groups(axes: Axes, comparison: Comparison) -> None:
    axes.set_xticks(range(len(comparison.dimensions)), [f"N = {n}" for n in comparison.dimensions])
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False, axis="x")
    axes.set_xlim(-0.55, len(comparison.dimensions) - 0.45)


def _violin(axes: Axes, at: float, values: np.ndarray, colour: str, *, hatch: bool = False) -> None:
    """Violin of values with their median; a bar where all are equal."""
    if np.ptp(values) < 1e-9:
        axes.plot([at - WIDTH / 2.6, at + WIDTH / 2.6], [values[0]] * 2, color=colour, lw=4, solid_capstyle="butt")
        return
    parts = axes.violinplot(values, [at], widths=WIDTH * 0.95, showextrema=False, bw_method=0.18)
    for body in parts["bodies"]:
        body.set(facecolor="none" if hatch else colour, edgecolor=colour, alpha=1 if hatch else 0.75, linewidth=1.1)
    axes.plot(at, np.median(values), "o", color="white", mec=colour, ms=4.2, mew=1.2, zorder=5)


def _iterations(axes: Axes, comparison: Comparison) -> None:
    small, shift = (8, 0.0) if len(comparison.dimensions) < 4 else (6.2, 0.09)
    for place, n in enumerate(comparison.dimensions):
        for index, name in enumerate(MAP_NAMES):
            runs = comparison.runs[n][name]
            at = place + _offset(index, len(MAP_NAMES))
            _violin(axes, at, np.log10(runs.iterations), COLOURS[name])
            missed = np.mean(~runs.arrived)
            if missed:
                text = f"{100 * missed:.0f}"
                axes.text(at, 4.06, text, ha="center", va="bottom", fontsize=small, color="#444444")
    for index, (name, runs) in enumerate(comparison.scaled.items()):
        at = _offset(index - len(SCALED), len(MAP_NAMES))
        _violin(axes, at, np.log10(runs.iterations), COLOURS[name], hatch=True)
        axes.text(at + shift * (2 * index - 1), 1.26, LABELS[name][:-1] + "'$", ha="center", va="top",
                  fontsize=10, color=COLOURS[name])  # fmt: skip
    axes.axhline(np.log10(BUDGET), color=PALETTE["grey"], lw=0.8, ls=":", zorder=0)
    axes.text(-0.83, 4.06, "% missed:", fontsize=8, color="#444444", va="bottom")
    axes.set_yticks([1, 2, 3, 4], ["10", "100", "1000", "10,000"])
    axes.set(ylim=(0.95, 4.3), ylabel="iterations to 1/1000 of the first distance", title="Iterations by map")
    _groups(axes, comparison)
    axes.set_xlim(left=-0.85)


def _shares(axes: Axes, comparison: Comparison) -> None:
    for place, n in enumerate(comparison.dimensions):
        for index, name in enumerate(MAP_NAMES):
            full = full_laws(comparison.runs[n][name])
            at, value = place + _offset(index, len(MAP_NAMES)), full.mean()
            low, high = share(int(full.sum()), len(full))
            axes.plot([at, at], [low, high], color=COLOURS[name], lw=1.6)
            axes.plot(at, value, "o", color=COLOURS[name], ms=5.5, mec="white", mew=0.6, zorder=4, clip_on=False)
    axes.set(ylim=(-0.03, 1.03), ylabel="share of laws, 95 %", title="Laws from which every start arrives")
    _groups(axes, comparison)


# -------------------------------------------------------------------- what decides the iterations


def _spread(comparison: Comparison) -> list[tuple[int, Runs, str, str]]:
    """Runs of F_cc with the look of their dimension."""
    step = max(1, (len(DIMENSION_COLOURS) - 1) // max(1, len(comparison.dimensions) - 1))
    looks = list(zip(DIMENSION_COLOURS, MARKERS, strict=True))[::step]
    return [(n, comparison.runs[n]["F_cc"], *look) for n, look in zip(comparison.dimensions, looks, strict=False)]


def _scatter(axes: Axes, x: np.ndarray, runs: Runs, colour: str, marker: str, label: str) -> None:
    axes.plot(x[runs.arrived], runs.iterations[runs.arrived], marker, color=colour, ms=4.5, alpha=0.75, mec="none")
    lift = BUDGET * np.exp(0.09 * np.linspace(0, 1, len(x)))[~runs.arrived]
    axes.plot(x[~runs.arrived], lift, marker, color=colour, ms=4.5, mfc="none", mew=0.9, alpha=0.7)
    axes.plot([], [], marker, color=colour, label=label)


def _by_condition(axes: Axes, comparison: Comparison) -> None:
    for n, runs, colour, marker in _spread(comparison):
        if n > 1:  # a number has condition 1
            _scatter(axes, runs.trials.condition, runs, colour, marker, f"N = {n}")
    axes.axhline(BUDGET, color=PALETTE["grey"], lw=0.8, ls=":")
    axes.set(xscale="log", yscale="log", xlabel="condition number of the covariance", ylabel="iterations of $F_{cc}$")
    axes.set(title="$F_{cc}$: open marks did not arrive", ylim=(20, 20_000))
    axes.legend(loc="lower right", ncols=2)


def _by_forecast(axes: Axes, comparison: Comparison) -> None:
    for n, runs, colour, marker in _spread(comparison):
        forecast = np.maximum(Linearisation(runs.trials).forecast, 1)
        _scatter(axes, np.minimum(forecast, FARTHEST), runs, colour, marker, f"N = {n}")
    line = np.array([1, BUDGET])
    axes.plot(line, line, color="black", lw=1, zorder=0)
    axes.axhline(BUDGET, color=PALETTE["grey"], lw=0.8, ls=":")
    axes.axvline(BUDGET, color=PALETTE["grey"], lw=0.8, ls=":")
    axes.set(xscale="log", yscale="log", ylabel="iterations of $F_{cc}$", ylim=(20, 20_000))
    axes.set(
        xlabel=r"forecast  $\ln 1000\,/\,(\min(0.01,\, 2/s_1^2)\; s_{min}^2)$", title="$F_{cc}$ and its linearisation"
    )
    axes.legend(loc="lower right")


def _tails(axes: Axes, comparison: Comparison) -> None:
    for n, runs, colour, marker in _spread(comparison):
        times = Linearisation(runs.trials).tail_times(runs)
        ok = times > 0
        axes.plot(times[ok], (runs.times - runs.mark_times)[ok], marker, color=colour, ms=4.5, alpha=0.75, mec="none")
        values = tail_values(runs)
        if len(values):
            middle, (low, high) = median(values)
            text = f"[{low:.3f}, {high:.3f}]" if np.isfinite(low) else f"({len(values)} laws)"
            axes.plot([], [], marker, color=colour, label=f"N = {n}: {middle:.3f} {text}")
    ends = np.array(axes.get_xlim())
    axes.set(xscale="log", yscale="log")
    ends = np.array([max(ends[0], 1e-3), ends[1]])
    axes.plot(ends, ends, color="black", lw=1, zorder=0)
    axes.set(xlabel="time of the linear flow", ylabel="time taken", title="$F_{cc}$: from 1/100 to 1/1000")
    axes.legend(loc="lower right", title="ratio, median over laws", title_fontsize=8.5)


# -------------------------------------------------------------------- pairs and other distances


def _pairs(axes: Axes, comparison: Comparison) -> None:
    rng, farthest = np.random.default_rng(0), 0.7
    for place, n in enumerate(comparison.dimensions):
        values = np.exp(ratios(comparison, n))
        if not len(values):
            continue
        farthest = max(farthest, 1.05 * np.abs(np.log(values)).max())
        axes.plot(place + rng.uniform(-0.2, 0.2, len(values)), values, "o", color=COLOURS["F_eg"], ms=4, alpha=0.7)
        middle, (low, high) = median(np.log(values))
        axes.plot([place - 0.3, place + 0.3], [np.exp(middle)] * 2, color="black", lw=2)
        if np.isfinite(low + high):
            axes.fill_between([place - 0.3, place + 0.3], *np.exp([low, high]), color="black", alpha=0.18, lw=0)
    axes.axhline(1, color=PALETTE["grey"], lw=1, ls="--")
    axes.set(yscale="log", ylabel="iterations, $F_{eg}$ over $F_{cc}$", title="From the same start, means of a law")
    axes.set_yticks([0.25, 0.5, 0.7, 1, 1.4, 2, 4], ["0.25", "0.5", "0.7", "1", "1.4", "2", "4"])
    axes.minorticks_off()
    axes.set_ylim(np.exp(-farthest), np.exp(farthest))
    _groups(axes, comparison)


def _divergences(axes: Axes, comparison: Comparison) -> None:
    for place, n in enumerate(comparison.dimensions):
        for index, name in enumerate(MAP_NAMES):
            values = comparison.runs[n][name].divergence
            values = np.log10(np.clip(values[np.isfinite(values)], *DIVERGENCES))
            if len(values):
                _violin(axes, place + _offset(index, len(MAP_NAMES)), values, COLOURS[name])
    axes.set_yticks(range(-12, 7, 3), [f"$10^{{{k}}}$" for k in range(-12, 7, 3)])
    axes.set(ylabel="KL(generated, data) in nats", title="Divergence of the laws at the end", ylim=(-12.5, 6.5))
    _groups(axes, comparison)


def _fields(axes: Axes, comparison: Comparison) -> None:
    for n, runs, colour, marker in _spread(comparison):
        for arrived, look in ((True, {"mec": "none"}), (False, {"mfc": "none", "mew": 0.9})):
            kept = runs.arrived == arrived
            axes.plot(
                runs.ratio[kept], runs.field_ratio[kept], marker, color=colour, ms=4.5, alpha=0.75, **look
            )  # fmt: skip
        axes.plot([], [], marker, color=colour, label=f"N = {n}")
    line = np.array([3e-4, 1])
    axes.plot(line, line, color="black", lw=1, zorder=0)
    axes.axvline(CLOSE, color=PALETTE["grey"], lw=0.8, ls=":")
    axes.set(xscale="log", yscale="log", xlabel="distance over the first distance", ylabel="$|F|$ over the first $|F|$")
    axes.set(title="$F_{cc}$ at the end")
    axes.legend(loc="upper left")
