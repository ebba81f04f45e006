"""The nine panels of the figure of the LQ-GAN's maps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.papers.crossing_the_curl.map_runs import MEAN_START, MEAN_STEP
from figures.papers.crossing_the_curl.maps import CLOSE, Run, function
from figures.style import PALETTE, letter, new_figure, style

LABELS = {
    "F_cc": "$F_{cc}$",
    "F_eg": "$F_{eg}$",
    "F_reg": "$F_{reg}$",
    "F_con": "$F_{con}$",
    "F": "$F$",
    "EG": "EG",
    "F_alt": "$F_{alt}$",
    "F_unr": "$F_{unr}$",
}
NAMES = {
    "F_cc": "Crossing-the-Curl",
    "F_eg": "Extragradient direction",
    "F_con": "Consensus",
    "F_reg": "Regularised generator",
    "F_alt": "Alternating",
    "F_unr": "Unrolled",
}
COLOURS = {
    "F_cc": PALETTE["blue"],
    "F_eg": PALETTE["sky"],
    "F_reg": PALETTE["green"],
    "F_con": PALETTE["black"],
    "F": PALETTE["vermilion"],
    "EG": PALETTE["purple"],
    "F_alt": PALETTE["grey"],
    "F_unr": PALETTE["orange"],
}
DASHES = {name: "-" for name in COLOURS} | {
    "EG": (0, (5, 1.5)),
    "F_alt": (0, (1.2, 1.2)),
    "F_unr": (0, (6, 1.5, 1, 1.5)),
}
"""Where eight colours meet in a panel, some are alike to a colour-blind reader."""
ARROWS = "#b8b8b8"


def draw(far: Mapping[str, Run], near: Mapping[str, Run]) -> Figure:
    """Draw the mean stage, the runs from far away with their distances, and the runs from nearby."""
    figure, axes = new_figure(3, 3, width=12.5, height=12.0)
    with style():
        _mean_stage(axes[0, 0])
        _far(axes[0, 1], far)
        _distances(axes[0, 2], far)
        for panel, name in zip(axes[1:].ravel(), near, strict=True):
            _near(panel, name, near[name])
        lines = [Line2D([], [], color=COLOURS[name], ls=DASHES[name], lw=2.5) for name in LABELS]
        figure.legend(lines, list(LABELS.values()), loc="outside upper center", ncols=len(LABELS), fontsize=11)
    letter(axes)
    return figure


def _field(axes: Axes, name: str, stage: str, x: np.ndarray, y: np.ndarray) -> None:
    """Directions of minus a map: arrows of one length on the page."""
    at = np.stack(np.meshgrid(x, y))
    width, height = np.ptp(x), np.ptp(y)
    move = -function(name, stage)(at) / np.array([width, height])[:, None, None]
    move /= np.maximum(np.linalg.norm(move, axis=0), 1e-300)
    axes.quiver(*at, *move, pivot="mid", color=ARROWS, scale=24, width=0.0035, zorder=1)


def _arrow(axes: Axes, tail: np.ndarray, head: np.ndarray, colour: str, *, full: bool = True) -> None:
    look = {"arrowstyle": "-|>", "color": colour, "lw": 2, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 16}
    if not full:
        look |= {"linestyle": (0, (4, 2)), "fc": "white", "lw": 1.2}
    axes.annotate("", xy=tuple(head), xytext=tuple(tail), arrowprops=look, zorder=5)


def _mean_stage(axes: Axes) -> None:
    above, below = np.array([0.0, MEAN_START]), np.array([0.0, -MEAN_START])
    field, across = function("F", "mean"), function("F_cc", "mean")
    grid = np.linspace(-0.5, 0.5, 10)
    _field(axes, "F", "mean", grid, grid)
    ahead = above - MEAN_STEP * field(above)
    _arrow(axes, above, ahead, COLOURS["EG"], full=False)
    _arrow(axes, above, above - MEAN_STEP * field(ahead), COLOURS["EG"])
    _arrow(axes, below, below - MEAN_STEP * field(below), COLOURS["F"])
    _arrow(axes, below, below - MEAN_STEP * across(below), COLOURS["F_cc"])
    axes.plot([0, 0], [MEAN_START, -MEAN_START], "o", color="black", ms=6, zorder=6)
    _star(axes, 0, 0)
    texts = {"EG": (-0.13, 0.17), "F": (0.1, -0.385), "F_cc": (0.025, -0.2)}
    for name, at in texts.items():
        axes.text(*at, LABELS[name], color=COLOURS[name], fontsize=13, zorder=7, bbox=_box())
    axes.text(-0.2, 0.345, "look-ahead", color=COLOURS["EG"], fontsize=9, zorder=7, bbox=_box())
    axes.set(
        title="Mean stage: one step each over $-F$", xlabel="discriminator's $w_1$", ylabel="generator's shift $b$"
    )
    axes.set(xlim=(-0.55, 0.55), ylim=(-0.55, 0.55))


def _box() -> dict[str, object]:
    return {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}


def _star(axes: Axes, x: float, y: float) -> None:
    axes.plot(x, y, "*", color="black", ms=14, mec="white", zorder=8)


def _far(axes: Axes, runs: Mapping[str, Run]) -> None:
    _field(axes, "F", "variance", np.linspace(-56, 56, 15), np.linspace(1, 97, 13))
    # the many turns of those that do not arrive lie below the few of those that do
    for name in sorted(runs, key=lambda key: runs[key].converged):
        w2, a = runs[name].path[:, 0], runs[name].path[:, 2]
        arrives = runs[name].converged
        axes.plot(w2, a, color=COLOURS[name], ls=DASHES[name], lw=2.2 if arrives else 1.1, zorder=3)
    axes.plot(*runs["F"].path[0, [0, 2]], "o", color="black", ms=6, zorder=7)
    _star(axes, 0, 1)
    axes.set(title="Variance stage from (50, 30), over $-F$", xlim=(-60, 60), ylim=(-3, 100))
    axes.set(xlabel="discriminator's $w_2$", ylabel="generator's scale $a$")


def _distances(axes: Axes, runs: Mapping[str, Run]) -> None:
    for name in sorted(runs, key=lambda key: runs[key].converged):
        distance = runs[name].distance
        arrives = runs[name].converged
        counts = np.arange(len(distance))
        axes.plot(counts[1:], distance[1:], color=COLOURS[name], ls=DASHES[name], lw=2.2 if arrives else 1.2, zorder=3)
        axes.plot(counts[-1], distance[-1], "s", color=COLOURS[name], mec="white", ms=7, zorder=6)
    axes.axhline(CLOSE, color=PALETTE["grey"], lw=1, ls=":")
    axes.plot([], [], "s", color=PALETTE["grey"], label="end of the run")
    axes.legend(loc="lower left")
    axes.set(title="Distance to the equilibrium", xlabel="iterations k", ylabel="distance")
    axes.set(xscale="log", yscale="log", xlim=(10, 2e5), ylim=(4e-5, 500))


def _near(axes: Axes, name: str, result: Run) -> None:
    _field(axes, name, "variance", np.linspace(-4.7, 4.7, 17), np.linspace(0.06, 1.94, 15))
    axes.plot(result.path[:, 0], result.path[:, 2], color=COLOURS[name], lw=2.2 if result.converged else 1.2, zorder=3)
    axes.plot(*result.path[0, [0, 2]], "o", color="black", ms=6, zorder=7)
    _star(axes, 0, 1)
    count = f"k = {result.iterations}" if result.converged else f"k > {result.iterations}"
    axes.set(title=f"{NAMES[name]} {LABELS[name]} ({count})")
    axes.set(xlabel="discriminator's $w_2$", ylabel="generator's scale $a$")
    axes.set(xlim=(-5, 5), ylim=(0, 2))
