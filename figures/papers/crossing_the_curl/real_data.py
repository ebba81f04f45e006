"""On real data, Crossing-the-Curl recovers the mean and the covariance.

Gemp & Mahadevan (arXiv 1808.01531): the LQ-GAN's only equilibrium is the generator ``N(b, A A^T)`` with the mean and
the covariance of the data, and Crossing-the-Curl converges to it. Here the data are measurements, drawn row by row
with replacement. The distance of the trained generator is held against what a statistician reaches with as many
draws: the sample mean and covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import analysis
from figures.measurements import load_measurements
from figures.papers.crossing_the_curl.data_training import (
    Problem,
    Run,
    baseline,
    distance_ratio,
    predicted_ratio,
    train,
)
from figures.registry import Check, Outcome, Settings, claim
from figures.style import PALETTE, letter, new_figure, style

LARGEST_RATIO = 5.0
AFFORDABLE_RATIO = 4.0
"""A sampled generator is run only where theory puts its ratio below this: batches would have to grow otherwise."""
LEVEL = 0.999
"""Coverage of the intervals that decide."""
BASELINES = 400


@dataclass(frozen=True, eq=False)
class Trained:
    """A problem with its runs and what they are held against.

    Attributes
    ----------
    problem, run, limit
        The problem, its runs and the ratio that theory gives in the limit.
    baselines : array, shape (n, BASELINES)
        Distances of sample moments, checkpoint by checkpoint from the first one after the start.
    """

    problem: Problem
    run: Run
    limit: float
    baselines: np.ndarray

    def ratio(self, i: int) -> analysis.Estimate:
        """Ratio to the baseline at checkpoint i >= 1."""
        return distance_ratio(self.run.averaged[:, i], self.baselines[i - 1], LEVEL)


def trained(problem: Problem, *, steps: int, replicates: int, seed: int) -> Trained:
    """Train, and draw the baselines: every row that the training drew counts."""
    run = train(problem, steps=steps, replicates=replicates, seed=seed)
    baselines = [
        baseline(problem, int(k) * problem.rows_an_iteration, replicates=BASELINES, seed=seed) for k in run.k[1:]
    ]
    return Trained(problem, run, predicted_ratio(problem, seed=seed), np.array(baselines))


def largest_change(run: Run) -> tuple[analysis.Estimate, bool]:
    """Largest change of the distance from start to K/64, K/16, K/4, K, as a factor; and whether all are falls.

    The distance is the root mean square over replicates; changes are paired replicate by replicate (delta method on
    the logarithm), and the one-sided bounds hold for all of them at once (Bonferroni).
    """
    squares = run.averaged[:, [0, 1, 3, 5, 7]] ** 2
    relative = np.diff(squares / squares.mean(axis=0), axis=1) / 2
    replicates, count = relative.shape
    changes = analysis.normal_estimate(
        np.diff(np.log(squares.mean(axis=0))) / 2, relative.std(axis=0, ddof=1) / np.sqrt(replicates), n=replicates,
        level=1 - 2 * (1 - LEVEL) / count, dof=replicates - 1,
    )  # fmt: skip
    worst = changes[int(np.argmax(changes.interval[1]))]
    low, high = (float(np.exp(end)) for end in worst.interval)
    value = float(np.exp(worst.value))
    return analysis.Estimate(value, value * float(worst.se), (low, high), replicates, LEVEL), bool(high < 1)


@claim(
    "real-data",
    title="On real data, Crossing-the-Curl recovers mean and covariance",
    source="Gemp & Mahadevan 2018, arXiv 1808.01531",
    reads_data=True,
)
def run(settings: Settings) -> Outcome:
    """Train on the bundled measurements or on the reader's, and hold the result against sample moments."""
    values, name = load_measurements(settings.data)
    steps, replicates = (65_536, 64) if settings.full else (8192, 32)
    problems = [Problem(values, sampled, batch_size=128) for sampled in (False, True)]
    limits = [predicted_ratio(problem, seed=settings.seed) for problem in problems]
    runs = [
        trained(problem, steps=steps, replicates=replicates, seed=settings.seed)
        for problem, limit in zip(problems, limits, strict=True)
        if limit <= AFFORDABLE_RATIO
    ]
    checks = tuple(check for one in runs for check in checks_of(one))
    return Outcome(draw(runs, name), checks, caption(runs, name, limits[-1]))


def kind(problem: Problem) -> str:
    """Short name of the variant."""
    return "generator sampled" if problem.sampled else "generator in closed form"


def checks_of(one: Trained) -> tuple[Check, Check]:
    """The distance falls throughout, and ends within five times that of the sample moments."""
    change, falls = largest_change(one.run)
    last = one.ratio(len(one.run.k) - 1)
    return (
        Check(f"{kind(one.problem)}: distance falls throughout; weakest fall over a factor 4 in k", "< 1", change.value,
              change.interval, falls),
        Check(f"{kind(one.problem)}: distance / distance of sample moments", f"<= 5 (limit {one.limit:.2f})",
              last.value, last.interval, bool(last.interval[1] < LARGEST_RATIO)),
    )  # fmt: skip


COLORS = {False: PALETTE["blue"], True: PALETTE["vermilion"]}
MARKERS = {False: "o", True: "s"}


def draw(runs: list[Trained], name: str) -> Figure:
    """Distances, ratios and the recovered moments."""
    with style():
        figure, axes = new_figure(1, 3, width=13, height=4.3, width_ratios=[1.2, 1, 1])
        draw_distances(axes[0, 0], runs)
        draw_ratios(axes[0, 1], runs)
        draw_moments(axes[0, 2], runs[0])
        letter(axes)
        figure.suptitle(f"LQ-GAN trained on {name}: {' × '.join(map(str, runs[0].problem.values.shape))}", x=0.01,
                        ha="left")  # fmt: skip
    return figure


def draw_distances(axes: Axes, runs: list[Trained]) -> None:
    """Root-mean-square distance against iterations; bands of 95 % over replicates."""
    for one in runs:
        color, k = COLORS[one.problem.sampled], one.run.k[1:]
        squares = one.run.averaged[:, 1:] ** 2
        half = 1.96 * squares.std(axis=0, ddof=1) / np.sqrt(len(squares))
        center = squares.mean(axis=0)
        axes.fill_between(k, np.sqrt(np.maximum(center - half, 0)), np.sqrt(center + half), color=color, alpha=0.25,
                          lw=0)  # fmt: skip
        axes.plot(k, np.sqrt(center), MARKERS[one.problem.sampled] + "-", color=color, label=kind(one.problem))
        last = np.sqrt(np.mean(one.run.last[:, 1:] ** 2, axis=0))
        axes.plot(k, last, ":", color=color, lw=1.1, label="   its last iterate, not averaged")
        reference = np.sqrt(np.mean(one.baselines**2, axis=1))
        axes.plot(k, reference, "--", color=color, lw=1.1, label="   sample moments of as many rows")
    first = np.sqrt(np.mean(runs[0].run.averaged[:, 0] ** 2))
    axes.axhline(first, color=PALETTE["grey"], lw=0.8)
    axes.annotate("start", (0, first), (4, 3), xycoords=("axes fraction", "data"), textcoords="offset points",
                  color=PALETTE["grey"])  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="iterations k", ylabel="Bures distance to the data (std. dev.)")
    axes.set_title("Distance to the data", loc="left")
    axes.set_ylim(top=2 * first)
    axes.legend(loc="upper right", bbox_to_anchor=(1.0, 0.92), fontsize=7.5)


def draw_ratios(axes: Axes, runs: list[Trained]) -> None:
    """Ratio to the sample moments, its limit, and the largest ratio allowed."""
    for one in runs:
        color, k = COLORS[one.problem.sampled], one.run.k[1:]
        ratios = [one.ratio(i) for i in range(1, len(one.run.k))]
        middle = np.array([r.value for r in ratios])
        low, high = np.array([r.interval for r in ratios]).T
        axes.errorbar(k, middle, yerr=[middle - low, high - middle], color=color, marker=MARKERS[one.problem.sampled],
                      lw=1.2)  # fmt: skip
        axes.axhline(one.limit, color=color, lw=1, ls="--")
        axes.annotate(f"limit {one.limit:.2f}", (0, one.limit), (4, -11), xycoords=("axes fraction", "data"),
                      textcoords="offset points", color=color)  # fmt: skip
    axes.axhspan(LARGEST_RATIO, 1e3, color=PALETTE["grey"], alpha=0.15, lw=0)
    axes.annotate("not allowed at the end", (1, 1), (-4, -14), xycoords="axes fraction",
                  textcoords="offset points", ha="right", color=PALETTE["grey"])  # fmt: skip
    top = max(one.ratio(1).interval[1] for one in runs)
    axes.set(xscale="log", yscale="log", xlabel="iterations k", ylabel="distance / distance of sample moments")
    axes.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"], minor=False)
    axes.set_ylim(0.8, 1.3 * max(top, LARGEST_RATIO))
    axes.minorticks_off()
    axes.set_title("Against sample moments", loc="left")


def draw_moments(axes: Axes, one: Trained) -> None:
    """Every mean and covariance of the trained generator against the data's; error bars of 95 % over replicates."""
    upper = np.triu_indices(one.problem.columns)
    for states, filled in ((one.problem.start()[None], False), (one.run.states, True)):
        mean, covariance = one.problem.law(states)
        true_mean, true_covariance = one.problem.target
        for got, truth, color, marker, label in (
            (mean, true_mean, PALETTE["green"], "D", "mean"),
            (covariance[:, *upper], true_covariance[upper], PALETTE["blue"], "o", "covariance"),
        ):
            half = 1.96 * got.std(axis=0, ddof=1) if filled else None
            axes.errorbar(truth, got.mean(axis=0), yerr=half, marker=marker, color=color, ls="none", ms=5, lw=1,
                          mfc=color if filled else "none", mew=1, label=f"{label}, {'trained' if filled else 'start'}"
                          )  # fmt: skip
    ends = np.array([min(-0.1, one.problem.target[1].min() - 0.1), 1.1])
    axes.plot(ends, ends, color=PALETTE["grey"], lw=0.8, zorder=0)
    axes.set(xlabel="moment of the data", ylabel="moment of the generator")
    axes.set_ylim(bottom=min(ends[0], -0.25))
    axes.set_title("Recovered moments", loc="left")
    axes.legend(loc="lower right", fontsize=7.5, ncols=2, columnspacing=1)


def caption(runs: list[Trained], name: str, limit: float) -> str:
    """What is drawn, what the schedule knows, and what decided."""
    problem, run_ = runs[0].problem, runs[0].run
    rows, columns = problem.values.shape
    sampled = (
        "Sampled generator (F and J on two independent batches, whose rows both count although J contains no data): "
        f"noise of J multiplies noise of F and raises the limit to {limit:.2f}."
    )
    if limit > AFFORDABLE_RATIO:
        sampled += " That is beyond these batches, since the covariance is nearly singular; it was not run."
    return (
        f"LQ-GAN on {name}, {rows} rows of {columns} standardised columns, {problem.batch_size} rows a batch, "
        f"{len(run_.averaged)} independent runs of K = {run_.k[-1]} iterations from N(1, I/4). The learning rate "
        "(1 + 16 k / K)^(-2/3) / (8N + 1) knows of the data only that it is standardised, and the parameters are "
        "averaged over iterations k/2 to k (Polyak & Juditsky 1992). Generator in closed form: its expectation is "
        "exact, only data are sampled, and the average over half of the rows costs √2 against the sample mean and "
        "covariance of all, once all directions have relaxed; a run lasts "
        f"{problem.relaxations(run_.k[-1]):.3g} relaxation times of the slowest one. {sampled} Dashed: sample moments "
        f"of as many rows as the training drew ({BASELINES} repetitions). Verdicts: the change of the log distance "
        "from the start to k = K/64, K/16, K/4 and K is negative each time (paired, joint one-sided "
        f"{100 * LEVEL:g} % bounds, Bonferroni), and the "
        f"{100 * LEVEL:g} % interval of the final ratio lies below {LARGEST_RATIO:g}."
    )
