"""What is measured of the staged method: its errors over k and N, and in how many ways they can be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import analysis
from gan_sde.staged import NormalLaw, StagedRun, StageKind, covariance_floor, factor_floor, learn_staged

SPREAD, LAW_SEED, START = 0.3, 5, 0.7
LEVEL = 0.95
JOINT_SHARE = 0.8


@dataclass(frozen=True)
class Size:
    """How much is run for one dimension: samples over N at the budgets, replicates of these, and of each design."""

    multiples: tuple[int, ...]
    replicates: int
    design_replicates: int


DEFAULT = {
    # the exponents of k come to standard errors of 0.01, and terms of order 1/k^2 to 0.03 at most
    1: Size((2000, 3556, 6325, 11247, 20000), 8192, 512),
    4: Size((2000, 3556, 6325, 11247, 20000), 1024, 256),
    16: Size((2000, 3556, 6325, 11247, 20000), 384, 48),
    64: Size((4000,), 8, 8),
}
FULL = {
    1: Size((2000, 5024, 12619, 31698, 79621, 200_000), 2048, 512),
    4: Size((2000, 5024, 12619, 31698, 79621, 200_000), 512, 512),
    16: Size((2000, 5024, 12619, 31698, 79621, 200_000), 48, 48),
    64: Size((2000, 5024, 12619, 31698, 79621, 200_000), 12, 12),
}


def data_law(n: int) -> NormalLaw:
    """``N(1, C C^T)`` with C unit lower triangular."""
    noise = np.random.default_rng(LAW_SEED).standard_normal((n, n))
    return NormalLaw(np.eye(n) + SPREAD * np.tril(noise, -1), np.ones(n))


@dataclass(frozen=True, eq=False)
class Series:
    """Residual rows for one N at several budgets.

    Attributes
    ----------
    n
        Dimension.
    k
        ``(budgets,)``: samples.
    errors
        ``(replicates, budgets)``: ``|A A^T - Sigma|_F^2`` of independent runs.
    runs
        The run of every budget.
    """

    n: int
    k: np.ndarray
    errors: np.ndarray
    runs: tuple[StagedRun, ...]

    @property
    def last(self) -> StagedRun:
        """The run of the largest budget."""
        return self.runs[-1]

    @property
    def exponent(self) -> analysis.Estimate:
        """Signed exponent of k, interval by bootstrap over replicates."""
        return analysis.fit_rate(self.k, self.errors, level=LEVEL).models["power"].slope


def measure_series(n: int, size: Size, seed: int) -> Series:
    """Run residual rows for all budgets, each on its own random numbers."""
    budgets = [n * multiple for multiple in size.multiples]
    runs = tuple(
        learn_staged(
            data_law(n), samples=k, replicates=size.replicates, variant="residual-rows", start=START,
            seed=(1000 * seed + 100 * n + i) % 2**64,
        )
        for i, k in enumerate(budgets)
    )  # fmt: skip
    return Series(n, np.array(budgets), np.array([run.covariance_error for run in runs]).T, runs)


@dataclass(frozen=True, eq=False)
class Design:
    """A way to spend the samples, and how many times the floor it should come to."""

    label: str
    multiple: Callable[[int], float]
    options: dict[str, Any]
    largest: int = 64


DESIGNS = (
    Design("row in two stages (2N stages)", lambda n: 2.0 * n, {}, largest=16),
    Design("residual rows (N + 1 stages)", lambda n: n + 1.0, {"variant": "residual-rows"}),
    Design(
        f"and a joint stage on {JOINT_SHARE:.0%}".replace("%", " %"), lambda n: 1 / JOINT_SHARE,
        {"variant": "residual-rows", "joint_fraction": JOINT_SHARE},
    ),
    Design("two-stage rows, samples reused", lambda n: 1.0, {"reuse": "all", "minibatch": 8}, largest=16),
)  # fmt: skip


def relative_errors(design: Design, n: int, samples: int, replicates: int, seed: int) -> analysis.Estimate:
    """``|A A^T - Sigma|_F^2`` over its floor."""
    run = learn_staged(
        data_law(n), samples=samples, replicates=replicates, start=START, seed=seed % 2**64, **design.options
    )
    return mean_estimate(run.covariance_error / run.covariance_floor)


def mean_estimate(values: np.ndarray) -> analysis.Estimate:
    """Mean over independent replicates, Student's t at 99.9 %."""
    count = len(values)
    return analysis.normal_estimate(
        float(values.mean()), float(values.std(ddof=1) / np.sqrt(count)), n=count, level=0.999, dof=count - 1
    )


# ---------------------------------------------------------------- readings of the rate


def row_errors(run: StagedRun) -> np.ndarray:
    """Each row stage's squared distance to its own target, per parameter, averaged over the rows; times k."""
    rows = [i for i, stage in enumerate(run.stages) if stage.kind is StageKind.ROW]
    sizes = np.array([run.stages[i].size for i in rows])
    return run.samples * np.mean(run.stage_errors[:, rows] / sizes, axis=1)


@dataclass(frozen=True)
class Reading:
    """What "the error" of O(N/k) may mean.

    Attributes
    ----------
    measure
        Run to error times k, ``(replicates,)``.
    floor
        Law to the same from k efficiently used samples; the prediction is N + 1 times it.
    holds
        Whether the prediction is O(N).
    """

    name: str
    measure: Callable[[StagedRun], np.ndarray]
    floor: Callable[[NormalLaw], float]
    holds: bool


def _row_floor(law: NormalLaw) -> float:
    index = np.arange(law.dim)
    return float(np.mean(np.diag(law.cholesky) ** 2 * (index + 0.5) / (index + 1)))


def _parameters(n: int) -> float:
    return n * (n + 1) / 2


READINGS = (
    Reading("one stage, per parameter, own target", row_errors, _row_floor, True),
    Reading(
        "covariance, over its floor", lambda run: run.covariance_error / run.covariance_floor, lambda law: 1.0, True
    ),
    Reading(
        "per parameter of A", lambda run: run.samples * run.factor_error / _parameters(run.law.dim),
        lambda law: factor_floor(law.cholesky, 1) / _parameters(law.dim), False,
    ),
    Reading(
        "all parameters, |A - C|² + |b - μ|²", lambda run: run.samples * run.total_error,
        lambda law: factor_floor(law.cholesky, 1) + float(np.trace(law.covariance)), False,
    ),
    Reading(
        "covariance, |AAᵀ - Σ|²", lambda run: run.samples * run.covariance_error,
        lambda law: covariance_floor(law.covariance, 1), False,
    ),
)  # fmt: skip


def dimension_exponent(reading: Reading, runs: list[StagedRun]) -> tuple[analysis.Estimate, float]:
    """Exponent of N of error times k, measured and predicted, by the same weighted line through the logarithms."""
    values = [reading.measure(run) for run in runs]
    mean = np.array([v.mean() for v in values])
    sd = np.array([v.std(ddof=1) / np.sqrt(len(v)) for v in values]) / mean
    dims = np.array([run.law.dim for run in runs])
    laws = np.array([(n + 1) * reading.floor(run.law) for n, run in zip(dims, runs, strict=True)])
    fit = analysis.line_fit(np.log(dims), np.log(mean), sd).estimate(1, LEVEL)
    return fit, float(analysis.line_fit(np.log(dims), np.log(laws), sd).coefficients[1])


def design_samples(n: int) -> int:
    """Samples of a design: 20,000 N, or 4,000 N for N = 64."""
    return n * (20_000 if n < 64 else 4000)
