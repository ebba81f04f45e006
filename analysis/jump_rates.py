"""A diffusion on a grid as a jump process between neighbouring cells, with rates that are never negative.

A cell exchanges probability with others a step e_k away, in whole cells. In units of cells the covariance is
``M = sum_k l_k e_k e_k^T`` with ``l_k >= 0``, and the drift ``z = sum_k l_k (e_k . g) e_k`` with ``M g = z``: any two
cells see a diffusion in one dimension, with its own ``l_k`` and a force g that all share.

In one dimension its rates are those of exponential fitting, exact where nothing flows. In two, where currents turn,
central differences damp them less, but their rates are >= 0 only up to ``|e_k . g| = 1``: so much of the drift as the
noise can carry goes this way, to second order in the spacing, and the rest along the axes, upwind.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis._validation import Array, covariance_matrix, finite_array
from analysis.grid import Grid
from analysis.lattice_decomposition import Integers, decompose

Function = Callable[[Array], ArrayLike]

_STEEP = 600.0
"""Cell Peclet number from which on exponential fitting is upwinding to the last bit."""

_SINGULAR = 1e-13
"""Eigenvalues of a covariance below this, relative to the largest, count as no noise."""


@dataclass(frozen=True, eq=False)
class Jumps:
    """Jumps between pairs of cells, all by the same step.

    Attributes
    ----------
    tail, head : int array, shape (m,)
        Cells that a pair joins.
    forward, backward : array, shape (m,)
        Rates from tail to head and back, per time.
    step : array, shape (d,)
        From the midpoint of the tail to that of the head.
    upwind : bool
        Whether a drift crosses without noise: the error is then of first order in the spacing.
    """

    tail: Integers
    head: Integers
    forward: Array
    backward: Array
    step: Array
    upwind: bool


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Drift and covariance of a diffusion as checked functions of points `(n, d)`."""

    drift: Function
    covariance: Function

    def drift_at(self, points: Array) -> Array:
        """Values `(n, d)` of the drift."""
        values = finite_array("drift", self.drift(points), (2,))
        if values.shape != points.shape:
            raise ValueError(f"drift: expected values of shape {points.shape}, got shape {values.shape}")
        return values

    def covariance_at(self, points: Array) -> Array:
        """Values `(n, d, d)` of the covariance."""
        n, d = points.shape
        values = finite_array("covariance", self.covariance(points))
        if values.shape != (n, d, d):
            raise ValueError(f"covariance: expected values of shape {(n, d, d)}, got shape {values.shape}")
        return covariance_matrix("covariance", values, d)

    def scaled_covariance_at(self, points: Array, spacing: Array) -> Array:
        """Covariances `(n, d, d)` in units of cells."""
        return self.covariance_at(points) / np.multiply.outer(spacing, spacing)


def make_jumps(coefficients: Coefficients, grid: Grid) -> tuple[list[Jumps], Array]:
    """All jumps of a diffusion, and by how much theirs exceeds it in each cell, relative to its trace."""
    steps, weights, excess = decompose(coefficients.scaled_covariance_at(grid.centres, grid.spacing))
    axes = np.eye(grid.dimension, dtype=np.intp)
    offsets = np.unique(np.concatenate([steps[weights > 0], axes]), axis=0)
    found = [_jumps(coefficients, grid, offset, _weight(steps, weights, offset)) for offset in offsets]
    return [jumps for jumps in found if len(jumps.tail)], excess


def _weight(steps: Integers, weights: Array, offset: Integers) -> Array:
    """Weights `(n,)` of one step."""
    return np.sum(weights * np.all(np.equal(steps, offset), axis=2), axis=1)


def _jumps(coefficients: Coefficients, grid: Grid, offset: Integers, at_cells: Array) -> Jumps:
    """Jumps by one step: the coefficients are those half-way, the Ito correction is a difference of cells."""
    places = np.stack(np.unravel_index(np.arange(grid.size), grid.shape), axis=-1)
    tail = np.flatnonzero(np.all((places + offset >= 0) & (places + offset < grid.shape), axis=1))
    head = np.ravel_multi_index(tuple((places[tail] + offset).T), grid.shape)
    step = offset * grid.spacing
    middle = grid.centres[tail] + step / 2
    covariance = coefficients.scaled_covariance_at(middle, grid.spacing)
    drift = coefficients.drift_at(middle) / grid.spacing
    steps, weights, _ = decompose(covariance)
    force, carried = _force(covariance, drift)
    quiet = drift - carried
    if grid.dimension > 1:
        share = 1 / np.maximum(1.0, np.max(np.abs(np.einsum("nki,ni->nk", steps, force)) * (weights > 0), axis=1))
        force, carried = share[:, None] * force, share[:, None] * carried
    diffusion = _weight(steps, weights, offset)
    speed = diffusion * (force @ offset) - (at_cells[head] - at_cells[tail]) / 2
    forward, backward = (fitted_rates if grid.dimension == 1 else central_rates)(speed, diffusion)
    if np.abs(offset).sum() == 1:
        rest = (drift - carried) @ offset
        forward, backward = forward + np.maximum(rest, 0), backward + np.maximum(-rest, 0)
    kept = (forward > 0) | (backward > 0)
    return Jumps(tail[kept], head[kept], forward[kept], backward[kept], step, bool(quiet.any()))


def _force(covariance: Array, drift: Array) -> tuple[Array, Array]:
    """Solve M g = z in the range of M: g, and M g, both `(n, d)`."""
    values, vectors = np.linalg.eigh(covariance)
    noisy = values > _SINGULAR * values[:, -1:]
    along = np.einsum("nji,nj->ni", vectors, drift)
    scaled = np.divide(along, values, out=np.zeros_like(along), where=noisy)
    # without any quiet direction the drift itself, not a rounded copy: the remainder is then 0
    carried = np.einsum("nij,nj->ni", vectors, np.where(noisy, along, 0.0))
    return np.einsum("nij,nj->ni", vectors, scaled), np.where(np.all(noisy, axis=1, keepdims=True), drift, carried)


def fitted_rates(speed: Array, diffusion: Array) -> tuple[Array, Array]:
    """Rates forward and back between two cells, by exponential fitting.

    With constant coefficients the flux has an exponential solution: the rates are ``l B(-w) / 2`` forward and
    ``l B(w) / 2`` back, with ``B(w) = w / (e^w - 1)`` and the cell Peclet number ``w = 2 c / l`` (speed c and diffusion
    l in units of cells). Exact where nothing flows; where there is a current, l grows by a factor ``1 + w^2 / 12``.
    Without diffusion this is upwinding.

    References
    ----------
    Scharfetter & Gummel (1969), doi 10.1109/T-ED.1969.16566; Chang & Cooper (1970), doi 10.1016/0021-9991(70)90001-X.

    Examples
    --------
    >>> forward, backward = fitted_rates(np.array([0.0, 6.0]), np.array([8.0, 0.0]))
    >>> forward.tolist(), backward.tolist()
    ([4.0, 6.0], [4.0, 0.0])
    """
    smooth = (diffusion > 0) & (2 * np.abs(speed) <= _STEEP * diffusion)
    w = np.divide(2 * speed, diffusion, out=np.zeros_like(speed), where=smooth)
    forward, backward = (
        np.where(
            smooth,
            diffusion / 2 * _bernoulli(-sign * w),
            np.maximum(sign * speed, 0),
        )
        for sign in (1, -1)
    )
    return forward, backward


def central_rates(speed: Array, diffusion: Array) -> tuple[Array, Array]:
    """Rates forward and back between two cells, by central differences: ``(l +- c) / 2``, with l at least ``|c|``.

    Examples
    --------
    >>> forward, backward = central_rates(np.array([0.0, 6.0, 6.0]), np.array([8.0, 8.0, 0.0]))
    >>> forward.tolist(), backward.tolist()
    ([4.0, 7.0, 6.0], [4.0, 1.0, 0.0])
    """
    wide = np.maximum(diffusion, np.abs(speed))
    return (wide + speed) / 2, (wide - speed) / 2


def _bernoulli(w: Array) -> Array:
    """``w / (e^w - 1)``, 1 at 0."""
    return np.divide(w, np.expm1(w), out=np.ones_like(w), where=w != 0)
