"""Training of the LQ-GAN on measurements: runs, their averages, the statistician's baseline and the theory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

import analysis
import gan_sde as gs
from gan_sde.games.lq_gan_arrays import LQGANArrays, Moments

START_SCALE, START_SHIFT, START_DISCRIMINATOR = 0.5, 1.0, 0.5
"""Start: a quarter of the variance, no correlations, every mean off by one standard deviation."""


@dataclass(frozen=True, eq=False)
class ClosedFormGenerator(LQGANArrays):
    """The LQ-GAN of a data set, the generator's expectation taken in closed form: only data rows are drawn."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "normals", 0)

    def batch(self, normals: np.ndarray, rows: np.ndarray | None) -> Moments:
        """Moments of the drawn rows, beside the exact ones of the latent variable."""
        assert self.data is not None and rows is not None
        real, exact = self.data[rows], self.expected_batch(len(rows))
        second = np.swapaxes(real, 1, 2) @ real / real.shape[1]
        return Moments(real.mean(axis=1), second, exact.latent_mean, exact.latent_second)


@dataclass(frozen=True, eq=False)
class Problem:
    """What is trained on what.

    Parameters
    ----------
    values
        Standardised data, ``(rows, N)``.
    sampled
        Whether the generator's moments are sampled as well, or taken in closed form.
    batch_size
        Rows a batch.
    """

    values: np.ndarray
    sampled: bool
    batch_size: int

    @property
    def columns(self) -> int:
        """Dimension N of the data."""
        return self.values.shape[1]

    @property
    def rows_an_iteration(self) -> int:
        """Data rows drawn: sampled generators need J on a batch of its own, whose rows count although J has no data."""
        return self.batch_size * (2 if self.sampled else 1)

    @cached_property
    def arrays(self) -> LQGANArrays:
        """Array form of the game."""
        return (LQGANArrays if self.sampled else ClosedFormGenerator)(self.columns, self.values)

    @cached_property
    def target(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of the data set."""
        centred = self.values - self.values.mean(axis=0)
        return self.values.mean(axis=0), centred.T @ centred / len(self.values)

    def training(self) -> gs.Training:
        """Crossing-the-Curl; where J is free of noise, one batch is unbiased."""
        game = replace(gs.games.get("lq-gan", data=self.values), arrays=self.arrays)
        batches = "independent" if self.sampled else "shared"
        return gs.Training(game, gs.algorithms.get("crossing-the-curl", batches=batches))

    def state(self, scale: np.ndarray, shift: np.ndarray, discriminator: float) -> np.ndarray:
        """Pack a generator, and a discriminator of equal entries."""
        generator = np.concatenate([scale[np.tril_indices(self.columns)], shift])
        return np.concatenate([np.full(len(generator), discriminator), generator])

    def start(self) -> np.ndarray:
        """State at iteration 0."""
        n = self.columns
        return self.state(START_SCALE * np.eye(n), np.full(n, START_SHIFT), START_DISCRIMINATOR)

    def equilibrium(self) -> np.ndarray:
        """State of the only equilibrium."""
        mean, covariance = self.target
        return self.state(np.linalg.cholesky(covariance), mean, 0.0)

    def moment_slope(self) -> np.ndarray:
        """M at the equilibrium: derivative of the generator's packed moments by its parameters, negative."""
        d = self.arrays.dim
        everywhere = np.tile(self.equilibrium(), (d, 1))
        return -self.arrays.jvp(everywhere, np.eye(d), self.arrays.expected_batch(d)).T[: d // 2, d // 2 :]

    def relaxations(self, steps: int) -> float:
        """Relaxation times of the slowest direction that a run lasts: sum of the rates times the least of ``M^T M``."""
        least = np.linalg.svd(self.moment_slope(), compute_uv=False)[-1] ** 2
        return float(schedule(self.columns, steps).sum() * least)

    def law(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean ``(..., N)`` and covariance ``(..., N, N)`` of the generated data at states ``(..., d)``."""
        n = self.columns
        generator = states[..., states.shape[-1] // 2 :]
        scale = np.zeros((*states.shape[:-1], n, n))
        scale[..., *np.tril_indices(n)] = generator[..., :-n]
        return generator[..., -n:], scale @ np.swapaxes(scale, -1, -2)

    def distance(self, states: np.ndarray) -> np.ndarray:
        """Bures distance of the generated law to the Gaussian of the data."""
        return analysis.bures(*self.law(states), *self.target)


def schedule(columns: int, steps: int) -> np.ndarray:
    """Learning rates ``(1 + k / k0)^(-2/3) / (8N + 1)`` with k0 a sixteenth of the steps.

    ``8 |[A b]|^2 + 1`` bounds the largest eigenvalue of ``M^T M``, the generator's Jacobian at the equilibrium, and
    ``|[A b]|^2 <= N`` there for standardised data: all that the schedule knows of the data is that it is standardised.
    """
    return (1 + np.arange(steps) / (steps / 16)) ** (-2 / 3) / (8 * columns + 1)


@dataclass(frozen=True, eq=False)
class Run:
    """Distances of independent runs.

    Attributes
    ----------
    k : array, shape (n,)
        Iterations 0, K/64, ..., K/2, K.
    averaged, last : array, shape (replicates, n)
        Distance of the generator with its parameters averaged over iterations k/2 to k, and of iterate k itself.
    states : array, shape (replicates, d)
        Averaged parameters at the end.
    """

    k: np.ndarray
    averaged: np.ndarray
    last: np.ndarray
    states: np.ndarray


def train(problem: Problem, *, steps: int, replicates: int, seed: int) -> Run:
    """Run independent replicates; ``steps`` is a multiple of 64.

    Raises
    ------
    ValueError
        If a run diverged, as outliers can make it.
    """
    every = max(1, steps // 800)
    run = gs.simulate(
        problem.training(), x0=problem.start(), lr=schedule(problem.columns, steps), steps=steps,
        trajectories=replicates, batch_size=problem.batch_size, seed=seed, every=every, record="paths",
    )  # fmt: skip
    diverged = int(np.sum(run["diverged"].values >= 0))
    if diverged:
        raise ValueError(
            f"data: expected measurements whose moments {problem.batch_size} rows can estimate, got such that "
            f"{diverged} of {replicates} runs diverged"
        )
    path, iterations = run["path"].values, run["step"].values
    marks = np.array([0, *(np.searchsorted(iterations, steps >> i) for i in range(6, -1, -1))])
    averages = np.stack([path[:, j // 2 : j + 1].mean(axis=1) if j else path[:, 0] for j in marks], axis=1)
    return Run(iterations[marks], problem.distance(averages), problem.distance(path[:, marks]), averages[:, -1])


def baseline(problem: Problem, draws: int, *, replicates: int, seed: int) -> np.ndarray:
    """Distance of the sample mean and covariance of ``draws`` rows, drawn as the training draws them."""
    rng, values = np.random.default_rng([seed, draws]), problem.values
    probabilities = np.full(len(values), 1 / len(values))
    means, covariances = [], []
    for _ in range(replicates):
        weights = rng.multinomial(draws, probabilities) / draws
        mean = weights @ values
        means.append(mean)
        covariances.append((values * weights[:, None]).T @ values - np.outer(mean, mean))
    return analysis.bures(np.array(means), np.array(covariances), *problem.target)


def distance_ratio(distances: np.ndarray, reference: np.ndarray, level: float) -> analysis.Estimate:
    """Root-mean-square distance over that of the reference, its interval by the delta method on the logarithm."""
    logarithm, variance = 0.0, 0.0
    for sign, sample in ((1, distances**2), (-1, reference**2)):
        logarithm += sign * np.log(sample.mean()) / 2
        variance += sample.var(ddof=1) / sample.mean() ** 2 / len(sample) / 4
    value = float(np.exp(logarithm))
    spread = analysis.normal_estimate(logarithm, float(np.sqrt(variance)), n=len(distances), level=level,
                                      dof=len(distances) - 1)  # fmt: skip
    low, high = (float(np.exp(end)) for end in spread.interval)
    return analysis.Estimate(value, value * spread.se, (low, high), len(distances), level)


def predicted_ratio(problem: Problem, *, seed: int, batches: int = 1000) -> float:
    """Limit of the ratio to the baseline as the iterations grow.

    Averaged iterates err like ``H^{-1}`` times the mean noise of the direction (Polyak & Juditsky 1992), with
    ``H = M^T M`` here and the noise ``M^T xi``, xi that of the data's moments: ``M^{-1} xi`` is the error of the sample
    moments themselves. So the average over the last half of the rows costs ``sqrt(2)``, and that is all in closed
    form; sampled generators add noise to xi and to M, whose share is measured here at the equilibrium.
    """
    window = np.sqrt(2.0)
    if not problem.sampled:
        return float(window)
    n, rng, game = problem.columns, np.random.default_rng(seed), problem.arrays
    point, slope = problem.equilibrium(), problem.moment_slope()
    half = len(slope)

    def draw() -> Moments:
        normals = rng.standard_normal((batches, problem.batch_size, n))
        return game.batch(normals, rng.integers(len(problem.values), size=normals.shape[:2]))

    x, first, second = np.tile(point, (batches, 1)), draw(), draw()
    field = game.F(x, first)
    direction = (game.vjp(x, field, second) - game.jvp(x, field, second)) / 2
    exact = game.expected_batch(batches)
    data_only = game.F(x, exact._replace(data_mean=first.data_mean, data_second=first.data_second))
    errors = (np.linalg.solve(slope.T @ slope, direction[:, half:].T), np.linalg.solve(slope, -data_only[:, :half].T))
    small = 1e-5  # the distance is linear in small errors
    squares = [np.mean(problem.distance(x + small * np.hstack([np.zeros((batches, half)), e.T])) ** 2) for e in errors]
    price = squares[0] / squares[1]
    return float(window * np.sqrt(price * problem.rows_an_iteration / problem.batch_size))
