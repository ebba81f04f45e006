"""A small -J F term on a mixture of eight Gaussians: what it speeds up, and where it breaks training.

Gemp & Mahadevan (arXiv 1808.01531) add a small ``-gamma J F`` to the field of a deep GAN and find faster convergence.
Here discriminator and generator are perceptrons, the payoff is Goodfellow's, and plain training is held against the
same training with the term, on the same starts and batches.

The term has a limit that comes from the discriminator's own block of J. Along an eigenvector of that block with
eigenvalue lambda the discriminator descends ``(1 - gamma lambda) F``: beyond ``gamma lambda = 1`` it climbs its loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

import analysis
from figures.papers.crossing_the_curl.mixture_measures import mode_coverage, wasserstein
from figures.papers.crossing_the_curl.mixture_panels import draw
from figures.papers.crossing_the_curl.mixture_training import (
    SPREAD,
    Arm,
    Trained,
    centres,
    sample_mixture,
    train_on_mixture,
)
from figures.registry import Check, Outcome, Settings, claim

PLAIN, SMALL, LARGE = Arm(0.0, 0.3), Arm(0.05, 0.3), Arm(0.3, 0.3)
FAST, FAST_TERM = Arm(0.0, 0.01, True), Arm(0.1, 0.01, True)
SIZES = {PLAIN: (32, 1000), SMALL: (32, 1000), LARGE: (8, 300), FAST: (8, 800), FAST_TERM: (8, 800)}
"""Seeds and iterations of each."""
REACH = 4 * SPREAD
ALARM = 0.01
"""Chance that any interval of this claim misses although all of it is true."""
BROKEN = 3
"""A training counts as broken from the checkpoint on at which its samples are this many times as far from the data as
at the start."""
SAMPLES = 300


@dataclass(frozen=True)
class Curves:
    """Measures of one arm: ``(seeds, t)`` at ``steps``, and ``limit`` ``(seeds, c)`` at ``limit_steps``.

    ``limit`` is ``gamma`` times the largest curvature of the discriminator's own loss; ``samples`` are the last ones.
    """

    steps: np.ndarray
    modes: np.ndarray
    near: np.ndarray
    distance: np.ndarray
    limit_steps: np.ndarray
    limit: np.ndarray
    samples: np.ndarray

    @property
    def breaks(self) -> np.ndarray:
        """Iteration at which each training is first seen broken, ``(seeds,)``; infinite if it never is."""
        return _first(self.steps, self.distance > BROKEN * self.distance[:, :1])

    @property
    def crosses(self) -> np.ndarray:
        """Iteration at which ``gamma lambda`` is first seen at 1 or beyond, as `breaks`."""
        return _first(self.limit_steps, self.limit >= 1)


def _first(steps: np.ndarray, holds: np.ndarray) -> np.ndarray:
    return np.where(holds.any(axis=1), steps[holds.argmax(axis=1)], np.inf)


@claim(
    "mixture-of-gaussians",
    title="On a mixture of Gaussians a small -gamma J F term makes descent-ascent cover the modes sooner; training "
    "breaks once gamma times the curvature of the discriminator's own loss reaches 1",
    source="Gemp & Mahadevan, arXiv 1808.01531, experiment on the mixture of Gaussians; limit: own derivation",
    long=True,
)
def run(settings: Settings) -> Outcome:
    """Check the claim and draw the figure."""
    curves: dict[Arm, Curves] = {}
    for arm, (number, steps) in SIZES.items():
        seeds = _seeds(settings.seed, 2 * number if settings.full else number)
        finer = 5 if arm in (LARGE, FAST_TERM) else 1
        trained = train_on_mixture((arm,), seeds, steps=steps, every=100, samples=SAMPLES, finer=finer)
        curves |= dict(zip((arm,), measure((arm,), trained, settings.seed), strict=True))
    checks = checks_of(curves)
    return Outcome(draw(curves, floor(settings.seed)), checks, caption(curves))


def _seeds(seed: int, number: int) -> tuple[int, ...]:
    """Seeds of the trainings, disjoint for different seeds of the report."""
    return tuple(10_000 + 1000 * seed + k for k in range(number))


# -------------------------------------------------------------------- measures


def real_samples(seed: int, number: int) -> np.ndarray:
    """Samples of the mixture itself, ``(number, SAMPLES, 2)``."""
    stream = torch.Generator().manual_seed(10_000 + 1000 * seed + 999)
    return np.stack([sample_mixture(SAMPLES, stream).double().numpy() for _ in range(number)])


def floor(seed: int) -> float:
    """Mean Wasserstein distance of two real samples: what a perfect generator would measure."""
    first, second = np.split(real_samples(seed, 20), 2)
    return float(np.mean([wasserstein(a, b) for a, b in zip(first, second, strict=True)]))


def measure(arms: tuple[Arm, ...], trained: Trained, seed: int) -> list[Curves]:
    """Measures of every arm; one real sample a seed, the same for all arms and checkpoints."""
    real = real_samples(seed, trained.samples.shape[1])
    found = []
    for arm, samples, curvature in zip(arms, trained.samples, trained.curvature, strict=True):
        modes, near = mode_coverage(samples, centres(), REACH)
        distance = [[wasserstein(points, y) for points in one] for one, y in zip(samples, real, strict=True)]
        found.append(
            Curves(trained.steps, modes, near, np.array(distance), trained.curvature_steps, arm.gamma * curvature,
                   samples[:, -1])
        )  # fmt: skip
    return found


def late(values: np.ndarray, share: float = 0.3) -> np.ndarray:
    """Mean over the last share of the checkpoints, ``(seeds,)``."""
    return values[:, -max(round(share * (values.shape[1] - 1)), 1) :].mean(axis=1)


def paired(first: np.ndarray, second: np.ndarray, level: float) -> analysis.Estimate:
    """Mean of ``first - second`` over the seeds that both have, with a t interval."""
    n = min(len(first), len(second))
    difference = first[:n] - second[:n]
    se = float(difference.std(ddof=1) / np.sqrt(n))
    return analysis.normal_estimate(float(difference.mean()), se, n=n, level=level, dof=n - 1)


# -------------------------------------------------------------------- verdicts


def checks_of(curves: dict[Arm, Curves]) -> tuple[Check, ...]:
    """All verdicts."""
    level = 1 - ALARM / 5
    plain, small, large = (curves[arm] for arm in (PLAIN, SMALL, LARGE))
    share, against = "mean of the last 30 % of training", f"descent, γ = {SMALL.gamma:g} against plain"
    same_time = plain.near[:, : large.near.shape[1]]
    return (
        _above(f"{against}: modes covered, {share}", small.modes, plain.modes, level),
        _above(f"{against}: fraction near a mode, {share}", small.near, plain.near, level),
        control_check(plain.modes, level),
        counted(f"descent, γ = {SMALL.gamma:g}: trainings that break", np.isfinite(small.breaks), 0),
        _above(f"descent, plain against γ = {LARGE.gamma:g}: fraction near a mode, iteration {large.steps[-1]}",
               same_time, large.near, level),
        limit_check(curves),
        _above(f"RMSProp at rate {FAST.lr:g}, plain against γ = {FAST_TERM.gamma:g}: fraction near a mode, {share}",
               curves[FAST].near, curves[FAST_TERM].near, level),
    )  # fmt: skip


def _above(name: str, upper: np.ndarray, lower: np.ndarray, level: float) -> Check:
    """Whether one measure lies above another, seed by seed."""
    estimate = paired(late(upper), late(lower), level)
    passed = bool(estimate.interval[0] > 0)
    return Check(f"{name}, difference", "above 0", estimate.value, estimate.interval, passed)


def control_check(modes: np.ndarray, level: float) -> Check:
    """Whether plain training against itself, one half of the seeds against the other, fails the first test."""
    half = len(modes) // 2
    estimate = paired(late(modes[half:]), late(modes[:half]), level)
    return Check(
        "control: plain against plain on other seeds: modes covered, difference",
        "not above 0",
        estimate.value,
        estimate.interval,
        bool(estimate.interval[0] <= 0),
    )


def counted(name: str, holds: np.ndarray, expected: int) -> Check:
    """Whether exactly as many trainings as expected have a property."""
    found = int(holds.sum())
    return Check(name, f"{expected} of {len(holds)}", f"{found} of {len(holds)}", None, found == expected)


def limit_check(curves: dict[Arm, Curves]) -> Check:
    """Whether descent with the term breaks only after ``gamma lambda`` has reached 1."""
    arms = [curves[SMALL], curves[LARGE]]
    breaks, crosses = (np.concatenate([getattr(each, name) for each in arms]) for name in ("breaks", "crosses"))
    in_time, below_one = (crosses <= breaks)[np.isfinite(breaks)], np.isfinite(breaks)[np.isinf(crosses)]
    return Check(
        "descent, γ > 0, trainings that break: γ λ reached 1 by then; trainings with γ λ < 1 throughout: they break",
        f"{len(in_time)} of {len(in_time)}; 0 of {len(below_one)}",
        f"{in_time.sum()} of {len(in_time)}; {below_one.sum()} of {len(below_one)}",
        None,
        bool(len(in_time) and len(below_one) and in_time.all() and not below_one.any()),
    )


def caption(curves: dict[Arm, Curves]) -> str:
    """Say what the figure shows, and where the term does not help."""
    last = {arm: curves[arm].modes[:, -1].mean() for arm in (SMALL, FAST, FAST_TERM)}
    change = paired(late(curves[SMALL].distance), late(curves[PLAIN].distance), 0.95)
    seeds = ", ".join(f"{len(each.modes)} for γ = {arm.gamma:g}" for arm, each in curves.items() if not arm.through_rms)
    return (
        f"Eight Gaussians of standard deviation {SPREAD:g} on a circle of radius 1; discriminator and generator with "
        "two hidden tanh layers of 32, payoff E log D + E log(1 - D(G)), 64 points a batch; the same starts and "
        f"batches for every γ, F and J on separate batches. Seeds: {seeds}, {len(curves[FAST].modes)} for RMSProp. A "
        f"mode is covered if it holds 1/40 of {SAMPLES} samples within {REACH:g}. Descent: simultaneous, rate "
        f"{PLAIN.lr:g}. (a, b) Samples of the first seed at the end. (c, d) Mean over seeds with 95 % t intervals, "
        "distances in logarithms and cut off at 10; dashed: distance of two real samples. (e) γ times the largest "
        "curvature λ of the discriminator's own loss, one line a training; cross: it is seen broken (samples "
        f"{BROKEN:g} times as far from the data as at the start). Beyond γλ = 1 the discriminator climbs its own loss "
        f"along that direction. Late in training γ = {SMALL.gamma:g} changes the Wasserstein distance by "
        f"{change.value:.3f} (95 % {change.interval[0]:.3f} to {change.interval[1]:.3f}; no verdict). (f) Through "
        f"RMSProp the term does not help: at rate {FAST.lr:g} plain training covers {last[FAST]:.1f} modes at the end, "
        f"descent with the term {last[SMALL]:.1f}, RMSProp with the term {last[FAST_TERM]:.1f}; there γλ = 1 is no "
        "sharp limit, since every parameter has a rate of its own. Verdicts: paired t intervals of level "
        f"{100 * (1 - ALARM / 5):.1f} %, together wrong by chance with probability at most {ALARM:g}."
    )
