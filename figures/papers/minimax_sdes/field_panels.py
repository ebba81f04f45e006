"""The six panels of the figure of the fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sympy import Matrix, lambdify, simplify

from figures.papers.minimax_sdes.decay import (
    ENERGY,
    LRS,
    METHODS,
    ORDERS,
    SHOWN_LR,
    SHOWN_STEPS,
    Factor,
    gap,
    gaps,
    law_of,
)
from figures.papers.minimax_sdes.games import RHO, X, Y, noiseless_drift
from figures.style import PALETTE, letter, new_figure, style

COLOURS = dict(zip(METHODS, (PALETTE[c] for c in ("blue", "purple", "sky", "green")), strict=True))
LABELS = {rho: "SHGD" if rho is None else rf"SEG, $\rho = {rho:g}$" for rho in METHODS}


def draw(factors: Sequence[Factor], decays: Mapping[float | None, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Four fields, the decay, and how far the rates of algorithm and SDE are apart."""
    figure, axes = new_figure(2, 3, width=13.0, height=8.4)
    field, ahead = noiseless_drift("descent"), noiseless_drift("ahead")
    panels = (
        (axes[0, 0], field, "$-F$: descent-ascent circles", "vermilion"),
        (axes[0, 1], (ahead - field) / RHO, "$DF\\,F$: inwards (SHGD)", "green"),
        (axes[0, 2], ahead.subs(RHO, 1), r"$-F + \rho\,DF\,F$, $\rho = 1$", "purple"),
        (axes[1, 0], ahead.subs(RHO, 10), r"$-F + \rho\,DF\,F$, $\rho = 10$", "orange"),
    )
    with style():
        for panel, vector, title, shade in panels:
            _field(panel, vector, PALETTE[shade])
            panel.set_title(title)
        _decay(axes[1, 1], decays)
        _gap(axes[1, 2], factors)
        letter(axes)
    return figure


def _field(axes: Axes, vector: Matrix, shade: str) -> None:
    """Directions, and the flow from four points."""
    at = np.stack(np.meshgrid(np.linspace(-1, 1, 13), np.linspace(-1, 1, 13)))
    function = lambdify((X, Y), list(vector.applyfunc(simplify)), modules="numpy")
    move = np.stack(np.broadcast_arrays(*function(*at), at[0])[:2])
    length = np.maximum(np.linalg.norm(move, axis=0), 1e-9)
    axes.quiver(
        *at, *np.where(length > 1e-8, move / length, np.nan), pivot="mid", color="#9a9a9a", scale=22, width=0.0045
    )
    matrix = np.array(vector.jacobian([X, Y]), float)
    values, vectors = np.linalg.eig(matrix)
    # as long as it takes to turn twice or to fall to 2 %
    end = min(4 * np.pi / max(np.abs(values.imag).max(), 1e-9), 4 / max(-values.real.max(), 1e-9))
    flow = np.exp(np.linspace(0, end, 400)[:, None] * values)
    for corner in ((0.9, 0.0), (0.0, 0.9), (-0.9, 0.0), (0.0, -0.9)):
        path = (flow * np.linalg.solve(vectors, corner)) @ vectors.T
        axes.plot(*path.real.T, color=shade, lw=2)
        axes.plot(*corner, "o", color=shade, ms=5)
    axes.plot(0, 0, "*", color="black", ms=12, mec="white", zorder=5)
    axes.set(xlabel="$x$", ylabel="$y$", aspect="equal", xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
    axes.set(xticks=(-1, -0.5, 0, 0.5, 1), yticks=(-1, -0.5, 0, 0.5, 1))


def _decay(axes: Axes, decays: Mapping[float | None, tuple[np.ndarray, np.ndarray]]) -> None:
    for rho, (time, energies) in decays.items():
        law, shade = law_of(rho), COLOURS[rho]
        n = np.arange(SHOWN_STEPS + 1)
        axes.plot(SHOWN_LR * n, ENERGY * law.factor(SHOWN_LR) ** n, color=shade, label=LABELS[rho])
        axes.plot(SHOWN_LR * n, law.solve(SHOWN_LR * n, ENERGY, SHOWN_LR), color=shade, ls=(0, (4, 2)), lw=1.1)
        error = 3 * energies.std(axis=0, ddof=1) / np.sqrt(len(energies))
        # one of two curves that all but coincide has larger, open points
        look = (
            {"fmt": "s", "ms": 7.5, "mfc": "white", "zorder": 1.5} if rho == 1 else {"fmt": "o", "ms": 4, "zorder": 4}
        )
        axes.errorbar(time, energies.mean(axis=0), error, color=shade, elinewidth=1, capsize=0, **look)
    axes.plot([], [], color=PALETTE["grey"], label="algorithm, exact")
    axes.errorbar([], [], [], fmt="o", ms=4, color=PALETTE["grey"], label="algorithm, simulated (3 s.e.)")
    axes.plot([], [], color=PALETTE["grey"], ls=(0, (4, 2)), lw=1.1, label="SDE, closed form")
    axes.set(
        title=f"Decay under noise in $\\lambda$ (lr = {SHOWN_LR:g})",
        xlabel="time t = lr k",
        ylabel="$m = E\\,|z|^2 / 2$",
    )
    axes.set_yscale("log")
    axes.legend(loc="lower left")


def _gap(axes: Axes, factors: Sequence[Factor]) -> None:
    grid = np.geomspace(LRS[0] / 1.3, LRS[-1] * 1.3, 60)
    for rho in METHODS:
        note = " (exact only)" if ORDERS[rho] == 2 else ""
        axes.plot(grid, [abs(gap(law_of(rho), lr)) for lr in grid], color=COLOURS[rho], label=LABELS[rho] + note)
        if ORDERS[rho] == 2:
            continue  # below what these simulations resolve
        lrs, differences, ses = gaps(rho, factors)
        axes.errorbar(lrs, np.abs(differences), 1.96 * ses, fmt="o", ms=5, color=COLOURS[rho], elinewidth=1.2)
    axes.plot(grid, 4 * grid, color=PALETTE["grey"], ls=":", label="slope 1")
    axes.plot(grid, 30 * grid**2, color=PALETTE["grey"], ls="-.", label="slope 2")
    axes.set(title="Decay rates, algorithm against SDE", xlabel="learning rate lr", ylabel="|difference| (1 / time)")
    axes.set_ylim(bottom=3e-5)
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(LRS, [f"{lr:g}" for lr in LRS])
    axes.minorticks_off()
    axes.legend(loc="lower right", ncols=2, columnspacing=1.0)
