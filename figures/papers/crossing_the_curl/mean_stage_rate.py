"""The stochastic mean stage of the staged method converges like 1/k.

Gemp & Mahadevan (arXiv 1808.01531) learn the LQ-GAN in stages, the mean first. That stage is the game
``V = w1 (y - x)`` with generated ``x = a z + b`` and the quadratic discriminator held at zero. Its
Crossing-the-Curl map is ``(w1, b - mu)``: strongly monotone with modulus c = 1. By the stochastic approximation
theorem of Nemirovski, Juditsky, Lan & Shapiro (2009) rates ``rho_k = theta / (k + 1)`` with ``theta > 1 / (2c)``
then give ``E|x_k - x*|^2 = O(1/k)``, and slower or constant rates do not.

The exact law is ``e_k = (1 - rho_k)^2 e_(k-1) + rho_k^2 s^2`` with ``s^2 = (sigma^2 + a^2) / B``, the variance of a
batch mean of ``y - a z``. For ``rho_k = 1 / (k + 1)``, b is the running mean of its own start and all batches, and
from a start with ``|x_0 - x*|^2 = s^2``, which weighs as much as one batch, ``e_k = s^2 / (k + 1)`` for every k.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import ndtri
from sympy import Rational, symbols

import analysis
import gan_sde as gs
from figures.registry import Check, Outcome, Settings, Table, claim
from figures.style import PALETTE, letter, new_figure, style
from figures.table import estimate_cells

MEAN, SIGMA, SPREAD = 1, 1, Rational(3, 4)
START = {"w1": 0.75, "b": 0.0}
"""|x_0 - x*|^2 = 0.75^2 + 1 = sigma^2 + a^2, so that the start weighs as much as one sample."""
LEVEL = 0.999
"""Coverage of every interval that decides a verdict: one true statement in a thousand is rejected."""


@dataclass(frozen=True, eq=False)
class Stage:
    """Measured and exact error of one choice of rates.

    Attributes
    ----------
    k : array, shape (n,)
        Iteration numbers.
    errors : array, shape (trajectories, n)
        |x_k - x*|^2 of each independent run.
    exact : array, shape (n,)
        E|x_k - x*|^2.
    """

    k: np.ndarray
    errors: np.ndarray
    exact: np.ndarray

    @property
    def ratio(self) -> analysis.Estimate:
        """Measured mean over exact law, checkpoint by checkpoint, its intervals valid for all at once."""
        scaled = self.errors / self.exact
        runs, points = scaled.shape
        se = scaled.std(axis=0, ddof=1) / np.sqrt(runs)
        level = 1 - (1 - LEVEL) / points
        return analysis.normal_estimate(scaled.mean(axis=0), se, n=runs, level=level)


def mean_stage() -> gs.Training:
    """The game of (w1, b) and its training; F and J are taken on independent batches."""
    w1, b, y, z = symbols("w1 b y z")
    game = gs.Game.zero_sum(
        w1 * (y - (SPREAD * z + b)),
        maximiser={"discriminator": [w1]},
        minimiser={"generator": [b]},
        data={y: gs.Normal(MEAN, SIGMA), z: gs.Normal(0, 1)},
        name="mean stage of the LQ-GAN",
        x0=START,
    )
    return gs.Training(game, gs.algorithms.get("crossing-the-curl"))


def rate_choices(steps: int) -> dict[str, np.ndarray]:
    """Rates of iterations 1 to ``steps``: as the theorem wants them, too small, and constant."""
    k = np.arange(1, steps + 1)
    return {"theorem": 1 / (k + 1), "small": 0.25 / (k + 1), "constant": np.full(steps, 0.02)}


def exact_law(rates: np.ndarray) -> np.ndarray:
    """E|x_k - x*|^2 at k = 0 ... steps, one sample a batch."""
    variance = float(SIGMA**2 + SPREAD**2)
    law = [START["w1"] ** 2 + (START["b"] - MEAN) ** 2]
    for rate in rates:
        law.append((1 - rate) ** 2 * law[-1] + rate**2 * variance)
    return np.array(law)


def run_stage(rates: np.ndarray, *, trajectories: int, seed: int, points: int = 31) -> Stage:
    """Simulate the stage and keep logarithmically spaced checkpoints of the last three decades."""
    steps = len(rates)
    every = max(1, steps // 1000)
    run = gs.simulate(
        mean_stage(), lr=rates, steps=steps, trajectories=trajectories, seed=seed, every=every, record="paths"
    )
    kept = np.unique(np.rint(np.geomspace(1, steps // every, points)).astype(int))
    path = run["path"].values[:, kept]
    k = run["step"].values[kept]
    errors = path[..., 0] ** 2 + (path[..., 1] - MEAN) ** 2
    return Stage(k, errors, exact_law(rates)[k])


def fitted_exponent(stage: Stage) -> analysis.Estimate:
    """Exponent p of E|x_k - x*|^2 ~ (k + 1)^p; the interval carries the correlation along the runs."""
    fit = analysis.fit_rate(stage.k + 1, stage.errors, level=LEVEL)
    return fit.models["power"].slope


@claim(
    "mean-stage-rate",
    title="The stochastic mean stage of Crossing-the-Curl converges like 1/k",
    source="Gemp & Mahadevan 2018, arXiv 1808.01531, staged method; Nemirovski et al. 2009",
)
def run(settings: Settings) -> Outcome:
    """Fit the exponent, and hold every choice of rates against its exact law."""
    steps, trajectories = (100_000, 16_384) if settings.full else (10_000, 8192)
    choices = rate_choices(steps)
    stages = {
        name: run_stage(rates, trajectories=trajectories, seed=(3 * settings.seed + i) % 2**64)
        for i, (name, rates) in enumerate(choices.items())
    }
    exponent = fitted_exponent(stages["theorem"])
    checks = [
        Check("exponent of E|x_k - x*|²", "-1", exponent.value, exponent.interval, bool(exponent.contains(-1.0))),
        law_check("ρₖ = 1/(k+1): error / (s²/(k+1))", stages["theorem"]),
        law_check("ρₖ = 1/(4(k+1)), below 1/(2c): error / exact law", stages["small"]),
        law_check("constant ρ = 0.02: error / exact law", stages["constant"]),
    ]
    text = caption(steps, trajectories, stages["theorem"])
    return Outcome(draw(stages, exponent), tuple(checks), text, (fit_table(stages), law_table(stages)))


def law_check(name: str, stage: Stage) -> Check:
    """Compare with the exact law at all checkpoints at once; the last one is shown."""
    ratio, last = stage.ratio, stage.ratio[-1]
    low, high = last.interval
    return Check(name, "1", float(last.value), (float(low), float(high)), bool(np.all(ratio.contains(1.0))))


# -------------------------------------------------------------------- every rate


RATES = {"theorem": "1/(k+1)", "small": "1/(4(k+1))", "constant": "0.02"}
FITTED = ("model", "slope", "s.e.", "95 % interval", "n", "AICc - least", "chosen")
"""Columns of a fitted law; see `fit_cells`."""


def fit_cells(fit: analysis.RateFit, model: str) -> tuple[str, ...]:
    """A fitted law: its name, slope, how many independent runs, and how the other laws compare."""
    found = fit.models[model]
    excess, n = found.aicc - fit.models[fit.best].aicc, f"{found.slope.n:.0f}"
    return model, *estimate_cells(found.slope), n, f"{excess:.4g}", f"{100 * found.chosen:.0f} %"


def fit_table(stages: dict[str, Stage]) -> Table:
    """Every law fitted to every choice of rates."""
    fits = {name: analysis.fit_rate(stage.k + 1, stage.errors, level=0.95) for name, stage in stages.items()}
    rows = [(RATES[name], *fit_cells(fit, model)) for name, fit in fits.items() for model in fit.models]
    points = len(stages["theorem"].k)
    note = (
        f"Laws fitted to the mean of |x_k - x*|² at {points} iteration numbers k, least squares on logarithms in "
        "k + 1. Slope: p in (k + 1)^p for powers, r in exp(r k) for exponentials; n: independent runs; standard error "
        "and interval: bootstrap over whole runs. AICc - least: 0 marks the best law; chosen: how often it is the best "
        "over the bootstrap; intervals of worse laws are errors of sampling alone, not of the law. The verdict on the "
        f"power law of rates 1/(k+1) uses its {100 * LEVEL:g} % interval."
    )
    return Table("rates of convergence of the mean stage", ("rates ρₖ", *FITTED), tuple(rows), note)


def law_table(stages: dict[str, Stage]) -> Table:
    """Every checkpoint against the exact law."""
    rows = []
    for name, stage in stages.items():
        for i, (k, exact) in enumerate(zip(stage.k, stage.exact, strict=True)):
            value, se, interval = estimate_cells(stage.ratio[i])
            rows.append((RATES[name], str(k), str(len(stage.errors)), f"{exact:.6g}", value, se, interval))
    header = ("rates ρₖ", "k", "n", "exact E|x_k - x*|²", "measured / exact", "s.e.", "interval")
    note = f"Intervals hold jointly over the checkpoints of one choice of rates at {100 * LEVEL:g} % (Bonferroni)."
    return Table("errors of the mean stage over their exact law", header, tuple(rows), note)


# -------------------------------------------------------------------- picture


def draw(stages: dict[str, Stage], exponent: analysis.Estimate) -> Figure:
    """Errors with their exact laws, and the ratio of the two."""
    with style():
        figure, axes = new_figure(1, 2, width=10, height=4.2, width_ratios=[1.25, 1])
        draw_errors(axes[0, 0], stages, exponent)
        draw_ratios(axes[0, 1], stages)
        letter(axes)
    return figure


STYLES = {
    "theorem": (PALETTE["blue"], "o", r"$\rho_k = 1/(k+1)$"),
    "small": (PALETTE["vermilion"], "s", r"$\rho_k = 1/(4(k+1))$: too small"),
    "constant": (PALETTE["green"], "^", r"$\rho_k = 0.02$: constant"),
}


def draw_errors(axes: Axes, stages: dict[str, Stage], exponent: analysis.Estimate) -> None:
    """Mean squared distance against iterations, on logarithmic axes."""
    for name, stage in stages.items():
        color, marker, label = STYLES[name]
        mean = stage.errors.mean(axis=0)
        half = ndtri(0.975) * stage.errors.std(axis=0, ddof=1) / np.sqrt(len(stage.errors))
        axes.plot(stage.k, stage.exact, color=color, lw=1.2)
        axes.fill_between(stage.k, mean - half, mean + half, color=color, alpha=0.25, lw=0)
        axes.plot(stage.k, mean, marker, color=color, ms=4, label=label)
    axes.plot([], [], color=PALETTE["grey"], lw=1.2, label="exact law")
    low, high = exponent.interval
    axes.text(
        0.03, 0.05, f"fitted exponent {exponent.value:.4f}\n({100 * exponent.level:g} %: {low:.4f} … {high:.4f})",
        transform=axes.transAxes, color=PALETTE["blue"], fontsize=9,
    )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="iterations k", ylabel=r"$E\,|x_k - x^*|^2$")
    axes.set_ylim(top=12 * max(stage.exact.max() for stage in stages.values()))
    axes.set_title("Distance to the equilibrium", loc="left")
    axes.legend(loc="upper right", ncols=2)


def draw_ratios(axes: Axes, stages: dict[str, Stage]) -> None:
    """Measured over exact, with the joint intervals that decide."""
    for name in ("constant", "theorem", "small"):
        color, marker, _ = STYLES[name]
        stage, ratio = stages[name], stages[name].ratio
        axes.fill_between(stage.k, *ratio.interval, color=color, alpha=0.18, lw=0)
        axes.plot(stage.k, ratio.value, color=color, marker=marker, ms=3.5, lw=0.8)
    axes.axhline(1.0, color=PALETTE["black"], lw=1)
    axes.set(xscale="log", xlabel="iterations k", ylabel=f"measured / exact law (joint {100 * LEVEL:g} % bands)")
    axes.set_title("Against the exact law", loc="left")


def caption(steps: int, trajectories: int, stage: Stage) -> str:
    """What is drawn and what decided."""
    return (
        "Mean stage (w1, b) of the LQ-GAN, W2 = 0, y ~ N(1, 1), generated x = 0.75 z + b, one sample a batch, "
        f"F and J on independent batches; {trajectories} independent runs of {steps} iterations. Points: mean "
        "with 95 % bands; lines: the exact law. The start is as far from the equilibrium as one sample, so the law "
        "for rates 1/(k+1) is s²/(k+1) exactly. Rates θ/(k+1) with θ = 1/4 violate θ > 1/(2c) = 1/2 and give "
        "k^(-1/2) only; a constant rate stops at ρ s²/(2 - ρ). Verdicts: the exponent by least squares on the "
        f"logarithms over three decades, its {100 * LEVEL:g} % interval (bootstrap over runs) must hold -1; the ratio "
        f"to the exact law must hold 1 at all {len(stage.k)} checkpoints, intervals jointly at {100 * LEVEL:g} % "
        "(Bonferroni); the table shows the last checkpoint."
    )
