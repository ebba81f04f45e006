"""Panels of the claim on the conditions of invariant measures."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.papers.coupled_sdes.assumption_systems import (
    DAMPED,
    DECAY,
    DIRAC,
    LQ_CC,
    LQ_CON,
    LQ_F,
    PENALTY,
    QUADRATIC,
    UNDAMPED,
)
from figures.style import PALETTE, letter, new_figure, style

if TYPE_CHECKING:
    from figures.papers.coupled_sdes.assumptions import Study

LOOKS = {
    UNDAMPED.name: (PALETTE["blue"], "-"), DAMPED.name: (PALETTE["blue"], "--"),
    QUADRATIC.name: (PALETTE["black"], "-"),
    DIRAC.name: (PALETTE["vermilion"], "-"), PENALTY.name: (PALETTE["vermilion"], "--"),
    DECAY.name: (PALETTE["vermilion"], ":"), LQ_F.name: (PALETTE["green"], "-"), LQ_CC.name: (PALETTE["green"], "--"),
    LQ_CON.name: (PALETTE["green"], ":"),
}  # fmt: skip
"""Colour of the game, line of its damping: solid without."""
COLUMNS = (0.0, 0.2, 0.34, 0.83)
"""Where the columns of the table begin."""
WORDS = {
    "none": ("no invariant measure", PALETTE["vermilion"]), "ergodic": ("ergodic", PALETTE["blue"]),
    "degenerate ergodic": ("degenerate, ergodic", PALETTE["blue"]), "supported": ("evidence for", PALETTE["green"]),
    "undecided": ("undecided", PALETTE["grey"]),
}  # fmt: skip


def draw(studies: list[Study]) -> Figure:
    """Dissipativity profiles, second moments, and the verdicts in words."""
    figure, axes = new_figure(2, 2, width=13.5, height=10.2, height_ratios=[1.0, 1.05])
    with style():
        _profiles(axes[0, 0], studies)
        _moments(axes[0, 1], studies)
        grid = axes[1, 0].get_gridspec()
        for axis in axes[1]:
            axis.remove()
        below = figure.add_subplot(grid[1, :])
        _verdicts(below, studies)
        letter(np.array([*axes[0], below]))
    return figure


def _profiles(axis: Axes, studies: list[Study]) -> None:
    """Suprema over spheres, linear between -0.001 and 0.001."""
    for each in studies:
        colour, line = LOOKS[each.system.name]
        profile = each.evidence.dissipativity
        values = np.where(np.abs(profile.values) < 1e-6, 0.0, profile.values)
        axis.plot(profile.radii, values, line, color=colour, label=each.system.name)
    axis.axhspan(-20, 0, color="#e9eef2", zorder=0)
    axis.text(0.11, -9, "dissipative", fontsize=9, va="center")
    axis.set_xscale("log")
    axis.set_yscale("symlog", linthresh=1e-3, linscale=0.6)
    axis.set(xlim=(0.1, 100), ylim=(-20, 100), yticks=[-10, -1, -0.1, -0.01, 0, 0.01, 0.1, 1, 10, 100])
    axis.set(xlabel=r"radius $|z| = |x - x^*|$", ylabel=r"$\sup\ z \cdot b\, /\, |z|^2$ on the sphere, 1 / time")
    note = "0: linear WGANs and Dirac-GANs without weight decay"
    axis.text(95, 2.5e-4, note, fontsize=8.5, ha="right", va="bottom", color=PALETTE["vermilion"])
    axis.text(0.11, 40, "lines as in c", fontsize=9)
    axis.set_title("Does the drift point inwards?")


def _moments(axis: Axes, studies: list[Study]) -> None:
    """Second moments over time, with closed forms."""
    from figures.papers.coupled_sdes.assumptions import stationary

    for each in studies:
        colour, line = LOOKS[each.system.name]
        mean, half = each.mean[1:], 1.96 * each.se[1:]
        axis.fill_between(each.times[1:], mean - half, mean + half, color=colour, alpha=0.3, linewidth=0)
        axis.plot(each.times[1:], mean, line, color=colour)
    time = np.linspace(5, 100, 50)
    for system in (UNDAMPED, DIRAC):
        rate = np.trace(system.coefficients()[1](np.array([system.centre]))[0])
        axis.plot(time, rate * time, color=PALETTE["grey"], linewidth=4, alpha=0.35, zorder=1)
    for system in (DAMPED, QUADRATIC):
        axis.plot(
            time, 0 * time + np.trace(stationary(system)), color=PALETTE["grey"], linewidth=4, alpha=0.35, zorder=1
        )
    axis.plot([], [], color=PALETTE["grey"], linewidth=4, alpha=0.35, label="closed form")
    axis.fill_between([], [], [], color=PALETTE["grey"], alpha=0.5, label="sampled, 95 %; lines as in c")
    axis.set(yscale="log", xlabel="time, lr × iterations", ylabel=r"$E\,|x - x^*|^2$ of the SDE", xlim=(0, 101))
    low, high = axis.get_ylim()
    axis.set_ylim(low, 4 * high)
    axis.legend(loc="upper left", ncols=2)
    axis.set_title("Does the second moment settle?")


def _verdicts(axis: Axes, studies: list[Study]) -> None:
    """One row a game: verdict, reasons, growth in the simulation."""
    axis.set_axis_off()
    axis.set(xlim=(0, 1), ylim=(len(studies) + 0.15, -0.85))
    for x, head in zip(COLUMNS, ("SDE", "verdict", "reason", "d E|x − x*|² / dt, t > 50"), strict=True):
        axis.text(x, -0.55, head, fontsize=9.5, fontweight="bold", va="center")
    for row, each in enumerate(studies):
        if row % 2 == 0:
            axis.axhspan(row - 0.05, row + 0.95, color="#f3f5f7", zorder=0)
        colour, line = LOOKS[each.system.name]
        middle = row + 0.45
        axis.plot([0.003, 0.027], [middle, middle], line, color=colour, linewidth=1.8)
        axis.text(COLUMNS[0] + 0.033, middle, each.system.name, fontsize=9, va="center")
        word, shade = WORDS.get(each.evidence.verdict, (each.evidence.verdict, PALETTE["black"]))
        axis.text(COLUMNS[1], middle, word, fontsize=9, color=shade, fontweight="bold", va="center")
        axis.text(COLUMNS[2], middle, _reason(each), fontsize=8.2, va="center", linespacing=1.15)
        growth = each.growth
        half = 1.96 * growth.se
        trend = "settles" if abs(growth.value) <= (growth.interval[1] - growth.interval[0]) / 2 else "grows"
        axis.text(COLUMNS[3], middle, f"{trend}: {growth.value:.2g} ± {half:.1g}", fontsize=9, va="center")
    axis.set_title("Conditions on drift and noise, and the simulation")


def _reason(each: Study) -> str:
    """The summary without its verdict, on at most two lines."""
    text = each.evidence.summary
    for lead in ("no invariant measure: ", "evidence for: ", "undecided: "):
        text = text.removeprefix(lead)
    text = text.replace(f" on {each.evidence.points:,} points up to radius {each.evidence.extent:g}", "")
    return "\n".join(wrap(text.replace("L V <=", "L V ≤"), 92))
