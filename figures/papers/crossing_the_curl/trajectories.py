"""Trajectories on the 1-d LQ-GAN: descent-ascent leaves the equilibrium, Crossing-the-Curl reaches it.

The statement is that of Gemp & Mahadevan (arXiv 1808.01531, abstract): steepest descent-ascent diverges, a direction
across the plane of rotation converges. With stochastic batches it needs two batches an iteration, one for the field
and one for the Jacobian. On one shared batch the method comes to rest elsewhere, where `shared_batch` predicts it: the
variance is biased by O(1/B), and beyond a critical mean of the data it collapses to its bound.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

import analysis
import gan_sde as gs
from figures.papers.crossing_the_curl.shared_batch import (
    MINIMUM_SCALE,
    SPREAD,
    Point,
    Spec,
    critical_mean,
    mean_drift,
    measure,
    rest_point,
    start_at,
    training,
)
from figures.papers.crossing_the_curl.trajectory_panels import draw
from figures.registry import Check, Outcome, Settings, claim

LR, BATCH_SIZE, MEAN, STEPS = 0.01, 16, 1.0, 2500
START = (0.5, 0.0, 0.6, 1.0)
ALARM = 0.01
"""Chance that any interval of this claim misses although all of it is true."""
COLLAPSED = 0.05 * SPREAD**2
"""Variance below which the generator counts as collapsed."""

METHODS = {
    "descent-ascent": ("sgda", {}),
    "two batches": ("crossing-the-curl", {"batches": "independent"}),
    "one batch": ("crossing-the-curl", {"batches": "shared"}),
}
BIASED = (
    Spec(16, 0.0, 0.02, 6.0), Spec(4, 0.0, 0.005, 6.0), Spec(8, 0.0, 0.01, 6.0), Spec(64, 0.0, 0.02, 6.0),
    Spec(256, 0.0, 0.02, 6.0), Spec(16, 0.25, 0.01, 12.0), Spec(16, 0.5, 0.005, 20.0), Spec(16, 0.6, 0.005, 30.0),
)  # fmt: skip
FAIR = (Spec(4, 0.0, 0.005, 6.0), Spec(16, 0.0, 0.02, 6.0), Spec(256, 0.0, 0.02, 6.0), Spec(16, MEAN, 0.01, 20.0))
BEYOND = (Spec(16, 0.8, 0.005, 80.0), Spec(16, 1.0, 0.005, 40.0), Spec(16, 1.5, 0.005, 20.0))
"""Means beyond the critical one. The rate is small, for what the noise leaves of the variance is proportional to it."""


@claim(
    "lq-gan-trajectories",
    title="On the LQ-GAN descent-ascent leaves the equilibrium and Crossing-the-Curl converges to it, if field and "
    "Jacobian see separate batches; one shared batch biases the generated variance as its SDE predicts",
    source="Gemp & Mahadevan, arXiv 1808.01531; bias: own derivation",
)
def run(settings: Settings) -> Outcome:
    """Check the claim and draw the figure."""
    scale, seed = (10 if settings.full else 1), settings.seed
    level = 1 - ALARM / (2 + len(BIASED) + len(FAIR) + len(BEYOND))
    runs = {name: ensemble(name, 2_000 * scale, seed) for name in METHODS}
    biased = [measure("shared", spec, 20_000 * scale, seed, level) for spec in BIASED]
    fair = [measure("independent", spec, 20_000 * scale, seed, level) for spec in FAIR]
    beyond = [measure("shared", spec, 2_000 * scale, seed, level, limit=False) for spec in BEYOND]
    checks = (
        growth_check(level, seed),
        spread_check(runs["descent-ascent"], level),
        *(variance_check("two batches", point) for point in fair),
        *(variance_check("one batch", point) for point in biased),
        *(collapse_check(point) for point in beyond),
    )
    single = {name: ensemble(name, 2, seed, every=1)["path"][0] for name in METHODS}
    figure = draw(single, runs, predicted_distances(), biased, fair, beyond)
    return Outcome(figure, checks, caption(level))


# -------------------------------------------------------------------- simulation


def ensemble(name: str, trajectories: int, seed: int, *, steps: int = STEPS, every: int = 10) -> xr.Dataset:
    """Trajectories of one method from the common start, with their distance to the equilibrium.

    Returns
    -------
    xarray.Dataset
        ``path`` ``(trajectory, step, param)`` and ``distance`` ``(trajectory, step)``.
    """
    algorithm, options = METHODS[name]
    result = gs.simulate(
        training(algorithm, MEAN, **options), x0=START, lr=LR, batch_size=BATCH_SIZE, steps=steps, every=every,
        trajectories=trajectories, seed=seed, record=("paths",),
    )  # fmt: skip
    offset = result["path"] - xr.DataArray(start_at(MEAN), dims="param")
    return result.assign(distance=np.sqrt((offset**2).sum("param", skipna=False)))


# -------------------------------------------------------------------- theory


def leading_plane() -> tuple[float, np.ndarray]:
    """Frequency of the fastest rotation about the equilibrium and an orthonormal basis ``(4, 2)`` of its plane.

    At the equilibrium the Jacobian J is antisymmetric, so that ``|x - lr J x|^2 = (1 + lr^2 frequency^2) |x|^2``
    exactly in this plane.
    """
    game = training("sgda", MEAN).game
    at = dict(zip(game.parameters, start_at(MEAN), strict=True))
    jacobian = np.array(game.jacobian.subs(at), dtype=float)
    _, frequencies, rows = np.linalg.svd(jacobian)
    return float(frequencies[0]), rows[:2].T


def predicted_distances() -> dict[str, np.ndarray]:
    """Distance to the equilibrium at every iteration: linear growth, noise floor, distance of the biased rest point.

    The growth ends (NaN) at distance 1, which is no longer close to the equilibrium.
    """
    frequency, _ = leading_plane()
    steps = np.arange(STEPS + 1)
    first = np.linalg.norm(START - start_at(MEAN))
    growth = first * (1 + LR**2 * frequency**2) ** (steps / 2)
    rest = rest_point(mean_drift("shared"), MEAN, BATCH_SIZE)
    return {
        "descent-ascent": np.where(growth <= 1, growth, np.nan),
        "two batches": np.full(STEPS + 1, noise_floor()),
        "one batch": np.full(STEPS + 1, np.linalg.norm(rest - start_at(MEAN))),
    }


def noise_floor() -> float:
    """Stationary root mean square distance of Crossing-the-Curl with two batches, from the Lyapunov equation."""
    sde = training("crossing-the-curl", MEAN, batches="independent").sde(order=1)
    at = {**dict(zip(sde.parameters, start_at(MEAN), strict=True)), sde.lr: LR, sde.batch_size: BATCH_SIZE}
    jacobian = -np.array(sde.drift.jacobian(sde.parameters).subs(at), dtype=float)
    covariance = np.array(sde.covariance.subs(at), dtype=float)
    return float(np.sqrt(np.trace(analysis.stationary_covariance(jacobian, covariance))))


# -------------------------------------------------------------------- verdicts


def growth_check(level: float, seed: int, *, starts: int = 64, steps: int = 1500, algorithm: str = "sgda") -> Check:
    """Growth of the squared distance without noise, from random starts close to the equilibrium."""
    frequency, plane = leading_plane()
    angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, starts)
    centre = start_at(MEAN)
    x0 = centre + 1e-4 * np.stack([np.cos(angles), np.sin(angles)], axis=1) @ plane.T
    result = gs.simulate(
        training(algorithm, MEAN), x0=x0, lr=LR, steps=steps, trajectories=starts, noise=False, record=("final",)
    )
    ends = ((result["final"].values - centre) ** 2).sum(axis=1)
    rates = 1000 / steps * np.log(ends / ((x0 - centre) ** 2).sum(axis=1))
    predicted = 1000 * float(np.log1p(LR**2 * frequency**2))
    estimate = analysis.normal_estimate(
        float(rates.mean()), float(rates.std(ddof=1) / np.sqrt(starts)), n=starts, level=level, dof=starts - 1
    )
    return Check(
        "descent-ascent, no noise: log growth of distance² in 1000 iterations",
        f"1000 log(1 + lr² λ²) = {predicted:.4f}",
        estimate.value,
        estimate.interval,
        bool(estimate.contains(predicted)),
    )


def spread_check(result: xr.Dataset, level: float) -> Check:
    """Whether training with noise ends further away than it began."""
    squares = result["distance"].values ** 2
    ratios = squares[:, -1] / squares[:, 0]
    estimate = analysis.normal_estimate(
        float(ratios.mean()), float(ratios.std(ddof=1) / np.sqrt(len(ratios))), n=len(ratios), level=level
    )
    name = f"descent-ascent, B = {BATCH_SIZE}: mean distance² after {STEPS} iterations, relative to the start"
    return Check(name, "above 1", estimate.value, estimate.interval, bool(estimate.interval[0] > 1))


def variance_check(batches: str, point: Point) -> Check:
    """Whether the measured variance agrees with the rest point of the drift."""
    return Check(
        f"{batches}, {_where(point)}: variance a²",
        f"{point.predicted:.4f}",
        point.measured.value,
        point.measured.interval,
        bool(point.measured.contains(point.predicted)),
    )


def collapse_check(point: Point) -> Check:
    """Whether the generator has lost its variance where the drift has no rest point that keeps it."""
    predicts_it = point.predicted <= MINIMUM_SCALE**2
    return Check(
        f"one batch, {_where(point)}: variance a² at rate {point.spec.lr:g}",
        f"collapse, a² < {COLLAPSED:g}" if predicts_it else f"{point.predicted:.4f}",
        point.measured.value,
        point.measured.interval,
        bool(predicts_it and point.measured.interval[1] < COLLAPSED),
    )


def _where(point: Point) -> str:
    return f"B = {point.spec.batch_size}, N({point.spec.mean:g}, {SPREAD**2:g})"


def caption(level: float) -> str:
    """Say what the figure shows and how the verdicts were reached."""
    return (
        f"One-dimensional LQ-GAN, data N(mu, 1). (a) One training a method, B = {BATCH_SIZE}, lr = {LR:g}, mu = "
        f"{MEAN:g}. (b) Root mean square distance to the equilibrium and the central 95 % of the trajectories; dashed: "
        "exact linear growth of descent-ascent, noise floor of the Lyapunov equation, distance of the rest point of "
        "the shared-batch drift (trainings, at a finite rate, end a few per cent nearer). "
        "(c, d) Stationary variance of the generator, extrapolated to lr = 0 from two rates "
        "(beyond the critical mean: at lr = 0.005), against the rest point of the SDE's drift; bars are smaller than "
        f"the markers. At mu = 0 a shared batch costs the share 5 / (2B + 4) of the variance: a bias, no collapse. At "
        f"B = {BATCH_SIZE} it collapses for means beyond {critical_mean(BATCH_SIZE):.3f}; close to that value no "
        "verdict is given. Descent-ascent leaves the equilibrium for ever wider cycles, which the lower bound on a "
        "cuts off. Every verdict is an interval of level "
        f"{100 * level:.2f} %, so that all of them together miss by chance with probability at most {ALARM:g}."
    )
