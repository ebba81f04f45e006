"""The six panels of the figure of the closed forms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.papers.minimax_sdes import coupled_paths as paths
from figures.papers.minimax_sdes.closed_form_runs import ENERGY, LR, NOISY_STEPS, STEPS, Case
from figures.papers.minimax_sdes.coupled_paths import CoupledPaths
from figures.style import PALETTE, letter, new_figure, style

COLOURS = {
    "SGDA": PALETTE["vermilion"],
    "SEG rho 0.5": PALETTE["blue"],
    "SEG rho 0.75": PALETTE["purple"],
    "SEG rho 5": PALETTE["sky"],
    "SHGD": PALETTE["green"],
}
LABELS = {
    "SGDA": "SGDA",
    "SEG rho 0.5": r"SEG, $\rho = 0.5$",
    "SEG rho 0.75": r"SEG, $\rho = 0.75$",
    "SEG rho 5": r"SEG, $\rho = 5$",
    "SHGD": "SHGD",
}
PATH_COLOURS = dict(zip(paths.RHOS, (PALETTE[c] for c in ("orange", "sky", "blue", "purple")), strict=True))
ENERGY_LABEL = r"$m = E\,|z|^2 / 2$"
WIDE = 3.0
"""Error bars drawn are this many standard errors."""


def draw(cases: Sequence[Case], coupled: CoupledPaths) -> Figure:
    """Paths, then the laws with additive, falling and multiplicative noise, then what the SDE misses."""
    figure, axes = new_figure(2, 3, width=13.0, height=8.4)
    additive = [case for case in cases if case.noise == "additive"]
    with style():
        _plane(axes[0, 0], coupled)
        _coupled_laws(axes[0, 1], coupled)
        _constant(axes[0, 2], [case for case in additive if case.gamma == 0])
        _falling(axes[1, 0], [case for case in additive if case.gamma])
        _multiplicative(axes[1, 1], [case for case in cases if case.noise == "multiplicative"])
        _missed(axes[1, 2], [case for case in additive if case.gamma == 0 and not case.is_sde])
        letter(axes)
    return figure


def _kinds(axes: Axes, **options: object) -> None:
    """Legend of the two kinds of points and of the line."""
    grey = PALETTE["grey"]
    handles = [
        Line2D([], [], color=grey, label="closed form of the SDE"),
        Line2D([], [], color=grey, marker="o", ls="", ms=4.5, label="algorithm"),
        Line2D([], [], color=grey, marker="s", mfc="white", ls="", ms=5.5, label="SDE, simulated"),
    ]
    axes.add_artist(axes.legend(handles=handles, **options))


def _points(axes: Axes, case: Case, colour: str, at: np.ndarray) -> None:
    """Measured means of one case at some of its checkpoints."""
    mean = case.energies[:, at].mean(axis=0)
    error = WIDE * case.energies[:, at].std(axis=0, ddof=1) / np.sqrt(len(case.energies))
    look = {"fmt": "s", "mfc": "white", "ms": 6.5} if case.is_sde else {"fmt": "o", "ms": 3.6, "zorder": 4}
    axes.errorbar(case.time[at], mean, error, color=colour, elinewidth=1, capsize=0, **look)


def _names(axes: Axes, names: Sequence[str], **options: object) -> None:
    handles = [Line2D([], [], color=COLOURS[name], lw=2.5, label=LABELS[name]) for name in names]
    axes.legend(handles=handles, **options)


def _plane(axes: Axes, coupled: CoupledPaths) -> None:
    for rho in (paths.RHOS[-1], paths.RHOS[0]):
        group = paths.RHOS.index(rho)
        shown, other = (run.paths[group, 0, :251] for run in (coupled.algorithm, coupled.sde))
        axes.plot(*shown.T, color=PATH_COLOURS[rho], lw=3.2, alpha=0.75, label=rf"SEG, $\rho = {rho:g}$")
        axes.plot(*other.T, color="black", lw=0.8)
    axes.plot([], [], color="black", lw=0.8, label="SDE, same noise")
    axes.plot(*paths.START, "o", color="black", ms=6)
    axes.set(title="One path each: $f = x^2 + xy - y^2$", xlabel="$x$", ylabel="$y$")
    axes.legend(loc="best")


def _coupled_laws(axes: Axes, coupled: CoupledPaths) -> None:
    time = paths.LR * coupled.algorithm.steps
    at = np.unique(np.r_[np.arange(0, 250, 25), np.arange(250, 501, 50)])
    for group, rho in enumerate(paths.RHOS):
        colour = PATH_COLOURS[rho]
        axes.plot(time, paths.law(rho).solve(time, paths.ENERGY, paths.LR), color=colour)
        for run, is_sde in ((coupled.algorithm, False), (coupled.sde, True)):
            exact = paths.law(rho).solve(time, paths.ENERGY, paths.LR)
            case = Case("", rho, is_sde, 0.0, "additive", paths.law(rho), time, run.energies[group], exact)
            _points(axes, case, colour, at[::2] if is_sde else at)
    handles = [Line2D([], [], color=PATH_COLOURS[rho], lw=2.5, label=rf"$\rho = {rho:g}$") for rho in paths.RHOS]
    _kinds(axes, loc="upper right")
    axes.legend(handles=handles, loc="upper right", bbox_to_anchor=(1, 0.8), ncols=2)
    axes.set(title="The same game: mean energy", xlabel="time t = lr k", ylabel=ENERGY_LABEL, yscale="log")
    axes.set_ylim(top=20)


def _constant(axes: Axes, cases: Sequence[Case]) -> None:
    time = np.linspace(0, LR * STEPS, 500)
    for case in cases:
        if case.is_sde:
            axes.plot(time, case.law.solve(time, ENERGY, LR), color=COLOURS[case.name])
        _points(axes, case, COLOURS[case.name], np.arange(1, len(case.time), 4 if case.is_sde else 2))
    axes.set(title="Bilinear game, constant rate", xlabel="time t = lr k", ylabel=ENERGY_LABEL, yscale="log")
    axes.set_ylim(2e-9, 0.2)
    _names(axes, ("SGDA", "SEG rho 5", "SHGD", "SEG rho 0.5"), loc="center right")


def _falling(axes: Axes, cases: Sequence[Case]) -> None:
    time = np.geomspace(0.05, LR * STEPS, 300)
    for case in cases:
        dash = "-" if case.gamma == 1 else (0, (5, 1.5))
        if case.is_sde:
            axes.plot(time, case.law.solve(time, ENERGY, LR, case.gamma), color=COLOURS[case.name], ls=dash)
        ahead = np.unique(np.geomspace(1, len(case.time) - 1, 9 if case.is_sde else 15).astype(int))
        _points(axes, case, COLOURS[case.name], ahead)
    for gamma, dash in ((1, "-"), (0.5, (0, (5, 1.5)))):
        axes.plot([], [], color=PALETTE["grey"], ls=dash, label=rf"$\gamma = {gamma:g}$")
    axes.legend(loc="lower left")
    axes.set(title=r"Falling rate lr / $(1 + t)^\gamma$ (colours as in c)", xlabel="time t", ylabel=ENERGY_LABEL)
    axes.set(xscale="log", yscale="log", ylim=(3e-10, 0.1))


def _multiplicative(axes: Axes, cases: Sequence[Case]) -> None:
    time = np.linspace(0, LR * NOISY_STEPS, 50)
    for case in cases:
        if case.is_sde:
            axes.plot(time, case.law.solve(time, ENERGY, LR), color=COLOURS[case.name])
        _points(axes, case, COLOURS[case.name], np.arange(0, len(case.time), 4 if case.is_sde else 2))
    axes.set(title=r"Noisy coupling, $\lambda + \sigma N(0, 1)$", xlabel="time t = lr k", ylabel=ENERGY_LABEL)
    axes.set_yscale("log")
    _names(axes, ("SEG rho 0.5", "SEG rho 0.75", "SHGD"), loc="lower left")


def _missed(axes: Axes, cases: Sequence[Case]) -> None:
    time = LR * np.arange(STEPS + 1)
    for case in cases:
        colour = COLOURS[case.name]
        exact = case.law.iterate(np.full(STEPS, LR), ENERGY) / case.law.solve(time, ENERGY, LR)
        axes.plot(time, exact, color=colour)
        found = case.agreement(case.closed_form)
        at = slice(1, None, 3)
        axes.errorbar(
            case.time[case.tested][at], found.ratio[at], 1.96 * found.se[at], color=colour, fmt="o", ms=3.6,
            elinewidth=1, capsize=0,
        )  # fmt: skip
    axes.plot([], [], color=PALETTE["grey"], label="exact recursion")
    axes.plot([], [], "o", color=PALETTE["grey"], ms=3.6, label="algorithm, 95 %")
    axes.axhline(1, color="black", lw=0.9, ls=":")
    axes.legend(loc="upper left")
    axes.set(title="c again: what the SDE misses", xlabel="time t = lr k", ylabel="m / (closed form of the SDE)")
    axes.set_ylim(0.7, 2.3)
