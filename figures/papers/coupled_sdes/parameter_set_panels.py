"""Panels of the closed-form covariances on several games."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from figures.papers.coupled_sdes.parameter_sets import GAMES, KINDS, LIMIT, LR, Cell, control_scores
from figures.style import PALETTE

COLOURS = dict(zip(KINDS, (PALETTE["blue"], PALETTE["purple"], PALETTE["vermilion"]), strict=True))
MARKERS = dict(zip(KINDS, "o^s", strict=True))


def ellipse(covariance: np.ndarray, mass: float = 0.95) -> np.ndarray:
    """Boundary ``(2, n)`` of the smallest set of this mass under a centred Gaussian."""
    angle = np.linspace(0, 2 * np.pi, 200)
    radius = np.sqrt(-2 * np.log(1 - mass))
    return radius * np.linalg.cholesky(covariance) @ np.array([np.cos(angle), np.sin(angle)])


def draw_ellipses(axis: Axes, cells: list[Cell]) -> None:
    """Every law in closed form and as measured, one game beside the other in two rows."""
    names = list(GAMES)
    for cell in cells:
        at = names.index(cell.game)
        shift = np.array([[2.5 * (at % 3) + 1.25 * (at // 3)], [-2.1 * (at // 3)]])
        shade = COLOURS[cell.kind]
        axis.plot(*(ellipse(cell.predicted()) + shift), color=shade, lw=1.4)
        measured = ellipse(cell.measure.covariance.value)[:, ::20]
        axis.plot(*(measured + shift), MARKERS[cell.kind], color=shade, ms=3.2)
        if cell.kind == "simultaneous":
            top = ellipse(cell.predicted())[1].max() + 0.12
            axis.text(*(shift[:, 0] + (0, top)), cell.game, ha="center", fontsize=9)
    for kind in KINDS:
        axis.plot([], [], "-" + MARKERS[kind], color=COLOURS[kind], ms=4, label=kind)
    axis.set(aspect="equal", xlim=(-1.3, 6.3), ylim=(-3.9, 1.1), xticks=[], yticks=[])
    axis.plot([-1.1, -0.1], [-1.3, -1.3], color="black", lw=2)
    axis.text(-0.6, -1.42, "1 unit", ha="center", va="top", fontsize=9)
    axis.set(xlabel=r"$\omega$", ylabel=r"$\theta$")
    axis.legend(loc="lower center", ncols=3, columnspacing=1.0, handletextpad=0.4)
    axis.set_title(f"Closed forms on {len(GAMES)} games, lr = {LR:g}")


def draw_agreement(axis: Axes, cells: list[Cell]) -> None:
    """Largest difference of each cell, and of wrong closed forms."""
    names = list(GAMES)
    for cell in cells:
        at = names.index(cell.game) + 0.22 * (list(KINDS).index(cell.kind) - 1)
        axis.plot(at, cell.worst, MARKERS[cell.kind], color=COLOURS[cell.kind], ms=7)
    styles = {"the SDE": ("x", "SDE's form for simultaneous"), "alternating": ("+", "alternating's for simultaneous"),
              "opposite": ("1", "sign of the interaction")}  # fmt: skip
    for name, scores in control_scores(cells).items():
        marker = next(style[0] for start, style in styles.items() if name.startswith(start))
        axis.plot([names.index(game) for game in scores], list(scores.values()), marker, color="black", ms=7, alpha=0.7)
    for marker, label in styles.values():
        axis.plot([], [], marker, color="black", ls="none", label=f"control: {label}")
    axis.axhspan(0, LIMIT, color="#e9eef2", zorder=0)
    axis.text(-0.45, LIMIT * 0.97, f"limit {LIMIT:g}", va="top", fontsize=8.5)
    axis.set_yscale("symlog", linthresh=4)
    axis.set(ylim=(0, 900), yticks=[0, 1, 2, 3, 4, 10, 100], yticklabels=["0", "1", "2", "3", "4", "10", "100"])
    axis.set(xlim=(-0.5, len(names) - 0.5), ylabel="max |C - closed form| / MCSE, 3 entries")
    axis.set_xticks(range(len(names)), [name.replace(" ", "\n") for name in names])
    axis.legend(loc="upper right")
    axis.set_title("Differences from the closed forms")
