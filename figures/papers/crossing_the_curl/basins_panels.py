"""The panels of the figure of basins."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.integrate import solve_ivp

from figures.papers.crossing_the_curl.basins_flow import Flow, edge, logarithmic, release, saddle
from figures.papers.crossing_the_curl.basins_iteration import BUDGET, HIGHEST, LOWEST, NAMES, SPAN, End, Ends, stage_map
from figures.style import PALETTE, letter, new_figure, style

LABELS = {
    "F": "$F$", "F_alt": "$F_{alt}$", "F_unr": "$F_{unr}$", "EG": "EG", "F_reg": "$F_{reg}$", "F_con": "$F_{con}$",
    "F_eg": "$F_{eg}$", "F_eg'": "$F'_{eg}$", "F_cc": "$F_{cc}$", "F_cc'": "$F'_{cc}$",
}  # fmt: skip
TITLES = {
    "F": "Descent-ascent", "F_alt": "Alternating", "F_unr": "Unrolled", "EG": "Extragradient",
    "F_reg": "Regularised", "F_con": "Consensus", "F_eg": "EG direction", "F_eg'": "Scaled",
    "F_cc": "Crossing", "F_cc'": "Scaled",
}  # fmt: skip
CURVES = {
    "F_reg": PALETTE["green"], "F_con": PALETTE["black"], "F_eg": PALETTE["sky"], "F_eg'": PALETTE["orange"],
    "F_cc": PALETTE["blue"], "F_cc'": PALETTE["purple"],
}  # fmt: skip
FILLS = {End.ON_THE_WAY: "#d5d5d5", End.AT_THE_BOUND: PALETTE["vermilion"], End.DIVERGED: "#222222"}
TEXTS = {
    End.ARRIVED: "arrives (colour bar; blue in l, m)",
    End.ON_THE_WAY: "not within the budget",
    End.AT_THE_BOUND: "held at the bound of a",
    End.DIVERGED: "diverges",
}
COUNTS = LogNorm(100, BUDGET)
COLOURMAP = "viridis_r"
ARRIVED = PALETTE["blue"]


def draw(found: Mapping[str, Ends], flows: Mapping[str, Flow], shape: tuple[int, int]) -> Figure:
    """Draw the basins, the arrivals by iteration, the shares, and consensus on a logarithmic axis."""
    with style():
        figure, unused = new_figure(1, 1, width=13.5, height=9.8)
        unused[0, 0].remove()
        upper, lower = figure.subfigures(2, 1, height_ratios=[1.75, 1])
        panels = upper.subplots(2, 5, sharex=True, sharey=True)
        for panel, name in zip(panels.ravel(), NAMES, strict=True):
            _basin(panel, name, found[name], shape)
        for panel in panels[-1]:
            panel.set_xlabel("discriminator's $w_2$")
        for panel in panels[:, 0]:
            panel.set_ylabel("generator's scale $a$")
        bar = upper.colorbar(ScalarMappable(COUNTS, COLOURMAP), ax=panels, pad=0.01, aspect=40)
        bar.set_label("iterations until distance $10^{-3}$")
        patches = [Patch(color=colour, label=TEXTS[end]) for end, colour in {End.ARRIVED: ARRIVED, **FILLS}.items()]
        upper.legend(handles=patches, loc="outside upper center", ncols=4, fontsize=10)
        below = lower.subplots(1, 3, width_ratios=[1, 1.15, 1.1])
        _arrivals(below[0], found)
        _shares(below[1], found, flows)
        _consensus(below[2])
    letter(np.concatenate([panels.ravel(), below]))
    return figure


def _basin(axes: Axes, name: str, ends: Ends, shape: tuple[int, int]) -> None:
    window = (-SPAN, SPAN, LOWEST, HIGHEST)
    look = {"extent": window, "origin": "lower", "aspect": "auto", "interpolation": "nearest"}
    kinds = ends.end.reshape(shape)
    counts = np.ma.masked_where(kinds != End.ARRIVED, np.maximum(ends.taken.reshape(shape), 1))
    axes.imshow(
        np.ma.masked_equal(kinds, End.ARRIVED), cmap=ListedColormap(list(FILLS.values())), vmin=1, vmax=3, **look
    )
    axes.imshow(counts, cmap=COLOURMAP, norm=COUNTS, **look)
    w2, a = np.linspace(-SPAN, SPAN, 41), np.linspace(LOWEST, HIGHEST, 41)
    velocity = -stage_map(name)(np.stack(np.meshgrid(w2, a)))
    axes.streamplot(w2, a, *velocity, color="white", linewidth=0.6, density=0.7, arrowsize=0.7)
    axes.plot(0, 1, "*", color="black", ms=11, mec="white", mew=0.8, zorder=8)
    if name == "F_con":
        axes.plot(*edge(), color="black", lw=1.6, zorder=6)
        axes.plot(*saddle(), "X", color="black", mec="white", mew=0.8, ms=8, zorder=8)
    axes.set_title(f"{TITLES[name]} {LABELS[name]}: {100 * ends.share(End.ARRIVED):.0f} %", fontsize=10)
    axes.set(xlim=(-SPAN, SPAN), ylim=(0, HIGHEST))
    axes.grid(False)


def _arrivals(axes: Axes, found: Mapping[str, Ends]) -> None:
    for name, colour in CURVES.items():
        ends = found[name]
        counts = np.sort(ends.taken[ends.end == End.ARRIVED])
        shares = np.arange(1, len(counts) + 1) / len(ends.end)
        axes.plot(np.append(counts, BUDGET), np.append(shares, shares[-1]), color=colour, lw=2, label=LABELS[name])
    axes.set(xscale="log", xlim=(200, BUDGET), ylim=(0, 1.04), xlabel="iterations k", ylabel="share of the starts")
    axes.set_title("Starts that have arrived by iteration k")
    axes.legend(loc="lower left", bbox_to_anchor=(0.5, 0.0))


def _shares(axes: Axes, found: Mapping[str, Ends], flows: Mapping[str, Flow]) -> None:
    colours = {End.ARRIVED: ARRIVED, **FILLS}
    for row, name in enumerate(NAMES):
        pairs = [(row - 0.2, found[name])] + ([(row + 0.2, flows[name].ends)] if name in flows else [])
        for height, ends in pairs:
            start = 0.0
            for end, colour in colours.items():
                axes.barh(height, ends.share(end), 0.34, left=start, color=colour)
                start += ends.share(end)
    axes.set_yticks(range(len(NAMES)), [LABELS[name] for name in NAMES])
    axes.set(xlim=(0, 1), ylim=(len(NAMES) - 0.4, -0.6), xlabel="share of the starts")
    axes.set_title("Ends: iteration (upper bar), flow (lower)")
    axes.grid(False)


ORBITS = ((-7.0, 0.5), (-4.0, 2.5), (2.0, 0.02), (9.0, 5.0), (4.0, 0.03), (11.0, 4.0), (8.0, 1.0), (-2.0, 0.3))


def _consensus(axes: Axes) -> None:
    velocity = logarithmic(stage_map("F_con"), float(np.log(LOWEST)))
    w2, a = edge()
    axes.fill_betweenx(a, w2, 40, color=FILLS[End.AT_THE_BOUND], alpha=0.3, lw=0)
    axes.fill_betweenx(a, -40, w2, color=ARRIVED, alpha=0.15, lw=0)
    for start in ORBITS:
        path = solve_ivp(
            lambda _, y: velocity(y[:, None])[:, 0], (0, 30), (start[0], np.log(start[1])), max_step=0.05, rtol=1e-7
        ).y  # fmt: skip
        height = np.maximum(np.exp(path[1]), LOWEST)
        stuck = path[0, -1] > saddle()[0]
        axes.plot(path[0], height, color=FILLS[End.AT_THE_BOUND] if stuck else ARRIVED, lw=1.3)
        axes.plot(*start, "o", color="black", ms=3.5, zorder=6)
    axes.plot(w2, a, color="black", lw=1.8, zorder=5)
    axes.plot(*saddle(), "X", color="black", mec="white", ms=10, zorder=8, ls="none", label="saddle")
    axes.plot(0, 1, "*", color="black", mec="white", ms=13, zorder=8, ls="none", label="equilibrium")
    axes.plot(
        release(LOWEST), LOWEST, "o", mfc="white", mec="black", ms=7, zorder=8, ls="none", label="leaves the bound"
    )
    axes.add_line(Line2D([-40, 40], [LOWEST, LOWEST], color="black", lw=1, ls=":"))
    axes.set(yscale="log", xlim=(-8, 12), ylim=(0.007, HIGHEST))
    axes.set(xlabel="discriminator's $w_2$", ylabel="generator's scale $a$")
    axes.set_title("Consensus: the edge of its basin")
    axes.legend(loc="lower left", fontsize=8, bbox_to_anchor=(0, 0.05))
