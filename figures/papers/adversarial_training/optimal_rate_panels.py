"""The panels of the optimal learning rate."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from figures.papers.adversarial_training.optimal_rate_evidence import Evidence
from figures.papers.adversarial_training.optimal_rate_problems import GAME, LR, QUADRATIC, Problem
from figures.style import PALETTE, letter, new_figure, style

COLOURS = {
    "optimal": PALETTE["blue"],
    "exact optimum": PALETTE["green"],
    "linear": PALETTE["purple"],
    "cosine": PALETTE["orange"],
    "constant": PALETTE["vermilion"],
}
STYLES = {
    "optimal": ("SDE's optimum", 8.5, False),
    "exact optimum": ("exact optimum", 4.0, True),
    "cosine": ("best cosine", 4.5, True),
    "constant": ("best constant", 4.5, True),
}
"""Label, size of the markers, and whether they are filled."""
MARKERS = {"optimal": "o", "exact optimum": "v", "linear": "D", "cosine": "^", "constant": "s"}


def draw(evidence: Evidence) -> Figure:
    """All six panels."""
    figure, axes = new_figure(2, 3, width=15.0, height=8.8)
    with style():
        value_map(axes[0, 0], evidence)
        rates(axes[0, 1], evidence)
        losses(axes[0, 2], evidence, QUADRATIC, "Mean loss in training", r"mean loss $m = E f(x)$")
        rivals(axes[1, 0], evidence)
        state_map(axes[1, 1], evidence)
        losses(axes[1, 2], evidence, GAME, "Descent-ascent on a game", r"$m = E|z|^2/2$")
        letter(axes)
    return figure


def value_map(axis: Axes, evidence: Evidence) -> None:
    """The value function with the policy's contours and two paths."""
    solution, best = evidence.moment_policy, QUADRATIC.best()
    nodes, times = solution.grid.axes[0], solution.times
    mesh = axis.pcolormesh(
        times, nodes, solution.value.T, norm=LogNorm(), cmap="cividis", shading="gouraud", rasterized=True
    )
    bar = axis.figure.colorbar(mesh, ax=axis, pad=0.02)
    bar.set_label("least m(T), T = 3")
    lines = axis.contour(
        times[:-1], nodes, solution.policy[..., 0].T, levels=[0.125, 0.25, 0.5, 0.99], colors="white", linewidths=0.9,
        linestyles="dotted",
    )  # fmt: skip
    heights = [float(best.moment.noise / best.moment.decay * level) for level in lines.levels]
    axis.clabel(
        lines,
        fmt=lambda level: "u = 1 above" if level > 0.9 else f"u = {level:g}",
        fontsize=8,
        manual=[(0.3, height) for height in heights],
    )
    axis.plot(times, best.value(times), color="white", linewidth=2.2, label="optimal rate")
    full = best.moment.evolve(QUADRATIC.start, np.ones(len(times) - 1), times[1])
    axis.plot(times, full, "--", color="white", linewidth=1.4, label="full rate")
    legend = axis.legend(loc="upper right", facecolor="#33475b", labelcolor="white")
    legend.get_frame().set_alpha(0.9)
    axis.set(yscale="log", xlabel="time t = lr x iterations", ylabel="mean loss m at time t")
    axis.set(xlim=(0, times[-1]), ylim=(nodes[0], 1.05 * QUADRATIC.start))
    axis.set_title("Value function and policy on a grid")
    axis.grid(False)


def rates(axis: Axes, evidence: Evidence) -> None:
    """The optimal rate three times, over random rivals."""
    solution, best = evidence.moment_policy, QUADRATIC.best()
    middle = (np.arange(QUADRATIC.steps()) + 0.5) * LR
    per_family = len(evidence.rivals) // 4
    shown = np.concatenate([evidence.rivals[i * per_family :][:10] for i in range(4)])
    edges = LR * np.arange(QUADRATIC.steps() + 1)
    for number, rival in enumerate(shown):
        label = "random rivals (40 of 2,000)" if number == 0 else None
        axis.stairs(rival, edges, color="#c3c8cc", linewidth=0.7, label=label, baseline=None)
    times = np.linspace(0, QUADRATIC.horizon, 601)
    axis.plot(times, best.rate(times), color=COLOURS["optimal"], linewidth=2.6, label="closed form")
    _, controls = solution.trajectory([QUADRATIC.start])
    axis.plot(solution.times[:-1], controls[:, 0], ":", color=PALETTE["black"], label="HJB on a grid")
    exact = evidence.schedules["quadratic"]["exact optimum"] / LR
    axis.plot(middle, exact, MARKERS["exact optimum"], color=COLOURS["exact optimum"], label="exact for the iteration")
    axis.axvline(best.switch_time, color=PALETTE["grey"], linewidth=0.8, linestyle="--")
    axis.text(best.switch_time + 0.04, 1.03, f"t* = {best.switch_time:.3f}", fontsize=8.5, color="#444444")
    axis.set(xlabel="time t = lr x iterations", ylabel="rate u, multiples of lr", xlim=(0, 3), ylim=(0, 1.1))
    axis.legend(loc="upper right", bbox_to_anchor=(1.0, 0.93))
    axis.set_title("Optimal rate")


def losses(axis: Axes, evidence: Evidence, problem: Problem, title: str, label: str) -> None:
    """Simulated and exact moments of a problem's schedules."""
    schedules, best = evidence.schedules[problem.name], problem.best()
    for name, found in evidence.trained[problem.name].items():
        path = problem.exact(schedules[name])
        axis.plot(LR * np.arange(len(path)), path, color=COLOURS[name], linewidth=1.2)
        label_, size, fill = STYLES[name]
        axis.errorbar(
            found.time, found.moment, 1.96 * found.se, fmt=MARKERS[name], color=COLOURS[name], markersize=size,
            markerfacecolor=COLOURS[name] if fill else "none", label=label_, elinewidth=1.0,
        )  # fmt: skip
    times = np.linspace(0, problem.horizon, 301)
    axis.plot(times, best.value(times), "--", color=PALETTE["black"], linewidth=1.1, label="SDE, closed form")
    axis.set(yscale="log", xlabel="time t = lr x iterations", ylabel=label, xlim=(-0.02, problem.horizon * 1.02))
    axis.legend(loc="upper right")
    axis.set_title(title)


def rivals(axis: Axes, evidence: Evidence) -> None:
    """Excess losses of random schedules by family, and of the usual ones."""
    best = float(QUADRATIC.best().value(QUADRATIC.horizon))
    excess = 100 * (evidence.rival_losses / best - 1)
    bins = np.geomspace(0.1, 2e4, 44)
    names = ("constant", "falling, sorted", "drops", "full, then power")
    shades = ("#c5ced5", "#8ea3b0", PALETTE["sky"], "#33475b")
    axis.hist(np.split(np.maximum(excess, bins[0]), 4), bins=bins, stacked=True, color=shades, label=names)
    top = 1.42 * axis.get_ylim()[1]
    moment = QUADRATIC.make(LR)
    for place, name in enumerate(("constant", "cosine", "linear")):
        rates = evidence.schedules["quadratic"][name] / LR
        value = 100 * (float(moment.evolve(QUADRATIC.start, rates, LR)[-1]) / best - 1)
        height = top * (0.95 - 0.075 * place)
        axis.plot([value, value], [0, height], color=COLOURS[name], linewidth=0.9)
        axis.plot(value, height, MARKERS[name], color=COLOURS[name], markersize=7)
        axis.text(value / 1.25, height, f"best {name}: +{value:.0f} %", va="center", ha="right", fontsize=8.5)
    axis.text(excess.min(), 0.16 * top, f"best rival:\n+{excess.min():.2g} %", ha="center", fontsize=8.5)
    axis.plot(excess.min(), 0.12 * top, "v", color=PALETTE["black"])
    axis.set(xscale="log", xlim=(bins[0], bins[-1]), ylim=(0, top))
    axis.set(xlabel="m(T) above the optimum, % (exact moments of the SDE)", ylabel="random schedules")
    axis.xaxis.set_major_locator(FixedLocator([0.1, 1, 10, 100, 1000]))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.legend(loc="upper right")
    axis.set_title("2,000 random rivals and usual schedules")


def state_map(axis: Axes, evidence: Evidence) -> None:
    """The policy of a controller that sees the state."""
    solution = evidence.state_policy
    nodes, times = solution.grid.axes[0], solution.times
    inside = np.abs(nodes) <= 0.8
    mesh = axis.pcolormesh(
        times[:-1], nodes[inside], solution.policy[:, inside, 0].T, cmap="cividis", vmin=0, vmax=1, shading="nearest",
        rasterized=True,
    )  # fmt: skip
    axis.figure.colorbar(mesh, ax=axis, pad=0.02).set_label("rate u(t, x)")
    axis.set(xlabel="time t = lr x iterations", ylabel="state x")
    axis.set_title("If the state were seen: feedback rate")
    axis.grid(False)
