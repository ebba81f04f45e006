"""The six panels of the figure of the extrapolation rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.papers.minimax_sdes.extragradient_runs import CONVEX, SIGMA, Curve, Scan, Setting, noiseless_rates
from figures.style import PALETTE, letter, new_figure, style

ENERGY_LABEL = r"$m = E\,|z|^2 / 2$"
SCAN_COLOURS = {"shared": PALETTE["blue"], "independent": PALETTE["orange"]}


def colour(setting: Setting, rho: float | None) -> str:
    """Colour of an algorithm."""
    if rho is None:
        return PALETTE["green"]
    names = {setting.rho_v: "blue", setting.rho_h: "sky", 0.0: "vermilion"}
    return PALETTE[names.get(rho, "purple")]


def label(setting: Setting, rho: float | None) -> str:
    """Text of an algorithm."""
    if rho is None:
        return "SHGD"
    if rho == 0:
        return r"SGDA, $\rho = 0$"
    mark = {setting.rho_v: "^V", setting.rho_h: "^H"}.get(rho, "")
    return rf"SEG, $\rho{mark} = {rho:g}$"


def draw(runs: Sequence[Sequence[Curve]], scans: Sequence[Sequence[Scan]]) -> Figure:
    """One row a game: the experiment, the decay rate over rho, the stationary variance over rho."""
    figure, axes = new_figure(2, 3, width=13.0, height=8.2)
    with style():
        for row, curves, found in zip(axes, runs, scans, strict=True):
            setting = curves[0].setting
            _experiment(row[0], setting, curves)
            _rates(row[1], setting)
            _variance(row[2], setting, found)
        letter(axes)
    return figure


def _experiment(axes: Axes, setting: Setting, curves: Sequence[Curve]) -> None:
    time = np.linspace(0, setting.lr * setting.steps, 400)
    for curve in curves:
        shade = colour(setting, curve.rho)
        if not curve.is_sde:
            axes.plot(time, curve.law.solve(time, curve.exact[0], setting.lr), color=shade)
        at = slice(2, None, 6) if curve.is_sde else slice(0, None, 3)
        mean = curve.energies.mean(axis=0)[at]
        error = 3 * curve.energies.std(axis=0, ddof=1)[at] / np.sqrt(len(curve.energies))
        look = {"fmt": "s", "mfc": "white", "ms": 6.5} if curve.is_sde else {"fmt": "o", "ms": 3.6, "zorder": 4}
        axes.errorbar(curve.time[at], mean, error, color=shade, elinewidth=1, capsize=0, **look)
    grows = any(curve.law.rate(setting.lr) < 0 for curve in curves)
    axes.set(xlabel="time t = lr k", ylabel=ENERGY_LABEL, yscale="log", ylim=(4e-9, 20) if grows else (2e-6, 3))
    axes.set_title(f"Energy: a = {setting.a:g}, $\\lambda$ = {setting.lam:g}, lr = {setting.lr:g}")
    rhos = [curve.rho for curve in curves if not curve.is_sde]
    handles = [Line2D([], [], color=colour(setting, rho), lw=2.5, label=label(setting, rho)) for rho in rhos]
    grey = {"color": PALETTE["grey"], "ls": "none"}
    handles += [
        Line2D([], [], marker="o", ms=3.6, label="algorithm", **grey),
        Line2D([], [], marker="s", mfc="white", ms=6.5, label="SDE, simulated", **grey),
        Line2D([], [], color=PALETTE["grey"], label="SDE, closed form"),
    ]
    axes.legend(handles=handles, loc="lower left" if grows else "upper right", ncols=2)


def _rates(axes: Axes, setting: Setting) -> None:
    """Decay rate of the SDE's closed form and of the algorithm without noise."""
    rhos = np.linspace(*setting.range, 200)
    rates = np.array([setting.law(rho).rate(setting.lr) for rho in rhos])
    axes.plot(rhos, rates, color="black", label=r"SDE: $k = 2\,[a + \rho\,(\lambda^2 - a^2)]$")
    few = np.linspace(*setting.range, 25)
    axes.plot(few, noiseless_rates(setting, few), "o", color=PALETTE["blue"], ms=4, label="algorithm without noise")
    level = setting.law(None).rate(setting.lr)
    axes.axhline(level, color=PALETTE["green"], ls="--", lw=1.2, label="SHGD")
    axes.axhline(0, color=PALETTE["grey"], lw=0.8)
    axes.fill_between(rhos, rates.min() * 1.15, 0, color=PALETTE["vermilion"], alpha=0.1, lw=0)
    axes.set_ylim(bottom=rates.min() * 1.15)
    for rho, name in ((setting.rho_v, "V"), (setting.rho_h, "H")):
        axes.plot(rho, setting.law(rho).rate(setting.lr), "D", color=colour(setting, rho), ms=8, mec="black", zorder=5)
        axes.annotate(
            rf"$\rho^{name}$",
            (rho, setting.law(rho).rate(setting.lr)),
            xytext=(10, 7 if setting is CONVEX else -14),
            textcoords="offset points",
        )
    axes.set(title=r"Decay rate of $|z|^2$ (shaded: diverges)", xlabel=r"extrapolation rate $\rho$")
    axes.set_ylabel("decay rate (1 / time)")
    axes.legend(loc="upper right" if setting is CONVEX else "upper left")


def _variance(axes: Axes, setting: Setting, scans: Sequence[Scan]) -> None:
    """Stationary m: SDE dashed, algorithm's exact law solid, measurement."""
    low, high = setting.scanned[0], setting.scanned[-1]
    grid = np.linspace(low - 0.03 * (high - low), high + 0.01 * (high - low), 300)
    unit = setting.lr * SIGMA**2
    for scan in scans:
        shade = SCAN_COLOURS[scan.batches]
        laws = [setting.law(rho, scan.batches) for rho in grid]
        axes.plot(grid, [law.floor(setting.lr) / unit for law in laws], color=shade, ls=(0, (4, 2)), lw=1.2)
        axes.plot(grid, [law.discrete_floor(setting.lr) / unit for law in laws], color=shade, lw=1.2)
        n = scan.means.shape[1]
        settled = scan.means.mean(axis=1) * _remaining(scan)
        error = 3 * scan.means.std(axis=1, ddof=1) / np.sqrt(n)
        axes.errorbar(scan.rhos, settled, error, fmt="o", ms=4, color=shade, label=f"{scan.batches} sample")
    axes.axhline(0.5, color=PALETTE["green"], ls="--", lw=1.2, label="SHGD")
    if setting.scanned[0] < setting.rho_v < setting.scanned[-1]:
        axes.axvline(setting.rho_v, color=PALETTE["grey"], lw=1, ls=":", label=r"$\rho^V = 1 / (a + \lambda)$")
    axes.plot([], [], color=PALETTE["grey"], lw=1.2, label="algorithm, exact")
    axes.plot([], [], color=PALETTE["grey"], lw=1.2, ls=(0, (4, 2)), label="SDE, closed form")
    axes.set(
        title="Stationary energy of the algorithm", xlabel=r"extrapolation rate $\rho$", ylabel="$m$ / (lr $\\sigma^2$)"
    )
    axes.set_ylim(0, 1.0 if setting is CONVEX else None)
    axes.legend(loc="upper left" if setting is CONVEX else "center right")


def _remaining(scan: Scan) -> np.ndarray:
    """Exact factor from the time average of a run that starts at 0 to the stationary value."""
    unit = scan.setting.lr * SIGMA**2
    floors = [scan.setting.law(rho, scan.batches).discrete_floor(scan.setting.lr) for rho in scan.rhos]
    return np.array(floors) / unit / scan.exact
