"""Learning-rate schedules side by side: two games, equal budgets, final distances to the equilibrium.

Constants and the offset of the 1/k decay are tuned by hindsight: the best of a grid, chosen on runs of another seed.
The rules of `analysis.schedules` are not tuned; they see successive states only, as in any training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sympy import symbols

import analysis
import gan_sde as gs
from analysis import schedules
from figures.measurements import load_measurements
from gan_sde.simulation.adaptive import simulate_adaptive

COLUMNS = 4
"""Of the measurements, at most."""
POINTS = 100
YAIDA = schedules.YaidaRule(tolerance=0.1, reduction=0.5, period=50)
MENDED = schedules.StationarityRule(factor=0.1, precision=0.5, period=50)
RULES = {"yaida": (YAIDA, 1), "mended": (MENDED, 2)}
"""With the iterations from one observation to the next."""
PLAIN = ("start", "constant", "cosine", "inverse")
OFFSETS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Of the 1/k decay, in units of 1 / (first rate)."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A training with its start, its equilibrium and its budget.

    Attributes
    ----------
    name
        For titles.
    training
        Game and algorithm.
    start, equilibrium : array, shape (d,)
    lr
        First rate of every schedule.
    constants
        Grid of constant rates, `lr` the largest.
    steps, batch_size
        Budget, and samples a batch.
    """

    name: str
    training: gs.Training
    start: np.ndarray
    equilibrium: np.ndarray
    lr: float
    constants: np.ndarray
    steps: int
    batch_size: int

    @property
    def relaxations(self) -> float:
        """Budget in relaxation times of the slowest direction at the first rate."""
        game = self.training.game
        at = dict(zip(game.parameters, self.equilibrium, strict=True))
        field = -self.training.sde(1).drift.jacobian(game.parameters).subs(at)
        return self.steps * self.lr * analysis.linear_stability(np.array(field, dtype=float)).rate


@dataclass(frozen=True, eq=False)
class Curve:
    """One schedule on one problem.

    Attributes
    ----------
    label
        What was chosen.
    steps : array, shape (n,)
        Iteration numbers.
    errors : array, shape (runs, n)
        |x_k - x*|^2 there.
    rates : array, shape (runs, n) or (1, n)
        Learning rate of the iterations before.
    """

    label: str
    steps: np.ndarray
    errors: np.ndarray
    rates: np.ndarray

    @property
    def final(self) -> analysis.Estimate:
        """E|x_N - x*|^2 with its 95 % interval."""
        last = self.errors[:, -1]
        return analysis.normal_estimate(
            float(last.mean()), float(last.std(ddof=1) / np.sqrt(len(last))), n=len(last), dof=len(last) - 1
        )


def log_ratio(first: Curve, second: Curve, level: float) -> analysis.Estimate:
    """Logarithm of the ratio of final errors of independent runs (delta method)."""
    one, two = first.final, second.final
    se = float(np.hypot(one.se / one.value, two.se / two.value))
    return analysis.normal_estimate(float(np.log(one.value / two.value)), se, n=one.n, level=level, dof=one.n - 1)


# -------------------------------------------------------------------- problems


def lq_gan_problem(steps: int) -> Problem:
    """Consensus optimisation on the one-dimensional LQ-GAN: one direction relaxes much more slowly than the rest."""
    game = gs.games.get("lq-gan").subs(mu=1.0, sigma=1.0)
    return Problem(
        "LQ-GAN, consensus", gs.Training(game, gs.algorithms.get("consensus")), np.array([0.5, 0.0, 0.5, 0.0]),
        np.array([0.0, 0.0, 1.0, 1.0]), 0.05, 0.05 / 1.6 ** np.arange(8), steps, 16,
    )  # fmt: skip


def real_data_problem(steps: int, data: Path | None) -> Problem:
    """Descent-ascent on the linear WGAN with penalty, one critic and one shift a column of real measurements."""
    values, name = load_measurements(data)
    values = values[:, :COLUMNS]
    n = values.shape[1]
    omega, theta, y, z = (symbols(f"{base}_1:{n + 1}") for base in ("omega", "theta", "y", "z"))
    payoff = sum(w * (real - t - noise) - w**2 / 2 for w, real, t, noise in zip(omega, y, theta, z, strict=True))
    game = gs.Game.zero_sum(
        payoff,
        maximiser={"discriminator": list(omega)},
        minimiser={"generator": list(theta)},
        data={tuple(y): gs.Empirical(values), **{s: gs.Normal(0, 1) for s in z}},
        name="linear WGAN of a data set",
    )
    return Problem(
        f"linear WGAN, {name}", gs.Training(game, gs.algorithms.get("sgda")), np.repeat([0.0, 1.5], n),
        np.concatenate([np.zeros(n), values.mean(axis=0)]), 0.2, 0.2 / 2.0 ** np.arange(8), steps, 8,
    )  # fmt: skip


# -------------------------------------------------------------------- runs


def compare(problem: Problem, *, runs: int, seed: int) -> dict[str, Curve]:
    """All schedules on a problem, each on random numbers of its own."""
    seeds = iter((seed + i) % 2**64 for i in range(100))
    pilot = next(seeds)
    steps, lr = problem.steps, problem.lr
    grids = {
        "constant": {rate: schedules.constant(rate, steps) for rate in problem.constants},
        "inverse": {offset: schedules.inverse_time(lr, steps, offset=offset / lr) for offset in OFFSETS},
    }
    best = {name: min(grid, key=lambda key: _final(problem, grid[key], runs, pilot)) for name, grid in grids.items()}
    chosen = {
        "start": (f"constant {lr:g}", schedules.constant(lr, steps)),
        "constant": (f"best constant, {best['constant']:.2g}", grids["constant"][best["constant"]]),
        "cosine": ("cosine", schedules.cosine(lr, steps)),
        "inverse": (f"1/k, best offset {best['inverse'] / lr:.3g}", grids["inverse"][best["inverse"]]),
    }
    curves = {name: _plain(problem, *chosen[name], runs, next(seeds)) for name in PLAIN}
    labels = {"yaida": "Yaida's rule", "mended": "test with power"}
    for name, (rule, every) in RULES.items():
        curves[name] = _adaptive(problem, labels[name], rule, every, runs, next(seeds))
    return curves


def is_inside(problem: Problem, curve: Curve) -> bool:
    """Whether a chosen constant is no end of the grid."""
    return bool(problem.constants[-1] * 1.001 < curve.rates[0, -1] < problem.constants[0] * 0.999)


def errors_at_drops(problem: Problem, curve: Curve, level: float) -> analysis.Estimate:
    """Squared distance at a drop over its stationary mean at the rate before, averaged run by run."""
    game = problem.training.game
    jacobian, noise = (np.array(m, dtype=float) for m in (game.jacobian, game.noise_covariance.subs(_at(problem))))
    law: Mapping[float, float] = {
        rate: float(np.trace(analysis.discrete_stationary_covariance(jacobian, noise, rate, problem.batch_size)))
        for rate in np.unique(curve.rates)
    }
    drops = curve.rates[:, 1:] < curve.rates[:, :-1]
    before = curve.rates[:, :-1][drops]
    ratio = np.zeros(drops.shape)
    ratio[drops] = curve.errors[:, :-1][drops] / [law[rate] for rate in before]
    each = ratio[drops.any(axis=1)].sum(axis=1) / drops.sum(axis=1)[drops.any(axis=1)]
    n = len(each)
    return analysis.normal_estimate(float(each.mean()), float(each.std(ddof=1) / n**0.5), n=n, level=level, dof=n - 1)


def _at(problem: Problem) -> dict:
    return dict(zip(problem.training.game.parameters, problem.equilibrium, strict=True))


def _final(problem: Problem, rates: np.ndarray, runs: int, seed: int) -> float:
    """Mean final error; infinite if a run diverged."""
    final = _simulate(problem, rates, runs, seed, "final")["final"].values
    error = float(((final - problem.equilibrium) ** 2).sum(axis=1).mean())
    return error if np.isfinite(error) else np.inf


def _plain(problem: Problem, label: str, rates: np.ndarray, runs: int, seed: int) -> Curve:
    run = _simulate(problem, rates, runs, seed, "paths")
    steps = run["step"].values[1:]
    errors = ((run["path"].values[:, 1:] - problem.equilibrium) ** 2).sum(axis=2)
    return Curve(label, steps, errors, rates[None, steps - 1])


def _simulate(problem: Problem, rates: np.ndarray, runs: int, seed: int, record: str):
    return gs.simulate(
        problem.training, x0=problem.start, lr=rates, steps=problem.steps, trajectories=runs, seed=seed, record=record,
        batch_size=problem.batch_size, every=max(1, problem.steps // POINTS), progress=False,
    )  # fmt: skip


def _adaptive(problem: Problem, label: str, rule: schedules.AbstractRule, every: int, runs: int, seed: int) -> Curve:
    run = simulate_adaptive(
        problem.training, rule, x0=problem.start, lr=problem.lr, steps=problem.steps, trajectories=runs, seed=seed,
        batch_size=problem.batch_size, every=every, target=problem.equilibrium,
    )  # fmt: skip
    return Curve(label, run["step"].values, run["squared_distance"].values, run["rate"].values)
