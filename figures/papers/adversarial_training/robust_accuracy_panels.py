"""Panels of accuracy under attack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import analysis
from figures.papers.adversarial_training.robust_training import FULL, RADII, RATES, Arm
from figures.style import PALETTE, letter, new_figure, style

if TYPE_CHECKING:
    from figures.papers.adversarial_training.robust_accuracy import Study

CLEAN, ATTACKED = PALETTE["vermilion"], PALETTE["blue"]
DATA = (PALETTE["purple"], PALETTE["green"])


def draw(studies: list[Study], found: list[dict[str, analysis.Estimate]]) -> Figure:
    """A row for each data set, and what they have in common at the right."""
    figure, axes = new_figure(2, 3, width=15.0, height=8.4, width_ratios=[1, 1, 1.15])
    with style():
        for row, each in zip(axes, studies, strict=True):
            _radii(row[0], each)
            _rates(row[1], each)
        for axis in axes[1, :2]:  # these hold for both rows
            axis.legend(loc="lower left")
        _forest(axes[0, 2], studies, found)
        _pictures(axes[1, 2], studies[1])
        letter(axes)
    return figure


def _band(
    axis: Axes, x: np.ndarray, values: np.ndarray, line: str, colour: str, label: str, marker: str | None = None
) -> None:
    """Mean and 95 % band over the splits of values ``(x, seeds)``."""
    mean, half = values.mean(axis=1), 1.96 * values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    axis.plot(x, mean, line, color=colour, label=label, marker=marker, markersize=4.5)
    axis.fill_between(x, mean - half, mean + half, color=colour, alpha=0.18, linewidth=0)


def _radii(axis: Axes, each: Study) -> None:
    arms: list[tuple[Arm, str, str, str]] = [
        (each.best, ":", ATTACKED, "attacked, best fixed rate"),
        (each.arm(True, FULL, True), "-", ATTACKED, "attacked, adaptive rate"),
        (each.arm(True, FULL), "--", ATTACKED, f"attacked, rate {FULL:g}"),
        (each.arm(False, FULL, True), "-", CLEAN, "clean, adaptive rate"),
        (each.arm(False, FULL), "--", CLEAN, f"clean, rate {FULL:g}"),
    ]
    for arm, line, colour, label in arms:
        values = np.stack([each.accuracy(arm, factor) for factor in RADII])
        _band(axis, RADII * each.radius, values, line, colour, label)
    axis.axvline(each.radius, color=PALETTE["grey"], linewidth=0.8)
    axis.text(each.radius, 1.015, " in training", fontsize=8.5, color="#444444", va="bottom")
    axis.set(xlabel="radius of the test attack, standard deviations", ylabel="accuracy on the test part")
    axis.set(xlim=(0, RADII[-1] * each.radius), ylim=(0, 1.08))
    axis.set_title(f"{each.name.capitalize()}: accuracy under attack")


def _rates(axis: Axes, each: Study) -> None:
    rules = ((True, "-", "o", "adaptive, up to this rate"), (False, "--", "s", "fixed rate"))
    for adaptive, line, marker, label in rules:
        for factor, colour, under in ((1.0, ATTACKED, "under attack"), (0.0, PALETTE["grey"], "unattacked")):
            values = np.stack([each.accuracy(each.arm(True, lr, adaptive), factor) for lr in RATES])
            _band(axis, np.array(RATES), values, line, colour, f"{label}, {under}", marker)
    axis.set(xscale="log", xlabel="learning rate", ylabel="accuracy on the test part", ylim=(0.4, 1.02))
    axis.set_xticks(RATES, ["1/16", "1/4", "1", "4", "16"])
    axis.minorticks_off()
    axis.set_title(f"{each.name.capitalize()}: choice of the rate")


def _forest(axis: Axes, studies: list[Study], found: list[dict[str, analysis.Estimate]]) -> None:
    axis.axvline(0, color=PALETTE["grey"], linewidth=0.9)
    for place, (each, colour) in enumerate(zip(studies, DATA, strict=True)):
        gaps = list(found[place].values())
        rows = np.arange(len(gaps)) + (place - 0.5) * 0.3
        values = np.array([100 * gap.value for gap in gaps])
        ends = 100 * np.array([gap.interval for gap in gaps])
        bars = [values - ends[:, 0], ends[:, 1] - values]
        axis.errorbar(values, rows, xerr=bars, fmt="os"[place], color=colour, label=each.name)
    texts = [name.replace(": ", ":\n") for name in found[0]]
    axis.set_yticks(range(len(texts)), texts, fontsize=8.5)
    axis.invert_yaxis()
    axis.set(xlabel="difference of accuracy, percentage points")
    axis.legend(loc="lower right")
    axis.set_title("What helps")


def _pictures(axis: Axes, each: Study) -> None:
    axis.axis("off")
    assert each.image is not None
    arms = ((each.arm(False, FULL), "clean"), (each.best, "attacked"))
    for place, (arm, name) in enumerate(arms):
        weights = each.weights[arm][:, :-1]
        picture = (weights / np.abs(weights).max(axis=1, keepdims=True)).mean(axis=0).reshape(each.image)
        inset = axis.inset_axes((0.46 * place, 0.12, 0.43, 0.74))
        shown = inset.imshow(picture, cmap="PuOr", vmin=-1, vmax=1)
        inset.set(xticks=[], yticks=[], title=f"{name}, rate {arm.lr:g}")
        inset.title.set(fontsize=9.5, fontweight="normal")
        inset.grid(False)
    bar = axis.figure.colorbar(shown, cax=axis.inset_axes((0.92, 0.12, 0.03, 0.74)))
    bar.set_label("weight / largest: for 8 (-), for 3 (+)")
    axis.set_title("Digits 3 and 8: mean weights on the pixels")
