"""Panels of the SDE of adversarial training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.papers.adversarial_training.robust_flow import END, Ensemble, flow
from figures.papers.adversarial_training.robust_logistic import START, Attack, input_gradient, loss
from figures.papers.adversarial_training.robust_orders import CLEAN, LRS, OWN, SHARED, Orders, Pair
from figures.style import PALETTE, letter, new_figure, style

COLOURS = {CLEAN: PALETTE["vermilion"], SHARED: PALETTE["green"], OWN: PALETTE["blue"]}
MARKERS = {CLEAN: "^", SHARED: "s", OWN: "o"}
LABELS = {CLEAN: "no attack", SHARED: "attack shared by the batch", OWN: "attack on each sample"}
SHADES = {0.25: PALETTE["blue"], 0.125: PALETTE["purple"], 0.0625: PALETTE["orange"]}
COARSE = 0.25

Runs = Mapping[tuple[Attack, float], Ensemble]


def draw(orders: Mapping[Pair, Orders], runs: Runs) -> Figure:
    """All six panels."""
    figure, axes = new_figure(2, 3, width=15.0, height=8.8)
    with style():
        _errors(axes[0, 0], orders)
        _slopes(axes[0, 1], orders)
        _plane(axes[0, 2], runs)
        _course(axes[1, 0], runs, "loss", loss, "clean loss G", "Clean loss")
        _course(axes[1, 1], runs, "gradient", input_gradient, r"$E|\nabla_x L|^2$", "Input gradient")
        _gap(axes[1, 2], runs)
        letter(axes)
    return figure


def _look(pair: Pair) -> dict:
    colour = PALETTE["black"] if pair.is_control else COLOURS[pair.training]
    return {
        "color": colour,
        "marker": {OWN: "+", SHARED: "x"}[pair.training] if pair.is_control else MARKERS[pair.training],
        "markerfacecolor": "white" if pair.order == 1 else colour,
        "markersize": 7 if pair.is_control else 5.5,
        "linestyle": ":" if pair.is_control else "--" if pair.order == 1 else "-",
    }


def _name(pair: Pair) -> str:
    who = {OWN: "each sample", SHARED: "shared"}[pair.training]
    if pair.is_control:
        return f"control: {who}, SDE of {'no attack' if pair.derived_for == CLEAN else 'each sample'}"
    return f"{who}, order-{pair.order} SDE"


def _errors(axis: Axes, orders: Mapping[Pair, Orders]) -> None:
    for pair, found in orders.items():
        axis.plot(LRS, found.errors, linewidth=1.2, label=_name(pair), **_look(pair))
    axis.set(xscale="log", yscale="log", xlabel="learning rate lr", ylim=(2e-7, 0.9))
    axis.set_ylabel("length of error of 1st and 2nd moments, t = 2")
    axis.set_xticks(LRS, [rf"$2^{{{np.log2(lr):.0f}}}$" for lr in LRS])
    axis.minorticks_off()
    axis.legend(loc="lower right", fontsize=8, labelspacing=0.3)
    axis.set_title("Weak error, by enumeration")


def _slopes(axis: Axes, orders: Mapping[Pair, Orders]) -> None:
    middle = np.sqrt(np.multiply(LRS[1:], LRS[:-1]))
    for power in (1, 2):
        axis.axhspan(power - 0.1, power + 0.1, color="#e9eef2", zorder=0)
        axis.axhline(power, color=PALETTE["grey"], linewidth=0.8)
    for pair, found in orders.items():
        axis.plot(middle, found.slopes, linewidth=1.0, **_look(pair))
    axis.set(xscale="log", xlabel="learning rate lr, between two neighbours", ylim=(0.5, 2.25), yticks=(0.5, 1, 1.5, 2))
    axis.set_xticks(LRS, [rf"$2^{{{np.log2(lr):.0f}}}$" for lr in LRS])
    axis.minorticks_off()
    axis.set_ylabel("slope of log error in log lr")
    axis.text(middle[-1], 2.13, "the theorem's orders, ± 0.1", fontsize=8.5, color="#444444")
    axis.set_title("Order of the error")


def _plane(axis: Axes, runs: Runs) -> None:
    grids = np.meshgrid(np.linspace(0, 4, 200), np.linspace(-0.9, 2.4, 180))
    values = input_gradient(np.stack(grids, axis=-1))
    shown = axis.contourf(*grids, values, levels=np.arange(0, 0.41, 0.025), cmap="Greys", vmax=0.7, extend="max")
    bar = axis.figure.colorbar(shown, ax=axis, pad=0.02)
    bar.set_label(r"$E|\nabla_x L|^2$")
    times = np.concatenate([[0.0], np.geomspace(0.1, END, 200)])
    for attack, colour in COLOURS.items():
        axis.plot(*flow(attack, COARSE, times).T, color=colour, linewidth=1.8)
        axis.plot(*runs[attack, COARSE].state.T, MARKERS[attack], color=colour, markersize=5, markeredgecolor="white",
                  markeredgewidth=0.5)  # fmt: skip
    axis.plot(*START, "*", color=PALETTE["black"], markersize=11)
    axis.annotate("start", START, (0.62, -0.62), fontsize=9)
    axis.set(xlabel=r"$\theta_1$", ylabel=r"$\theta_2$", xlim=(0, 4), ylim=(-0.9, 2.4))
    axis.grid(False)
    handles = [Line2D([], [], color=c, marker=MARKERS[a], label=LABELS[a]) for a, c in COLOURS.items()]
    axis.legend(handles=handles, loc="upper left")
    axis.set_title(f"Flows and mean trainings, lr {COARSE:g}, t up to {END:g}")


def _course(axis: Axes, runs: Runs, which: str, measure, label: str, title: str) -> None:
    times = np.concatenate([[0.0], np.geomspace(1, END, 200)])
    for attack, colour in COLOURS.items():
        axis.plot(times[1:], measure(flow(attack, COARSE, times))[1:], color=colour)
        found = runs[attack, COARSE]
        values = getattr(found, which)
        bars = 1.96 * values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
        axis.errorbar(found.times, values.mean(axis=1), bars, fmt=MARKERS[attack], color=colour, markersize=4.5,
                      label=LABELS[attack])  # fmt: skip
    axis.plot([], [], color=PALETTE["grey"], label="lines: gradient flows")
    axis.set(xscale="log", xlabel="time t = lr x iterations", ylabel=label, xlim=(0.95, 1.05 * END))
    axis.set_ylim(bottom=0)
    axis.set_xticks([1, 3, 10, 30, 100, 200], ["1", "3", "10", "30", "100", "200"])
    axis.minorticks_off()
    axis.legend(loc="best")
    axis.set_title(f"{title}, lr {COARSE:g}")


def _gap(axis: Axes, runs: Runs) -> None:
    axis.axhline(0, color=PALETTE["grey"], linewidth=0.9)
    times = np.concatenate([[0.0], np.geomspace(1, END, 200)])
    for lr, colour in SHADES.items():
        ahead, behind = (input_gradient(flow(attack, lr, times)) for attack in (OWN, CLEAN))
        axis.plot(times[1:], (ahead - behind)[1:], color=colour)
        own, clean = runs[OWN, lr], runs[CLEAN, lr]
        gap = own.gradient - clean.gradient
        bars = 1.96 * gap.std(axis=1, ddof=1) / np.sqrt(gap.shape[1])
        axis.errorbar(own.times, gap.mean(axis=1), bars, fmt="o", color=colour, markersize=4.5, label=f"lr {lr:g}")
    axis.plot([], [], color=PALETTE["grey"], label="lines: gradient flows")
    axis.text(1.05, 0.012, "attacks raise it", fontsize=9, color="#444444")
    axis.text(1.05, -0.072, "attacks lower it", fontsize=9, color="#444444")
    axis.set(xscale="log", xlabel="time t = lr x iterations", ylabel=r"$E|\nabla_x L|^2$, each sample minus none")
    axis.set(xlim=(0.95, 1.05 * END), ylim=(-0.08, 0.1))
    axis.set_xticks([1, 3, 10, 30, 100, 200], ["1", "3", "10", "30", "100", "200"])
    axis.minorticks_off()
    axis.legend(loc="upper left")
    axis.set_title("What attacks do to the input gradient")
