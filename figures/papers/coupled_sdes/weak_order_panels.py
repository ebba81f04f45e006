"""The forest plot of the order table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import analysis
from figures.papers.coupled_sdes.algorithm_orders import MARGIN as EXACT_MARGIN
from figures.papers.coupled_sdes.simulated_orders import MARGIN, Measured
from figures.style import PALETTE, letter, new_figure, style

COLOURS = {1: PALETTE["blue"], 2: PALETTE["vermilion"]}
MARKERS = {1: "o", 2: "D"}
EXACT = "exact, quadratic game"

Exact = Mapping[str, Mapping[str, analysis.CorrectedOrder]]


def draw(exact: Exact, lines: Sequence[Measured]) -> Figure:
    """Measured orders with their intervals, a row for each algorithm, a column for each measurement."""
    games = list(dict.fromkeys(line.scene.name.split(",")[0] for line in lines))
    titles = ([EXACT] if exact else []) + games
    labels = list(dict.fromkeys([*(line.row.label for line in lines), *exact]))
    width, height = 3.0 + 3.3 * len(titles), 1.6 + 0.25 * len(labels)
    figure, axes = new_figure(1, len(titles), width=width, height=height, sharey=True)
    with style():
        for axis, title in zip(axes[0], titles, strict=True):
            _frame(axis, title, labels, EXACT_MARGIN if title == EXACT else MARGIN)
            if title == EXACT:
                _exact(axis, exact, labels)
            else:
                _simulated(axis, [line for line in lines if line.scene.name.startswith(title)], labels)
        axes[0, 0].set_ylim(len(labels) - 0.4, -0.9)
        handles = [axes[0, 0].plot([], [], MARKERS[n], color=COLOURS[n], label=f"order-{n} SDE")[0] for n in (1, 2)]
        if exact or any(line.wrong == "wrong sign" for line in lines):
            handles += axes[0, 0].plot([], [], "x", color=PALETTE["black"], label="control: b1 with the wrong sign")
        if any(line.wrong == "no cross-covariance" for line in lines):
            handles += axes[0, 0].plot(
                [], [], "+", color=PALETTE["purple"], markersize=8, label="control: no covariance between the players"
            )
        figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8.5)
    letter(axes)
    return figure


def _frame(axis: Axes, title: str, labels: Sequence[str], margin: float) -> None:
    for power in (1, 2):
        axis.axvspan(power - margin, power + margin, color="#e9eef2", zorder=0)
        axis.axvline(power, color=PALETTE["grey"], lw=0.8)
    axis.set_yticks(range(len(labels)), labels, fontsize=8)
    axis.set(xlim=(0.4, 2.45), xticks=(1, 1.5, 2), xlabel="weak order", title=title)
    axis.grid(False, axis="y")


def _exact(axis: Axes, exact: Exact, labels: Sequence[str]) -> None:
    for label, row in exact.items():
        place = labels.index(label)
        for order in (1, 2):
            _mark(axis, row[f"order {order}"], place, MARKERS[order], COLOURS[order])
        if "wrong sign" in row:
            _mark(axis, row["wrong sign"], place + 0.28, "x", PALETTE["black"])


def _simulated(axis: Axes, lines: Sequence[Measured], labels: Sequence[str]) -> None:
    for line in lines:
        place, small = labels.index(line.row.label), "batch size" in line.scene.name
        if line.found.fit is None or (small and not line.wrong):
            continue
        if line.wrong:
            # the one below its row, the other above, so that they do not cover each other
            turned = line.wrong == "wrong sign"
            marker, colour = ("x", PALETTE["black"]) if turned else ("+", PALETTE["purple"])
            _mark(axis, line.found.fit, place + (0.28 if turned else -0.42), marker, colour)
        else:
            _mark(axis, line.found.fit, place, MARKERS[line.order], COLOURS[line.order])


def _mark(axis: Axes, found: analysis.CorrectedOrder, place: float, marker: str, colour: str) -> None:
    low, high = found.interval
    size = 6 if marker in "x+" else 4.5
    axis.errorbar(
        [found.value], [place], xerr=[[found.value - low], [high - found.value]], fmt=marker, color=colour,
        markersize=size, elinewidth=1.3,
    )  # fmt: skip
