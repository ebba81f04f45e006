"""Stationary laws of descent-ascent and of its SDEs on a quadratic game with additive Gaussian noise.

All are Gaussian. The covariance of the SDE solves the continuous Lyapunov equation ``J C + C J^T = (lr/B) Sigma``, that
of the training ``C = (I - lr J) C (I - lr J)^T + (lr^2/B) Sigma``: they agree to leading order in lr only. The SDE of
order 2 is not closer in the relative order of its error; its diffusion has to be corrected as well.

Cao & Guo (2023), arXiv 2006.02047 (invariant measure of the GAN SDE); Mandt, Hoffman & Blei (2017), arXiv 1704.04289.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

import analysis
from figures.papers.coupled_sdes.parameter_set_panels import draw_agreement, draw_ellipses, ellipse
from figures.papers.coupled_sdes.parameter_sets import ALARM, GAMES, LIMIT, Cell, cells, set_checks, set_table
from figures.papers.coupled_sdes.parameter_sets import DRAWS as SET_DRAWS
from figures.papers.coupled_sdes.parameter_sets import LR as SET_LR
from figures.papers.coupled_sdes.quadratic_laws import (
    BATCH_SIZE,
    CHAINS,
    ORDER_1,
    PROCESSES,
    TRAINING,
    Process,
    p_value,
    sample,
    scores,
    trace,
)
from figures.registry import Check, Outcome, Settings, claim
from figures.style import PALETTE, letter, new_figure, style

LRS = (0.05, 0.1, 0.2)
SHOWN = LRS[-1]
DRAWS = 6_000
FALSE_ALARM = 0.01
"""Chance that any test of the whole claim rejects a right law (Bonferroni)."""
TESTS = 2 * len(PROCESSES) + len(LRS) * len(PROCESSES)
LEVEL = FALSE_ALARM / TESTS

COLOURS = dict(
    zip((p.name for p in PROCESSES), (PALETTE[c] for c in ("blue", "vermilion", "orange", "green")), strict=True)
)
MARKERS = dict(zip((p.name for p in PROCESSES), "osD^", strict=True))

Runs = Mapping[tuple[str, float], analysis.InvariantMeasure]


@claim(
    "stationary-law",
    title="On a quadratic game training and SDE settle to Gaussians, with discrete and continuous Lyapunov covariances",
    source="Cao & Guo (2023), arXiv 2006.02047; Lyapunov equations",
)
def run(settings: Settings) -> Outcome:
    """Sample the stationary laws in long runs and hold them against the Lyapunov equations."""
    draws = DRAWS * (10 if settings.full else 1)
    runs = {
        (process.name, lr): sample(
            process, lr, draws=draws, seed=(settings.seed * 100 + 10 * i + j) % 2**64
        )
        for i, process in enumerate(PROCESSES)
        for j, lr in enumerate(LRS)
    }  # fmt: skip
    checks = [convergence(runs), *(covariance_check(p, lr, runs[p.name, lr]) for p in PROCESSES for lr in LRS)]
    checks += [check for p in PROCESSES for check in shape_checks(p, SHOWN, runs[p.name, SHOWN])]
    checks += [control(lr, runs[TRAINING.name, lr]) for lr in LRS]
    sets = cells(SET_DRAWS * (10 if settings.full else 1), settings.seed)
    checks += set_checks(sets)
    return Outcome(
        _draw(runs, sets), tuple(checks), _caption(draws, len(sets[0].measure.samples[0])), (set_table(sets),)
    )


def convergence(runs: Runs) -> Check:
    """All chains forgot their start, agree with each other and are long enough."""
    rhat = max(float(m.rhat.max()) for m in runs.values())
    ess = min(float(np.minimum(m.ess_bulk, m.ess_tail).min()) for m in runs.values())
    passed = all(m.converged for m in runs.values())
    predicted = "R-hat < 1.01, ESS > 400, no drift"
    return Check("convergence of all runs", predicted, f"R-hat {rhat:.4f}, ESS {ess:,.0f}", None, passed)


def covariance_check(process: Process, lr: float, measure: analysis.InvariantMeasure) -> Check:
    """Every entry of the covariance against the Lyapunov solution; shown is the trace."""
    predicted = process.covariance(lr)
    found = trace(measure)
    p = p_value(scores(measure, predicted)["covariance"])
    name = f"{process.name}, lr {lr:g}: trace of the covariance"
    return Check(name, f"{np.trace(predicted):.5f}", float(found.value), found.interval, p >= LEVEL)


def shape_checks(process: Process, lr: float, measure: analysis.InvariantMeasure) -> list[Check]:
    """Mean and five quantiles of both marginals against the Gaussian."""
    found = scores(measure, process.covariance(lr))
    rows = []
    for what, name in (("mean", "mean 0"), ("quantiles", "Gaussian quantiles")):
        p = p_value(found[what])
        measured = f"largest |z| {np.abs(found[what]).max():.2f}, p {p:.2g}"
        rows.append(Check(f"{process.name}, lr {lr:g}: {name}", f"p > {LEVEL:.1g}", measured, None, p >= LEVEL))
    return rows


def control(lr: float, measure: analysis.InvariantMeasure) -> Check:
    """The same test must reject the SDE's covariance for the training."""
    found = scores(measure, ORDER_1.covariance(lr))["covariance"]
    p = p_value(found)
    name = f"control: training, lr {lr:g}, against the continuous Lyapunov covariance"
    measured = f"largest |z| {np.abs(found).max():.0f}, p {p:.2g}"
    return Check(name, f"rejected, p < {LEVEL:.1g}", measured, None, p < LEVEL)


def _draw(runs: Runs, sets: list[Cell]) -> Figure:
    figure, axes = new_figure(2, 3, width=15.5, height=8.6)
    with style():
        _joint(axes[0, 0], runs)
        _marginals(axes[0, 1], runs)
        _traces(axes[1, 0], runs)
        _z_scores(axes[1, 1], runs)
        draw_ellipses(axes[0, 2], sets)
        draw_agreement(axes[1, 2], sets)
        letter(axes)
    return figure


def _joint(axis: Axes, runs: Runs) -> None:
    """Draws of training and SDE under the predicted 95 % ellipses."""
    for process, size in ((TRAINING, 3), (ORDER_1, 3)):
        cloud = runs[process.name, SHOWN].samples[:, ::60].reshape(-1, 2)[:2000]
        colour = COLOURS[process.name]
        axis.plot(*cloud.T, ".", color=colour, markersize=size, alpha=0.25, markeredgewidth=0)
    for process, line in ((TRAINING, "-"), (ORDER_1, "--")):
        label = "training: discrete Lyapunov" if process is TRAINING else "SDE: continuous Lyapunov"
        axis.plot(*ellipse(process.covariance(SHOWN)), line, color=COLOURS[process.name], label=label)
        measured = ellipse(runs[process.name, SHOWN].covariance.value)[:, ::10]
        axis.plot(*measured, MARKERS[process.name], color=COLOURS[process.name], markersize=3.5, label="measured")
    axis.set(xlabel=r"discriminator parameter $\omega$", ylabel=r"generator parameter $\theta$", aspect="equal")
    axis.set(xlim=(-1.25, 1.25), ylim=(-0.95, 1.25))
    axis.legend(loc="upper center", ncols=2, columnspacing=1.0)
    axis.set_title(f"95 % ellipses, lr = {SHOWN:g}")


def _marginals(axis: Axes, runs: Runs) -> None:
    """Histograms of both marginals of training and SDE, each over its Gaussian."""
    edges = np.linspace(-1.6, 1.6, 81)
    rows = [(p, i) for i in (1, 0) for p in (ORDER_1, TRAINING)]
    height = 2.15
    for level, (process, index) in enumerate(rows):
        colour, base = COLOURS[process.name], height * level
        values = runs[process.name, SHOWN].samples[..., index].ravel()
        axis.stairs(np.histogram(values, edges, density=True)[0] + base, edges, baseline=base, fill=True,
                    color=colour, alpha=0.3)  # fmt: skip
        for other in (ORDER_1, TRAINING):
            deviation = np.sqrt(other.covariance(SHOWN)[index, index])
            line = "-" if other is process else ":"
            axis.plot(edges, norm.pdf(edges, scale=deviation) + base, line, color=COLOURS[other.name], linewidth=1.3)
    labels = [rf"{'training' if p is TRAINING else 'SDE'}, $\{('omega', 'theta')[i]}$" for p, i in rows]
    axis.set_yticks([height * level for level in range(len(rows))], labels)
    for line, text in (("-", "predicted"), (":", "that of the other process")):
        axis.plot([], [], line, color=PALETTE["grey"], label=text)
    axis.legend(loc="upper right")
    axis.set(xlabel="parameter", ylim=(-0.1, height * (len(rows) + 0.2)))
    axis.set_title(f"Marginal densities, lr = {SHOWN:g}")


def _traces(axis: Axes, runs: Runs) -> None:
    """Trace of the covariance in units of the continuous Lyapunov solution."""
    grid = np.linspace(1e-4, 1.12 * LRS[-1], 60)
    unit = np.array([np.trace(ORDER_1.covariance(lr)) for lr in grid])
    for process in PROCESSES:
        colour = COLOURS[process.name]
        axis.plot(grid, [np.trace(process.covariance(lr)) / u for lr, u in zip(grid, unit, strict=True)], color=colour)
        found = [trace(runs[process.name, lr]) for lr in LRS]
        units = np.array([np.trace(ORDER_1.covariance(lr)) for lr in LRS])
        axis.errorbar(
            LRS, [f.value for f in found] / units, 1.96 * np.array([f.se for f in found]) / units, color=colour,
            fmt=MARKERS[process.name], label=process.name, zorder=3,
        )  # fmt: skip
    axis.set(xlabel="learning rate lr", ylabel="tr C / tr C(order-1 SDE)", xlim=(0, grid[-1]))
    axis.legend(loc="upper left")
    axis.set_title("Trace: Lyapunov equations (lines), long runs (points)")


def _z_scores(axis: Axes, runs: Runs) -> None:
    """All scores of the tests, and how far off the controls are."""
    rows = [(p.name, scores(runs[p.name, lr], p.covariance(lr)), COLOURS[p.name], lr) for p in PROCESSES for lr in LRS]
    rows += [("control", scores(runs[TRAINING.name, lr], ORDER_1.covariance(lr)), PALETTE["black"], lr) for lr in LRS]
    for position, (_, found, colour, _) in enumerate(rows):
        for shift, what, marker in ((-0.2, "mean", "_"), (0.0, "covariance", "o"), (0.2, "quantiles", ".")):
            z = np.abs(found[what])
            axis.plot(np.full(z.shape, position + shift), z, marker, color=colour, markersize=5, alpha=0.8)
    limit = norm.isf(LEVEL / 2 / 10)
    axis.axhspan(0, limit, color="#e9eef2", zorder=0)
    axis.text(-0.6, limit * 1.08, "limit for 10 entries", va="bottom", fontsize=8.5)
    axis.set_yscale("symlog", linthresh=4)
    axis.set(ylim=(0, 300), yticks=[0, 1, 2, 3, 4, 10, 100], yticklabels=["0", "1", "2", "3", "4", "10", "100"])
    axis.set_xticks(range(len(rows)), [f"{lr:g}" for *_, lr in rows], rotation=90)
    axis.set(xlabel="learning rate lr, process by process (colours as left; black: control)")
    axis.set_ylabel("|z|: mean (–), covariance (disc), quantiles (dot)")
    axis.set_title("Every entry against its prediction")


def _caption(draws: int, set_draws: int) -> str:
    return (
        "Quadratic game theta^2/2 + 1.5 theta omega - 0.25 omega^2 with additive, correlated Gaussian gradient noise, "
        f"batch size {BATCH_SIZE}. Each point: {CHAINS} independent chains of {draws:,} draws 1.5 time units apart, "
        "burn-in by MSER-5 and Geweke's test, error bars (95 %) from effective sample sizes. a, b: at lr = "
        f"{SHOWN:g} the invariant law of the training is the Gaussian of the discrete Lyapunov equation, clearly wider "
        "than that of the SDE (continuous Lyapunov). c: ellipses that hold 95 % of simultaneous and alternating "
        f"training and of the order-1 SDE on {len(GAMES)} games at lr = {SET_LR:g}, in closed form (lines) and from "
        f"chains of {set_draws:,} draws (points), shifted apart. d: the order-2 drift with the order-1 diffusion still "
        "has a relative error of order lr; with its diffusion corrected the error is of order lr^2. e: z-scores of "
        "means, covariance entries and the 5, 25, 50, 75, 95 % quantiles. f: the ellipses' largest difference from the "
        f"closed form in Monte Carlo standard errors (limit {LIMIT:g}, chance of any false alarm {ALARM:.1%}) and from "
        "wrong closed forms, which must be rejected. Verdict of the others: each family of entries is tested with "
        f"Bonferroni's correction at level {LEVEL:.1g}, so that a false alarm anywhere has a chance below "
        f"{FALSE_ALARM:.0%}; controls: the training held against the continuous Lyapunov covariance must be rejected."
    )
