"""The law of a diffusion on a grid: stationary density, evolution, spectrum, probability current.

``dX = b(X) dt + sigma(X) dW`` (Ito) with covariance ``D = sigma sigma^T`` has a density p with

    dp/dt = -div J,    J_i = b_i p - (1/2) sum_j d_j (D_ij p),

here on a box without flux through its border. Cells exchange probability by jumps with rates >= 0
(`analysis.jump_rates`): mass is conserved to rounding, densities stay >= 0, and no mode grows. The error is of second
order in the spacing once the cells resolve the drift against the noise, of first where a drift crosses faces without
any noise (a player without noise of its own).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.sparse.linalg import SuperLU, expm_multiply

from analysis._validation import Array, finite_array
from analysis.density import Density
from analysis.grid import Grid
from analysis.jump_rates import Coefficients, Function, Jumps, make_jumps
from analysis.relaxation import Spectrum, shifted_factors, slowest_modes

BOUNDARY_LIMIT = 1e-4
"""Mass in the border cells from which on the box, and not the diffusion, is taken to hold the law."""

_SAME = 1e-6
"""Total variation between limits from different starts from which on they count as different laws."""


@dataclass(frozen=True, eq=False)
class FokkerPlanck:
    """A Fokker-Planck equation on a grid; `fokker_planck` builds it.

    Attributes
    ----------
    grid : Grid
    jumps : tuple of Jumps
        All pairs of cells that exchange probability.
    coefficients : Coefficients
        Drift and covariance.
    excess : array, shape grid.shape
        How much diffusion was added, relative to the trace of D: 0, but where D is nearly of rank one in a direction
        oblique to the grid.
    """

    grid: Grid
    jumps: tuple[Jumps, ...]
    coefficients: Coefficients
    excess: Array

    @cached_property
    def generator(self) -> sparse.csc_array:
        """Sparse G with dp/dt = G p for the masses p of the cells; its columns sum to 0."""
        tail, head, forward, backward = (
            np.concatenate([getattr(j, name) for j in self.jumps]) for name in ("tail", "head", "forward", "backward")
        )
        rows = np.concatenate([head, tail, tail, head])
        columns = np.concatenate([tail, head, tail, head])
        rates = np.concatenate([forward, backward, -forward, -backward])
        return sparse.coo_array((rates, (rows, columns)), shape=(self.grid.size,) * 2).tocsc()

    @property
    def order(self) -> int:
        """Order of the error in the spacing: 2, or 1 where a drift crosses faces without noise."""
        return 1 if any(j.upwind for j in self.jumps) else 2

    def refined(self, factor: int = 2) -> "FokkerPlanck":
        """Return the same equation on cells cut into `factor` along each axis."""
        drift, covariance = self.coefficients.drift, self.coefficients.covariance
        return fokker_planck(drift, covariance, self.grid.refined(factor))

    def residual(self, density: Density) -> float:
        """How fast a density still changes: |G p|_1 / 2, the total variation per time."""
        return float(np.abs(self.generator @ self._masses(density)).sum() / 2)

    # ---------------------------------------------------------------- laws

    def stationary(self, *, boundary_limit: float = BOUNDARY_LIMIT) -> Density:
        """Density of the stationary law.

        Parameters
        ----------
        boundary_limit : float
            Largest mass in the border cells. Raise it to 1 where the border is part of the problem: a bound that
            reflects, say.

        Raises
        ------
        ValueError
            If more than that piles up there: the box is too small, or there is no stationary law and the box alone
            holds the mass; only a larger box can tell. Also if the limit depends on the start.

        Notes
        -----
        Inverse iteration: ``(s - G)^{-1}`` keeps densities >= 0 for s > 0.
        """
        shift = 1e-13 * float(np.abs(self.generator.diagonal()).max())
        factors = shifted_factors(self.generator, shift)
        corner = np.zeros(self.grid.size)
        corner[0] = 1.0
        other = corner[::-1]
        uniform = np.full(self.grid.size, 1 / self.grid.size)
        laws = [_inverse_iteration(factors, start) for start in (uniform, corner, other)]
        gap = max(float(np.abs(laws[0] - law).sum() / 2) for law in laws[1:])
        if gap > _SAME:
            raise ValueError(f"drift: expected one stationary law, got several (total variation {gap:.2g} apart)")
        density = Density(self.grid, (laws[0] / self.grid.volume).reshape(self.grid.shape))
        if density.boundary_mass > boundary_limit:
            raise ValueError(
                f"grid: expected a box that holds the law, got {density.boundary_mass:.2g} of the mass in its border "
                "cells: enlarge the box, or there is no stationary law"
            )
        return density

    def evolve(self, density: Density, times: ArrayLike) -> tuple[Density, ...]:
        """Densities at the given times, (n,) or one number, from that at time 0.

        Raises
        ------
        ValueError
            Negative or decreasing times, or a density on another grid.

        References
        ----------
        Al-Mohy & Higham (2011), doi 10.1137/100788860: the exponential's action, to rounding.
        """
        stops = np.atleast_1d(finite_array("times", times, (0, 1)))
        if np.any(np.diff(stops, prepend=0.0) < 0):
            raise ValueError(f"times: expected numbers >= 0 in ascending order, got {stops.tolist()}")
        masses, generator, found = self._masses(density), self.generator, []
        trace = float(generator.diagonal().sum())
        for lapse in np.diff(stops, prepend=0.0):
            masses = expm_multiply(generator * lapse, masses, traceA=trace * lapse) if lapse > 0 else masses
            found.append(Density(self.grid, (masses / self.grid.volume).reshape(self.grid.shape)))
        return tuple(found)

    # ---------------------------------------------------------------- relaxation

    def spectrum(self, modes: int = 6) -> Spectrum:
        """Slowest modes of relaxation; see `analysis.relaxation.slowest_modes`."""
        return slowest_modes(self.generator, self.grid.shape, modes)

    # ---------------------------------------------------------------- irreversibility

    def current(self, density: Density) -> Array:
        """Probability current J at the midpoints, shape (*grid.shape, d), per time and area."""
        masses = self._masses(density)
        total = np.zeros((self.grid.size, self.grid.dimension))
        for jumps in self.jumps:
            flux = jumps.forward * masses[jumps.tail] - jumps.backward * masses[jumps.head]
            passing = sum(np.bincount(cells, flux, self.grid.size) for cells in (jumps.tail, jumps.head))
            total += np.multiply.outer(passing, jumps.step) / (2 * self.grid.volume)
        return total.reshape(*self.grid.shape, -1)

    def entropy_production(self, density: Density) -> float:
        """Rate of entropy production, the integral of 2 J^T D^{-1} J / p: 0 in detailed balance; nats per time.

        Infinite where a current flows against no noise: then the reversed motion can be told at once.

        References
        ----------
        Seifert (2012), doi 10.1088/0034-4885/75/12/126001, section 2.
        """
        masses = self._masses(density)
        held = masses > 1e-14 * masses.max()
        current = self.current(density).reshape(self.grid.size, -1)[held]
        values, vectors = np.linalg.eigh(self.coefficients.covariance_at(self.grid.centres[held]))
        along = np.einsum("nji,nj->ni", vectors, current)
        quiet = values <= 1e-12 * np.abs(values).max()
        drift = self.coefficients.drift_at(self.grid.centres[held])
        typical = np.abs(drift).max() * masses[held, None] / self.grid.volume
        if np.any(quiet & (np.abs(along) > 1e-9 * typical)):
            return float("inf")
        work = np.where(quiet, 0.0, along**2 / np.where(quiet, 1.0, values))
        return float(np.sum(2 * work.sum(axis=1) * self.grid.volume**2 / masses[held]))

    # ---------------------------------------------------------------- inside

    def _masses(self, density: Density) -> Array:
        density.grid.require_same(self.grid, "density")
        return density.probabilities.ravel()


def fokker_planck(drift: Function, covariance: Function, grid: Grid) -> FokkerPlanck:
    """Discretise the Fokker-Planck equation of dX = b(X) dt + sigma(X) dW.

    Parameters
    ----------
    drift : callable
        b, from points (n, d) to (n, d). Called at midpoints of cells and of faces.
    covariance : callable
        D = sigma sigma^T, from points (n, d) to (n, d, d); positive semidefinite, may vanish.
    grid : Grid
        Box and cells. Nothing flows through its border.

    Returns
    -------
    FokkerPlanck

    Raises
    ------
    ValueError
        Values of a wrong shape, not finite, or no covariance.

    Notes
    -----
    Mixed derivatives need no special treatment: noise goes along steps that Selling's decomposition of D finds
    (`analysis.lattice_decomposition`), with weights that are not negative whatever the correlation. They lead to
    neighbours along the axes and diagonals, and to further cells where noises are nearly proportional; where those
    would be too far, diffusion is added, and `FokkerPlanck.excess` tells how much.

    Examples
    --------
    The Ornstein-Uhlenbeck process dX = -X dt + sqrt(2) dW has variance 1 and gap 1.

    >>> grid = Grid.rectangle(-8.0, 8.0, 320)
    >>> process = fokker_planck(lambda x: -x, lambda x: np.full((len(x), 1, 1), 2.0), grid)
    >>> round(float(process.stationary().covariance[0, 0]), 3), round(process.spectrum(1).gap, 3)
    (1.0, 1.0)
    """
    coefficients = Coefficients(drift, covariance)
    jumps, excess = make_jumps(coefficients, grid)
    if not jumps:
        raise ValueError("drift: expected a process that moves, got drift and covariance 0 on the whole grid")
    return FokkerPlanck(grid, tuple(jumps), coefficients, excess.reshape(grid.shape))


def _inverse_iteration(factors: SuperLU, start: Array) -> Array:
    """Limit of repeated solves, normalised to sum 1."""
    law = start
    for _ in range(50):
        previous, solved = law, factors.solve(law)
        law = solved / solved.sum()
        if np.abs(law - previous).sum() < 1e-12:
            break
    return np.asarray(law)
