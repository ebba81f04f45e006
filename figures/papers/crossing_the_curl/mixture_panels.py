"""The figure of the mixture of Gaussians."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import t as student

from figures.papers.crossing_the_curl.mixture_training import MODES, Arm, centres
from figures.style import PALETTE, letter, new_figure, style

COLOURS = {
    0.0: PALETTE["black"], 0.05: PALETTE["blue"], 0.1: PALETTE["green"],
    0.3: PALETTE["vermilion"],
}  # fmt: skip
CUT = 10.0


def draw(curves: Mapping[Arm, Any], floor: float) -> Figure:
    """Samples, modes, distances, the limit, and RMSProp; ``curves`` holds the measures of every arm."""
    descent = {arm: each for arm, each in curves.items() if not arm.through_rms}
    rms = {arm: each for arm, each in curves.items() if arm.through_rms}
    figure, axes = new_figure(2, 3, width=12.5, height=7.4)
    with style():
        _samples(axes[0, 0], descent, 0.0, "Plain descent-ascent")
        _samples(axes[0, 1], descent, 0.05, "With $-0.05\\,JF$")
        _modes(axes[0, 2], descent, "Modes covered, descent")
        _distances(axes[1, 0], descent, floor)
        _limits(axes[1, 1], curves)
        _modes(axes[1, 2], rms, "Modes covered, RMSProp")
    letter(axes)
    return figure


def band(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over seeds and half-width of its 95 % t interval, ``(t,)`` each, from ``(seeds, t)``."""
    n = len(values)
    return values.mean(axis=0), student.ppf(0.975, n - 1) * values.std(axis=0, ddof=1) / np.sqrt(n)


def _label(arm: Arm) -> str:
    return f"γ = {arm.gamma:g}".replace("-", "−")


def _samples(axes: Axes, curves: Mapping[Arm, Any], gamma: float, title: str) -> None:
    """Generated points of the first seed over the modes."""
    (each,) = (c for arm, c in curves.items() if arm.gamma == gamma)
    points = each.samples[0]
    axes.plot(*centres().T, "o", ms=17, mfc="#dddddd", mec="none", zorder=1)
    axes.plot(*points.T, "o", ms=2.6, color=COLOURS[gamma], alpha=0.75, mew=0, zorder=3)
    axes.set(title=f"{title}: {each.modes[0, -1]} of {MODES} modes", xlim=(-1.7, 1.7), ylim=(-1.7, 1.7), aspect="equal",
             xlabel="$x_1$", ylabel="$x_2$")  # fmt: skip


def _curve(axes: Axes, steps: np.ndarray, values: np.ndarray, arm: Arm, label: str, dashed: bool = False) -> None:
    middle, half = band(values)
    color = COLOURS[arm.gamma]
    low, high = np.clip([middle - half, middle + half], 0, MODES)
    axes.fill_between(steps, low, high, color=color, alpha=0.16, lw=0)
    axes.plot(steps, middle, "--" if dashed else "-", color=color, label=label)


def _modes(axes: Axes, curves: Mapping[Arm, Any], title: str) -> None:
    rates = sorted({arm.lr for arm in curves})
    for arm, each in curves.items():
        label = _label(arm) + (f", rate {arm.lr:g}" if len(rates) > 1 else "")
        _curve(axes, each.steps, each.modes, arm, label, dashed=arm.lr != rates[0])
    axes.axhline(MODES, color=PALETTE["grey"], lw=0.8)
    axes.set(title=title, xlabel="iterations", ylabel="modes covered, of 8", ylim=(-0.2, 8.4))
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 0.96))


def _distances(axes: Axes, curves: Mapping[Arm, Any], floor: float) -> None:
    for arm, each in curves.items():
        middle, half = band(np.log(np.minimum(each.distance, CUT)))
        color = COLOURS[arm.gamma]
        axes.fill_between(each.steps, np.exp(middle - half), np.exp(middle + half), color=color, alpha=0.16, lw=0)
        axes.plot(each.steps, np.exp(middle), color=color, label=_label(arm))
    axes.axhline(floor, color=PALETTE["grey"], lw=1, ls="--")
    axes.annotate("two real samples", (0, floor), (6, 4), xycoords=("axes fraction", "data"),
                  textcoords="offset points", color=PALETTE["grey"], fontsize=8.5)  # fmt: skip
    axes.set(title="Distance to the data, descent", xlabel="iterations", ylabel="Wasserstein distance (radii)",
             yscale="log", ylim=(0.75 * floor, 1.3 * CUT))  # fmt: skip
    axes.set_yticks([0.1, 0.2, 0.5, 1, 2, 5, 10], ["0.1", "0.2", "0.5", "1", "2", "5", "10"])
    axes.minorticks_off()
    axes.legend(loc="upper right")


def _limits(axes: Axes, curves: Mapping[Arm, Any]) -> None:
    """``gamma lambda`` of every training with the term, up to where it breaks."""
    for arm, each in curves.items():
        if arm.gamma <= 0:
            continue
        color = COLOURS[arm.gamma]
        label = f"{_label(arm)}, {'RMSProp' if arm.through_rms else 'descent'} {arm.lr:g}"
        for limit, end in zip(each.limit, each.breaks, strict=True):
            kept = each.limit_steps <= end
            shown = np.minimum(np.nan_to_num(limit[kept], nan=CUT), CUT)
            axes.plot(each.limit_steps[kept], shown, color=color, lw=0.9, label=label)
            label = "_"
            if np.isfinite(end) and not arm.through_rms:
                axes.plot(end, shown[-1], "x", color=color, ms=6, mew=1.6, zorder=4)
    axes.axhline(1, color=PALETTE["black"], lw=1)
    axes.axhspan(1, 2 * CUT, color=PALETTE["grey"], alpha=0.14, lw=0)
    axes.set(title="γ × curvature of the discriminator's loss", xlabel="iterations", ylabel="γ λ", yscale="log",
             ylim=(0.006, 1.3 * CUT))  # fmt: skip
    axes.set_yticks([0.01, 0.03, 0.1, 0.3, 1, 3, 10], ["0.01", "0.03", "0.1", "0.3", "1", "3", "10"])
    axes.minorticks_off()
    axes.legend(loc="lower right")
