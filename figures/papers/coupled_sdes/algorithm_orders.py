"""Weak order of the SDE of every algorithm, from exact moments on a game with multiplicative and additive noise.

The expansion that Li, Tai & E (arXiv 1511.06251) prove for stochastic gradients and Cao & Guo (arXiv 2006.02047) for
two players is carried out by the toolkit on the text of each algorithm. Here each resulting SDE is held against its
algorithm: first and second moments at time 1, both without sampling, so that every row is a fact about formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sympy import ImmutableMatrix

import analysis
import gan_sde as gs
from figures.papers.coupled_sdes.weak_errors import SAMPLES
from figures.registry import Check, Outcome, Settings, claim
from figures.style import PALETTE, letter, new_figure, style
from gan_sde.algorithms import Fixed

LRS = tuple(2.0**-k for k in range(8, 13))
TIME, START, BATCH_SIZE = 1.0, (0.8, -0.5), 2
MARGIN = 0.1
"""Of the order; a wrong order is at least 1 away."""


@dataclass(frozen=True)
class Case:
    """An algorithm with its options.

    Parameters
    ----------
    name, options
        As for ``gan_sde.algorithms.get``.
    label
        For tables and the figure.
    rates
        Multiples of the learning rate by player.
    """

    name: str
    options: Mapping[str, Any]
    label: str
    rates: Mapping[str, float] = field(default_factory=dict)

    def training(self) -> gs.Training:
        """The algorithm on the quadratic game of three samples."""
        game = gs.games.get("quadratic", samples=SAMPLES)
        return gs.Training(game, gs.algorithms.get(self.name, **self.options), self.rates)


UNEQUAL = {"discriminator": 1.0, "generator": 2.5}
ALTERNATING = {"order": "alternating"}
SHARED = {"batches": "shared"}
CASES = (
    Case("sgda", {}, "descent, one batch"),
    Case("sgda", {"batches": "independent"}, "descent, two batches"),
    Case("sgda", {}, "descent, one batch, rates 1 : 2.5", UNEQUAL),
    Case("sgda", ALTERNATING, "alternating"),
    Case("sgda", ALTERNATING | {"first": "generator"}, "alternating, generator first"),
    Case("sgda", ALTERNATING, "alternating, rates 1 : 2.5", UNEQUAL),
    Case("sgda", ALTERNATING | {"inner_steps": {"discriminator": 2}}, "alternating, 2 discriminator steps"),
    Case("extragradient", {}, "extragradient, two batches"),
    Case("extragradient", SHARED, "extragradient, one batch"),
    Case("extragradient", {"extrapolation": Fixed(0.3)}, "extragradient, look-ahead 0.3"),
    Case("past-extragradient", {}, "past extragradient"),
    Case("optimistic", {}, "optimistic"),
    Case("consensus", {"weight": 0.5}, "consensus, two batches"),
    Case("consensus", {"weight": 0.5} | SHARED, "consensus, one batch"),
    Case("symplectic-adjustment", {}, "symplectic adjustment"),
    Case("crossing-the-curl", {}, "Crossing-the-Curl, two batches"),
    Case("crossing-the-curl", SHARED, "Crossing-the-Curl, one batch"),
    Case("linear-family", {"alpha": 1, "beta": 0.2, "gamma": 0.3}, "F + 0.2 JᵀF - 0.3 JF"),
    Case("hamiltonian", {}, "Hamiltonian, two batches"),
    Case("hamiltonian", SHARED, "Hamiltonian, one batch"),
    Case("gradient-regularised", {}, "gradient-regularised"),
    Case("unrolled", {}, "unrolled, look-ahead of lr"),
    Case("lola", {}, "LOLA"),
    Case("competitive", {"iterations": 2}, "competitive"),
    Case("alex-gda", {}, "Alex-GDA"),
    Case("momentum", {"mu": 0.5}, "heavy ball, mu = 0.5"),
    Case("momentum", {"damping": 1.5}, "heavy ball, 1 - mu = 1.5 lr"),
    Case("averaging", {}, "descent with averaging"),
    Case("svag", {"refinement": 4}, "amplified noise (SVAG), l = 4"),
)
CROSS_NOISE = CASES[0]
"""The case whose noise is also made independent between the players, which is wrong for one batch."""


@claim(
    "weak-order-algorithms",
    title="The SDE derived from an algorithm's own text has the weak order that was asked for, 1 or 2, for every "
    "algorithm",
    source="Li, Tai & E, arXiv 1511.06251; Cao & Guo, arXiv 2006.02047; expansions derived here",
)
def run(settings: Settings) -> Outcome:
    """Measure the orders of all algorithms, and those of SDEs that are wrong on purpose."""
    rows = {case.label: orders(case) for case in CASES}
    crossless = exact_order(CROSS_NOISE, CROSS_NOISE.training().sde(2), independent_players=True)
    checks = [order_check(label, order, row[f"order {order}"]) for label, row in rows.items() for order in (1, 2)]
    checks += [
        control_check("b1 with the wrong sign", [row["wrong sign"] for row in rows.values()]),
        control_check("one batch, no covariance between the players", [crossless]),
    ]
    return Outcome(draw(rows), tuple(checks), caption(len(rows)))


# -------------------------------------------------------------------- measured


def orders(case: Case) -> dict[str, analysis.WeakOrder]:
    """Orders of the two SDEs of an algorithm, and of the second with its correction turned round."""
    training = case.training()
    first, second = (training.sde(order, noise="exact") for order in (1, 2))
    turned = replace(second, drift=ImmutableMatrix((2 * first.drift - second.drift).expand()))
    return {
        "order 1": exact_order(case, first),
        "order 2": exact_order(case, second),
        "wrong sign": exact_order(case, turned),
    }


def exact_order(case: Case, sde: gs.SDE, *, independent_players: bool = False) -> analysis.WeakOrder:
    """Order of the largest error over all first and second moments of the parameters at time 1."""
    training = case.training()
    game = training.game
    blocks = tuple(game.players.values()) if independent_players else None
    discrete, continuous = gs.MomentDynamics.of_training(training), gs.MomentDynamics.of_sde(sde, blocks=blocks)
    start, errors = np.array([START]), []
    for lr in LRS:
        options = {"time": TIME, "lr": lr, "batch_size": BATCH_SIZE}
        reached = discrete.select(discrete.after(training.start(start, lr)[0], **options), game.parameters)
        followed = continuous.select(continuous.after(sde.start(start, lr)[0], **options), game.parameters)
        errors.append(float(np.abs(followed - reached).max()))
    return analysis.weak_order(LRS, errors, np.zeros(len(errors)))


# -------------------------------------------------------------------- verdicts


def order_check(label: str, order: int, found: analysis.WeakOrder) -> Check:
    """Whether the whole interval lies within `MARGIN` of the order."""
    low, high = found.interval
    passed = order - MARGIN <= low and high <= order + MARGIN
    return Check(f"{label}: order-{order} SDE", f"{order} ± {MARGIN:g}", found.value, found.interval, passed)


def control_check(what: str, found: Sequence[analysis.WeakOrder]) -> Check:
    """Whether every SDE that is wrong on purpose falls back to order 1."""
    values = [order.value for order in found]
    passed = all(abs(value - 1) <= MARGIN for value in values)
    return Check(
        f"control: {what}, {len(values)} order-2 SDEs", f"all 1 ± {MARGIN:g} (not 2)",
        f"{min(values):.4f} to {max(values):.4f}" if len(values) > 1 else f"{values[0]:.4f}", None, passed,
    )  # fmt: skip


# -------------------------------------------------------------------- figure


COLOURS = {"order 1": PALETTE["blue"], "order 2": PALETTE["vermilion"], "wrong sign": PALETTE["black"]}
MARKERS = {"order 1": "o", "order 2": "D", "wrong sign": "x"}
NAMES = {"order 1": "order-1 SDE", "order 2": "order-2 SDE", "wrong sign": "control: b1 with the wrong sign"}


def draw(rows: Mapping[str, Mapping[str, analysis.WeakOrder]]) -> Figure:
    """Errors of all SDEs against the learning rate, and their orders."""
    figure, axes = new_figure(1, 2, width=12.5, height=7.2, width_ratios=[1, 1.25])
    with style():
        _errors(axes[0, 0], rows)
        _orders(axes[0, 1], rows)
    letter(axes)
    return figure


def _errors(axes: Axes, rows: Mapping[str, Mapping[str, analysis.WeakOrder]]) -> None:
    for kind, colour in COLOURS.items():
        for row in rows.values():
            axes.plot(row[kind].lrs, row[kind].norms, "-", color=colour, lw=0.9, alpha=0.6)
        axes.plot([], [], MARKERS[kind], color=colour, label=NAMES[kind])
    low, high = LRS[-1], LRS[0]
    for power, level in ((1, 0.02), (2, 0.0004)):
        axes.plot([low, high], [level * (low / high) ** power, level], ":", color=PALETTE["grey"], lw=2)
        axes.text(high * 1.05, level, f"slope {power}", fontsize=8.5, color=PALETTE["grey"], va="center")
    axes.set(xscale="log", yscale="log", xlim=(low / 1.15, high * 1.9))
    axes.set_xticks(LRS, [rf"$2^{{{np.log2(lr):.0f}}}$" for lr in LRS])
    axes.minorticks_off()
    axes.set(xlabel="learning rate lr", ylabel="largest error of 1st and 2nd moments, t = 1", title="Weak errors")
    axes.legend(loc="lower right")


def _orders(axes: Axes, rows: Mapping[str, Mapping[str, analysis.WeakOrder]]) -> None:
    for power in (1, 2):
        axes.axvspan(power - MARGIN, power + MARGIN, color="#e9eef2", zorder=0)
        axes.axvline(power, color=PALETTE["grey"], lw=0.8)
    for height, row in enumerate(rows.values()):
        for kind, colour in COLOURS.items():
            found = row[kind]
            bars = np.abs(np.array(found.interval) - found.value)[:, None]
            shift = 0.22 if kind == "wrong sign" else 0
            axes.errorbar(
                [found.value], [height + shift], xerr=bars, fmt=MARKERS[kind], color=colour, markersize=4.5,
                label=NAMES[kind] if height == 0 else None,
            )  # fmt: skip
    axes.set_yticks(range(len(rows)), list(rows), fontsize=8)
    axes.set(xlim=(0.7, 2.3), xticks=(1, 2), xlabel="weak order, 95 % interval", title="Measured orders")
    axes.invert_yaxis()
    axes.grid(False, axis="y")


def caption(number: int) -> str:
    """What is drawn and what decides."""
    return (
        f"{number} algorithms on the finite sum of three quadratic payoffs (multiplicative and additive noise), batch "
        f"size {BATCH_SIZE}, from {START}: largest absolute difference of all first and second moments at time 1 "
        "between the algorithm and the SDE derived from it, with its noise exact in the batch size. Both sides are "
        "exact: powers of a matrix and the exponential of another; nothing is sampled, and the intervals reflect "
        f"curvature over lr = 2^-12 ... 2^-8 only. Verdict: the whole interval within {MARGIN} of the order. Where an "
        "algorithm carries memory the SDE is that of its slow part, started where the eliminated memory says. "
        "Crosses: the order-2 SDE with its correction b1 turned round, which must fall back to order 1, and does."
    )
