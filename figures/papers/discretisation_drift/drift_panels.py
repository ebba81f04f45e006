"""The six panels of the figure of the discretisation drift."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.papers.discretisation_drift.drift_checks import STEPS
from figures.papers.discretisation_drift.drifts import Scheme, flow, iterate
from figures.papers.discretisation_drift.games import DIRAC_H, DIRAC_START, STARTS, H, dirac_gan, linear_game
from figures.style import PALETTE, letter, new_figure, style

ITERATIONS = 60
PATHS = {
    "simultaneous": PALETTE["vermilion"],
    "alternating": PALETTE["blue"],
    "simultaneous, regularised": PALETTE["green"],
}
LINES = {
    "original flow": (PALETTE["grey"], ":"),
    "derived, common clock": (PALETTE["blue"], "-"),
    "published, common clock": (PALETTE["vermilion"], "--"),
    "published, own clocks": (PALETTE["purple"], "-."),
}


def draw(paths: Mapping[str, np.ndarray], errors: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Linear field three times, the Dirac-GAN in the plane and over time, and the orders of the clocks."""
    figure, axes = new_figure(2, 3, width=13.0, height=8.6)
    with style():
        for panel, (eps, order) in zip(
            axes[0], ((0.2, "simultaneous"), (0.09, "simultaneous"), (0.09, "alternating")), strict=True
        ):
            _linear(panel, eps, order)
        axes[0, 0].legend(loc="lower left")
        _plane(axes[1, 0], paths)
        _radii(axes[1, 1], paths)
        _clocks(axes[1, 2], errors)
        letter(axes)
    return figure


def _linear(axes: Axes, eps: float, order: str) -> None:
    scheme = Scheme(linear_game(eps), order)
    times = H * np.arange(1, 10 * ITERATIONS + 1) / 10
    start = STARTS[0]
    for which, (shade, dash, width, label) in (
        (1, (PALETTE["grey"], ":", 1.6, "original flow")),
        (2, (PALETTE["blue"], "-", 1.8, "modified flow")),
    ):
        path = np.vstack([start, flow(scheme.modified(H, which), start, times)])
        axes.plot(*path.T, color=shade, ls=dash, lw=width, label=label)
    axes.plot(*iterate(scheme.step(H), start, ITERATIONS).T, "o", color=PALETTE["vermilion"], ms=3.6, label="iterates")
    axes.plot(*start, "o", color="black", ms=7)
    axes.plot(0, 0, "*", color="black", ms=11, mec="white")
    size = 0.125
    axes.set(xlim=(-size, size), ylim=(-size, size), aspect="equal", xlabel="$x$", ylabel="$y$")
    axes.set(xticks=(-0.1, -0.05, 0, 0.05, 0.1), yticks=(-0.1, -0.05, 0, 0.05, 0.1))
    axes.set_title(rf"Linear field, $\epsilon = {eps:g}$: {order}")


def _plane(axes: Axes, paths: Mapping[str, np.ndarray]) -> None:
    for name, shade in PATHS.items():
        axes.plot(*paths[name].T, color=shade, lw=1.2, alpha=0.9, label=name)
    axes.plot(*DIRAC_START, "o", color="black", ms=6, zorder=5)
    axes.plot(0, 0, "*", color="black", ms=12, mec="white", zorder=5)
    reach = float(np.abs(paths["simultaneous"]).max()) * 1.06
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach * 1.45), aspect="equal")
    axes.set(title="Dirac-GAN, 1000 iterations, h = 0.1", xlabel=r"discriminator $\psi$", ylabel=r"generator $\theta$")
    axes.legend(loc="upper center")


def _radii(axes: Axes, paths: Mapping[str, np.ndarray]) -> None:
    for name, shade in PATHS.items():
        radius = np.linalg.norm(paths[name], axis=1)
        axes.plot(np.arange(len(radius)), radius, color=shade)
    count = len(paths["simultaneous"]) - 1
    times = DIRAC_H * np.arange(1, count + 1)
    for order, shade in (("simultaneous", PATHS["simultaneous"]), ("alternating", PATHS["alternating"])):
        path = flow(Scheme(dirac_gan(), order).modified(DIRAC_H), DIRAC_START, times)[::50]
        axes.plot(np.arange(1, count + 1, 50), np.linalg.norm(path, axis=1), "o", ms=4, mfc="white", color=shade)
    axes.plot([], [], "o", ms=4, mfc="white", color=PALETTE["grey"], label="modified flow")
    axes.axhline(np.linalg.norm(DIRAC_START), color=PALETTE["grey"], ls=":", label="original flow")
    axes.set(title="Dirac-GAN: distance (colours as in d)", xlabel="iterations k", ylabel="$|z|$", ylim=(0, 3.3))
    axes.legend(loc="upper left", ncols=2)


def _clocks(axes: Axes, errors: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    for order, marker in (("simultaneous", "o"), ("alternating", "^")):
        for name, (shade, dash) in LINES.items():
            label = name if order == "simultaneous" else None
            axes.plot(STEPS, errors[order][name], dash, color=shade, marker=marker, ms=5, lw=1.3, label=label)
    axes.set(title="Rates 1 and 2.5: distance from the iterates", xlabel="step h", ylabel="error at time 2")
    axes.set(xscale="log", yscale="log", ylim=(1e-6, 60))
    axes.set_xticks(STEPS, [f"1/{round(1 / h)}" for h in STEPS])
    axes.minorticks_off()
    for marker, order in (("o", "simultaneous"), ("^", "alternating")):
        axes.plot([], [], marker, color=PALETTE["black"], ms=5, label=order)
    axes.legend(loc="upper left", ncols=2, fontsize=8)
