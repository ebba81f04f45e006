"""Fluctuation-dissipation relations of training and of its SDE, player by player.

Cao & Guo (2023), arXiv 2006.02047: at stationarity of the SDE, FDR1 ties the work of each player's gradient to its
noise, and FDR2 the players' squared gradients to noise and curvature. Yaida (2018), arXiv 1810.00004: with the full
second moment of the mini-batch gradient in place of the covariance such relations hold exactly for the training, at
any learning rate, with momentum too. The SDE's forms have a gap of relative order lr there, which exact moments
predict; a second-order drift alone does not close it, drift and diffusion of second order leave one of order lr^2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.special import ndtri

from figures.papers.coupled_sdes.fluctuation_calibration import CHAINS as FEW_CHAINS
from figures.papers.coupled_sdes.fluctuation_calibration import DRAWS as FEW_DRAWS
from figures.papers.coupled_sdes.fluctuation_calibration import REPLICATES, Calibration, calibrate, rejected
from figures.papers.coupled_sdes.fluctuation_orders import (
    MOMENTUM_LRS,
    MU,
    ORDER_LRS,
    PLAYERS,
    SDES,
    momentum_gaps,
    order_slope,
)
from figures.papers.coupled_sdes.fluctuation_panels import Momentum, calibration_panel, momentum_panel, order_panel
from figures.papers.coupled_sdes.fluctuation_runs import BATCH_SIZE, RELATIONS, Gap, Relations, gap
from figures.registry import Check, Outcome, Settings, claim
from figures.style import PALETTE, letter, new_figure, style

SCHEMES = ("shared", "alternating")
LRS = (0.05, 0.1, 0.2)
SHOWN = 0.1
CHAINS = 256
DRAWS = 6_000
FALSE_ALARM = 0.01
"""Chance that any test of the whole claim rejects a relation that holds (Bonferroni)."""
KINDS = {
    "exact": "training, exact form",
    "gap": "training, SDE's form",
    "sde": "SDE, SDE's form",
    "wrong lr": "control: exact form, lr 10 % too large",
    "no cross": "control: SDE's FDR2 without cross-covariance",
}
LEVEL = FALSE_ALARM / (3 * len(SCHEMES) * len(RELATIONS) * len(LRS) + len(MOMENTUM_LRS) * len(PLAYERS))
SLOPES = {"order 1": 1, "order 2": 1, "order 2, corrected noise": 2}

FDR1 = RELATIONS[:2]
"""Relations that see a wrong rate of 10 %; the noise of FDR2 is larger."""

COLOURS = dict(zip(RELATIONS, (PALETTE[c] for c in ("blue", "vermilion", "green")), strict=True))
MARKERS = dict(zip(RELATIONS, "o^s", strict=True))


@dataclass(frozen=True)
class Key:
    """One test: of a relation, in one of `KINDS`, for a scheme and a rate."""

    scheme: str
    kind: str
    relation: str
    lr: float


Gaps = Mapping[Key, Gap]


@claim(
    "fluctuation-dissipation",
    title="Fluctuation-dissipation relations hold exactly for training in discrete form, and up to O(lr) in the SDE's",
    source="Cao & Guo (2023), arXiv 2006.02047; Yaida (2018), arXiv 1810.00004",
)
def run(settings: Settings) -> Outcome:
    """Test FDR1 of both players and FDR2 on training and SDE, with shared batches and alternating."""
    chains = CHAINS * (4 if settings.full else 1)
    gaps: dict[Key, Gap] = {}
    for i, scheme in enumerate(SCHEMES):
        for j, lr in enumerate(LRS):
            gaps |= measure(scheme, lr, chains=chains, draws=DRAWS, seed=settings.seed * 100 + 10 * i + 2 * j)
    checks = [relation_check(gaps, s, kind, r) for s in SCHEMES for kind in ("exact", "gap", "sde") for r in RELATIONS]
    checks += [control_check(gaps, s, "wrong lr", r) for s in SCHEMES for r in FDR1]
    checks.append(control_check(gaps, "shared", "no cross", "FDR2"))
    momentum = {
        lr: momentum_gaps(lr, chains=chains, seed=settings.seed * 100 + 50 + k) for k, lr in enumerate(MOMENTUM_LRS)
    }
    checks += [check for player in PLAYERS for check in momentum_checks(momentum, player)]
    checks += [order_check(kind, relation) for kind in SDES for relation in RELATIONS]
    replicates = REPLICATES * (4 if settings.full else 1)
    calibration = calibrate(replicates=replicates, seed=settings.seed * 100 + 60)
    checks += calibration_checks(calibration)
    return Outcome(_draw(gaps, momentum, calibration), tuple(checks), _caption(chains, replicates))


def measure(scheme: str, lr: float, *, chains: int, draws: int, seed: int) -> dict[Key, Gap]:
    """All tests of one scheme at one rate; the controls reuse the same runs."""
    relations = Relations(scheme)
    predicted = relations.exact_gap(lr)
    seeds = (seed % 2**64, (seed + 1) % 2**64)
    path = relations.path(relations.training, lr, chains=chains, draws=draws, seed=seeds[0])
    sides = {
        "exact": relations.discrete_sides(path, lr),
        "gap": relations.sde_sides(path, lr),
    }
    wrong = relations.discrete_sides(path, lr, claimed_lr=1.1 * lr)
    sides["wrong lr"] = {name: wrong[name] for name in FDR1}
    path = relations.path(relations.training.sde(1), lr, chains=chains, draws=draws // 4, seed=seeds[1])
    sides["sde"] = relations.sde_sides(path, lr)
    found = {
        Key(scheme, kind, name, lr): gap(terms[name], predicted[name] if kind == "gap" else 0.0)
        for kind, terms in sides.items()
        for name in terms
    }
    if scheme == "shared":
        found[Key(scheme, "no cross", "FDR2", lr)] = gap(relations.sde_sides(path, lr, cross=False)["FDR2"])
    return found


def relation_check(gaps: Gaps, scheme: str, kind: str, relation: str) -> Check:
    """The relation at all rates; shown is the relative gap at one of them."""
    shown = gaps[Key(scheme, kind, relation, SHOWN)].relative
    expected = Relations(scheme).exact_gap(SHOWN)[relation] if kind == "gap" else 0.0
    passed = all(gaps[Key(scheme, kind, relation, lr)].p_value >= LEVEL for lr in LRS)
    name = f"{scheme}, {KINDS[kind]}, {relation}: relative gap at lr {SHOWN:g}"
    return Check(name, f"{expected:.4g}", shown.value, shown.interval, passed)


def control_check(gaps: Gaps, scheme: str, kind: str, relation: str) -> Check:
    """The same test must reject at every rate."""
    p = max(gaps[Key(scheme, kind, relation, lr)].p_value for lr in LRS)
    z = min(abs(gaps[Key(scheme, kind, relation, lr)].z) for lr in LRS)
    name = f"{KINDS[kind]} ({scheme}, {relation})"
    return Check(name, f"rejected, p < {LEVEL:.1g}", f"smallest |z| {z:.1f}, p {p:.1g}", None, p < LEVEL)


def momentum_checks(found: Momentum, player: str) -> list[Check]:
    """The heavy ball's relation at all its rates, and the control that has no factor 1 + mu."""
    right, wrong = ([found[lr][player][k] for lr in MOMENTUM_LRS] for k in range(2))
    shown = right[-1].relative
    name = f"momentum {MU:g}, exact form, FDR1, {player}: relative gap at lr {MOMENTUM_LRS[-1]:g}"
    p, z = max(g.p_value for g in wrong), min(abs(g.z) for g in wrong)
    return [
        Check(name, "0", shown.value, shown.interval, all(g.p_value >= LEVEL for g in right)),
        Check(
            f"control: momentum's form without 1 + mu ({player})", f"rejected, p < {LEVEL:.1g}",
            f"smallest |z| {z:.1f}, p {p:.1g}", None, p < LEVEL,
        ),
    ]  # fmt: skip


def order_check(kind: str, relation: str) -> Check:
    """Order of an SDE's gap on the training, from exact moments at the two smallest rates."""
    slope = order_slope(kind, relation)
    name = f"training, form of the SDE of {kind}, {relation}: order of the gap in lr (exact moments)"
    return Check(name, f"{SLOPES[kind]} ± 0.05", slope, None, abs(slope - SLOPES[kind]) < 0.05)


def calibration_checks(found: Calibration) -> list[Check]:
    """How often the test at 5 % rejects."""
    checks = []
    for text, values, said, low, high in (
        ("stationary", found.stationary, "5 % ± 1 %", 0.04, 0.06),
        ("rate just halved", found.halved, ">= 90 %", 0.9, 1.0),
        ("control: lr 20 % too large", found.control, ">= 90 %", 0.9, 1.0),
    ):
        rate = rejected(values)
        name = f"test of FDR1 at 5 %, {FEW_CHAINS} chains x {FEW_DRAWS} iterations, {text}: rejected, of {rate.n:,}"
        checks.append(Check(name, said, rate.value, rate.interval, low <= rate.value <= high))
    return checks


def _draw(gaps: Gaps, momentum: Momentum, calibration: Calibration) -> Figure:
    figure, axes = new_figure(2, 3, width=13.5, height=9.6, width_ratios=[1, 1, 1.15])
    with style():
        for axis, scheme in zip(axes[0], SCHEMES, strict=False):
            _gap_panel(axis, gaps, scheme)
        axes[0, 0].set_title("Simultaneous, shared batch")
        axes[0, 1].set_title("Alternating")
        axes[0, 0].set_ylabel("relative gap, left / right − 1")
        _z_panel(axes[0, 2], gaps)
        momentum_panel(axes[1, 0], momentum)
        order_panel(axes[1, 1])
        calibration_panel(axes[1, 2], calibration)
        letter(axes)
        _legend(figure)
    return figure


def _legend(figure: Figure) -> None:
    """Colours say which relation, symbols which form on which process."""
    grey, handles = PALETTE["grey"], []
    for name in RELATIONS:
        label = name if handles else f"a–c:  {name}"
        handles.append(Line2D([], [], color=COLOURS[name], marker=MARKERS[name], label=label))
    for face, shape, text in (
        (grey, "o", "SDE's form on training, simulated (line: exact moments)"),
        ("white", "o", "exact form on training"),
        (grey, "x", "SDE's form on SDE"),
    ):
        handles.append(Line2D([], [], color=grey, marker=shape, linestyle="", markerfacecolor=face, label=text))
    figure.legend(handles=handles, loc="outside lower center", ncols=6, columnspacing=1.4)


def _gap_panel(axis: Axes, gaps: Gaps, scheme: str) -> None:
    """Gaps against the learning rate: lines from exact moments, points from runs."""
    grid = np.linspace(0.002, 1.1 * LRS[-1], 50)
    exact = [Relations(scheme).exact_gap(lr) for lr in grid]
    axis.axhline(0, color=PALETTE["grey"], linewidth=0.8)
    for number, name in enumerate(RELATIONS):
        colour = COLOURS[name]
        axis.plot(grid, [e[name] for e in exact], color=colour)
        for kind, face, shape in (
            ("gap", colour, MARKERS[name]),
            ("exact", "white", MARKERS[name]),
            ("sde", colour, "x"),
        ):
            found = [gaps[Key(scheme, kind, name, lr)].relative for lr in LRS]
            shift = 0.0 if kind == "gap" else 0.004 * (number - 1) + (0.0015 if kind == "sde" else -0.0015)
            axis.errorbar(
                np.array(LRS) + shift, [f.value for f in found], 1.96 * np.array([f.se for f in found]), fmt=shape,
                color=colour, markerfacecolor=face, zorder=3, elinewidth=1,
            )  # fmt: skip
    axis.set(xlabel="learning rate lr", xlim=(0, grid[-1]))
    axis.locator_params(axis="x", nbins=5)


def _z_panel(axis: Axes, gaps: Gaps) -> None:
    """All scores against the limit of the tests."""
    limit = -ndtri(LEVEL / 2)
    axis.axvspan(0, limit, color="#e9eef2", zorder=0)
    rows = [(scheme, kind) for kind in KINDS for scheme in SCHEMES if kind != "no cross" or scheme == "shared"]
    for position, (scheme, kind) in enumerate(rows):
        for key, found in gaps.items():
            if (key.scheme, key.kind) == (scheme, kind):
                height = position + 0.22 * (RELATIONS.index(key.relation) - 1)
                axis.plot(abs(found.z), height, MARKERS[key.relation], color=COLOURS[key.relation], markersize=4.5)
    short = {
        "exact": "exact form, training",
        "gap": "predicted gap, training",
        "sde": "SDE's form, SDE",
        "wrong lr": "control: lr 10 % off",
        "no cross": "control: no cross-cov.",
    }
    axis.set_yticks(range(len(rows)), [f"{short[kind]}\n{scheme}" for scheme, kind in rows])
    axis.invert_yaxis()
    axis.set_xscale("symlog", linthresh=5)
    ticks = [0, 2, 4, 10, 30, 100]
    axis.set(xlim=(0, 400), xlabel="|z| of left = (1 + gap) right; shaded: accepted")
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.set_title("Scores of all tests")


def _caption(chains: int, replicates: int) -> str:
    return (
        "FDR1 of each player and FDR2 on the finite sum of three quadratic payoffs (multiplicative and additive "
        f"noise), batch size {BATCH_SIZE}; {chains} independent chains of {DRAWS:,} stationary iterations a learning "
        "rate. a, b: relative gap between the two sides. With the full second moment of the mini-batch gradient the "
        "relations are exact for the training (open symbols, zero at every lr; for FDR2 because the payoff is "
        "quadratic). With the covariance, as for the SDE, they hold on the SDE (crosses) and have a gap of order lr "
        "on the training, which its exact stationary moments predict (lines) and the runs confirm (filled symbols). "
        "Alternating, the two sides of FDR2 are small differences of large terms, which makes its relative gap large. "
        "c: z-scores of all tests; error bars (95 %) from the spread over chains. Verdict: each test at level "
        f"{LEVEL:.1g}, Bonferroni to a false-alarm rate of {FALSE_ALARM:.0%} for the whole claim; the controls must be "
        "rejected at every lr. "
        f"d: the heavy ball's relation E (x - c) . F = (1 + mu) / 2 lr E|v|^2 on {chains} chains, and without its "
        "factor 1 + mu. "
        f"e: gap of the SDEs' forms on simultaneous descent, lr {ORDER_LRS[0]:g} to {ORDER_LRS[-1]:g} (circles and "
        "triangles: FDR1 of discriminator and generator, squares: FDR2): the drift of order 2 alone, Cao & Guo's "
        "primed forms, leaves the gap at order lr and doubles that of FDR2; with the diffusion corrected to second "
        "order it is of order lr^2. "
        f"f: the test of FDR1 with mini-batch fields alone (both players, Bonferroni) in {replicates:,} independent "
        f"replicates of {FEW_CHAINS} chains and {FEW_DRAWS} iterations at lr 0.05, where |x|^2 relaxes in ten: "
        "fraction rejected against the false-alarm rate asked for (dotted: 5 %)."
    )
