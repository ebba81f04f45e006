"""The staged method on the N-dimensional LQ-GAN: O(N/k), and in which error.

Gemp & Mahadevan (arXiv 1808.01531) learn the LQ-GAN stage by stage at the rate O(N/k): k samples divided among a
number of stages proportional to N, each of which converges like 1/k. That says nothing of how large an error one
stage makes, nor of what later stages inherit. Here the data are ``y ~ N(1, C C^T)``, C unit lower triangular with
normal entries of standard deviation 0.3 below the diagonal, one sample a step, every sample used in one stage.

With S stages that share k samples equally, each sees k / S of them, and a stage that is asymptotically efficient
given what is known makes the error of an efficient estimate from k / S samples. For rows learned whole (S = N + 1),
with theta = 1 the reciprocal of each map's derivative, the errors of different rows are those of independent
factors of the likelihood, so that every error is S times its floor:

    covariance   E|A A^T - Sigma|_F^2  ->  S ((tr Sigma)^2 + tr Sigma^2) / k
    factor       E|A - C|_F^2          ->  S sum_m |C_.m|^2 (m - 1/2) / k
    row i        of its own target     ->  S C_ii^2 (i - 1/2) / k

Off-diagonals and diagonals in stages of their own (S = 2 N) leave in ``A A^T`` the plain moments of their own
samples: again S times the floor; but moments from different samples need not belong to any covariance. Samples that
serve all parameters, in a last joint stage on a share f of them or because they are used again, give 1 / f and 1.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import analysis
from figures.papers.crossing_the_curl.staged_readings import (
    DEFAULT,
    DESIGNS,
    FULL,
    READINGS,
    START,
    Design,
    Reading,
    Series,
    Size,
    design_samples,
    dimension_exponent,
    measure_series,
    relative_errors,
)
from figures.papers.crossing_the_curl.staged_tables import design_table, error_table, k_table, n_table
from figures.registry import Check, Outcome, Settings, claim
from figures.style import PALETTE, letter, new_figure, style
from gan_sde.staged import StagedRun, covariance_floor

EXPONENT_MARGIN, INTERVAL_MARGIN = 0.05, 0.1
"""The exponent of k must lie within the first of -1, its whole interval within the second."""
FINITE_K = 0.05
"""Allowed for terms of order 1/k^2 in ratios and in exponents of N."""
COLORS = {1: PALETTE["blue"], 4: PALETTE["green"], 16: PALETTE["orange"], 64: PALETTE["vermilion"]}


def reading_check(reading: Reading, runs: list[StagedRun]) -> Check:
    """The measured exponent of N must meet the predicted one, and lie on its side of 1."""
    measured, predicted = dimension_exponent(reading, runs)
    low, high = measured.interval
    meets = low - FINITE_K < predicted < high + FINITE_K
    side = high < 1 + INTERVAL_MARGIN if reading.holds else low > 1 + INTERVAL_MARGIN
    text = f"{predicted:.2f}: " + ("O(N/k) holds" if reading.holds else "not O(N/k)")
    return Check(f"exponent of N: {reading.name}", text, measured.value, measured.interval, bool(meets and side))


def exponent_check(series: Series) -> Check:
    """Exponent of k near -1."""
    estimate = series.exponent
    low, high = estimate.interval
    near = abs(estimate.value + 1) <= EXPONENT_MARGIN and -1 - INTERVAL_MARGIN < low and high < -1 + INTERVAL_MARGIN
    name = f"exponent of k, |AAᵀ - Σ|², N = {series.n}"
    return Check(name, f"-1 ± {EXPONENT_MARGIN}", estimate.value, (low, high), bool(near))


def design_check(design: Design, ratios: dict[int, analysis.Estimate]) -> Check:
    """The largest N's ratio is shown; all must hold the prediction, widened by `FINITE_K`."""
    holds = [ratio_holds(estimate, design.multiple(n)) for n, estimate in ratios.items()]
    n = max(ratios)
    name = f"{design.label}: covariance error / floor, N = {n}"
    return Check(name, f"{design.multiple(n):g}", ratios[n].value, ratios[n].interval, all(holds))


def ratio_holds(estimate: analysis.Estimate, multiple: float) -> bool:
    """Whether the interval, widened by `FINITE_K` of the prediction, holds it."""
    low, high = estimate.interval
    return bool(low - FINITE_K * multiple < multiple < high + FINITE_K * multiple)


@claim(
    "staged-rate",
    title="The staged method learns the N-dimensional LQ-GAN at the rate O(N/k), in units of the statistical floor",
    source="Gemp & Mahadevan 2018, arXiv 1808.01531, final result (rate O(N/k)); readings and floors: this project",
)
def run(settings: Settings) -> Outcome:
    """Fit exponents of k and of N, and compare ways of spending the samples with the statistical floor."""
    sizes = FULL if settings.full else DEFAULT
    series = [measure_series(n, size, settings.seed) for n, size in sizes.items()]
    ratios = {design: measure_design(design, sizes, settings.seed) for design in DESIGNS}
    runs = [each.last for each in series]
    checks = [exponent_check(each) for each in series if len(each.k) > 1]
    checks += [reading_check(reading, runs) for reading in READINGS]
    checks += [design_check(design, found) for design, found in ratios.items()]
    tables = (k_table(series), n_table(runs), design_table(ratios), error_table(series))
    return Outcome(draw(series, ratios, runs), tuple(checks), caption(sizes), tables)


def measure_design(design: Design, sizes: dict[int, Size], seed: int) -> dict[int, analysis.Estimate]:
    """Ratios to the floor by N, at `design_samples`."""
    found = {}
    for n in (n for n in sizes if n <= design.largest):
        measure = partial(relative_errors, design, n, design_samples(n), sizes[n].design_replicates)
        found[n] = measure(1000 * seed + 500 + n)
    return found


# ---------------------------------------------------------------- picture


def draw(series: list[Series], ratios: dict[Design, dict[int, analysis.Estimate]], runs: list[StagedRun]) -> Figure:
    """Error times k, ratios to the floor, and the readings against N."""
    with style():
        figure, axes = new_figure(1, 3, width=14, height=4.4)
        draw_series(axes[0, 0], series)
        draw_designs(axes[0, 1], ratios)
        draw_readings(axes[0, 2], runs)
        letter(axes)
    return figure


def draw_series(axes: Axes, series: list[Series]) -> None:
    """``k |A A^T - Sigma|^2`` against k, its law N + 1 times the floor, and the floor."""
    for each in series:
        color, floor = COLORS[each.n], covariance_floor(each.last.law.covariance, 1)
        scaled = each.errors * each.k
        half = 1.96 * scaled.std(axis=0, ddof=1) / np.sqrt(len(scaled))
        multiples = each.k / each.n
        axes.errorbar(multiples, scaled.mean(axis=0), half, fmt="o", color=color, ms=4, label=f"N = {each.n}")
        axes.axhline((each.n + 1) * floor, color=color, lw=1.2)
        axes.axhline(floor, color=color, lw=1, ls=":")
    axes.plot([], [], color=PALETTE["grey"], lw=1.2, label="(N + 1) × floor")
    axes.plot([], [], color=PALETTE["grey"], lw=1, ls=":", label="floor")
    axes.set(xscale="log", yscale="log", xlabel="samples k / N", ylabel=r"$k\,|AA^T-\Sigma|_F^2$")
    axes.minorticks_off()
    ticks = [k for k in (2000, 5000, 20_000, 50_000, 200_000) if k <= max(e.k[-1] / e.n for e in series)]
    axes.set_xticks(ticks, [f"{k:,}" for k in ticks])
    axes.set_ylim(top=60 * axes.get_ylim()[1])
    axes.set_title("Residual rows: error times k", loc="left")
    axes.legend(loc="upper center", ncols=3, fontsize=8)


def draw_designs(axes: Axes, ratios: dict[Design, dict[int, analysis.Estimate]]) -> None:
    """Error over floor against N for every design, with its prediction."""
    colors = [PALETTE[name] for name in ("purple", "vermilion", "green", "blue")]
    for (design, found), color, marker in zip(ratios.items(), colors, "sovD", strict=True):
        dims = np.array(list(found))
        values = np.array([estimate.value for estimate in found.values()])
        ends = np.array([estimate.interval for estimate in found.values()]).T
        bars = np.abs(ends - values)
        axes.errorbar(dims, values, bars, fmt=marker, color=color, ms=5, label=design.label)
        axes.plot(dims, [design.multiple(n) for n in found], color=color, lw=1.2)
    axes.axhline(1.0, color=PALETTE["black"], lw=0.8, ls=":")
    axes.set(xscale="log", yscale="log", xlabel="dimension N", ylabel=r"$E|AA^T-\Sigma|_F^2$ / floor")
    axes.set_xticks(list(COLORS), [str(n) for n in COLORS], minor=False)
    axes.set_title("What staging costs", loc="left")
    axes.set_ylim(0.6, 1500)
    axes.legend(loc="upper left", fontsize=8)


def draw_readings(axes: Axes, runs: list[StagedRun]) -> None:
    """Error times k against N in every reading, with its law; the exponents stand in the legend."""
    dims = [run.law.dim for run in runs]
    colors = [PALETTE[name] for name in ("green", "blue", "orange", "purple", "vermilion")]
    for reading, color, marker in zip(READINGS, colors, "ovsD^", strict=True):
        measured, _ = dimension_exponent(reading, runs)
        axes.plot(dims, [(run.law.dim + 1) * reading.floor(run.law) for run in runs], color=color, lw=1.2)
        label = rf"{reading.name}: $N^{{{measured.value:.2f}}}$"
        axes.plot(dims, [reading.measure(run).mean() for run in runs], marker, color=color, ms=5, label=label)
    axes.set(xscale="log", yscale="log", xlabel="dimension N", ylabel="error × k")
    axes.set_xticks(dims, [str(n) for n in dims], minor=False)
    axes.set_ylim(top=axes.get_ylim()[1] * 3000)
    axes.set_title("Which error is O(N/k)?", loc="left")
    axes.legend(loc="upper left", fontsize=8)


def caption(sizes: dict[int, Size]) -> str:
    """What is drawn and what decided."""
    replicates = ", ".join(f"{size.replicates:,} for N = {n}" for n, size in sizes.items())
    return (
        "LQ-GAN with data N(1, CCᵀ), C unit lower triangular with 0.3 times standard normal entries below the "
        f"diagonal (fixed seed), one sample a step, start A = {START} I. Replicates: {replicates}. a: residual "
        "rows, N + 1 stages of k/(N + 1) samples each; bars: 95 %. Floor: the least expected squared error of an "
        "unbiased estimate of Σ from k normal samples, ((tr Σ)² + tr Σ²)/k. b: the same error over the floor at k "
        "= 20,000 N (4,000 N for N = 64), 99.9 % bars, with the predictions 2N, N + 1, 1/0.8 and 1. Rows in two "
        "stages, whose covariances and variances come from different samples, are left out at N = 64: unless k is "
        "astronomically large these belong to no positive definite matrix there, and the run breaks down; so does "
        "reuse, by the recursive diagonals of those stages. c: error times k in five readings at the largest k; "
        "lines: N + 1 times the reading's own floor. O(N/k) holds for one stage's error per parameter and for the "
        "error in units of the floor: staging costs the number of stages, no more. It cannot hold for the summed "
        "error, whose floor alone grows like (tr Σ)², nor for the error per entry of A, whose floor grows with "
        "the spectrum of Σ. Verdicts: exponent of k within 0.05 of -1 and its 95 % interval (bootstrap over runs) "
        "within 0.1; exponents of N (weighted line through the logarithms; the laws are not exact powers) with "
        "the same line through the prediction inside their 95 % interval ± 0.05; ratios to the floor hold the "
        "prediction within 99.9 % intervals widened by 5 % for terms of order 1/k²."
    )
