"""Weak order of the coupled SDEs of GAN training.

Cao & Guo (2023), arXiv 2006.02047: the SDE with drift ``b_0`` approximates training to weak order 1, the one with
``b_0 + lr b_1`` to weak order 2, for simultaneous and for alternating training; the proof follows Li, Tai & E
(JMLR 20, 2019, arXiv 1511.06251). For a batch that both players share, order 2 needs the covariance between the
players in the noise, which the last control takes away.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import analysis
from figures.papers.coupled_sdes.weak_errors import (
    RIGHT,
    WRONG_DRIFT,
    WRONG_NOISE,
    CoupledEnsembles,
    Pair,
    Simulated,
    exact_orders,
)
from figures.registry import Check, Outcome, Settings, claim
from figures.style import PALETTE, letter, new_figure, style

EXACT_LRS = tuple(2.0**-k for k in range(8, 13))
EXACT_MARGIN = 0.1
STEPS = (10, 14, 20, 28, 40)
TRAJECTORIES = 80_000
SIMULATED_MARGIN = 0.4
"""Clearly nearer to the theorem's integer than to any other; rates up to 0.1 bend the measured order by up to 0.2."""

EXACT = (*RIGHT, WRONG_NOISE, WRONG_DRIFT)
SIMULATED = (*RIGHT, WRONG_DRIFT)

_COLOURS = {"shared": PALETTE["blue"], "independent": PALETTE["green"], "alternating": PALETTE["vermilion"]}
_MARKERS = {"shared": "o", "independent": "s", "alternating": "^"}

Orders = Mapping[Pair, analysis.WeakOrder]


@claim(
    "weak-order",
    title="SDEs with drift b0 and b0 + lr b1 have weak order 1 and 2, for simultaneous and alternating training",
    source="Cao & Guo (2023), arXiv 2006.02047; Li, Tai & E (2019)",
)
def run(settings: Settings) -> Outcome:
    """Measure the weak orders, exactly on a quadratic game and by simulation on the LQ-GAN."""
    exact = exact_orders(EXACT, EXACT_LRS)
    trajectories = TRAJECTORIES * (10 if settings.full else 1)
    simulated = CoupledEnsembles(STEPS, trajectories, settings.seed).errors(SIMULATED)
    checks = [check(pair, exact[pair], EXACT_MARGIN, "exact") for pair in EXACT]
    checks += [check(pair, simulated[pair].order, SIMULATED_MARGIN, "simulated") for pair in SIMULATED]
    figure = _draw(exact, {pair: found.order for pair, found in simulated.items()})
    return Outcome(figure, tuple(checks), _caption(simulated, trajectories))


def check(pair: Pair, order: analysis.WeakOrder, margin: float, how: str) -> Check:
    """Equivalence test: the whole 95 % interval must lie within ``margin`` of the theorem's order.

    A wrong order, at least 1 away, passes with probability below 2.5 % / row, and an interval too wide to tell fails.
    """
    low, high = order.interval
    passed = pair.weak_order - margin <= low and high <= pair.weak_order + margin
    prefix = "control: " if pair.is_control else ""
    predicted = f"{pair.weak_order} ± {margin:g}" + (f" (not {pair.drift_order})" if pair.is_control else "")
    return Check(f"{prefix}{pair.label} ({how})", predicted, order.value, order.interval, passed)


def _draw(exact: Orders, simulated: Orders) -> Figure:
    figure, axes = new_figure(1, 3, width=13.0, height=4.9, width_ratios=[1, 1, 1.05])
    left, middle, right = axes[0]
    with style():
        _errors(left, exact, "Exact moments, quadratic game")
        _errors(middle, simulated, "Coupled simulation, LQ-GAN")
        _forest(right, exact, simulated)
        letter(axes)
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8.5)
    return figure


def _errors(axis: Axes, orders: Orders, title: str) -> None:
    """Error against learning rate with error bars and fitted powers."""
    for pair, order in orders.items():
        colour = PALETTE["black"] if pair.is_control else _COLOURS[pair.scheme]
        axis.errorbar(
            order.lrs, order.norms, 1.96 * order.norm_ses, linestyle="none", color=colour, zorder=3,
            marker={WRONG_NOISE: "x", WRONG_DRIFT: "+"}.get(pair, _MARKERS[pair.scheme]),
            markersize=7 if pair.is_control else 5.5 + 3 * (pair.scheme == "shared"),
            markerfacecolor="white" if pair.drift_order == 1 else colour,
            alpha=0.55 if pair.scheme == "shared" and not pair.is_control else 1.0,
            label=("control: " if pair.is_control else "") + pair.label,
        )  # fmt: skip
        fitted = order.prefactor * order.lrs**order.value
        line = ":" if pair.is_control else "--" if pair.drift_order == 1 else "-"
        axis.plot(order.lrs, fitted, line, color=colour, linewidth=1.1)
    axis.set(xscale="log", yscale="log", xlabel="learning rate lr")
    lrs = next(iter(orders.values())).lrs
    exact = lrs[-1] < 0.01
    axis.set_xticks(lrs, [rf"$2^{{{np.log2(lr):.0f}}}$" if exact else f"{lr:.3g}" for lr in lrs])
    axis.minorticks_off()
    axis.set_ylabel("largest weak error of 1st and 2nd moments, t = 1")
    axis.set_title(title)
    _slopes(axis, next(iter(orders.values())), min(o.norms[0] for o in orders.values()))


def _slopes(axis: Axes, order: analysis.WeakOrder, lowest: float) -> None:
    """Say which lines are of slope 1 and 2, in words at the right end."""
    low, high = order.lrs[0], order.lrs[-1]
    span = high / low
    axis.set_xlim(low / span**0.08, high * span**0.3)
    for power, value in ((1, order.norms[-1]), (2, lowest * span**2)):
        axis.text(high * span**0.06, value, f"slope {power}", va="center", fontsize=8.5, color=PALETTE["grey"])


def _forest(axis: Axes, exact: Orders, simulated: Orders) -> None:
    """Measured orders with their intervals, row by row."""
    for power in (1, 2):
        axis.axvspan(power - SIMULATED_MARGIN, power + SIMULATED_MARGIN, color="#e9eef2", zorder=0)
        axis.axvline(power, color=PALETTE["grey"], linewidth=0.8)
    for row, pair in enumerate(EXACT):
        colour = PALETTE["black"] if pair.is_control else _COLOURS[pair.scheme]
        for orders, shift, marker in ((exact, -0.16, "D"), (simulated, 0.16, "o")):
            if pair in orders:
                found = orders[pair]
                bars = [[found.value - found.interval[0]], [found.interval[1] - found.value]]
                axis.errorbar([found.value], [row + shift], xerr=bars, fmt=marker, color=colour, markersize=4.5)
    for marker, text in (("D", "exact"), ("o", "simulated")):
        axis.plot([], [], marker, color=PALETTE["grey"], markersize=4.5, label=text)
    axis.legend(loc="lower right")
    axis.set_yticks(range(len(EXACT)), [_short(pair) for pair in EXACT])
    axis.invert_yaxis()
    axis.set(xlim=(0.5, 2.5), xticks=(1, 2), xlabel="weak order, 95 % interval")
    axis.set_title("Measured orders")


def _short(pair: Pair) -> str:
    if pair is WRONG_NOISE:
        return "control: shared, order 2,\nno cross-covariance"
    if pair is WRONG_DRIFT:
        return "control: alternating, order 2\nof simultaneous"
    return f"{pair.scheme}, order {pair.drift_order}"


def _caption(simulated: Mapping[Pair, Simulated], trajectories: int) -> str:
    gains = [found.variance_reduction for found in simulated.values()]
    return (
        "Weak error at time 1 of the SDEs derived from simultaneous (one shared batch, or independent batches) and "
        "alternating gradient descent-ascent: the largest absolute error over all first and second moments. a: finite "
        "sum of three quadratic payoffs, batch size 2, exact moments of both processes (no sampling; the interval "
        f"reflects curvature only), lr = 2^-12 ... 2^-8. b: one-dimensional LQ-GAN, batch size 16, {trajectories:,} "
        "pairs of trajectories a learning rate, training and SDE driven by the same batch statistics, which divides "
        f"the variance of the difference by {min(gains):.0f} to {max(gains):.0f} (median over moments and rates); "
        "error bars 95 %. c: fitted orders. Verdict: an equivalence test, the 95 % interval of the order within "
        f"{EXACT_MARGIN} (exact) or {SIMULATED_MARGIN} (simulated, shaded) of the theorem's. The controls are "
        "wrong on purpose and must drop to order 1: an order-2 SDE without the covariance that a shared batch "
        "induces between the players, and the order-2 SDE of simultaneous training held against alternating training."
    )
