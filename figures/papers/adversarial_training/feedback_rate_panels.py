"""The six panels of the figure of the feedback rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from figures.papers.adversarial_training.shifted_logistic import (
    ITERATIONS,
    LR,
    PENALTY,
    least_robust_loss,
    moments,
    robust_loss,
)
from figures.style import PALETTE, letter, new_figure, style

if TYPE_CHECKING:
    from figures.papers.adversarial_training.feedback_rate import Evidence

COLOURS = dict(
    zip(("best constant", "best 1/k", "best schedule", "state seen"),
        (PALETTE[c] for c in ("vermilion", "orange", "blue", "green")), strict=True)
)  # fmt: skip
MARKERS = dict(zip(COLOURS, "sD^o", strict=True))
SHOWN_DELTA = 0.2
Z = float(norm.isf(0.01 / 13 / 2))


def draw(evidence: Evidence) -> Figure:
    """Policies above, trainings below."""
    figure, axes = new_figure(2, 3, width=13.5, height=8.2)
    with style():
        _over_time(figure, axes[0, 0], evidence)
        _over_state(figure, axes[0, 1], evidence)
        _schedules(axes[0, 2], evidence)
        _ends(axes[1, 0], evidence)
        _distribution(axes[1, 1], evidence)
        _game(axes[1, 2], evidence)
        letter(axes)
    return figure


def saddle() -> tuple[float, float]:
    """Theta and delta of the saddle point."""
    theta = float(minimize_scalar(lambda t: robust_loss(np.array(t)), bounds=(-1, 3), method="bounded").x)
    delta = 0.0
    for _ in range(200):
        delta += 0.5 * float(moments(np.array(theta), np.array(delta))[2]) / PENALTY
    return theta, delta


def _over_time(figure: Figure, axes: Axes, evidence: Evidence) -> None:
    theta, delta = evidence.policy.grid.axes
    column = int(np.abs(delta - SHOWN_DELTA).argmin())
    image = axes.pcolormesh(
        evidence.policy.times[:-1], theta, evidence.policy.policy[:, :, column, 0].T, cmap="cividis", shading="nearest",
        vmin=0, vmax=1, rasterized=True,
    )  # fmt: skip
    axes.axhline(saddle()[0], color="white", ls="--", lw=1.2)
    axes.set(xlabel="time t = lr x iterations", ylabel=r"$\theta$", ylim=(-1.6, 2.2))
    axes.set_title(rf"Best rate $u(t, \theta)$ at $\delta$ = {delta[column]:.1f}")
    figure.colorbar(image, ax=axes, label="rate u, multiples of lr")


def _over_state(figure: Figure, axes: Axes, evidence: Evidence) -> None:
    theta, delta = evidence.policy.grid.axes
    half = ITERATIONS // 2
    image = axes.pcolormesh(
        theta, delta, evidence.policy.policy[half, :, :, 0].T, cmap="cividis", shading="nearest", vmin=0, vmax=1,
        rasterized=True,
    )  # fmt: skip
    axes.plot(*saddle(), "*", color="white", mec="black", ms=14)
    axes.set(xlabel=r"$\theta$", ylabel=r"$\delta$", xlim=(-1.6, 2.2), ylim=(-0.6, 1.2))
    axes.set_title(rf"Best rate $u(\theta, \delta)$ at t = {half * LR:g}")
    figure.colorbar(image, ax=axes, label="rate u, multiples of lr")


def _schedules(axes: Axes, evidence: Evidence) -> None:
    k = np.arange(ITERATIONS)
    for name, rates in evidence.schedules.items():
        axes.step(k, rates / LR, where="mid", color=COLOURS[name], lw=2, label=name)
    axes.plot(k, evidence.seen.rates[:, 0], ".", color=COLOURS["state seen"], label="state seen: mean rate")
    axes.set(xlabel="iteration k", ylabel="rate u, multiples of lr", ylim=(0, 1.08))
    axes.set_title("Rate by iteration")
    axes.legend(loc="upper right")


def _ends(axes: Axes, evidence: Evidence) -> None:
    names = list(evidence.excess)
    for row, name in enumerate(names):
        values, shade = evidence.excess[name], COLOURS.get(name, "black")
        error = Z * values.std(ddof=1) / np.sqrt(len(values))
        axes.errorbar(values.mean(), row, xerr=error, fmt=MARKERS.get(name, "x"), color=shade, ms=7, elinewidth=1.6)
        axes.annotate(f"{values.mean():.2g}", (values.mean(), row), (0, 8), textcoords="offset points", ha="center",
                      fontsize=9)  # fmt: skip
    axes.set_yticks(range(len(names)), names)
    axes.set(xscale="log", xlabel="robust loss at the end, over the least", ylim=(len(names) - 0.4, -0.6))
    axes.set_xlim(1e-5, 0.2)
    axes.set_title("Trainings (black: controls)")


def _distribution(axes: Axes, evidence: Evidence) -> None:
    """Where trainings end in robust loss, as distribution functions."""
    for name in COLOURS:
        ordered = np.sort(evidence.excess[name])
        share = (np.arange(len(ordered)) + 0.5) / len(ordered)
        keep = np.unique(np.geomspace(1, len(ordered), 400).astype(int)) - 1
        keep = np.union1d(keep, np.linspace(0, len(ordered) - 1, 400).astype(int))
        axes.plot(np.maximum(ordered[keep], 1e-9), share[keep], color=COLOURS[name], lw=2, label=name)
    axes.set(xscale="log", xlim=(1e-7, 0.2), ylim=(0, 1.02), xlabel="robust loss at the end, over the least")
    axes.set(ylabel="share of trainings below")
    axes.set_title(f"Distribution (least: {least_robust_loss():.4f})")
    axes.legend(loc="center left")


def _game(axes: Axes, evidence: Evidence) -> None:
    names = list(evidence.payoffs)
    for row, name in enumerate(names):
        values = evidence.payoffs[name]
        shade = PALETTE["black"] if name == "both follow" else PALETTE["blue" if name[0] == "m" else "vermilion"]
        error = Z * values.std(ddof=1) / np.sqrt(len(values))
        axes.errorbar(values.mean(), row, xerr=error, fmt="o", color=shade, ms=6, elinewidth=1.6)
    axes.axvline(evidence.value[0], color=PALETTE["grey"], ls="--", lw=1.2, label="value of the game, on the grid")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel=r"mean payoff $J(\theta_T, \delta_T)$", ylim=(len(names) + 0.3, -0.6))
    axes.set_title("A rate each")
    axes.legend(loc="lower right")
