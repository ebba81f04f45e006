"""Densities on a grid against samples: moments, probabilities of cells, slowest mode, relaxation of the mean."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement as multisets

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.stats import norm

import analysis
from analysis.density import Density
from analysis.fokker_planck import BOUNDARY_LIMIT, FokkerPlanck
from analysis.grid import Grid
from analysis.refinement import GridEstimate, richardson
from analysis.relaxation import Spectrum

Array = np.ndarray

BLOCKS = 8
"""Coarse cells along each axis of the grid."""

FEWEST = 25
"""Expected draws from which on a coarse cell is tested by itself; the others are put together with the outside."""

PAIRS, TRIPLES = list(multisets(range(2), 2)), list(multisets(range(2), 3))


@dataclass(frozen=True, eq=False)
class Law:
    """A stationary law by the Fokker-Planck equation, with the error of its grid.

    Parameters
    ----------
    moments
        ``(9,)``: means, covariances, central third moments.
    cells
        Probabilities of coarse cells, ``(BLOCKS, BLOCKS)``.
    density, problem
        On the finest grid.
    """

    moments: GridEstimate
    cells: GridEstimate
    density: Density
    problem: FokkerPlanck


def law(problem: FokkerPlanck, *, boundary_limit: float = BOUNDARY_LIMIT) -> Law:
    """Solve on a grid and on two refinements."""
    solved: dict[int, tuple[FokkerPlanck, Density]] = {}

    def quantities(p: FokkerPlanck) -> Array:
        density = p.stationary(boundary_limit=boundary_limit)
        solved[p.grid.size] = (p, density)
        return np.concatenate([density_moments(density), blocks(density.probabilities).ravel()])

    both = richardson(problem, quantities, grids=3)
    fine, density = solved[max(solved)]
    parts = [(part[:9], part[9:].reshape(BLOCKS, BLOCKS)) for part in (both.value, both.error, both.coarse, both.fine)]
    return Law(GridEstimate(*(p[0] for p in parts)), GridEstimate(*(p[1] for p in parts)), density, fine)


def density_moments(density: Density) -> Array:
    """Means, covariances and central third moments of a density, ``(9,)``."""
    third = [density.third_moment[t] for t in TRIPLES]
    return np.concatenate([density.mean, [density.covariance[p] for p in PAIRS], third])


def blocks(values: Array) -> Array:
    """Sums over the coarse cells."""
    rows, columns = values.shape
    return values.reshape(BLOCKS, rows // BLOCKS, BLOCKS, columns // BLOCKS).sum(axis=(1, 3))


def moment_z(samples: Array, predicted: GridEstimate) -> Array:
    """z-scores ``(9,)`` of the moments of independent draws ``(n, 2)``; the errors of sample and grid are added.

    Standard errors are those of the influence functions, so that the estimated mean is accounted for. A non-finite
    draw raises ValueError.
    """
    _require_finite(samples)
    u = samples - samples.mean(axis=0)
    c = np.cov(u.T, bias=True)
    influence = [u[:, 0], u[:, 1], *(u[:, i] * u[:, j] for i, j in PAIRS)]
    influence += [
        u[:, i] * u[:, j] * u[:, k] - c[i, j] * u[:, k] - c[i, k] * u[:, j] - c[j, k] * u[:, i] for i, j, k in TRIPLES
    ]
    third = [np.mean(u[:, i] * u[:, j] * u[:, k]) for i, j, k in TRIPLES]
    found = np.concatenate([samples.mean(axis=0), [c[p] for p in PAIRS], third])
    error = np.std(influence, axis=1) / np.sqrt(len(samples))
    return (found - predicted.value) / np.hypot(error, predicted.error)


def cell_z(samples: Array, found: Law) -> Array:
    """z-scores of the counts in coarse cells, the last one of all sparse cells and the outside.

    A non-finite draw raises ValueError: it would count as one outside, where it may well go unnoticed.
    """
    _require_finite(samples)
    n = len(samples)
    counts = blocks(found.density.grid.histogram(samples)).ravel()
    expected, error = n * found.cells.value.ravel(), n * found.cells.error.ravel()
    held = expected >= FEWEST
    observed = np.append(counts[held], n - counts[held].sum())
    predicted = np.append(expected[held], n - expected[held].sum())
    grid_error = np.append(error[held], error[~held].sum())
    share = np.clip(predicted / n, 1 / n, 1)
    return (observed - predicted) / np.sqrt(n * share * (1 - share) + grid_error**2)


def p_value(z: Array) -> float:
    """Two-sided, Bonferroni over all scores, however dependent."""
    return analysis.bonferroni(2 * norm.sf(np.abs(z)))


def mode_rate(early: Array, late: Array, lapse: float, spectrum: Spectrum, grid: Grid) -> tuple[complex, complex]:
    """Eigenvalue of the slowest mode f as it is sampled: log(E f(X_late) / E f(X_early)) / lapse, and its error.

    Real and imaginary parts have standard errors of their own, given as those of the second number. The value of f at
    the start itself does not enter: what of f the grid gets wrong decays before the early time. A non-finite state
    raises ValueError.
    """
    _require_finite(early)
    _require_finite(late)
    function = spectrum.functions[slowest(spectrum)]
    interpolate = RegularGridInterpolator(grid.axes, function, bounds_error=False, fill_value=None)
    first, second = interpolate(early), interpolate(late)
    spread = (second / second.mean() - first / first.mean()) / (lapse * np.sqrt(len(first)))
    return np.log(second.mean() / first.mean()) / lapse, complex(np.std(spread.real), np.std(spread.imag))


def slowest(spectrum: Spectrum) -> int:
    """Index of the slowest mode that turns forward, or not at all."""
    values = spectrum.eigenvalues
    return int(np.flatnonzero(values.imag >= -1e-9)[np.argmax(values.real[values.imag >= -1e-9])])


def relaxation(problem: FokkerPlanck, start: tuple[float, float], times: Array) -> GridEstimate:
    """Means ``(time, 2)`` of the law that starts at a point."""
    return richardson(problem, lambda p: [q.mean for q in p.evolve(Density.point(p.grid, start), times)])


def _require_finite(samples: Array) -> None:
    bad = int(np.sum(~np.isfinite(samples).all(axis=-1)))
    if bad:
        raise ValueError(f"samples: expected finite states, got {bad} diverged trajectories of {len(samples)}")
