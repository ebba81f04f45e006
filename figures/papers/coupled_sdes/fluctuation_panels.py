"""Panels of the claim on fluctuation and dissipation: momentum, orders of the gaps, and calibration of the test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from figures.papers.coupled_sdes.fluctuation_calibration import CHAINS, DRAWS, LEVEL, Calibration
from figures.papers.coupled_sdes.fluctuation_orders import MU, ORDER_LRS, PLAYERS, SDES, order_gaps
from figures.papers.coupled_sdes.fluctuation_runs import RELATIONS, Gap
from figures.style import PALETTE

Momentum = Mapping[float, Mapping[str, tuple[Gap, Gap]]]
COLOURS = dict(zip(SDES, (PALETTE[c] for c in ("blue", "vermilion", "green")), strict=True))
MARKS = dict(zip(PLAYERS, "o^", strict=True))
RELATION_MARKS = dict(zip(RELATIONS, "o^s", strict=True))


def order_panel(axis: Axes) -> None:
    """Gaps of the three SDEs' relations on the training, from exact moments."""
    for kind, colour in COLOURS.items():
        for relation, mark in RELATION_MARKS.items():
            gaps = np.abs(order_gaps(kind, relation))
            label = f"SDE of {kind}" if relation == RELATIONS[0] else None
            axis.plot(ORDER_LRS, gaps, marker=mark, color=colour, label=label, markersize=4.5)
    grid = np.array([ORDER_LRS[0], ORDER_LRS[-1]])
    for slope, level, text in ((1, 5.0, "slope 1"), (2, 0.02, "slope 2")):
        axis.plot(grid, level * grid**slope, linestyle=":", color=PALETTE["grey"])
        place = (-2, 5 if slope == 1 else -22)
        axis.annotate(
            text, (grid[1], level * grid[1] ** slope), textcoords="offset points", xytext=place, ha="right",
            color=PALETTE["grey"],
        )  # fmt: skip
    axis.set(xscale="log", yscale="log", xlabel="learning rate lr", ylabel="|relative gap| on the training")
    axis.set_ylim(5e-9, 2)
    axis.set_xticks(ORDER_LRS[::2], [f"{lr:g}" for lr in ORDER_LRS[::2]])
    axis.minorticks_off()
    axis.set_title("Gaps of the SDEs' forms, exact")
    axis.legend(loc="lower right")


def momentum_panel(axis: Axes, found: Momentum) -> None:
    """Relation of the heavy ball, and without the factor of the momentum."""
    axis.axhline(0, color=PALETTE["grey"], linewidth=0.8)
    names = list(found)
    for number, lr in enumerate(names):
        for shift, player in zip((-0.12, 0.12), PLAYERS, strict=True):
            for kind, colour, offset in zip(range(2), ("blue", "orange"), (-0.03, 0.03), strict=True):
                value = found[lr][player][kind].relative
                label = ("(1 + μ)/2 lr |v|²", "control: lr |v|²/2")[kind]
                axis.errorbar(
                    number + shift + offset, value.value, 1.96 * value.se, fmt=MARKS[player], color=PALETTE[colour],
                    label=f"{label}, {player}" if number == 0 else None, markersize=5,
                )  # fmt: skip
    axis.set_xticks(range(len(names)), [f"lr = {lr:g}" for lr in names])
    axis.set(xlim=(-0.5, len(names) - 0.5), ylim=(-0.15, 1.15), ylabel="relative gap, left / right − 1")
    axis.set_title(f"Heavy ball, μ = {MU:g}")
    axis.legend(loc="upper center", fontsize="small", ncols=1)


def calibration_panel(axis: Axes, found: Calibration) -> None:
    """Fraction of replicates rejected against the false-alarm rate that was asked for."""
    levels = np.geomspace(1e-3, 1, 200)
    n = len(found.stationary)
    band = 1.96 * np.sqrt(levels * (1 - levels) / n)
    axis.fill_between(
        levels, np.maximum(levels - band, 1e-5), levels + band, color="#dfe6ea", label="95 % band of chance"
    )
    axis.plot(levels, levels, color=PALETTE["grey"], linewidth=0.8)
    for values, colour, label in (
        (found.stationary, "blue", "stationary"),
        (found.halved, "vermilion", "rate just halved"),
        (found.control, "orange", "control: lr 20 % too large"),
    ):
        fractions = [(values <= level).mean() for level in levels]
        axis.plot(levels, np.maximum(fractions, 1e-5), color=PALETTE[colour], label=label)
    axis.axvline(1 - LEVEL, color=PALETTE["grey"], linestyle=":", linewidth=0.9)
    axis.set(xscale="log", yscale="log", xlim=(1e-3, 1), ylim=(5e-4, 2))
    axis.set(xlabel="false-alarm rate asked for", ylabel="fraction rejected")
    axis.set_title(f"Calibration, {CHAINS} chains × {DRAWS} iterations")
    axis.legend(loc="lower right")
