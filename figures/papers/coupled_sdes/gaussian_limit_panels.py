"""Panels of the Gaussian-limit claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.papers.coupled_sdes.gaussian_limit_distances import BAND
from figures.papers.coupled_sdes.gaussian_limit_systems import CONSENSUS, CURL, DIRAC, QUADRATIC
from figures.style import PALETTE, letter, new_figure, style

if TYPE_CHECKING:
    from figures.papers.coupled_sdes.gaussian_limit import Study

COLOURS = {
    CONSENSUS.name: PALETTE["blue"], CURL.name: PALETTE["sky"], DIRAC.name: PALETTE["vermilion"],
    QUADRATIC.name: PALETTE["green"],
}  # fmt: skip
MARKERS = {CONSENSUS.name: "o", CURL.name: "D", DIRAC.name: "s", QUADRATIC.name: "^"}
SHADES = ("#9ecae1", "#6baed6", "#3182bd", "#08519c", "#08306b")
"""Of the rates, the smallest the darkest."""


def draw(studies: Mapping[str, Study], null: tuple[float, float]) -> Figure:
    """Quantile gaps, distances, cumulants; ``null`` holds the 2- and 1-Wasserstein levels of Gaussian draws."""
    figure, axes = new_figure(2, 3, width=14.0, height=8.6)
    with style():
        _quantiles(axes[0, 0], studies[CONSENSUS.name], 1)
        _quantiles(axes[0, 1], studies[DIRAC.name], 1)
        _distances(axes[0, 2], studies)
        _limits(axes[1, 0], studies)
        _cumulants(axes[1, 1], studies[CONSENSUS.name])
        _first(axes[1, 2], studies, null[1])
        letter(axes)
    return figure


def _power(value: float) -> str:
    return r"\sqrt{\mathrm{lr}}" if value == 0.5 else r"\mathrm{lr}"


def _quantiles(axis: Axes, each: Study, index: int) -> None:
    """Mean gap of the quantiles of one parameter over the predicted power of lr."""
    expansion = each.system.expansion
    for lr, found, shade in zip(each.system.lrs, each.marginal, SHADES, strict=True):
        unit, z = lr**expansion.power, found.scores
        centre, half = found.gaps[index] / unit, BAND * found.gap_se[index] / unit
        axis.fill_between(z, centre - half, centre + half, color=shade, alpha=0.3, linewidth=0)
        axis.plot(z, centre, color=shade, linewidth=1.2, label=f"lr = {lr:g}")
    shift, third, second, fourth = (v[0] for v in expansion.along(np.eye(2)[index][None]))
    z = np.linspace(-3.2, 3.2, 200)
    even, odd = shift + third / 6 * (z**2 - 1), second / 2 * z + fourth / 24 * (z**3 - 3 * z)
    limit = odd if expansion.symmetric else even
    axis.plot(z, limit, "--", color=PALETTE["black"], linewidth=1.5, label="lr → 0, predicted")
    axis.axhline(0, color=PALETTE["grey"], linewidth=0.8)
    margin = 0.35 * np.ptp(limit)
    axis.set(xlim=(-3.2, 3.2), ylim=(limit.min() - margin, limit.max() + margin))
    axis.set_xlabel(r"normal quantile $z$")
    axis.set_ylabel(rf"(quantile / deviation $-\ z$) / ${_power(expansion.power)}$")
    axis.legend(loc="best")
    axis.set_title(f"{each.system.name}: {each.system.labels[index]}")


def _distances(axis: Axes, studies: Mapping[str, Study]) -> None:
    """Sliced distances, logarithmic, with their predicted limits."""
    for name, each in studies.items():
        squares, errors = each.squares
        lrs, power, colour = each.lrs, each.system.expansion.power, COLOURS[name]
        shown = squares > 0
        value = np.sqrt(squares[shown])
        axis.errorbar(
            lrs[shown], value, BAND * errors[shown] / (2 * value), fmt=MARKERS[name], color=colour, label=name
        )
        line = np.geomspace(0.6 * lrs.min(), 1.5 * lrs.max(), 2)
        axis.plot(line, np.sqrt(each.predicted) * line**power, "--", color=colour, linewidth=1.2)
    for power, x0, y0, name in ((0.5, 0.0025, 0.075, "slope 1/2"), (1.0, 0.17, 0.033, "slope 1")):
        x = x0 * np.array([1.0, 2.2])
        axis.plot(x, y0 * (x / x0) ** power, color=PALETTE["grey"], linewidth=1.2)
        side = dict(xytext=(-4, 4), ha="right", va="bottom") if power < 1 else dict(xytext=(4, -3), ha="left", va="top")
        axis.annotate(name, (1.5 * x0, y0 * 1.5**power), textcoords="offset points", fontsize=9, **side)
    axis.set(xlim=(0.0011, 0.9), ylim=(0.006, None))
    axis.set(xscale="log", yscale="log", xlabel="learning rate lr", ylabel="sliced W2 from N(0, C), in its deviations")
    axis.legend(loc="lower left")
    axis.set_title("Distance from the limit")


def _limits(axis: Axes, studies: Mapping[str, Study]) -> None:
    """Distances over their power, towards the predicted values at 0."""
    for name, each in studies.items():
        squares, errors = each.squares
        power, colour = each.system.expansion.power, COLOURS[name]
        unit, reach = each.lrs ** (2 * power), each.lrs / each.lrs.max()
        label = rf"{name}, $p$ = {'1/2' if power == 0.5 else '1'}"
        axis.errorbar(reach, squares / unit, BAND * errors / unit, fmt=MARKERS[name], color=colour, label=label)
        design = reach[:, None] ** np.arange(3)
        weights = unit / errors
        fitted = np.linalg.lstsq(design * weights[:, None], squares / unit * weights, rcond=None)[0]
        line = np.linspace(0, 1.05, 60)
        axis.plot(line, line[:, None] ** np.arange(3) @ fitted, color=colour, linewidth=1.0)
        axis.plot(0, each.predicted, "*", color=colour, markersize=13, markeredgecolor="white", zorder=4, clip_on=False)
    axis.plot([], [], "*", color=PALETTE["grey"], markersize=11, label="predicted at lr = 0")
    high = axis.get_ylim()[1]
    axis.set(
        xlabel="lr / largest lr of each training", ylabel=r"W2² / lr$^{2p}$", xlim=(-0.03, 1.06), ylim=(0, 1.2 * high)
    )
    axis.legend(loc="upper left")
    axis.set_title("Factor in front: measured, fitted, predicted")


def _cumulants(axis: Axes, each: Study) -> None:
    """Mean and pure third cumulants in deviations of the limit, over sqrt(lr)."""
    expansion = each.system.expansion
    shift, third, _, _ = expansion.along(np.eye(2))
    deviation = np.sqrt(np.diag(expansion.covariance))
    rows = [
        (0, deviation[0], shift[0], r"mean of $w_2$", "blue", "o"),
        (1, deviation[1], shift[1], r"mean of $a$", "sky", "D"),
        (2, deviation[0] ** 3, third[0], r"third cumulant of $w_2$", "vermilion", "s"),
        (5, deviation[1] ** 3, third[1], r"third cumulant of $a$", "orange", "^"),
    ]  # fmt: skip
    for index, unit, truth, label, colour, marker in rows:
        scale = unit * np.sqrt(each.lrs)
        values = np.array([c.value[index] for c in each.cumulants]) / scale
        errors = 1.96 * np.array([c.se[index] for c in each.cumulants]) / scale
        axis.errorbar(each.lrs, values, errors, fmt=marker, color=PALETTE[colour], label=label)
        axis.plot(0, truth, "*", color=PALETTE[colour], markersize=13, markeredgecolor="white", zorder=4, clip_on=False)
        axis.axhline(truth, linestyle=":", color=PALETTE[colour], linewidth=1.0)
    axis.axhline(0, color=PALETTE["grey"], linewidth=0.8)
    low, high = axis.get_ylim()
    axis.set(xlim=(-0.002, 1.08 * each.lrs.max()), ylim=(low, high + 0.45 * (high - low)))
    axis.set(xlabel="learning rate lr", ylabel=r"standardised cumulant / $\sqrt{\mathrm{lr}}$")
    axis.legend(loc="upper center", ncols=2)
    axis.set_title(f"{each.system.name}: shift and skewness")


def _first(axis: Axes, studies: Mapping[str, Study], null: float) -> None:
    """1-Wasserstein distance of the generator's marginal, all draws, with the null level."""
    for name, each in studies.items():
        colour, expansion = COLOURS[name], each.system.expansion
        axis.plot(each.lrs, [d.first[1] for d in each.marginal], MARKERS[name], color=colour, label=name)
        line = np.geomspace(0.6 * each.lrs.min(), 1.5 * each.lrs.max(), 2)
        axis.plot(line, expansion.first(np.eye(2))[1] * line**expansion.power, "--", color=colour, linewidth=1.2)
    axis.axhspan(null / 10, null, color="#e9eef2", zorder=0)
    axis.text(0.985, null * 0.93, "null level: as many draws of N(0, C)", fontsize=8.5, va="top", ha="right",
              transform=axis.get_yaxis_transform())  # fmt: skip
    axis.set(xscale="log", yscale="log", ylim=(0.55 * null, None))
    axis.set(xlabel="learning rate lr", ylabel="W1 of the generator's marginal, in deviations")
    axis.legend(loc="upper left")
    axis.set_title("1-Wasserstein distance of a marginal")
